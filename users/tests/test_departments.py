from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from companies.models import Department
from companies.queries import department_tree
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from users import operations
from users.models import DepartmentHead, Membership

PATH = "/api/v1/departments/"


def add(api, member, name, **body):
    return api(member).post(PATH, {"name": name, **body})


def added(api, world, name, **body) -> str:
    made = add(api, world.alice, name, **body)
    assert made.status_code == 201, made.content
    return made.json()["id"]


def change(api, world, public_id, member=None, **body):
    return api(member or world.alice).patch(f"{PATH}{public_id}/", body)


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def events_of(world, type_):
    with company_scope(world.acme.pk):
        return list(Event.objects.filter(type=type_).order_by("id").values_list("details", flat=True))


def test_what_was_written_is_read_back_in_the_same_shape(world, api):
    sales = added(api, world, "Sales")
    made = add(api, world.alice, "Sales North", parent=sales, head=world.bob.public_id).json()
    assert made == {
        "id": made["id"], "name": "Sales North", "parent": sales, "head": world.bob.public_id, "head_name": "Bob", "cost_centre": "",
        "is_archived": False,
    }  # fmt: skip
    assert api(world.bob).get(f"{PATH}{made['id']}/").json() == made
    assert [row["id"] for row in api(world.bob).get(PATH).json()["data"]] == [made["id"], sales]
    assert len(events_of(world, "department.added")) == 2
    assert len(events_of(world, "department.head_changed")) == 1


def test_a_department_goes_by_its_cost_centre_in_accounting_or_else_by_its_name(world, api):
    sales = added(api, world, "Sales", cost_centre="CC-12")
    assert change(api, world, sales, name="Selling").json()["cost_centre"] == "CC-12"
    with company_scope(world.acme.pk):
        assert Department.objects.get(public_id=sales).in_accounting == "CC-12"
    assert change(api, world, sales, cost_centre="").json()["cost_centre"] == ""
    with company_scope(world.acme.pk):
        assert Department.objects.get(public_id=sales).in_accounting == "Selling"
    assert change(api, world, sales, cost_centre="x" * 41).json()["field"] == "cost_centre"


@pytest.mark.parametrize(("role", "status"), [("admin", 201), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may_add_and_change(world, api, role, status):
    member, sales = hire(world, "Zoe", role), added(api, world, "Sales")
    assert add(api, member, "Support").status_code == status
    assert change(api, world, sales, member, name="Selling").status_code == (200 if status == 201 else 403)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"name": " ＳALES "}, "name", "taken"),
        ({"name": ""}, "name", "blank"),
        ({"parent": "dep_unknown"}, "parent", "does_not_exist"),
        ({"head": "mem_unknown"}, "head", "does_not_exist"),
        ({"lead": 1}, "lead", "unknown_field"),
    ],
)
def test_bad_input_names_its_field_and_adds_nothing(world, api, body, field, code):
    added(api, world, "Sales")
    refused = add(api, world.alice, **{"name": "Support", **body})
    assert (refused.status_code, refused.json()["field"], refused.json()["code"]) == (400, field, code)
    assert Department.across_companies.count() == 1


def test_two_companies_may_use_one_name(world, api):
    added(api, world, "Sales")
    assert add(api, world.mallory, "Sales").status_code == 201


def test_a_department_cannot_lie_inside_itself(world, api):
    top = added(api, world, "Top")
    middle = added(api, world, "Middle", parent=top)
    bottom = added(api, world, "Bottom", parent=middle)
    for parent in (top, middle, bottom):
        refused = change(api, world, top, parent=parent)
        assert (refused.status_code, refused.json()["field"]) == (400, "parent")
    assert change(api, world, bottom, parent=None).json()["parent"] is None
    assert change(api, world, top, parent=bottom).status_code == 200


def test_departments_go_eight_levels_deep_and_whole_branches_count(world, api):
    ids = [added(api, world, "Level 1")]
    for level in range(2, 9):
        ids.append(added(api, world, f"Level {level}", parent=ids[-1]))
    refused = add(api, world.alice, "Level 9", parent=ids[-1])
    assert (refused.status_code, refused.json()["field"]) == (400, "parent")
    other = added(api, world, "Other")
    assert change(api, world, ids[0], parent=other).json()["field"] == "parent"
    assert change(api, world, ids[1], parent=other).status_code == 200


def test_an_archived_department_is_kept_and_takes_nobody_in(world, api):
    sales = added(api, world, "Sales")
    assert change(api, world, sales, is_archived=True).json()["is_archived"] is True
    assert add(api, world.alice, "North", parent=sales).json()["field"] == "parent"
    moved = api(world.alice).patch(f"/api/v1/members/{world.bob.public_id}/", {"department": sales})
    assert (moved.status_code, moved.json()["field"]) == (400, "department")
    assert api(world.bob).get(f"{PATH}{sales}/").status_code == 200
    assert change(api, world, sales, is_archived=False).json()["is_archived"] is False
    assert add(api, world.alice, "North", parent=sales).status_code == 201


def test_it_is_archived_only_once_nothing_and_nobody_is_inside(world, api):
    sales = added(api, world, "Sales")
    north = added(api, world, "North", parent=sales)
    assert (change(api, world, sales, is_archived=True).status_code, events_of(world, "department.changed")) == (409, [])
    api(world.alice).patch(f"/api/v1/members/{world.bob.public_id}/", {"department": north})
    refused = change(api, world, north, is_archived=True)
    assert (refused.status_code, refused.json()["message"]) == (409, "People belong to it. Move them to another department first.")
    api(world.alice).patch(f"/api/v1/members/{world.bob.public_id}/", {"department": None})
    assert change(api, world, north, is_archived=True).status_code == 200
    assert change(api, world, sales, is_archived=True).status_code == 200
    assert change(api, world, north, is_archived=False).json()["code"] == "invalid_state"


def test_somebody_who_left_keeps_no_department_open(world, api):
    sales = added(api, world, "Sales")
    api(world.alice).patch(f"/api/v1/members/{world.bob.public_id}/", {"department": sales})
    api(world.alice).post(f"/api/v1/members/{world.bob.public_id}/deactivate/")
    assert change(api, world, sales, is_archived=True).status_code == 200


def test_the_head_is_an_active_member_and_can_change_and_go(world, api):
    sales = added(api, world, "Sales", head=world.bob.public_id)
    assert change(api, world, sales, head=world.alice.public_id).json()["head_name"] == "Alice"
    assert change(api, world, sales, name="Selling").json()["head_name"] == "Alice"
    assert change(api, world, sales, head=None).json()["head"] is None
    assert not DepartmentHead.across_companies.exists()
    assert len(events_of(world, "department.head_changed")) == 3

    api(world.alice).post(f"/api/v1/members/{world.bob.public_id}/suspend/")
    assert change(api, world, sales, head=world.bob.public_id).json()["field"] == "head"


def test_a_change_names_its_fields_and_no_change_leaves_no_event(world, api):
    sales, other = added(api, world, "Sales"), added(api, world, "Other")
    change(api, world, sales, name="Selling", parent=other)
    change(api, world, sales, name="Selling", parent=other, head=None)
    assert events_of(world, "department.changed") == ['{"changed": ["name", "parent"], "is_archived": false}']


def test_the_tree_is_read_parents_first_and_by_name(acme):
    made = {}
    for name, parent in [("Sales", None), ("Admin", None), ("South", "Sales"), ("North", "Sales")]:
        made[name] = operations.add_department(name=name, parent=made.get(parent), actor=acme.alice, at=NOON)
    rows = [(row.department.name, row.depth) for row in department_tree(list(Department.objects.all()))]
    assert rows == [("Admin", 0), ("Sales", 0), ("North", 1), ("South", 1)]


def race(world, *works):
    barrier = Barrier(len(works))

    def run(work):
        with company_scope(world.acme.pk):
            barrier.wait()
            try:
                return work()
            except Exception as error:
                return getattr(error, "code", repr(error))
            finally:
                connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [answer.result() for answer in [pool.submit(run, work) for work in works]]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_two_racing_names_one_is_taken(world):
    for number in range(5):

        def make(number=number):
            operations.add_department(name=f"Team {number}", actor=world.alice, at=NOON)
            return "made"

        assert sorted(race(world, make, make)) == ["made", "taken"]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_departments_that_move_into_each_other_make_no_ring(world):
    for number in range(5):
        with company_scope(world.acme.pk):
            one, two = (operations.add_department(name=f"{side} {number}", actor=world.alice, at=NOON) for side in ("One", "Two"))

        def move(what, into):
            operations.change_department(what, {"parent": into}, actor=world.alice, at=NOON)
            return "moved"

        assert sorted(race(world, lambda: move(one, two), lambda: move(two, one))) == ["invalid", "moved"]  # noqa: B023 -- run at once


def test_a_name_that_was_taken_a_moment_ago_is_refused_by_the_database_too(acme, monkeypatch):
    operations.add_department(name="Sales", actor=acme.alice, at=NOON)
    monkeypatch.setattr("django.db.models.query.QuerySet.exists", lambda rows: False)
    with pytest.raises(errors.Invalid) as refused:
        operations.add_department(name="sales", actor=acme.alice, at=NOON)
    assert (refused.value.field, refused.value.code) == ("name", "taken")
    assert Membership.objects.count() == 2
