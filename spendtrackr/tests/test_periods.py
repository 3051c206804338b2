from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from spendtrackr.periods import Period, add_months, local_day, month_of, noon


def test_a_period_includes_its_first_day_and_not_its_end():
    march = month_of(date(2026, 3, 17))
    assert (date(2026, 3, 1) in march, date(2026, 3, 31) in march, date(2026, 4, 1) in march) == (True, True, False)
    assert march.last == date(2026, 3, 31)


def test_a_period_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="cannot end"):
        Period(date(2026, 2, 1), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        (datetime(2026, 3, 31, 22, 30, tzinfo=UTC), "Europe/Berlin", date(2026, 4, 1)),
        (datetime(2026, 4, 1, 3, 30, tzinfo=UTC), "America/Los_Angeles", date(2026, 3, 31)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "Europe/Berlin", date(2026, 10, 25)),
        (datetime(2028, 2, 29, 11, 0, tzinfo=UTC), "Pacific/Auckland", date(2028, 3, 1)),
    ],
)
def test_the_day_is_the_companys(at, zone, day):
    assert local_day(at, zone) == day


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
def test_noon_is_on_its_day_everywhere(zone):
    assert local_day(noon(date(2026, 3, 29), zone), zone) == date(2026, 3, 29)


@pytest.mark.parametrize(
    ("day", "months", "result"), [("2026-01-31", 1, "2026-02-28"), ("2028-01-31", 1, "2028-02-29"), ("2026-01-15", -1, "2025-12-15")]
)
def test_months_are_added_to_the_calendar(day, months, result):
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(result)


def test_the_period_before_is_as_long_and_ends_where_this_one_starts():
    quarter = Period(date(2026, 1, 1), date(2026, 4, 1))
    assert quarter.before() == Period(date(2025, 10, 1), date(2026, 1, 1))
    week = Period(date(2026, 3, 9), date(2026, 3, 16))
    assert week.before() == Period(date(2026, 3, 2), date(2026, 3, 9))


def test_the_months_of_a_period_are_whole():
    touched = list(Period(date(2025, 12, 20), date(2026, 2, 2)).months())
    assert [month.start for month in touched] == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (Period(date(2026, 3, 1), date(2026, 4, 1)), "March 2026"),
        (Period(date(2026, 1, 1), date(2026, 4, 1)), "January to March 2026"),
        (Period(date(2025, 12, 1), date(2026, 2, 1)), "December 2025 to January 2026"),
        (Period.inclusive(date(2026, 3, 5), date(2026, 3, 9)), "5 Mar 2026 to 9 Mar 2026"),
    ],
)
def test_a_period_reads_as_people_say_it(period, text):
    assert str(period) == text
