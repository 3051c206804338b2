from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.controls import Limit, Places, Standing, Used, checks, first_failure
from cards.models import Interval
from spendtrackr.money import Money
from tests.factories import swipe

FREE = Standing(
    company_active=True,
    member_active=True,
    card_active=True,
    card_expires_on=date(2030, 1, 31),
    frozen_by=(),
    currency="USD",
    blocked=Places(codes=("7995",)),
    per_transaction_cap_minor=100_00,
    limits=(Limit(Interval.MONTH, 300_00),),
    used={Interval.MONTH: Used(250_00, 4)},
    today=date(2026, 3, 10),
)


def reason(standing: Standing, **of_swipe) -> str | None:
    failed = first_failure(checks(swipe(**of_swipe), standing))
    return failed.decline if failed else None


def test_a_swipe_within_everything_passes():
    assert reason(FREE, minor=50_00) is None


@pytest.mark.parametrize(
    ("change", "of_swipe", "declined"),
    [
        ({"company_active": False}, {}, "company_suspended"),
        ({"member_active": False}, {}, "member_not_active"),
        ({"card_active": False}, {}, "card_not_active"),
        ({"today": date(2030, 2, 1)}, {}, "card_expired"),
        ({"frozen_by": ("admin",)}, {}, "card_frozen"),
        ({}, {"currency": "EUR"}, "wrong_currency"),
        ({}, {"merchant_code": "7995"}, "merchant_category_blocked"),
        ({"used": {}}, {"minor": 100_01}, "over_transaction_cap"),
        ({}, {"minor": 50_01}, "over_monthly_limit"),
    ],
)
def test_each_control_declines_with_its_own_reason(change, of_swipe, declined):
    assert reason(replace(FREE, **change), **of_swipe) == declined


def test_the_last_day_of_the_expiry_month_still_counts():
    assert reason(replace(FREE, today=date(2030, 1, 31))) is None


def test_the_first_failure_names_the_decline_and_every_check_is_kept():
    done = checks(swipe(999_00, merchant_code="7995"), replace(FREE, frozen_by=("admin",)))
    assert first_failure(done).name == "freeze"
    assert [check.name for check in done if not check.passed] == ["freeze", "merchant_category", "per_transaction_cap", "monthly_limit"]
    assert len(done) == 20


def test_a_check_tells_the_room_that_was_left():
    limit = checks(swipe(60_00), FREE)[-1]
    assert (limit.value, limit.limit, limit.room, limit.passed) == (310_00, 300_00, 50_00, False)


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_room_is_exactly_what_passes(amount, limit, used):
    standing = replace(FREE, per_transaction_cap_minor=None, limits=(Limit(Interval.MONTH, limit),), used={Interval.MONTH: Used(used)})
    passed = first_failure(checks(replace(swipe(), amount=Money(amount, "USD")), standing)) is None
    assert passed == (amount <= limit - used)


def test_no_limit_never_declines():
    open_card = replace(FREE, per_transaction_cap_minor=None, limits=(), blocked=Places())
    assert reason(open_card, minor=10**12) is None
