from __future__ import annotations

from dataclasses import replace

import pytest

from transactions.policies import Papers, Rules, missing

RULES = Rules("USD", receipt_required_from_minor=25_00, memo_required_from_minor=100_00, auto_approve_below_minor=50_00)
BARE = Papers(200_00, "USD", has_receipt=False, has_memo=False, has_category=False)


@pytest.mark.parametrize(
    ("papers", "items"),
    [
        (BARE, ["receipt", "memo", "category"]),
        (replace(BARE, amount_minor=100_00), ["receipt", "memo", "category"]),
        (replace(BARE, amount_minor=99_99), ["receipt", "category"]),
        (replace(BARE, amount_minor=25_00), ["receipt", "category"]),
        (replace(BARE, amount_minor=24_99), ["category"]),
        (replace(BARE, has_receipt=True), ["memo", "category"]),
        (replace(BARE, has_receipt=True, has_memo=True), ["category"]),
        (replace(BARE, has_receipt=True, has_memo=True, has_category=True), []),
    ],
)
def test_what_is_missing_depends_on_the_amount(papers, items):
    assert missing(papers, RULES) == items


def test_a_purchase_in_another_currency_is_never_converted_and_needs_all_that_is_asked_for():
    foreign = replace(BARE, amount_minor=1, currency="JPY")
    assert missing(foreign, RULES) == ["receipt", "memo", "category"]
    assert not RULES.approves_by_itself(1, "JPY")


def test_what_is_never_asked_for_is_never_missing():
    silent = replace(RULES, receipt_required_from_minor=None, memo_required_from_minor=None)
    assert missing(BARE, silent) == ["category"]
    assert missing(replace(BARE, currency="JPY"), silent) == ["category"]


def test_below_means_below():
    assert RULES.approves_by_itself(49_99, "USD")
    assert not RULES.approves_by_itself(50_00, "USD")
    assert not replace(RULES, auto_approve_below_minor=None).approves_by_itself(1, "USD")
