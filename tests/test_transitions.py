"""Role by action by state: what may be done when. What may not is 409 `invalid_state` to whoever may do it otherwise, and changes nothing.

Each object is built once in each of its states; then everybody tries every action on it over the API, and all is put back.
Whoever may never do it is refused whatever the state: that is told apart in `test_permissions`, and only has to be a refusal here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from cards import operations as cards
from cards.models import RequestKind
from cards.operations import requests
from companies import operations as companies
from companies.models import Category
from conftest import build_world, client_of
from spendtrackr.models import IdempotencyKey, ThrottleCounter
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.papers import picture
from tests.rules import MANAGER, adopt, decide, document, route, step
from tests.test_house import OUR_MODELS
from transactions.documents import inspect
from transactions.models import AccountingBatch, Approval, Outcome, PaidFrom, Payout, Receipt, Reimbursement, Repayment, Split, Transaction
from transactions.operations import (
    accounting,
    accounts,
    approvals,
    books,
    claims,
    delegations,
    policies,
    receipts,
    reimbursements,
    repayments,
)
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership, RefreshToken, Session

EVERYBODY = "owner", "admin", "finance", "auditor", "holder", "manager", "stranger"
OWNER, ADMIN, FINANCE, AUDITOR, HOLDER, MANAGER_OF_HOLDER, STRANGER = EVERYBODY
BOOKS, RUNS = {OWNER, ADMIN, FINANCE}, {OWNER, ADMIN}
USD = {"minor": 10_00, "currency": "USD"}
TODAY = NOON.date()


@dataclass(frozen=True)
class Action:
    """`may`: who does it at all. `legal`: in which states; in every other it is `invalid_state`, or the code of `says`."""

    kind: str
    path: str
    may: set[str]
    legal: set[str]
    body: Any = field(default_factory=dict)
    method: str = "post"
    says: dict[str, str] = field(default_factory=dict)


PAPER = "/api/v1/transactions/{}/"
ACTIONS = {
    "submit": Action("purchase", f"{PAPER}submit/", {*BOOKS, HOLDER}, {"open", "sent back", "void"}),
    "withdraw": Action("purchase", f"{PAPER}withdraw/", {*BOOKS, HOLDER}, {"waiting"}),
    "approve": Action("approval", "/api/v1/approvals/{}/approve/", {MANAGER_OF_HOLDER}, {"waiting"}),
    "send back": Action("approval", "/api/v1/approvals/{}/request-changes/", {MANAGER_OF_HOLDER}, {"waiting"}, {"reason": "Why?"}),
    "reject": Action("approval", "/api/v1/approvals/{}/reject/", {MANAGER_OF_HOLDER}, {"waiting"}, {"reason": "No"}),
    "split": Action(
        "purchase", PAPER, {*BOOKS, HOLDER}, {"open", "waiting", "approved", "sent back", "rejected", "void"}, method="patch",
        body={"splits": [{"amount": {"minor": 60_00, "currency": "USD"}}, {"amount": {"minor": 40_00, "currency": "USD"}}]},
    ),
    "attach": Action(
        "purchase", "/api/v1/receipts/", {*BOOKS, HOLDER}, {"open", "waiting", "approved", "sent back", "rejected", "void", "reversed"},
        body=lambda id_: {"transaction": id_, "file": inspected("more.png")},
    ),
    "remove receipt": Action("receipt", "/api/v1/receipts/{}/", {*BOOKS, HOLDER}, {"attached"}, method="delete"),
    "change claim": Action(
        "claim", "/api/v1/claims/{}/", {HOLDER}, {"open", "waiting", "sent back"}, {"memo": "Anew"}, "patch"
    ),
    "cancel claim": Action(
        "claim", "/api/v1/claims/{}/cancel/", {HOLDER}, {"open", "waiting", "sent back", "approved"},
        says={"gathered": "being_paid", "paid": "being_paid"},
    ),
    "submit claim": Action("claim", f"{PAPER}submit/", {*BOOKS, HOLDER}, {"open", "sent back"}),
    "withdraw claim": Action("claim", f"{PAPER}withdraw/", {*BOOKS, HOLDER}, {"waiting"}),
    "pay": Action("batch", "/api/v1/reimbursements/{}/pay/", BOOKS, {"open"}, {"paid_from": "bank", "reference": "T"}),
    "cancel batch": Action("batch", "/api/v1/reimbursements/{}/cancel/", BOOKS, {"open"}),
    "take out": Action("payout", "/api/v1/payouts/{}/remove/", BOOKS, {"ready"}),
    "fail": Action("payout", "/api/v1/payouts/{}/fail/", BOOKS, {"paid"}, {"reason": "Closed"}),
    "receive": Action("repayment", "/api/v1/repayments/{}/receive/", BOOKS, {"open"}, {"amount": USD}),
    "waive": Action("repayment", "/api/v1/repayments/{}/waive/", BOOKS, {"open"}, {"reason": "Ours"}),
    "fail batch": Action("export", "/api/v1/accounting-batches/{}/fail/", BOOKS, {"exported", "partly failed"}, {"reason": "Locked"}),
    "recode": Action(
        "booked", PAPER, {*BOOKS, HOLDER}, {"open day", "open again"}, method="patch", body={"tax_code": "V19"},
        says={"closed day": "books_closed"},
    ),
    "end delegation": Action("delegation", "/api/v1/delegations/{}/end/", {*RUNS, HOLDER}, {"planned", "live"}),
    "activate": Action("policy", "/api/v1/policies/{}/activate/", RUNS, {"draft", "before"}),
    "approve request": Action("request", "/api/v1/card-requests/{}/approve/", {*RUNS, MANAGER_OF_HOLDER}, {"waiting"}),
    "reject request": Action("request", "/api/v1/card-requests/{}/reject/", {*RUNS, MANAGER_OF_HOLDER}, {"waiting"}, {"answer": "No"}),
    "withdraw request": Action("request", "/api/v1/card-requests/{}/withdraw/", {HOLDER}, {"waiting"}),
}  # fmt: skip


def inspected(name: str) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(name, picture(colour="green"), "image/png")


KINDS = (
    "purchase", "approval", "receipt", "claim", "batch", "payout", "repayment", "delegation", "policy", "request", "export", "booked",
)  # fmt: skip


class Stage:
    """Everybody, and every kind of object in each of its states. All is Bob's, whose manager is Grace."""

    def __init__(self) -> None:
        self.world = build_world()
        with company_scope(self.world.acme.pk):
            self._cast()
            self.ids: dict[str, dict[str, str]] = {}
            for kind in (
                "purchase",
                "approval",
                "receipt",
                "claim",
                "batch",
                "payout",
                "repayment",
                "delegation",
                "policy",
                "request",
                "export",
                "booked",
            ):
                self.ids[kind] = {state: build() for state, build in getattr(self, f"_{kind}")().items()}
        self.clients = {who: client_of(member) for who, member in self.people.items()}

    def _cast(self) -> None:
        world = self.world
        grace = world.hire("Grace", "employee")
        world.bob = people.change_member(world.bob, {"manager": grace}, actor=world.alice, at=NOON)
        self.people: dict[str, Membership] = {
            OWNER: world.alice, ADMIN: world.hire("Dana", "admin"), FINANCE: world.hire("Frank", "finance"),
            AUDITOR: world.hire("Arthur", "auditor"), HOLDER: world.bob, MANAGER_OF_HOLDER: grace, STRANGER: world.hire("Sue", "employee"),
        }  # fmt: skip
        adopt(world, approval=route(step(MANAGER)))
        accounts.top_up(Money(100_000_00, "USD"), actor=world.alice, at=NOON)
        self.bob, self.grace, self.frank = world.bob, grace, self.people[FINANCE]
        self.meals = Category.objects.get(name="Meals")
        self.number = 0

    # Purchases

    def bought(self, *, cleared: bool = True) -> Transaction:
        self.number += 1
        purchase = authorize(self.world.reload(), swipe(100_00, network_id=f"s{self.number}")).transaction
        if cleared:
            clear(purchase, Clearing("capture", f"c{self.number}", NOON, is_final=True), actor=None)
        return purchase

    def asked(self, purchase: Transaction | None = None) -> Approval:
        purchase = purchase or self.bought()
        approvals.submit(purchase, actor=self.bob, at=NOON)
        return Approval.objects.get(transaction=purchase, open_key__isnull=False)

    def answered(self, outcome: Outcome, purchase: Transaction | None = None) -> Approval:
        return decide(self.asked(purchase), self.grace, outcome=outcome, reason="x", at=NOON)

    def voided(self, purchase: Transaction | None = None) -> Approval:
        asked = self.asked(purchase)
        approvals.withdraw(asked.transaction, actor=self.bob, at=NOON)
        return asked

    def reversed(self) -> Transaction:
        purchase = self.bought(cleared=False)
        clear(purchase, Clearing("reversal", f"r{self.number}", NOON), actor=None)
        return purchase

    def declined(self) -> Transaction:
        cards.freeze(self.world.reload(), actor=self.world.alice, at=NOON)
        self.number += 1
        found = authorize(self.world.reload(), swipe(100_00, network_id=f"s{self.number}")).transaction
        cards.unfreeze(self.world.reload(), actor=self.world.alice, at=NOON)
        return found

    def _purchase(self) -> dict[str, Callable[[], str]]:
        return {
            "open": lambda: self.bought().public_id,
            "waiting": lambda: self.asked().transaction.public_id,
            "approved": lambda: self.answered(Outcome.APPROVED).transaction.public_id,
            "sent back": lambda: self.answered(Outcome.CHANGES_REQUESTED).transaction.public_id,
            "rejected": lambda: self.answered(Outcome.REJECTED).transaction.public_id,
            "void": lambda: self.voided().transaction.public_id,
            "reversed": lambda: self.reversed().public_id,
            "declined": lambda: self.declined().public_id,
        }

    def _approval(self) -> dict[str, Callable[[], str]]:
        return {
            "waiting": lambda: self.asked().public_id,
            "approved": lambda: self.answered(Outcome.APPROVED).public_id,
            "sent back": lambda: self.answered(Outcome.CHANGES_REQUESTED).public_id,
            "rejected": lambda: self.answered(Outcome.REJECTED).public_id,
            "void": lambda: self.voided().public_id,
        }

    def _receipt(self) -> dict[str, Callable[[], str]]:
        return {"attached": lambda: self.attached().public_id}

    def attached(self) -> Receipt:
        purchase, content = self.bought(), picture()
        stored_as = receipts.store(content, company=self.world.acme)
        return receipts.attach(purchase, inspect(content, "r.png"), stored_as, actor=self.bob, at=NOON)

    # Claims and their money

    def claimed(self) -> Transaction:
        wish = Wish(TODAY, Money(100_00, "USD"), "Inn", "Trip", [Split(share_minor=100_00, category=self.meals)])
        return claims.make(wish, actor=self.bob, at=NOON)

    def gathered(self) -> Reimbursement:
        claim = self.answered(Outcome.APPROVED, self.claimed()).transaction
        return reimbursements.gather("USD", [claim], actor=self.frank, at=NOON)

    def paid(self) -> Reimbursement:
        return reimbursements.pay(self.gathered(), paid_from=PaidFrom.BANK, reference="T", actor=self.frank, at=NOON)

    def cancelled(self) -> Reimbursement:
        return reimbursements.cancel(self.gathered(), actor=self.frank, at=NOON)

    def _claim(self) -> dict[str, Callable[[], str]]:
        return {
            "open": lambda: self.claimed().public_id,
            "waiting": lambda: self.asked(self.claimed()).transaction.public_id,
            "approved": lambda: self.answered(Outcome.APPROVED, self.claimed()).transaction.public_id,
            "sent back": lambda: self.answered(Outcome.CHANGES_REQUESTED, self.claimed()).transaction.public_id,
            "rejected": lambda: self.answered(Outcome.REJECTED, self.claimed()).transaction.public_id,
            "gathered": lambda: self.of(self.gathered()).transaction.public_id,
            "paid": lambda: self.of(self.paid()).transaction.public_id,
            "cancelled": lambda: claims.cancel(self.claimed(), actor=self.bob, at=NOON).public_id,
        }

    def _batch(self) -> dict[str, Callable[[], str]]:
        return {
            "open": lambda: self.gathered().public_id,
            "paid": lambda: self.paid().public_id,
            "cancelled": lambda: self.cancelled().public_id,
        }

    def of(self, batch: Reimbursement) -> Payout:
        return Payout.objects.select_related("reimbursement", "transaction").get(reimbursement=batch)

    def _payout(self) -> dict[str, Callable[[], str]]:
        return {
            "ready": lambda: self.of(self.gathered()).public_id,
            "paid": lambda: self.of(self.paid()).public_id,
            "failed": lambda: reimbursements.fail(self.of(self.paid()), reason="x", actor=self.frank, at=NOON).public_id,
            "removed": lambda: self.of(self.cancelled()).public_id,
        }

    def owed(self) -> Repayment:
        return Repayment.objects.get(transaction=self.answered(Outcome.REJECTED).transaction)

    def _repayment(self) -> dict[str, Callable[[], str]]:
        return {
            "open": lambda: self.owed().public_id,
            "repaid": lambda: repayments.receive(self.owed(), Money(100_00, "USD"), actor=self.frank, at=NOON).public_id,
            "waived": lambda: repayments.waive(self.owed(), reason="x", actor=self.frank, at=NOON).public_id,
        }

    # What accounting is told

    def exported(self) -> AccountingBatch:
        """Two journals of claims, whose category has an account."""
        companies.change_category(self.meals, {"ledger_code": "6200"}, actor=self.frank, at=NOON)
        clearing = [{"currency": "USD", "side": "claims", "ledger_code": "2200"}]
        accounting.change_settings({"clearing": clearing}, actor=self.frank, at=NOON)
        for _ in range(2):
            self.answered(Outcome.APPROVED, self.claimed())
        return accounting.export("USD", actor=self.frank, at=NOON)

    def failed(self, count: int | None) -> AccountingBatch:
        batch = self.exported()
        journals = None if count is None else list(batch.journals.order_by("position")[:count])
        return accounting.fail(batch, journals, reason="Locked", actor=self.frank, at=NOON)

    def _export(self) -> dict[str, Callable[[], str]]:
        return {
            "exported": lambda: self.exported().public_id,
            "partly failed": lambda: self.failed(1).public_id,
            "failed": lambda: self.failed(None).public_id,
        }

    def _booked(self) -> dict[str, Callable[[], str]]:
        """Posted two days after each other; the first day is closed in the end, the last of all things that are built."""

        def posted(days: int) -> Transaction:
            self.number += 1
            at = NOON + timedelta(days=days)
            purchase = authorize(self.world.reload(), swipe(100_00, network_id=f"s{self.number}", at=at)).transaction
            return clear(purchase, Clearing("capture", f"c{self.number}", at, is_final=True), actor=None)

        def closed() -> str:
            found = posted(-20)
            books.close(found.posted_on, actor=self.frank, at=NOON)
            return found.public_id

        def reopened() -> str:
            found = posted(-10)
            books.close(found.posted_on, actor=self.frank, at=NOON)
            books.close(None, actor=self.world.alice, at=NOON)
            return found.public_id

        return {"open day": lambda: posted(0).public_id, "open again": reopened, "closed day": closed}

    # What is around them

    def _delegation(self) -> dict[str, Callable[[], str]]:
        def away(ahead: int) -> Any:
            day = self.world.acme.day_of(timezone.now()) + timedelta(days=ahead)
            self.number += 1
            to = self.world.hire(f"Stand-in{self.number}", "employee")
            return delegations.delegate(self.bob, to, starts_on=day, ends_on=day, actor=self.bob, at=timezone.now())

        return {
            "planned": lambda: away(3).public_id,
            "live": lambda: away(0).public_id,
            "ended": lambda: delegations.end(away(9), actor=self.bob, at=timezone.now()).public_id,
        }

    def _policy(self) -> dict[str, Callable[[], str]]:
        def written() -> Any:
            return policies.write(document(), actor=self.world.alice, at=NOON)

        def activated() -> Any:
            policy = written()
            policies.activate(policy, actor=self.world.alice, at=NOON)
            return policy

        return {"draft": lambda: written().public_id, "before": lambda: activated().public_id, "in force": lambda: activated().public_id}

    def _request(self) -> dict[str, Callable[[], str]]:
        def wanted() -> Any:
            self.number += 1
            wish = requests.Wish(RequestKind.CARD, Money(1_00, "USD"), "Why", name=f"Card {self.number}")
            return requests.ask(wish, actor=self.bob, at=NOON)

        def answered(*, approved: bool) -> Any:
            return requests.decide(wanted(), approved=approved, answer="x", actor=self.world.alice, at=NOON)

        return {
            "waiting": lambda: wanted().public_id,
            "approved": lambda: answered(approved=True).public_id,
            "rejected": lambda: answered(approved=False).public_id,
            "withdrawn": lambda: requests.withdraw(wanted(), actor=self.bob, at=NOON).public_id,
        }


@pytest.fixture(scope="module")
def stage(django_db_setup, django_db_blocker, tmp_path_factory):
    from django.conf import settings

    with django_db_blocker.unblock(), transaction.atomic():
        kept, settings.MEDIA_ROOT = settings.MEDIA_ROOT, tmp_path_factory.mktemp("stage")
        yield Stage()
        settings.MEDIA_ROOT = kept
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _unblocked(stage, django_db_blocker):
    with django_db_blocker.unblock():
        yield


# What asking leaves behind whatever the answer.
BESIDE = {Session, RefreshToken, IdempotencyKey, ThrottleCounter}


def everything() -> dict[str, list[Any]]:
    """All rows of all tables of ours."""
    models = [model for model in OUR_MODELS if model not in BESIDE]
    return {model.__name__: list(getattr(model, "across_companies", model._base_manager).order_by("pk").values_list()) for model in models}


def attempt(stage: Stage, who: str, action: Action, object_id: str) -> tuple[int, str, bool]:
    """The status, the code of a refusal, and whether anything is other than before; then all is put back."""
    body = action.body(object_id) if callable(action.body) else action.body
    kind = {"format": "multipart"} if "file" in body else {"format": "json"}
    with transaction.atomic():
        before = everything()
        answer = getattr(stage.clients[who], action.method)(action.path.format(object_id), body, **kind)
        changed = everything() != before
        transaction.set_rollback(True)
    code = answer.json()["code"] if answer.status_code >= 400 else ""
    return answer.status_code, code, changed


CASES = [(name, who) for name, action in ACTIONS.items() for who in EVERYBODY]


@pytest.mark.parametrize(("name", "who"), CASES)
def test_what_is_done_by_whom_and_when(stage, name, who):
    action = ACTIONS[name]
    for state, object_id in stage.ids[action.kind].items():
        status, code, changed = attempt(stage, who, action, object_id)
        told = (name, who, state, status, code)
        if who not in action.may:
            assert status in {400, 403, 404, 409}, told
            assert not changed, told
        elif state in action.legal:
            assert 200 <= status < 300, told
            assert changed, told
        else:
            assert (status, code, changed) == (409, action.says.get(state, "invalid_state"), False), told


def test_every_state_of_every_kind_is_one_in_which_something_may_be_done_or_nothing(stage):
    """A word of the table above that is misspelt would make it prove nothing."""
    for name, action in ACTIONS.items():
        assert action.legal | set(action.says) <= set(stage.ids[action.kind]), name


def test_every_transition_that_the_api_offers_stands_in_the_table():
    """Of papers and money. Cards, people and companies have tables of their own."""
    from tests.routes import all_routes

    about = (
        "transactions",
        "approvals",
        "claims",
        "reimbursements",
        "payouts",
        "repayments",
        "policies",
        "card-requests",
        "accounting-batches",
    )
    starts = tuple(f"/api/v1/{name}/{{" for name in about)
    offered = {route.path for route in all_routes() if route.method == "POST" and route.path.startswith(starts)}
    listed = {action.path.replace("{}", "{public_id}") for action in ACTIONS.values()}
    # Words are said, and drafts tried, in any state.
    assert {path for path in offered if not path.endswith(("/comments/", "/backtest/"))} <= listed
