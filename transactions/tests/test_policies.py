"""Policies, without a database: what is asked of a purchase, who says yes, and what would surprise whoever wrote the rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rules import MANAGER, approver, asked, document, money, route, rule, step
from transactions import policies
from transactions.policies import Approver, ApproverKind, Facts, Known, Rules, Step, When, about, compiled, judge, missing, remarks

DINNER = Facts(
    80_00, "USD", has_receipt=True, has_memo=True, has_category=True, categories=frozenset({"cat_meals"}),
    departments=frozenset({"dep_sales"}), merchant="mer_grill", merchant_code="5812", member="mem_bob", role="employee", source="card",
)  # fmt: skip
BARE = Facts(200_00, "USD")
FINANCE = approver("role", role="finance")
KNOWN = Known("USD", deciders=frozenset({"mem_alice", "mem_frank"}), roles=frozenset({"owner", "finance"}), places=frozenset(ApproverKind))


def rules(*said, **more) -> Rules:
    return compiled(document(*said, **more), "USD", str)


def verdict(facts: Facts, *said, **more):
    return judge(facts, rules(*said, **more))


def flags(facts: Facts, **when) -> tuple[str, ...]:
    return verdict(facts, rule(flag="!", **when)).flags


@pytest.mark.parametrize(
    ("facts", "items"),
    [
        (BARE, ["receipt", "memo", "category"]),
        (replace(BARE, amount_minor=100_00), ["receipt", "memo", "category"]),
        (replace(BARE, amount_minor=99_99), ["receipt", "category"]),
        (replace(BARE, amount_minor=25_00), ["receipt", "category"]),
        (replace(BARE, amount_minor=24_99), ["category"]),
        (replace(BARE, has_receipt=True), ["memo", "category"]),
        (replace(BARE, is_excused=True), ["memo", "category"]),
        (replace(BARE, has_receipt=True, has_memo=True), ["category"]),
        (replace(BARE, has_receipt=True, has_memo=True, has_category=True), []),
        # Never converted: it counts as more than any amount.
        (replace(BARE, amount_minor=1, currency="JPY"), ["receipt", "memo", "category"]),
    ],
)
def test_what_is_missing_depends_on_the_amount(facts, items):
    assert missing(facts, verdict(facts, receipt=25_00, memo=100_00).required) == items


@pytest.mark.parametrize("currency", ["USD", "JPY"])
def test_what_is_never_asked_for_is_never_missing(currency):
    facts = replace(BARE, currency=currency)
    assert missing(facts, verdict(facts).required) == ["category"]


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({}, True),
        ({"amount_from": money(80_00)}, True),
        ({"amount_from": money(80_01)}, False),
        ({"amount_below": money(80_00)}, False),
        ({"amount_below": money(80_01)}, True),
        ({"categories": ["cat_meals", "cat_other"]}, True),
        ({"categories": ["cat_other"]}, False),
        ({"departments": ["dep_sales"]}, True),
        ({"departments": ["dep_other"]}, False),
        ({"merchants": ["mer_grill"]}, True),
        ({"merchants": ["mer_other"]}, False),
        ({"members": ["mem_bob"]}, True),
        ({"members": ["mem_alice"]}, False),
        ({"roles": ["employee", "admin"]}, True),
        ({"roles": ["admin"]}, False),
        ({"sources": ["card"]}, True),
        ({"sources": ["claim"]}, False),
        ({"merchant_categories": ["5811-5814"]}, True),
        ({"merchant_categories": ["5812"]}, True),
        ({"merchant_categories": ["5813-5814"]}, False),
        ({"categories": ["cat_meals"], "members": ["mem_alice"]}, False),
    ],
)
def test_a_rule_holds_when_all_of_its_conditions_do(when, holds):
    assert flags(DINNER, **when) == (("!",) if holds else ())


def test_a_purchase_that_is_split_belongs_to_each_of_its_parts():
    split = replace(DINNER, categories=frozenset({"cat_meals", "cat_rent"}))
    assert [flags(split, categories=[one]) for one in ("cat_meals", "cat_rent", "cat_other")] == [("!",), ("!",), ()]


def test_each_question_is_answered_by_the_first_rule_that_says_something_about_it():
    said = verdict(
        replace(DINNER, has_receipt=False),
        rule("Meals", categories=["cat_meals"], require={"memo": asked(0, "USD")}),
        rule("Not this one", amount_from=money(1_000_00), approval=route()),
        rule("Sales", departments=["dep_sales"], approval=route(step(FINANCE)), require={"memo": asked(None, "USD")}),
        rule("Too late", approval=route(), require={"receipt": asked(0, "USD")}),
    )
    assert (said.required, said.rule) == ({"memo", "receipt", "category"}, "Sales")
    assert said.steps == (Step((Approver(ApproverKind.ROLE, role="finance"),)),)


def test_flags_of_all_rules_that_match_are_collected():
    said = verdict(DINNER, rule("A", flag="Ask who was there"), rule("B", flag="No", members=["mem_x"]), rule("C", flag="Above the norm"))
    assert said.flags == ("Ask who was there", "Above the norm")


@pytest.mark.parametrize(("minor", "currency", "is_automatic"), [(49_99, "USD", True), (50_00, "USD", False), (1, "JPY", False)])
def test_below_means_below_and_another_currency_is_below_nothing(minor, currency, is_automatic):
    assert verdict(Facts(minor, currency), automatic_below=50_00).is_automatic is is_automatic


def test_where_no_rule_names_approvers_the_manager_is_asked():
    said = {**document(), "otherwise": {"require": policies.NOTHING_ASKED, "approval": None}}
    assert judge(DINNER, compiled(said, "USD", str)).steps == policies.BY_MANAGER


def test_a_reason_instead_of_a_required_receipt_is_looked_at_by_somebody():
    excused = replace(DINNER, has_receipt=False, is_excused=True)
    assert not verdict(excused, automatic_below=100_00, receipt=0).is_automatic
    assert verdict(excused, automatic_below=100_00, receipt=90_00).is_automatic


def test_amounts_in_a_currency_that_the_company_left_ask_for_more_never_for_less():
    old = document(rule("Small", amount_below=money(50_00, "EUR"), approval=route()), receipt=25_00, currency="EUR")
    said = judge(Facts(1, "USD"), compiled(old, "USD", str))
    assert (said.is_automatic, "receipt" in said.required) == (False, True)


def test_a_step_is_about_each_department_and_budget_that_the_purchase_belongs_to():
    asks = Step(
        (Approver(ApproverKind.DEPARTMENT_HEAD), Approver(ApproverKind.BUDGET_OWNER), Approver(ApproverKind.MANAGER)), needs_all=True
    )
    facts = replace(DINNER, departments=frozenset({7, 3}), budgets=frozenset())
    found = about(asks, facts)
    assert [(str(one.kind), one.of) for one in found.approvers] == [
        ("department_head", 3), ("department_head", 7), ("budget_owner", None), ("manager", None),
    ]  # fmt: skip
    assert found.needs_all


def test_an_approver_is_written_and_read_back():
    for one in (Approver(ApproverKind.ROLE, role="finance"), Approver(ApproverKind.MEMBER, member=4), Approver(ApproverKind.MANAGER, of=9)):
        assert Approver.of_row(one.as_row()) == one


def told(*said, known=KNOWN, **more) -> list[tuple[str, str]]:
    return [(remark.code, remark.field) for remark in remarks(document(*said, **more), known)]


def test_a_policy_without_a_fault_is_left_alone():
    assert told(rule("Small", amount_below=money(50_00), approval=route()), rule("Large", flag="Look", amount_from=money(1))) == []


@pytest.mark.parametrize(
    "when",
    [
        {"amount_from": money(50_00), "amount_below": money(50_00)},
        {"amount_from": money(1, "EUR")},
        {"categories": ["cat_old"]},
        {"departments": ["dep_old"]},
        {"members": ["mem_left"]},
    ],
)
def test_a_rule_that_can_never_match_is_pointed_out(when):
    known = replace(KNOWN, gone=frozenset({"cat_old", "dep_old", "mem_left"}))
    assert told(rule("Never", flag="!", **when), known=known) == [("never_matches", "rules.0.when")]


def test_a_rule_that_another_leaves_nothing_to_say_is_pointed_out():
    above, below = money(100_00), money(10_00)
    wide = rule("Wide", amount_from=below, approval=route())
    assert told(wide, rule("Narrow", amount_from=above, approval=route(step(MANAGER)))) == [("never_matches", "rules.1")]
    # It says something besides, or is about something else: it decides.
    memo = {"memo": asked(0, "USD")}
    assert told(wide, rule("Narrow", amount_from=above, approval=route(step(MANAGER)), require=memo)) == []
    assert told(rule("Narrow", amount_from=above, approval=route()), rule("Wide", amount_from=below, approval=route(step(MANAGER)))) == []


def test_a_rule_that_says_nothing_is_pointed_out():
    assert told(rule("Empty", members=["mem_alice"])) == [("says_nothing", "rules.0")]


@pytest.mark.parametrize(
    ("named", "known"),
    [
        (approver("member", member="mem_left"), KNOWN),
        (approver("role", role="admin"), KNOWN),
        (approver("department_head"), replace(KNOWN, places=frozenset({ApproverKind.MANAGER}))),
        (approver("budget_owner"), replace(KNOWN, places=frozenset({ApproverKind.MANAGER}))),
    ],
)
def test_an_approver_who_cannot_exist_is_pointed_out(named, known):
    large = rule("Large", amount_from=money(1_000_00), approval=route(step(MANAGER), step(MANAGER, named, mode="all")))
    assert told(large, known=known) == [("no_such_approver", "rules.0.approval.steps.1.approvers.1")]


def test_a_gap_without_a_fallback_is_pointed_out():
    said = {**document(), "otherwise": {"require": policies.NOTHING_ASKED, "approval": None}}
    assert [(remark.code, remark.field) for remark in remarks(said, KNOWN)] == [("no_fallback", "otherwise.approval")]
    for_all = {**said, "rules": [rule("Everything", approval=route(step(MANAGER)))]}
    assert remarks(for_all, KNOWN) == []


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        (When(), When(merchant_categories=(("5812", "5812"),)), True),
        (When(merchant_categories=(("5811", "5814"),)), When(merchant_categories=(("5812", "5812"), ("5814", "5814"))), True),
        (When(merchant_categories=(("5811", "5814"),)), When(merchant_categories=(("5812", "5815"),)), False),
        (When(merchant_categories=(("5811", "5814"),)), When(), False),
        (When(roles=frozenset({"admin", "owner"})), When(roles=frozenset({"admin"})), True),
        (When(roles=frozenset({"admin"})), When(roles=frozenset({"admin", "owner"})), False),
        (When(amount_from_minor=5), When(amount_from_minor=5, amount_below_minor=9), True),
        (When(amount_below_minor=9), When(amount_below_minor=10), False),
    ],
)
def test_whether_one_condition_covers_another(wide, narrow, covers):
    assert wide.covers(narrow) is covers
