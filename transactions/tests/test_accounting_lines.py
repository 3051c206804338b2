"""What accounting is told, worked out without a database: sums, taxes, reversals, and journals that balance."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from transactions.accounting import Key, Line, Part, Place, Sums, Tax, change, lines_of, unpaired, wanted

MEALS, TRAVEL = Place(1, None), Place(2, 7)


@dataclass
class Row:
    pk: int
    category_id: int | None = 1
    department_id: int | None = None
    tax_code: str = ""
    amount_minor: int = 0
    tax_minor: int = 0
    reverses_id: int | None = None
    ledger_code: str = "6200"
    cost_centre: str = ""
    clearing_code: str = "2100"
    description: str = "Inn"


def test_the_tax_of_a_purchase_is_shared_by_its_entries_and_a_refund_takes_its_part_back():
    part = Part(MEALS, 100_00, "V19", 15_97)
    found = wanted({1: {MEALS: 60_00}, 2: {MEALS: 40_00}, 3: {MEALS: -50_00}, 4: {MEALS: -50_00}}, [part])
    assert [sums for entry in found.values() for sums in entry.values()] == [
        Sums(60_00, 9_58), Sums(40_00, 6_39), Sums(-50_00, -7_98), Sums(-50_00, -7_99),
    ]  # fmt: skip


def test_a_credit_has_its_tax_below_zero():
    assert wanted({1: {MEALS: -10_00}}, [Part(MEALS, -10_00, "V", -1_60)]) == {1: {Key(1, None, "V"): Sums(-10_00, -1_60)}}


def test_parts_at_the_same_place_are_told_apart_by_their_tax():
    parts = [Part(MEALS, 30_00, "V7", 1_96), Part(MEALS, 60_00, "V19", 9_58), Part(TRAVEL, 10_00, "", 0)]
    found = wanted({1: {MEALS: 90_00, TRAVEL: 10_00}}, parts)[1]
    assert found == {
        Key(1, None, "V7"): Sums(30_00, 1_96), Key(1, None, "V19"): Sums(60_00, 9_58), Key(2, 7, ""): Sums(10_00, 0),
    }  # fmt: skip


def test_what_stands_where_no_part_is_any_more_is_told_without_a_tax():
    assert wanted({1: {TRAVEL: 5_00, MEALS: 0}}, [Part(MEALS, 5_00, "V", 80)]) == {1: {Key(2, 7, ""): Sums(5_00, 0)}}


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(1, 10**6), st.sampled_from(["", "A", "B"])), min_size=1, max_size=4),
)
def test_amounts_add_up_whatever_is_shared(entries, said):
    parts = [Part(MEALS, share, code, share // 5) for share, code in said]
    found = wanted({at: {MEALS: minor} for at, minor in enumerate(entries)}, parts)
    for at, minor in enumerate(entries):
        assert sum(sums.amount for sums in found[at].values()) == minor


def test_what_did_not_change_is_not_told_again():
    assert not change([Row(1, amount_minor=10_00)], {Key(1, None, ""): Sums(10_00, 0)})


def test_an_edit_takes_back_what_was_told_and_tells_it_anew():
    old, other = Row(1, amount_minor=10_00), Row(2, category_id=3, amount_minor=1_00)
    found = change([old, other], {Key(2, None, ""): Sums(10_00, 0), Key(3, None, ""): Sums(1_00, 0)})
    assert (found.reversed, found.added) == ([old], {Key(2, None, ""): Sums(10_00, 0)})


def test_another_tax_alone_is_an_edit():
    old = Row(1, amount_minor=10_00, tax_code="V", tax_minor=1_60)
    found = change([old], {Key(1, None, "V"): Sums(10_00, 65)})
    assert (found.reversed, found.added) == ([old], {Key(1, None, "V"): Sums(10_00, 65)})


def test_a_row_and_what_took_it_back_say_nothing_any_more():
    assert unpaired([Row(1), Row(2, reverses_id=1), Row(3)]) == [Row(3)]


def test_of_what_failed_the_reversal_that_went_through_is_taken_back_itself():
    back = Row(2, amount_minor=-10_00, reverses_id=1)
    found = change([back, Row(3, category_id=2, amount_minor=10_00)], {Key(2, None, ""): Sums(10_00, 0)})
    assert (found.reversed, found.added) == ([back], {})


def test_a_journal_has_its_tax_in_the_amount_unless_the_tax_has_an_account():
    rows = [Row(1, amount_minor=119_00, tax_code="V19", tax_minor=19_00, cost_centre="S1")]
    assert lines_of(rows, {}) == [Line("6200", 119_00, "V19", "S1", "Inn"), Line("2100", -119_00)]
    assert lines_of(rows, {"V19": Tax("19% (VAT)")})[0].tax_name == "19% (VAT)"
    assert lines_of(rows, {"V19": Tax("19% (VAT)", "1576")}) == [
        Line("6200", 100_00, "", "S1", "Inn"), Line("1576", 19_00, "", "", "Inn"), Line("2100", -119_00),
    ]  # fmt: skip


def test_a_reversal_and_its_new_row_need_no_other_side():
    rows = [Row(1, amount_minor=-10_00), Row(2, amount_minor=10_00, ledger_code="6300")]
    assert [(line.ledger_code, line.minor) for line in lines_of(rows, {})] == [("6200", -10_00), ("6300", 10_00)]


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.sampled_from(["", "A", "B"]), st.sampled_from(["2100", "2200"])), max_size=9))
def test_every_journal_adds_up_to_nothing(said):
    rows = [Row(n, amount_minor=m, tax_minor=m // 5 if code else 0, tax_code=code, clearing_code=c) for n, (m, code, c) in enumerate(said)]
    assert sum(line.minor for line in lines_of(rows, {"A": Tax("A", "1576")})) == 0
