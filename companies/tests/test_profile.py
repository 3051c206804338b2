from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from companies.models import Company
from companies.operations import change
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, SignUpFactory
from transactions.models import Transaction
from transactions.operations.statements import StatementFile, import_statement
from users import operations as people

PATH = "/api/v1/company/"


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


@pytest.fixture
def fresh(db):
    """The owner of a company that never moved any money."""
    return people.sign_up(SignUpFactory(company_name="Fresh", email="f@fresh.example"), at=NOON).member


def test_everybody_sees_the_company(world, api):
    shown = api(world.bob).get(PATH).json()
    assert shown == {
        "id": world.acme.public_id,
        "name": "Acme",
        "slug": world.acme.slug,
        "country": "US",
        "currency": "USD",
        "time_zone": "America/New_York",
        "status": "active",
        "time_zone_from": None,
        "fiscal_year_start_month": 1,
    }


def test_what_was_written_is_read_back_in_the_same_shape(world, api):
    body = {
        "name": "Acme Ltd",
        "country": "GB",
        "fiscal_year_start_month": 4,
    }
    shown = api(world.alice).patch(PATH, body).json()
    assert {name: shown[name] for name in body} == body
    assert api(world.bob).get(PATH).json() == shown
    with company_scope(world.acme.pk):
        event = Event.objects.get(type="company.changed")
    assert (event.actor_id, event.details) == (world.alice.public_id, f'{{"changed": {str(sorted(body)).replace(chr(39), chr(34))}}}')
    assert Company.objects.get(pk=world.mallory.company_id).name == "Malice"


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may_change_it(world, api, role, status):
    assert api(hire(world, "Zoe", role)).patch(PATH, {"name": "Other"}).status_code == status
    assert Company.objects.get(pk=world.acme.pk).name == ("Other" if status == 200 else "Acme")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": " "}, "name"),
        ({"country": "ZZ"}, "country"),
        ({"currency": "usd"}, "currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"fiscal_year_start_month": 13}, "fiscal_year_start_month"),
        ({"fiscal_year_start_month": "4"}, "fiscal_year_start_month"),
        ({"receipt_required_from": None}, "receipt_required_from"),
        ({"status": "closed"}, "status"),
        ({"slug": "mine"}, "slug"),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(world, api, body, field):
    before = Company.objects.filter(pk=world.acme.pk).values().get()
    refused = api(world.alice).patch(PATH, body)
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert Company.objects.filter(pk=world.acme.pk).values().get() == before


def test_the_currency_is_fixed_after_the_first_posting(world, api):
    refused = api(world.alice).patch(PATH, {"currency": "EUR", "name": "Euro Acme"})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (409, "currency_fixed", "currency")
    assert Company.objects.get(pk=world.acme.pk).name == "Acme"
    assert api(world.alice).patch(PATH, {"currency": "USD"}).status_code == 200


def test_before_the_first_posting_the_currency_is_free(world, fresh, api):
    """Other companies' postings are in nobody's way."""
    assert api(fresh).patch(PATH, {"currency": "XXX"}).status_code == 400
    assert api(fresh).patch(PATH, {"currency": "EUR"}).json()["currency"] == "EUR"
    assert api(fresh).get(PATH).json()["currency"] == "EUR"


# In New York, noon of the tenth of March.
AT = datetime(2026, 3, 10, 16, tzinfo=UTC)


def in_zones(world, *zones, at=AT):
    """The company, told of each zone a while after the one before."""
    for number, zone in enumerate(zones):
        with company_scope(world.acme.pk):
            company = change(world.acme, {"time_zone": zone}, actor=world.alice, at=at + timedelta(hours=number * 30))
    return company


def test_a_new_time_zone_applies_from_the_next_day(world, api):
    with time_machine.travel(AT, tick=False):
        shown = api(world.alice).patch(PATH, {"time_zone": "Europe/Berlin"}).json()
    assert (shown["time_zone"], shown["time_zone_from"]) == ("Europe/Berlin", "2026-03-11")
    company = Company.objects.get(pk=world.acme.pk)
    assert company.time_zone == "America/New_York"
    # Midnight in Berlin is not the company's yet; midnight in New York is the last one there.
    assert company.day_of(datetime(2026, 3, 10, 23, 30, tzinfo=UTC)) == date(2026, 3, 10)
    assert company.day_of(datetime(2026, 3, 11, 4, tzinfo=UTC)) == date(2026, 3, 11)
    assert company.day_of(datetime(2026, 3, 11, 23, 30, tzinfo=UTC)) == date(2026, 3, 12)
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        assert api(world.bob).get(PATH).json()["time_zone_from"] is None
        assert api(world.bob).get("/api/v1/auth/me/").json()["company"]["time_zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    "zones",
    [
        ("Europe/Berlin",),
        ("Pacific/Honolulu",),
        ("Pacific/Kiritimati", "Pacific/Pago_Pago"),
        ("Pacific/Pago_Pago", "Pacific/Kiritimati", "America/New_York"),
        ("Asia/Tokyo", "America/New_York", "Asia/Tokyo"),
    ],
)
def test_days_never_step_back_whatever_the_zones(world, zones):
    seen, at, pending = [], AT, list(zones)
    company = Company.objects.get(pk=world.acme.pk)
    for hour in range(24 * 9):
        now = at + timedelta(hours=hour)
        if pending and hour % 7 == 3:
            company = change_zone(world, pending.pop(0), now)
        seen.append(company.day_of(now))
    assert seen == sorted(seen)
    assert company.chosen_time_zone == zones[-1]


def change_zone(world, zone, at):
    with company_scope(world.acme.pk):
        return change(world.acme, {"time_zone": zone}, actor=world.alice, at=at)


def test_a_change_that_is_in_force_is_folded_in_when_another_comes(world):
    company = in_zones(world, "Europe/Berlin", "Asia/Tokyo")
    assert (company.time_zone, company.next_time_zone, company.next_time_zone_on) == ("Europe/Berlin", "Asia/Tokyo", date(2026, 3, 12))


def test_choosing_the_old_zone_again_takes_a_waiting_change_back(world):
    change_zone(world, "Europe/Berlin", AT)
    company = change_zone(world, "America/New_York", AT + timedelta(hours=1))
    assert (company.time_zone, company.next_time_zone, company.next_time_zone_on) == ("America/New_York", "", None)


def test_stored_days_stay_and_imported_days_are_the_companys(world):
    company = in_zones(world, "Asia/Tokyo")
    import_statement(company, StatementFile(b"Date,Amount,Merchant\n2026-03-05,1.00,A\n", "s.csv"), actor=None, at=AT + timedelta(days=3))
    with company_scope(world.acme.pk):
        booked = Transaction.objects.get()
    assert (booked.occurred_on, booked.occurred_at) == (date(2026, 3, 5), datetime(2026, 3, 5, 3, tzinfo=UTC))
