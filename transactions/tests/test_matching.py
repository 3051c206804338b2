"""Which purchase a receipt belongs to, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from transactions.matching import MOST_SUGGESTED, Bill, Candidate, best, match

DAY = date(2026, 3, 10)
BILL = Bill(DAY + timedelta(5), 42_00, "EUR", DAY, "Café Nord")
DINNER = Candidate(DAY, 42_00, "EUR", ("Café Nord",))
# Charged in another currency.
ABROAD = replace(DINNER, amount_minor=45_70, currency="USD")


def says(bill: Bill, candidate: Candidate) -> str | None:
    fits = match(bill, candidate)
    return fits.says if fits else None


@pytest.mark.parametrize(
    ("purchase", "phrase"),
    [
        (DINNER, "Same amount, same day, same merchant"),
        (replace(DINNER, occurred_on=DAY + timedelta(1)), "Same amount, one day later, same merchant"),
        (replace(DINNER, occurred_on=DAY + timedelta(4)), "Same amount, 4 days later, same merchant"),
        (replace(DINNER, occurred_on=DAY - timedelta(2)), "Same amount, 2 days earlier, same merchant"),
        (replace(DINNER, occurred_on=DAY + timedelta(11)), None),
        (replace(DINNER, occurred_on=DAY - timedelta(11)), None),
        (replace(DINNER, amount_minor=46_20), "10 % more than on the receipt, same day, same merchant"),
        (replace(DINNER, amount_minor=42_01), "1 % more than on the receipt, same day, same merchant"),
        (replace(DINNER, amount_minor=52_50), "25 % more than on the receipt, same day, same merchant"),
        (replace(DINNER, amount_minor=39_90), "5 % less than on the receipt, same day, same merchant"),
        # Paid in two halves: the shop and the day speak for it.
        (replace(DINNER, amount_minor=21_00), "Another amount, same day, same merchant"),
        (replace(DINNER, amount_minor=21_00, occurred_on=DAY + timedelta(1)), None),
        (replace(DINNER, amount_minor=21_00, names=("Dido",)), None),
        # Charged in another currency than the till printed.
        (replace(ABROAD, paid_minor=42_00, paid_currency="EUR"), "Same amount in EUR, same day, same merchant"),
        (ABROAD, "Same day, same merchant"),
        (replace(DINNER, currency="USD", names=("Dido",)), None),
        (replace(DINNER, names=("PAYPAL *CAFE NORD GMBH 0471",)), "Same amount, same day, same merchant"),
        (replace(DINNER, names=("CAFENORD BERLIN",)), "Same amount, same day, merchant name alike"),
        (replace(DINNER, names=("Cafe Nrod",)), "Same amount, same day, merchant name alike"),
        (replace(DINNER, names=("Dido", "Cafe Nord")), "Same amount, same day, same merchant"),
        (replace(DINNER, names=("Dido",)), "Same amount, same day, another merchant name"),
        (replace(DINNER, names=("", "***")), "Same amount, same day"),
        (replace(DINNER, names=()), "Same amount, same day"),
        (replace(DINNER, has_receipt=True), "Same amount, same day, same merchant, has a receipt already"),
    ],
)  # fmt: skip
def test_a_purchase_fits_a_receipt_for_reasons(purchase, phrase):
    assert says(BILL, purchase) == phrase


@pytest.mark.parametrize(
    ("bill", "phrase"),
    [
        (replace(BILL, merchant_name=""), "Same amount, same day"),
        (replace(BILL, spent_on=None), "Same amount, uploaded 5 days later, same merchant"),
        (replace(BILL, spent_on=None, merchant_name=""), "Same amount, uploaded 5 days later"),
        (replace(BILL, amount_minor=None, currency=""), "Same day, same merchant"),
        (replace(BILL, amount_minor=None, merchant_name=""), "Same day"),
        (Bill(DAY, merchant_name="Cafe Nord"), "Uploaded the same day, same merchant"),
        (Bill(DAY + timedelta(50), 42_00, "EUR"), None),
        # Nothing is said: what was bought just before, and proves nothing yet.
        (Bill(DAY), "Uploaded the same day"),
        (Bill(DAY + timedelta(1)), "Uploaded one day later"),
        (Bill(DAY + timedelta(3)), None),
        (replace(BILL, merchant_name="GmbH"), "Same amount, same day"),
    ],
)
def test_what_is_not_known_of_a_receipt_says_nothing(bill, phrase):
    assert says(bill, DINNER) == phrase


def test_a_receipt_of_which_nothing_is_known_is_for_a_purchase_without_one():
    assert (says(Bill(DAY), DINNER), says(Bill(DAY), replace(DINNER, has_receipt=True))) == ("Uploaded the same day", None)


def test_the_better_the_reasons_the_higher_the_score():
    ranked = [
        DINNER, replace(DINNER, occurred_on=DAY + timedelta(1)), replace(DINNER, occurred_on=DAY + timedelta(4)),
        replace(DINNER, occurred_on=DAY - timedelta(1)), replace(DINNER, amount_minor=46_20),
    ]  # fmt: skip
    scores = [fits.score for fits in (match(BILL, one) for one in ranked) if fits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(ranked)


def test_the_likeliest_come_first_and_few_of_them():
    later = [(f"later {days}", replace(DINNER, occurred_on=DAY + timedelta(days))) for days in (3, 2, 1)]
    found = best(BILL, [("other", replace(DINNER, names=("Dido",), amount_minor=1)), *later, ("it", DINNER), ("twin", DINNER)])
    assert [key for key, _ in found] == ["it", "twin", "later 1", "later 2", "later 3"]
    assert len(best(BILL, [(number, DINNER) for number in range(20)])) == MOST_SUGGESTED
    assert len(best(Bill(DAY), [(number, DINNER) for number in range(20)])) == 3
    assert best(BILL, []) == []


def test_words_are_compared_at_the_same_cost_however_long_they_are():
    long = Candidate(DAY, 42_00, "EUR", ("x" * 5_000,))
    assert says(replace(BILL, merchant_name="x" * 4_999), long) == "Same amount, same day, merchant name alike"
