"""How many questions each list asks, whatever its length. A change here shows in the diff and wants a reason."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cards import operations as cards
from cards.models import BudgetInterval, CardRequest, RequestKind
from cards.operations import budgets, requests
from companies import operations as companies
from companies.models import Category
from conftest import build_world, client_of
from reports import operations as exports
from reports.tasks import run_exports as write_exports
from spendtrackr import events
from spendtrackr.models import AttemptOutcome, WebhookAttempt
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import endpoints
from tests.buying import bought
from tests.factories import NOON, PASSWORD, swipe
from tests.papers import picture, read_upload
from tests.rules import adopt, decide, try_out
from transactions import tasks
from transactions.documents import inspect
from transactions.models import Approval, Repayment, Split, Transaction
from transactions.operations import accounting, approvals, books, claims, coding, comments, receipts, reimbursements, repayments
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people

# One of them always reads the session, the member, the user and the company together.
COUNTS = {
    "/api/v1/cards/": 5,
    "/api/v1/budgets/": 4,
    "/api/v1/card-requests/": 3,
    "/api/v1/members/": 2,
    "/api/v1/invitations/": 2,
    "/api/v1/categories/": 3,
    "/api/v1/departments/": 2,
    "/api/v1/tags/": 2,
    "/api/v1/company/": 1,
    "/api/v1/transactions/": 4,
    "/api/v1/receipts/": 4,
    "/api/v1/accounts/": 2,
    "/api/v1/imports/": 2,
    "/api/v1/statement-uploads/": 2,
    "/api/v1/backtests/": 2,
    "/api/v1/exports/": 2,
    "/api/v1/events/": 4,
    "/api/v1/api-keys/": 2,
    "/api/v1/webhook-endpoints/": 2,
    "/api/v1/webhook-deliveries/": 2,
    "/api/v1/auth/me/": 2,
    "/api/v1/reports/spend/?group_by=month&from=2026-01-01&to=2026-12-31": 2,
    "/api/v1/auth/sessions/": 2,
    "/api/v1/notifications/": 2,
    "/api/v1/notification-preferences/": 2,
    "/api/v1/reports/spend/?group_by=category": 4,
    "/api/v1/reports/spend/?group_by=department": 3,
    "/api/v1/reports/spend/?group_by=member": 4,
    "/api/v1/reports/spend/?group_by=card": 4,
    "/api/v1/reports/spend/?group_by=merchant": 4,
    "/api/v1/reports/": 1,
    "/api/v1/reports/movers/?from=2026-03-01&to=2026-03-31": 5,
    "/api/v1/reports/movers/?group_by=member&compare=last_year&from=2026-03-02&to=2026-03-30": 5,
    "/api/v1/reports/new-merchants/?from=2026-02-01&to=2026-03-31": 7,
    "/api/v1/reports/subscriptions/": 6,
    "/api/v1/reports/duplicates/?from=2026-02-01&to=2026-03-31": 6,
    "/api/v1/reports/missing-receipts/": 3,
    "/api/v1/reports/approval-ageing/": 4,
    "/api/v1/reports/claims-outstanding/": 7,
    "/api/v1/reports/card-limits/": 5,
    "/api/v1/reports/declines/?from=2026-02-01&to=2026-03-31": 3,
    "/api/v1/reports/declines/?group_by=card&from=2026-02-01&to=2026-03-31": 4,
    "/api/v1/reports/close-list/?month=2026-03": 7,
    "/api/v1/approvals/": 5,
    "/api/v1/claims/": 4,
    "/api/v1/reimbursements/": 2,
    "/api/v1/reimbursements/owed/": 3,
    "/api/v1/payouts/": 2,
    "/api/v1/repayments/": 3,
    "/api/v1/accounting-batches/": 2,
    "/api/v1/accounting-items/": 12,
    "/api/v1/books/late/": 8,
}


# Pages: their session and the signed-in member are two, the bell is one, then what they show, and what their forms offer.
PAGES = {
    "/people/": 8,
    "/api-keys/": 5,
    "/webhooks/": 4,
    "/settings/": 8,
    "/notifications/": 4,
    "/notifications/preferences/": 4,
    "/claims/": 6,
    "/reimbursements/": 8,
    "/repayments/": 6,
    "/receipts/": 10,
    "/reports/": 3,
    "/exports/": 4,
    "/reports/spend/": 10,
    "/imports/": 6,
    "/activity/": 14,
    "/reports/movers/?from=2026-03-01&to=2026-03-31": 10,
    "/reports/new-merchants/?from=2026-02-01&to=2026-03-31": 10,
    "/reports/subscriptions/": 8,
    "/reports/duplicates/?from=2026-02-01&to=2026-03-31": 9,
    "/reports/missing-receipts/": 5,
    "/reports/approval-ageing/": 6,
    "/reports/claims-outstanding/": 9,
    "/reports/card-limits/": 7,
    "/reports/declines/?from=2026-02-01&to=2026-03-31": 6,
    "/reports/close-list/?month=2026-03": 9,
    "/": 14,
    "/?from=2026-01-05&to=2026-03-20": 14,
    "/accounting/": 15,
    "/accounting/closing/": 15,
}


def pay_back(world, number: int) -> None:
    """A claim that is approved and one that is in a batch besides, a rejected purchase of which a part came back, and words about them."""
    for place in range(2):
        lines = [Split(share_minor=2_00, category=Category.objects.get(name="Meals"))]
        wish = Wish(NOON.date(), Money(2_00, "USD"), f"Inn {number}", "Trip", lines)
        claim = claims.make(wish, actor=world.bob, at=NOON)
        decide(Approval.objects.get(transaction=approvals.submit(claim, actor=world.bob, at=NOON)), world.alice, at=NOON)
        if place:
            reimbursements.gather("USD", [claim], actor=world.alice, at=NOON)
    purchase = authorize(world.card, swipe(1_00, merchant_name=f"Shop {number}")).transaction
    clear(purchase, Clearing("capture", f"r{number}", NOON, is_final=True), actor=None)
    asked = Approval.objects.get(transaction=approvals.submit(purchase, actor=world.bob, at=NOON))
    decide(asked, world.alice, outcome="rejected", reason="Private", at=NOON)
    repayments.receive(Repayment.objects.get(transaction=purchase), Money(50, "USD"), reference="T", actor=world.alice, at=NOON)
    for about in (purchase, CardRequest.objects.latest("pk")):
        comments.say(about, "Why?", actor=world.alice, at=NOON)


def keep_books(world) -> None:
    """A batch, of which the first journal failed, and a closed day to which something comes late."""
    companies.change_category(Category.objects.get(name="Meals"), {"ledger_code": "6200"}, actor=world.alice, at=NOON)
    clearing = [{"currency": "USD", "side": side, "ledger_code": "2100"} for side in ("cards", "claims")]
    accounting.change_settings({"clearing": clearing, "exports_unapproved": True}, actor=world.alice, at=NOON)
    batch = accounting.export("USD", actor=world.alice, at=NOON)
    accounting.fail(batch, [batch.journals.earliest("pk")], reason="Locked", actor=world.alice, at=NOON)
    books.close(None, actor=world.alice, at=NOON)
    books.close(date(2026, 1, 31), actor=world.alice, at=NOON)
    late = StatementFile(f"Date,Amount,Merchant\n2026-01-05,1.00,Late {batch.sequence}\n".encode(), "late.csv")
    import_statement(world.acme, late, actor=world.alice, at=NOON)


def fill(world, rounds: int, start: int) -> None:
    with company_scope(world.acme.pk):
        adopt(world, receipt=3_00)
        for number in range(start, start + rounds):
            limited = cards.Controls(limits=cards.monthly(Money(50_00, "USD")))
            card = cards.issue(world.bob, name=f"Card {number}", currency="USD", controls=limited, actor=world.alice, at=NOON)
            cards.freeze(card, actor=world.bob, at=NOON)
            authorize(card, swipe(1_00, merchant_name=f"Shop {number}"))
            for month in (1, 2, 3):
                bought(world.card, 3_00, f"2026-0{month}-05", f"Rent {number}")
            budget = budgets.create(
                name=f"Budget {number}", limit=Money(50_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=world.alice,
                members=[world.bob], actor=world.alice, at=NOON,
            )  # fmt: skip
            wish = requests.Wish(RequestKind.CARD, Money(1_00, "USD"), "Why", name=f"Card {number}", budget=budget if number % 2 else None)
            requests.ask(wish, actor=world.bob, at=NOON)
            purchase = authorize(world.card, swipe(1_00, merchant_name=f"Shop {number}")).transaction
            clear(purchase, Clearing("capture", f"c{number}", NOON, is_final=True), actor=None)
            tag = companies.add_tag(name=f"Tag {number}", actor=world.alice, at=NOON)
            parts = [Split(share_minor=1_00, category=purchase.category)]
            coding.describe(purchase, {"tags": [tag], "splits": parts}, actor=world.alice, at=NOON)
            approvals.submit(purchase, actor=world.bob, at=NOON)
            receipts.attach(purchase, inspect(picture(), "r.png"), f"r{number}", actor=world.bob, at=NOON)
            pay_back(world, number)
            for minor in (1_00, 2_00):
                said = receipts.Said(minor, "USD", NOON.date(), f"Shop {number}")
                receipts.upload(inspect(picture(), "r.png"), f"i{number}", said=said, actor=world.alice, at=NOON)
            keep_books(world)
            people.sign_in(world.alice.user.email, PASSWORD, at=timezone.now())
            people.invite(email=f"p{number}@acme.example", role="employee", actor=world.alice, at=NOON)
            key, _ = people.create_key(name=f"Program {number}", scopes=["cards:read"], actor=world.alice, at=NOON)
            people.rotate_key(key, actor=world.alice, at=NOON)
            endpoint, _ = endpoints.create(url=f"https://hooks{number}.example/", actor=world.alice, at=NOON)
            sent = endpoints.test(endpoint, actor=world.alice, at=NOON)
            WebhookAttempt.objects.create(delivery=sent, at=NOON, took_ms=12, outcome=AttemptOutcome.REFUSED, answered=500, answer="Oh")
            people.add_department(name=f"Team {number}", head=world.bob, actor=world.alice, at=NOON)
            world.hire(f"Hand{number}", "employee")
            rows = f"Date,Amount,Currency,Merchant,Category\n2026-02-{number + 1:02d},1.00,EUR,M{number},C{number}\n"
            import_statement(world.acme, StatementFile(rows.encode(), "s.csv"), actor=world.alice, at=NOON)
            try_out(world)
            for is_booked in (True, False):
                text = b"Date,Amount,Merchant\n2026-03-10,1.00,Sushi\n" + 3 * b"x,1.00,Sushi\n"
                read_upload(text, actor=world.alice, at=NOON, book=is_booked)
            exports.ask("transactions", "csv", {"status": "posted"}, actor=world.alice, at=NOON)
            write_exports()
    events.seal_all()
    tasks.notify(NOON)


@pytest.fixture(scope="module")
def asked(django_db_setup, django_db_blocker) -> dict[str, tuple[int, int]]:
    """How many questions each address asks of few rows and of many: filled once for all of them, and taken back."""
    with django_db_blocker.unblock(), transaction.atomic():
        world = build_world()
        api, pages = client_of(world.alice), Client()
        assert pages.post("/sign-in/", {"email": world.alice.user.email, "password": PASSWORD}).status_code == 302
        fill(world, 2, 0)
        few = {**{path: questions(api, path) for path in COUNTS}, **{path: questions(pages, path) for path in PAGES}}
        fill(world, 5, 2)
        many = {**{path: questions(api, path) for path in COUNTS}, **{path: questions(pages, path) for path in PAGES}}
        transaction.set_rollback(True)
    return {path: (few[path], many[path]) for path in few}


def questions(client, path: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200, path
    return len(found)


# With Redis it is asked besides for which rows an answer is remembered; the page is looked at after the API, when it is.
WITH_REDIS = {
    "/api/v1/reports/declines/?from=2026-02-01&to=2026-03-31": 1,
    "/api/v1/reports/declines/?group_by=card&from=2026-02-01&to=2026-03-31": 1,
}


@pytest.mark.parametrize("path", [*COUNTS, *PAGES])
def test_as_many_questions_are_asked_of_many_rows_as_of_few(asked, path, settings):
    wanted = {**COUNTS, **PAGES}[path] + (WITH_REDIS.get(path, 0) if settings.REDIS_URL else 0)
    assert asked[path] == (wanted, wanted)


def test_whoever_leads_a_team_asks_no_more_than_15_whatever_there_is(world, settings):
    """The dearest overview: a team's, of odd days, with other days to compare, a row from a file among the latest, nothing remembered."""
    fill(world, 2, 0)
    with company_scope(world.acme.pk):
        grace = world.hire("Grace", "employee")
        people.change_member(world.bob, {"manager": grace}, actor=world.alice, at=NOON)
        rows = b"Date,Amount,Merchant\n2026-03-10,1.00,Sushi\n"
        import_statement(world.acme, StatementFile(rows, "t.csv", attribution="Open data"), actor=world.alice, at=NOON)
        coding.describe(Transaction.objects.latest("pk"), {"member": world.bob}, actor=world.alice, at=NOON)
    pages = Client()
    assert pages.post("/sign-in/", {"email": grace.user.email, "password": PASSWORD}).status_code == 302
    asked = {}
    for period in ("", "?from=2026-01-05&to=2026-03-20", "?from=2026-02-03&to=2026-03-09"):
        assert "Open data" in pages.get(f"/{period}").content.decode()
        cache.clear()
        asked[period] = questions(pages, f"/{period}")
    assert max(asked.values()) <= 15, asked
