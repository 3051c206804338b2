"""Policies on pages: read in words, written in a form, brought into force."""

from __future__ import annotations

import re

import pytest

from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import MANAGER, adopt, approver, asked, document, money, route, rule, step
from transactions import queries
from transactions.forms.policies import PolicyForm, arranged
from transactions.models import Policy
from transactions.operations.swipes import authorize

FINANCE = approver("role", role="finance")
RICH = [
    rule(
        "Team dinners", amount_from=money(100_00), amount_below=money(500_00), roles=["employee"], sources=["card", "claim"],
        merchant_categories=["5811-5814"], require={"memo": asked(0, "USD"), "receipt": asked(None, "USD")},
        approval=route(step(MANAGER), step(approver("department_head"), FINANCE, mode="all")), flag="Who was there?",
    ),
    rule("Small", amount_below=money(25_00), approval=route()),
    rule("Odd", flag="Look twice", roles=["owner"]),
]  # fmt: skip


def sent(html: str) -> dict[str, list[str]]:
    """What a browser would send of the form as it was shown."""
    found: dict[str, list[str]] = {}
    form = html[html.index("policy-form") :]
    for tag in re.findall(r"<input [^>]*>", form):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if given.get("type") != "checkbox" or " checked" in tag:
            found.setdefault(given["name"], []).append(given.get("value", ""))
    for name, inside in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', inside)
        found[name] = [chosen[1] if chosen else ""]
    for name, inside in re.findall(r'<textarea name="([^"]*)"[^>]*>\s*(.*?)</textarea>', form, re.DOTALL):
        found[name] = [inside]
    return found


def version(world, number: int) -> Policy:
    with company_scope(world.acme.pk):
        return Policy.objects.get(version=number)


def in_force(world) -> Policy | None:
    with company_scope(world.acme.pk):
        return queries.in_force()


@pytest.fixture
def written(world) -> Policy:
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(1_00, merchant_name="Corner Grill")).transaction
    named = rule(
        "Named", merchants=[purchase.merchant.public_id], members=[world.bob.public_id], flag="!",
        approval=route(step(approver("member", member=world.alice.public_id))),
    )  # fmt: skip
    return adopt(world, *RICH, named, receipt=25_00, memo=500_00, reminders={"freeze_after_days": 21})


def test_it_is_read_in_words(world, pages, written):
    told = re.sub(r"<[^>]+>", " ", pages(world.alice).get("/policies/").content.decode())
    assert "Purchases from $100.00 and below $500.00, by somebody with the role employee, with merchant category 5811-5814, paid" in told
    for words in (
        "paid by card or paid out of pocket",
        "The manager",
        "then each of the head of department and anybody with the role finance",
        "No receipt",
        "Flag: Who was there?",
        "Purchases below $25.00",
        "Approved by itself",
        "Purchases at Corner Grill, by Bob",
        "Receipt from $25.00",
        "after 21 days",
    ):
        assert words in told, words


def test_the_form_of_a_version_comes_to_the_same_document(world, pages, written):
    client = pages(world.alice)
    form = sent(client.get(f"/policies/new/?from={written.public_id}").content.decode())
    assert client.post("/policies/new/", {**form, "do": "save"}).status_code == 302
    assert version(world, 2).document == written.document
    assert in_force(world) == written


def test_the_next_version_begins_with_the_one_in_force_and_asks_nothing_before_it_is_activated(world, pages, written):
    client = pages(world.alice)
    form = sent(client.get("/policies/new/").content.decode())
    answer = client.post("/policies/new/", {**form, "policy-name": ["Spring"], "rules-1-amount_below": ["10"], "do": "save"}, follow=True)
    latest = version(world, 2)
    assert (latest.name, latest.document["rules"][1]["when"]["amount_below"]["minor"]) == ("Spring", 10_00)
    assert "Purchases below $10.00" in answer.content.decode()
    assert in_force(world) == written
    client.post(f"/policies/{latest.public_id}/activate/", {"next": "/policies/"})
    assert in_force(world) == latest
    assert "is in force already" in client.post(f"/policies/{latest.public_id}/activate/", follow=True).content.decode()


@pytest.mark.parametrize(
    ("change", "says", "field"),
    [
        ({"policy-name": [""]}, "This field is required", "policy-name"),
        ({"rules-0-amount_from": ["ten"]}, "Write an amount in USD", "rules-0-amount_from"),
        ({"rules-0-memo": ["from"]}, "From which amount?", "rules-0-memo_from"),
        ({"rules-1-approval": ["steps"]}, "Tick who says yes", "rules-1-approval"),
        ({"rules-3-merchants": ["Nobody Ltd"]}, "Nothing was ever bought from “Nobody Ltd”", "rules-3-merchants"),
        ({"rules-0-merchant_categories": ["58xx"]}, "58xx", "rules-0-merchant_categories"),
        ({"reminders-missing_items_after_days": ["2, soon"]}, "“soon” is no number of days", "reminders-missing_items_after_days"),
        ({"reminders-missing_items_after_days": ["1,2,3,4,5,6,7,8,9,10,11"]}, "At most ten", "reminders-missing_items_after_days"),
        ({"reminders-freeze_after_days": ["0"]}, "greater than or equal to 1", "reminders-freeze_after_days"),
        ({"rules-0-steps-0-approvers": ["role:auditor"]}, "not one of the available choices", "rules-0-steps-0-approvers"),
    ],
)
def test_a_fault_is_shown_at_its_place_and_nothing_is_lost(world, pages, written, change, says, field):
    client = pages(world.alice)
    form = sent(client.get(f"/policies/new/?from={written.public_id}").content.decode()) | change
    answer = client.post("/policies/new/", {**form, "from": written.public_id, "do": "save"})
    told = answer.content.decode()
    assert (answer.status_code, Policy.across_companies.count()) == (400, 1)
    assert says in told[told.index(f'id="id_{field}_error"' if "approvers" not in field else f"id_{field}") :]
    kept = sent(told)
    assert {name: kept[name] for name in form if name not in {*change, "csrfmiddlewaretoken"}} == {
        name: value for name, value in form.items() if name not in {*change, "csrfmiddlewaretoken"}
    }


def test_rules_are_added_moved_and_removed_without_a_script(world, pages, written):
    client = pages(world.alice)

    def names(form) -> list[str]:
        return [form[name][0] for name in sorted(form) if re.fullmatch(r"rules-\d+-name", name)]

    form = sent(client.get(f"/policies/new/?from={written.public_id}").content.decode())
    assert names(form) == ["Team dinners", "Small", "Odd", "Named"]
    for do, order in (
        ("down-0", ["Small", "Team dinners", "Odd", "Named"]),
        ("up-2", ["Small", "Odd", "Team dinners", "Named"]),
        ("remove-0", ["Odd", "Team dinners", "Named"]),
        ("add", ["Odd", "Team dinners", "Named", ""]),
        ("up-0", ["Odd", "Team dinners", "Named", ""]),
        ("remove-99", ["Odd", "Team dinners", "Named", ""]),
        ("nonsense", ["Odd", "Team dinners", "Named", ""]),
    ):
        answer = client.post("/policies/new/", {**form, "do": do})
        assert answer.status_code == 200
        form = sent(answer.content.decode())
        assert names(form) == order
    assert form["rules-1-steps-1-approvers"] == ["department_head", "role:finance"]
    assert Policy.across_companies.count() == 1


def test_there_is_an_end_to_rules():
    from django.http import QueryDict

    data = QueryDict("&".join(f"rules-{number}-name=R" for number in range(100)))
    assert len(arranged(data, "add")) == 100


def test_what_is_remarkable_is_shown_with_its_place(world, pages):
    adopt(world, rule("Never", amount_from=money(1, "USD"), amount_below=money(1, "USD"), flag="!"))
    told = pages(world.alice).get("/policies/").content.decode()
    assert ("can never match" in told, "<code>rules.0.when</code>" in told) == (True, True)


def test_before_a_company_writes_its_own_the_standard_policy_is_shown(world, pages):
    told = pages(world.alice).get("/policies/").content.decode()
    assert ("until you write your own" in told, "Receipt" in told) == (True, True)


@pytest.mark.parametrize(("who", "sees", "changes"), [("alice", 200, 200), ("bob", 403, 403), ("frank", 200, 403)])
def test_who_sees_and_who_changes(world, pages, written, who, sees, changes):
    with company_scope(world.acme.pk):
        member = world.hire("Frank", "finance") if who == "frank" else getattr(world, who)
    client = pages(member)
    assert [client.get(path).status_code for path in ("/policies/", f"/policies/{written.public_id}/")] == [sees, sees]
    assert client.get("/policies/new/").status_code == changes
    assert ("Policies</a>" in client.get("/account/").content.decode()) is (sees == 200)


def test_a_category_that_was_archived_stays_where_a_rule_names_it(acme):
    from companies.models import Category

    meals = Category.objects.get(name="Meals")
    Category.objects.filter(pk=meals.pk).update(archived_at=NOON)
    form = PolicyForm(document(rule("Meals", categories=[meals.public_id], flag="!")), "USD")
    assert meals.public_id in dict(form.rules[0].fields["categories"].choices)
    assert meals.public_id not in dict(PolicyForm(document(), "USD", None).otherwise.fields)
