from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts import Column, Segment, nice_steps, stacked_columns


def chart(*columns: list[int]):
    built = [
        Column(f"c{place}", "2026", [Segment(series, minor, f"{minor}", "?") for series, minor in enumerate(parts)])
        for place, parts in enumerate(columns)
    ]
    return stacked_columns(built, currency="USD", width=600, height=300, prefix="p")


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0, 390_000, [0, 100_000, 200_000, 300_000, 400_000]),
        (-30, 70, [-40, -20, 0, 20, 40, 60, 80]),
        (0, 0, [0, 20, 40, 60, 80, 100]),
        (0, 3, [0, 1, 2, 3]),
    ],
)
def test_an_axis_has_round_steps(low, high, steps):
    assert nice_steps(low, high) == steps


@given(st.integers(-(10**12), 0), st.integers(0, 10**12))
def test_an_axis_covers_what_it_shows_in_few_equal_steps(low, high):
    steps = nice_steps(low, high)
    assert steps[0] <= low <= high <= steps[-1]
    assert 2 <= len(steps) <= 12
    assert len({b - a for a, b in pairwise(steps)}) == 1
    assert 0 in steps or low > 0


def test_parts_are_stacked_without_overlap():
    marks = chart([100, 50, 25]).marks
    assert [mark.series for mark in marks] == [0, 1, 2]
    for lower, upper in pairwise(marks):
        assert upper.y + upper.height <= lower.y + 0.01


def test_a_credit_hangs_below_the_line():
    drawn = chart([100, -40])
    up, down = drawn.marks
    assert up.y + up.height <= drawn.baseline + 0.01
    assert down.y >= drawn.baseline - 0.01


def test_nothing_is_drawn_for_nothing_and_the_smallest_is_still_seen():
    marks = chart([10**9, 0, 1]).marks
    assert [mark.series for mark in marks] == [0, 2]
    assert marks[1].height >= 0.75


@given(st.lists(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8), min_size=1, max_size=36))
def test_every_mark_is_inside_the_picture(columns):
    drawn = chart(*columns)
    for mark in drawn.marks:
        assert mark.x >= drawn.left
        assert mark.x + mark.width <= drawn.right + 0.01
        assert mark.y >= 0
        assert mark.y + mark.height <= drawn.height


def test_a_year_is_written_once():
    columns = [Column(f"m{place}", "2025" if place < 3 else "2026", []) for place in range(6)]
    drawn = stacked_columns(columns, currency="USD", width=600, height=300, prefix="p")
    assert [label.sublabel for label in drawn.labels] == ["2025", "", "", "2026", "", ""]


def test_an_empty_chart_is_no_error():
    assert stacked_columns([], currency="USD", width=600, height=300, prefix="p").marks == []
