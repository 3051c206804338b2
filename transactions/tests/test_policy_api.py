"""Policies by API: one JSON shape, written and read back, refused with the place of the fault."""

from __future__ import annotations

import pytest

from spendtrackr.tenancy import AppendOnly, company_scope
from tests.factories import NOON, swipe
from tests.rules import MANAGER, adopt, approver, document, money, route, rule, step
from transactions import policies
from transactions.models import Policy, PolicyActivation
from transactions.operations import approvals
from transactions.operations.swipes import authorize

URL = "/api/v1/policies/"


@pytest.fixture
def client(world, api):
    return api(world.alice)


def write(client, said):
    return client.post(URL, {"document": said}, format="json")


def test_what_is_written_is_read_back_in_the_same_shape(world, client):
    said = document(
        rule("Bob", members=[world.bob.public_id], merchant_categories=["3000-3299", "5812"], roles=["employee"], flag="!"),
        rule("Large", amount_from=money(500_00), approval=route(step(MANAGER), step(approver("role", role="finance"), mode="all"))),
        receipt=25_00, reminders={"freeze_after_days": 14},
    )  # fmt: skip
    made = write(client, said)
    assert (made.status_code, made.json()["document"]) == (201, said)
    shown = client.get(f"{URL}{made.json()['id']}/").json()
    assert shown["document"] == said
    assert (shown["version"], shown["status"], shown["created_by"], shown["activated_at"]) == (1, "draft", world.alice.public_id, None)
    assert client.get(URL).json()["data"] == [{name: shown[name] for name in shown if name not in {"document", "remarks"}}]


def test_what_is_left_out_is_filled_in_and_shown(client):
    made = write(
        client, {"name": "Short", "rules": [{"name": "Small", "when": {"amount_below": money(50_00)}, "approval": {"automatic": True}}]}
    )
    assert made.status_code == 201
    written = made.json()["document"]
    assert written["rules"][0] == {
        "name": "Small",
        "when": {**policies.NO_CONDITIONS, "amount_below": money(50_00)},
        "require": policies.NOTHING_ASKED,
        "approval": {"automatic": True, "steps": []},
        "flag": "",
    }
    assert written["reminders"] == policies.STANDARD["reminders"]
    assert [remark["code"] for remark in made.json()["remarks"]] == ["no_fallback"]


def test_until_a_version_is_activated_the_standard_one_is_in_force(client):
    current = client.get(f"{URL}current/").json()
    assert (current["id"], current["version"], current["status"], current["document"]) == (None, None, "in_force", policies.STANDARD)
    assert client.get(URL).json()["data"] == []


def test_versions_come_into_force_one_after_the_other_and_are_never_changed(client):
    first, second = (write(client, document(receipt=minor)).json()["id"] for minor in (10_00, 20_00))
    assert client.post(f"{URL}{first}/activate/").json()["status"] == "in_force"
    again = client.post(f"{URL}{first}/activate/")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")
    assert client.post(f"{URL}{second}/activate/").status_code == 200
    listed = client.get(URL).json()["data"]
    assert [(row["version"], row["status"]) for row in listed] == [(2, "in_force"), (1, "past")]
    assert client.get(f"{URL}current/").json()["id"] == second
    # Back to an earlier one: a new activation of the same version.
    assert client.post(f"{URL}{first}/activate/").json()["status"] == "in_force"
    assert PolicyActivation.across_companies.count() == 3
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(f"{URL}{first}/").status_code == 405
    row = Policy.across_companies.get(public_id=first)
    for change in (row.save, row.delete):
        with pytest.raises(AppendOnly):
            change()


ANY = {"kind": "manager"}


def one(**said) -> list[dict]:
    return [{"name": "x", **said}]


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ([{"when": {}}], "0.name"),
        ([{"name": "x"}, *one(when={"amount_from": money(-1)})], "1.when.amount_from.minor"),
        (one(when={"amount_from": {"minor": 1.5, "currency": "USD"}}), "0.when.amount_from.minor"),
        (one(when={"amount_from": money(1, "EUR")}), "0.when.amount_from.currency"),
        (one(when={"categories": ["cat_unknown"]}), "0.when.categories.0"),
        (one(when={"merchant_categories": ["58"]}), "0.when.merchant_categories.0"),
        (one(when={"roles": ["boss"]}), "0.when.roles.0"),
        (one(when={"weather": "rain"}), "0.when.weather"),
        (one(require={"receipt": {"when": "from"}}), "0.require.receipt.amount"),
        (one(require={"receipt": {"when": "always", "amount": money(1)}}), "0.require.receipt.amount"),
        (one(approval={}), "0.approval.steps"),
        (one(approval={"automatic": True, "steps": [{"approvers": [ANY]}]}), "0.approval.steps"),
        (one(approval={"steps": [{"approvers": []}]}), "0.approval.steps.0.approvers"),
        (one(approval={"steps": [{"approvers": [ANY, {"kind": "role"}]}]}), "0.approval.steps.0.approvers.1.role"),
        (one(approval={"steps": [{"approvers": [{"kind": "role", "role": "auditor"}]}]}), "0.approval.steps.0.approvers.0.role"),
        (one(approval={"steps": [{"approvers": [{"kind": "member", "member": "mem_x"}]}]}), "0.approval.steps.0.approvers.0.member"),
        ([{"name": "x" * 81}], "0.name"),
        ([{"name": "x"}] * 101, ""),
    ],
)
def test_a_fault_is_told_with_its_place_and_nothing_is_kept(client, rules, place):
    refused = write(client, {"name": "Bad", "rules": rules})
    assert (refused.status_code, refused.json()["field"]) == (400, f"document.rules.{place}".rstrip(".")), refused.json()
    assert Policy.across_companies.count() == 0


@pytest.mark.parametrize("days", [0, 366, 1.5, True, "2"])
def test_days_are_whole_and_within_a_year(client, days):
    refused = write(client, {"name": "Bad", "reminders": {"freeze_after_days": days}})
    assert (refused.status_code, refused.json()["field"]) == (400, "document.reminders.freeze_after_days")


def test_what_is_remarkable_is_told_but_may_be_activated(world, client):
    said = document(rule("Never", amount_from=money(1), amount_below=money(1), approval=route(step(approver("role", role="finance")))))
    made = write(client, said).json()
    assert [(remark["code"], remark["field"]) for remark in made["remarks"]] == [
        ("never_matches", "rules.0.when"), ("no_such_approver", "rules.0.approval.steps.0.approvers.0"),
        ("no_such_approver", "otherwise.approval.steps.0.approvers.0"),
    ]  # fmt: skip
    assert client.post(f"{URL}{made['id']}/activate/").status_code == 200


def test_two_who_write_at_once_take_two_versions(world, client, api):
    versions = [write(who, document()).json()["version"] for who in (client, api(world.alice))]
    assert versions == [1, 2]


def test_the_same_key_writes_once(client):
    answers = [client.post(URL, {"document": document()}, format="json", HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Policy.across_companies.count() == 1


def test_a_policy_in_force_is_named_by_the_approvals_that_it_routed(world, api):
    policy = adopt(world, rule("Everything", approval=route(step(MANAGER)), flag="Look"))
    with company_scope(world.acme.pk):
        approvals.submit(authorize(world.card, swipe(10_00)).transaction, actor=world.bob, at=NOON)
    [shown] = api(world.alice).get("/api/v1/approvals/").json()["data"]
    assert (shown["policy"], shown["rule"], shown["flags"]) == (policy.public_id, "Everything", ["Look"])
