"""The demo: deterministic, through the operations, and harmless to run twice."""

from __future__ import annotations

import io
from collections import Counter
from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from cards.models import Card, Freeze
from companies.models import Company, Department
from reports import demo
from spendtrackr.models import Event
from spendtrackr.periods import noon
from spendtrackr.tenancy import company_scope
from tests.figures import asked
from transactions import documents, policies, queries
from transactions.models import Approval, FundingAccount, Message, Posting, Receipt, Transaction
from users.models import DepartmentHead, Invitation, Membership, User

UNTIL = date(2026, 11, 23)
# The end of the whole history: as real, and quicker.
MONTHS = 2


@pytest.fixture(scope="module")
def seeded(django_db_setup, django_db_blocker):
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        call_command("seed", until=UNTIL, months=MONTHS, verbosity=0, stdout=io.StringIO())
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _unblocked(seeded, django_db_blocker):
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def northwind():
    company = Company.objects.get(name="Northwind Traders")
    with company_scope(company.pk):
        yield company


def member(name: str) -> Membership:
    return Membership.objects.select_related("user", "company").get(user__email=f"{name}@northwind.example")


def test_two_companies_of_a_dozen_people_in_every_role():
    assert Company.objects.count() == 2
    assert Membership.across_companies.people().count() == 27
    assert User.objects.exclude(email__endswith=".invalid").count() == 26, "the accountant works for both"
    assert not User.objects.filter(confirmed_at=None).exists()
    for company in Company.objects.all():
        with company_scope(company.pk):
            assert set(Membership.objects.people().values_list("role", flat=True)) == {"owner", "admin", "finance", "auditor", "employee"}
            assert max(len(one.above) for one in Membership.objects.all()) == 2, "three levels of people"
            assert Department.objects.count() == DepartmentHead.objects.count() == 5
            assert Department.objects.filter(parent__isnull=False).count() == 2


def test_the_companies_ask_for_receipts_memos_and_approval():
    for company in Company.objects.all():
        with company_scope(company.pk):
            papers, small = policies.Facts(25_00, company.currency), policies.Facts(49_99, company.currency)
            rules = queries.rules_now(company)
            assert policies.judge(papers, rules).required == {"receipt", "category"}
            assert policies.judge(policies.Facts(500_00, company.currency), rules).required == {"receipt", "memo", "category"}
            assert policies.judge(small, rules).is_automatic
            assert not policies.judge(policies.Facts(50_00, company.currency), rules).is_automatic


def test_somebody_was_suspended_and_somebody_left_and_their_cards_are_frozen(northwind):
    for name, status, source in (("tom", "suspended", "admin"), ("victor", "deactivated", "offboarding")):
        assert member(name).status == status
        cards = Card.objects.filter(holder=member(name))
        assert [freeze.source for freeze in Freeze.objects.filter(card__in=cards, lifted_at=None)] == [source]
    assert [invitation.status_at(invitation.created_at) for invitation in Invitation.objects.filter(accepted_at=None)] == ["open"]


def test_one_card_was_replaced_and_one_frozen_by_its_holder(northwind):
    replaced = Card.objects.get(replaces__isnull=False)
    assert (replaced.holder, replaced.replaces.status) == (member("lena"), "closed")
    assert Freeze.objects.get(source="holder").card.holder == member("henry")


def test_every_kind_of_purchase_happened():
    assert set(Transaction.across_companies.values_list("status", flat=True)) == {"pending", "posted", "declined", "reversed"}
    assert set(Message.across_companies.values_list("kind", flat=True)) == {"authorization", "capture", "reversal", "refund"}
    declined = set(Transaction.across_companies.exclude(decline_code="").values_list("decline_code", flat=True))
    assert declined >= {
        "over_transaction_cap", "merchant_category_blocked", "merchant_category_not_allowed", "member_not_active", "card_frozen",
    }  # fmt: skip
    assert "insufficient_funds" not in declined


def test_what_was_planned_is_what_happened():
    for company in demo.COMPANIES:
        planned = demo.plans(company, UNTIL, MONTHS)
        with company_scope(Company.objects.get(name=company.name).pk):
            assert Transaction.objects.filter(source="card").count() == len(planned)
            assert Transaction.objects.filter(status="declined", source="card").count() == sum(plan.ending == "decline" for plan in planned)
            assert not Transaction.objects.filter(category=None).exclude(status="declined").exists()


def test_paper_waits_for_the_people_whom_one_signs_in_as(northwind):
    assert 4 <= queries.waiting_for(member("grace")).count() <= 7
    assert 3 <= queries.waiting_for(member("alice")).count() <= 5
    assert 8 <= Approval.objects.filter(status="waiting").count() <= 12
    assert 4 <= queries.to_do(member("erin")).count() <= 6
    assert 15 <= Transaction.objects.filter(queries.where_missing("receipt")).count() <= 25
    back = Approval.objects.filter(status="changes_requested")
    assert back.exists()
    assert all(approval.reason for approval in back)


def test_receipts_are_files_that_we_would_accept_from_anybody(northwind):
    kinds = Counter(Receipt.objects.values_list("content_type", flat=True))
    assert kinds["application/pdf"] > kinds["image/png"] > 3
    for receipt in Receipt.objects.order_by("pk")[:20]:
        assert documents.inspect(queries.content_of(receipt), receipt.filename).content_hash == receipt.content_hash


def test_one_purchase_was_charged_twice_and_one_claimed_too(northwind):
    days = {"from_": "2026-10-01", "to": "2026-11-30"}
    found = asked("duplicates", member("frank"), at=noon(UNTIL, northwind.time_zone), **days)
    told = [(row.keys[0].label.partition(",")[0], row.values[0].minor, row.values[2], row.values[3]) for row in found.rows]
    assert told == [
        ("Copy Shop", 58_90, "Erin Walsh", "Same merchant and amount; Claimed and paid by card"),
        ("Staples", 86_40, "Bob Tanaka", "Same merchant and amount"),
    ]


def test_a_batch_was_exported_and_a_month_closed(northwind):
    found = queries.accounting_overview()
    assert {one.state for one in found.standing} == {"exported", "ready", "not_ready"}
    assert {reason for item in found.not_ready for reason in item.reasons} <= {"missing_items", "not_approved"}
    assert [batch.sequence for batch in queries.batches()] == [1]
    assert queries.books_now().closed_through == date(2026, 9, 30)
    month = queries.next_month(queries.books_now().closed_through, UNTIL)
    assert month.start == date(2026, 10, 1)


def test_it_went_through_the_same_operations_as_real_use():
    kinds = set(Event.across_companies.values_list("type", flat=True))
    assert kinds >= {
        "company.founded", "policy.activated", "department.added", "member.invited", "member.joined", "card.issued", "card.frozen",
        "transaction.approved", "transaction.captured", "transaction.described", "receipt.added", "approval.requested",
        "approval.approved", "approval.assigned", "approval.changes_requested", "account.topped_up",
    }  # fmt: skip
    assert not Event.across_companies.filter(sequence=None).exists()


def test_events_are_told_in_the_order_in_which_they_happened(northwind):
    times = list(Event.objects.order_by("sequence").values_list("at", flat=True))
    assert times == sorted(times)


def test_its_books_verify(capsys):
    call_command("verify")
    assert "WRONG" not in capsys.readouterr().out


def test_run_twice_it_changes_nothing_and_still_tells_how_to_sign_in(capsys):
    before = Transaction.across_companies.count(), Event.across_companies.count()
    call_command("seed", until=UNTIL, port=8123)
    told = capsys.readouterr().out
    assert (Transaction.across_companies.count(), Event.across_companies.count()) == before
    assert "Northwind Traders is there already." in told
    assert "http://127.0.0.1:8123/" in told
    assert demo.PASSWORD in told
    for email in ("alice@northwind.example", "grace@northwind.example", "erin@northwind.example", "mallory@bergwerk.example"):
        assert email in told
        assert User.objects.get(email=email).check_password(demo.PASSWORD)


def test_the_accounts_are_never_near_empty(northwind):
    assert FundingAccount.objects.get().available_minor > 5_000_00


def test_some_money_went_back_to_the_bank(northwind):
    assert list(Posting.objects.filter(entry__kind="withdrawal").values_list("amount_minor", flat=True)) == [5_000_00]


def test_no_history_is_longer_than_the_plan():
    with pytest.raises(CommandError, match="months"):
        call_command("seed", "--months", "99")


# The whole plan, without writing it.


def test_the_same_day_gives_the_same_purchases_and_fewer_months_are_the_end_of_more():
    for company in demo.COMPANIES:
        whole = demo.plans(company, UNTIL)
        assert whole == demo.plans(company, UNTIL)
        assert demo.plans(company, UNTIL, 3) == [plan for plan in whole if plan.day >= date(2026, 9, 1)]


def test_fifteen_months_of_about_fourteen_hundred_purchases():
    whole = {company.name: demo.plans(company, UNTIL) for company in demo.COMPANIES}
    assert 900 <= len(whole["Northwind Traders"]) <= 1_050
    assert 420 <= len(whole["Bergwerk GmbH"]) <= 540
    for company in demo.COMPANIES:
        months = Counter((plan.day.year, plan.day.month) for plan in whole[company.name])
        assert len(months) == 15
        assert min(months.values()) > 20
        assert months[2026, 8] < months[2026, 7], "summer is quieter"
        assert months[2025, 12] < months[2025, 11], "and so is Christmas"
        assert months[2026, 10] > months[2025, 10], "and it grows"


def test_the_rhythm_is_that_of_working_people():
    for company in demo.COMPANIES:
        whole = demo.plans(company, UNTIL)
        weekend = sum(plan.day.weekday() > 4 for plan in whole)
        assert weekend < len(whole) * 0.1
        assert Counter(plan.ending for plan in whole).keys() >= {"capture", "less", "tip", "parts", "reverse", "refund", "decline"}
        assert len({plan.shop.name for plan in whole}) > 25


def test_subscriptions_come_on_their_day_and_rise_once():
    office = [plan for plan in demo.plans(demo.NORTHWIND, UNTIL) if plan.shop.name == "WeWork"]
    assert [plan.day for plan in office] == [date(2025 + (8 + n) // 12, (8 + n) % 12 + 1, 1) for n in range(15)]
    assert [plan.minor for plan in office] == [2_900_00] * 6 + [3_161_00] * 9


def test_a_trip_is_a_fare_a_hotel_rides_and_meals():
    erin = [plan for plan in demo.plans(demo.NORTHWIND, UNTIL) if plan.person.name == "Erin Walsh"]
    hotels = [plan for plan in erin if "3500" < plan.shop.code < "3999"]
    assert len(hotels) >= 8
    for hotel in hotels:
        around = {plan.shop.code for plan in erin if timedelta(0) <= plan.day - hotel.day <= timedelta(days=3)}
        assert around & {"4121", "3357", "4111"}
        assert around & {"5812", "5814", "5462"}


@pytest.mark.parametrize("until", [date(2026, 1, 1), date(2026, 3, 31), date(2028, 2, 29), date(2026, 12, 31)])
def test_it_can_be_planned_on_any_day(until):
    for company in demo.COMPANIES:
        plans = demo.plans(company, until)
        assert all(demo.first_day(until) <= plan.day <= until for plan in plans)
        assert 350 <= len(plans) <= 1_100
        for plan in plans:
            steps = demo.steps_of(plan, company, demo.evening_before(company, until))
            assert [step.at for step in steps] == sorted(step.at for step in steps)
            assert steps[0].verb == "swipe"
