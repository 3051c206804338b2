from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.recurring import MONTHLY, QUARTERLY, RHYTHMS, WEEKLY, YEARLY, Charge, find


def charges(*days: str, minor: int = 10_00) -> list[Charge]:
    return [Charge(date.fromisoformat(day), minor) for day in days]


@pytest.mark.parametrize(
    ("days", "rhythm", "following"),
    [
        (("2026-01-31", "2026-02-28", "2026-03-31"), MONTHLY, "2026-04-30"),
        (("2026-01-05", "2026-02-09", "2026-03-05"), MONTHLY, "2026-04-05"),
        (("2025-10-01", "2026-01-01", "2026-04-08"), QUARTERLY, "2026-07-08"),
        (("2024-03-01", "2025-03-14"), YEARLY, "2026-03-14"),
        (("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-31"), WEEKLY, "2026-04-07"),
    ],
)
def test_a_rhythm_is_found_and_says_what_comes_next(days, rhythm, following):
    found = find(charges(*days), date(2026, 4, 1))
    assert found is not None
    assert (found.rhythm, found.next_on.isoformat(), found.yearly_minor) == (rhythm, following, 10_00 * rhythm.a_year)


@pytest.mark.parametrize(
    "days",
    [
        (),
        ("2026-01-05",),
        ("2026-01-05", "2026-02-05"),  # two months show nothing
        ("2026-01-05", "2026-02-10", "2026-03-10"),  # five days late
        ("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"),  # four weeks may be chance
        ("2026-01-05", "2026-01-05", "2026-01-05"),
    ],
)
def test_what_is_not_steady_is_none(days):
    assert find(charges(*days), date(2026, 4, 1)) is None


def test_amounts_that_differ_by_more_than_a_quarter_are_not_alike():
    days = charges("2026-01-05", "2026-02-05", minor=100)
    assert find([*days, Charge(date(2026, 3, 5), 133)], date(2026, 3, 6)) is not None
    assert find([*days, Charge(date(2026, 3, 5), 134)], date(2026, 3, 6)) is None


def test_a_price_that_rose_is_told_against_the_first():
    found = find([Charge(date(2026, month, 5), minor) for month, minor in ((1, 100), (2, 100), (3, 109))], date(2026, 3, 6))
    assert found is not None
    assert (found.change_minor, found.yearly_minor) == (9, 109 * 12)


@pytest.mark.parametrize(("today", "has_stopped"), [("2026-04-09", False), ("2026-04-10", True)])
def test_it_has_stopped_when_the_next_is_late(today, has_stopped):
    found = find(charges("2026-01-05", "2026-02-05", "2026-03-05"), date.fromisoformat(today))
    assert found is not None
    assert found.has_stopped is has_stopped


def test_what_lies_before_the_row_is_not_looked_at():
    found = find(charges("2025-12-24", "2026-01-05", "2026-02-05", "2026-03-05"), date(2026, 3, 6))
    assert found is not None
    assert [charge.day.month for charge in found.charges] == [1, 2, 3]


@st.composite
def rows(draw):
    """A row in some rhythm, each charge off by no more than it may be, and the price rising slowly."""
    rhythm = draw(st.sampled_from(RHYTHMS))
    found = [Charge(draw(st.dates(date(2015, 1, 1), date(2020, 12, 31))), draw(st.integers(100, 10_000)))]
    for _ in range(draw(st.integers(rhythm.least - 1, rhythm.least + 6))):
        late = timedelta(days=draw(st.integers(-rhythm.slack, rhythm.slack)))
        found.append(Charge(rhythm.after(found[-1].day) + late, found[-1].minor + found[-1].minor * draw(st.integers(0, 30)) // 100))
    return rhythm, found


@given(rows(), st.randoms(use_true_random=False))
def test_every_such_row_is_found_whole_in_whatever_order_it_comes(row, random):
    rhythm, made = row
    shuffled = list(made)
    random.shuffle(shuffled)
    found = find(shuffled, made[-1].day)
    assert found is not None
    assert (found.rhythm, list(found.charges), found.has_stopped) == (rhythm, made, False)
    assert found.next_on > found.last.day


@given(st.lists(st.builds(Charge, st.dates(date(2020, 1, 1), date(2021, 12, 31)), st.integers(1, 10_000)), max_size=12))
def test_whatever_is_found_keeps_the_rule(made):
    found = find(made, date(2022, 1, 1))
    if found is None:
        return
    assert len(found.charges) >= found.rhythm.least
    assert list(found.charges) == sorted(made)[-len(found.charges) :]
    for one, following in zip(found.charges, found.charges[1:], strict=False):
        assert abs((following.day - found.rhythm.after(one.day)).days) <= found.rhythm.slack
        assert 4 * min(one.minor, following.minor) >= 3 * max(one.minor, following.minor)
