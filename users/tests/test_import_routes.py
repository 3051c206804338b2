"""The routes that take files of people and departments."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from spendtrackr.models import Event, IdempotencyKey
from spendtrackr.tenancy import company_scope
from spendtrackr.tests.test_workbooks import workbook
from users import serializers as shapes
from users.models import Invitation, Membership
from users.operations import imports
from users.tests.test_keys import program
from users.tests.test_people import hire

PEOPLE, DEPARTMENTS = "/api/v1/people-imports/", "/api/v1/department-imports/"
TEXT = b"E-mail,Role,Department\neve@acme.example,,Sales\nbob@acme.example,finance,\nzoe@acme.example,boss,\n\n"


def send(client, path, content=TEXT, headers=None, **more):
    return client.post(path, {"file": SimpleUploadedFile("people.csv", content), **more}, format="multipart", headers=headers)


def invited(world) -> list[str]:
    with company_scope(world.acme.pk):
        return list(Invitation.objects.filter(open_email_key__isnull=False).values_list("email", flat=True))


def test_a_preview_shows_the_verdict_on_each_row_and_changes_nothing(world, api):
    shown = send(api(world.alice), f"{PEOPLE}preview/")
    assert shown.status_code == 200
    assert shown.json() == {
        "counts": {"invite": 1, "change": 1, "same": 0, "skipped": 1, "rejected": 1},
        "departments": ["Sales"],
        "notes": [],
        "rows": [
            {
                "line": 2, "verdict": "invite", "subject": "eve@acme.example", "reason": "", "field": "",
                "changes": [{"field": "role", "before": "", "after": "employee"}, {"field": "department", "before": "", "after": "Sales"}],
            },
            {
                "line": 3, "verdict": "change", "subject": "bob@acme.example", "reason": "", "field": "",
                "changes": [{"field": "role", "before": "employee", "after": "finance"}],
            },
            {
                "line": 4, "verdict": "rejected", "subject": "zoe@acme.example", "field": "role", "changes": [],
                "reason": "There is no role boss. There are owner, admin, finance, auditor, employee.",
            },
            {"line": 5, "verdict": "skipped", "subject": "", "reason": "It is blank.", "field": "", "changes": []},
        ],
        "has_more": False,
    }  # fmt: skip
    assert invited(world) == []


def test_an_import_does_what_was_shown_and_the_same_file_again_nothing(world, api):
    shown = send(api(world.alice), f"{PEOPLE}preview/").json()
    assert send(api(world.alice), PEOPLE).json() == shown
    assert invited(world) == ["eve@acme.example"]
    again = send(api(world.alice), PEOPLE).json()
    assert again["counts"] == {"invite": 0, "change": 0, "same": 2, "skipped": 1, "rejected": 1}
    with company_scope(world.acme.pk):
        assert Invitation.objects.filter(email_key="eve@acme.example").count() == 1


def test_departments_have_a_route_of_their_own(world, api):
    sent = b"Name,Parent\nPlatform,Engineering\nEngineering,\n"
    assert send(api(world.alice), f"{DEPARTMENTS}preview/", sent).json()["counts"]["add"] == 2
    done = send(api(world.alice), DEPARTMENTS, sent).json()
    assert done["counts"] == {"add": 2, "change": 0, "same": 0, "skipped": 0, "rejected": 0}
    assert "departments" not in done
    assert {row["name"] for row in api(world.alice).get("/api/v1/departments/").json()["data"]} == {"Platform", "Engineering"}
    refused = send(api(world.alice), DEPARTMENTS, b"E-mail\na@b.example\n")
    assert (refused.status_code, refused.json()["field"]) == (400, "file")


def test_rows_of_one_verdict_and_no_more_than_a_thousand(world, api, monkeypatch):
    shown = send(api(world.alice), f"{PEOPLE}preview/", show="rejected").json()
    assert [row["line"] for row in shown["rows"]] == [4]
    assert shown["counts"]["invite"] == 1
    monkeypatch.setattr(shapes, "MOST_SHOWN", 2)
    shown = send(api(world.alice), f"{PEOPLE}preview/").json()
    assert ([row["line"] for row in shown["rows"]], shown["has_more"]) == ([2, 3], True)


def test_a_department_that_is_missing_may_be_a_mistake(world, api):
    done = send(api(world.alice), PEOPLE, missing_departments="reject").json()
    assert (done["rows"][0]["verdict"], done["rows"][0]["field"], done["departments"]) == ("rejected", "department", [])


def test_the_same_key_gets_the_first_answer_and_does_nothing_again(world, api):
    once = {"Idempotency-Key": "nightly-1"}
    first = send(api(world.alice), PEOPLE, headers=once)
    with company_scope(world.acme.pk):
        said = Event.objects.count()
    second = send(api(world.alice), PEOPLE, headers=once)
    assert (second.status_code, second["Idempotent-Replayed"], second.json()) == (200, "true", first.json())
    with company_scope(world.acme.pk):
        assert (Event.objects.count(), IdempotencyKey.objects.count()) == (said, 1)


def test_another_file_under_the_same_key_is_refused_and_not_done(world, api):
    once = {"Idempotency-Key": "nightly-1"}
    send(api(world.alice), PEOPLE, headers=once)
    refused = send(api(world.alice), PEOPLE, b"E-mail\nother@acme.example\n", headers=once)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert invited(world) == ["eve@acme.example"]


def test_a_workbook_is_taken_as_it_is(world, api):
    done = send(api(world.alice), PEOPLE, workbook([["E-mail"], ["eve@acme.example"]])).json()
    assert done["counts"]["invite"] == 1


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(b"", 400, "invalid"), (b"\x00\x01", 400, "invalid"), (b"Name\nBob\n", 400, "invalid"), (b"PK\x03\x04", 400, "invalid")],
)
@pytest.mark.parametrize("path", [PEOPLE, f"{PEOPLE}preview/"])
def test_a_file_that_cannot_be_read_is_refused_for_its_field(world, api, path, content, status, code):
    refused = send(api(world.alice), path, content)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (status, code, "file")


@pytest.mark.parametrize("path", [PEOPLE, f"{PEOPLE}preview/", DEPARTMENTS])
def test_a_file_that_is_too_large_is_413(world, api, settings, path):
    settings.ROSTER_MAX_BYTES = 10
    refused = send(api(world.alice), path)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (413, "too_large", "file")


def test_what_is_not_multipart_or_has_no_file_is_refused(world, api):
    assert api(world.alice).post(PEOPLE, {"file": "x"}, format="json").status_code == 415
    refused = api(world.alice).post(PEOPLE, {}, format="multipart")
    assert (refused.status_code, refused.json()["field"]) == (400, "file")
    refused = send(api(world.alice), PEOPLE, surprise="x")
    assert (refused.status_code, refused.json()["field"]) == (400, "surprise")


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may_import(world, api, role, status):
    member = hire(world, "Zoe", role)
    for path in (PEOPLE, f"{PEOPLE}preview/", DEPARTMENTS):
        sent = TEXT if path != DEPARTMENTS else b"Name,Parent\nSales,\n"
        assert send(api(member), path, sent).status_code == status


def test_a_program_does_what_it_does_by_hand_and_is_the_actor(world):
    from django.utils import timezone

    from users import operations

    with company_scope(world.acme.pk):
        key, secret = operations.create_key(name="HR", scopes=["people:write"], actor=world.alice, at=timezone.now())
    done = send(program(secret), PEOPLE, b"E-mail,Role\neve@acme.example,\nbob@acme.example,admin\n").json()
    assert [row["verdict"] for row in done["rows"]] == ["invite", "rejected"]
    assert "A program makes employees" in done["rows"][1]["reason"]
    refused = send(program(secret), DEPARTMENTS, b"Name\nSales\n")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    with company_scope(world.acme.pk):
        invitation = Invitation.objects.get(email="eve@acme.example")
        told = Event.objects.get(type="member.invited", subject_id=invitation.public_id)
        assert told.actor_id == key.integration.membership.public_id


def test_a_suspended_company_imports_nothing(world, api):
    type(world.acme).objects.filter(pk=world.acme.pk).update(status="suspended")
    refused = send(api(world.alice), PEOPLE)
    assert (refused.status_code, refused.json()["code"]) == (403, "company_suspended")
    assert invited(world) == []


PAGE = "/people/import/"


def on_page(client, content=TEXT, **more):
    return client.post(PAGE, {"file": SimpleUploadedFile("people.csv", content), "adds_departments": "on", **more})


def test_the_page_shows_what_it_would_do_then_does_it_without_the_file(world, pages):
    client = pages(world.alice)
    assert "people/import/" in client.get("/people/").content.decode()
    shown = on_page(client)
    text = shown.content.decode()
    assert shown.status_code == 200
    for said in ("1 to invite", "1 to change", "1 rejected", "There is no role boss.", "Departments to add: Sales", "Apply"):
        assert said in text
    assert invited(world) == []
    carried = {"rows": shown.context["rows"], "adds_departments": "on"}
    narrowed = client.post(PAGE, {**carried, "show": "rejected"}).content.decode()
    assert ("zoe@acme.example" in narrowed, "eve@acme.example" in narrowed) == (True, False)
    done = client.post(PAGE, {**carried, "do": "apply"}).content.decode()
    for said in ("1 invited", "1 changed", "Departments added: Sales", "There is no role boss."):
        assert said in done
    assert invited(world) == ["eve@acme.example"]
    again = client.post(PAGE, {**carried, "do": "apply"}).content.decode()
    assert "There was nothing to do." in again


def test_the_page_takes_departments_and_says_when_there_is_nothing_to_apply(world, pages):
    client = pages(world.alice)
    sent = b"Name,Parent\nSales,\n"
    shown = on_page(client, sent)
    client.post(PAGE, {"rows": shown.context["rows"], "do": "apply"})
    text = on_page(client, sent).content.decode()
    assert "There is nothing to apply" in text
    assert 'value="apply"' not in text


def test_departments_are_added_only_where_the_box_is_ticked(world, pages):
    shown = pages(world.alice).post(PAGE, {"file": SimpleUploadedFile("people.csv", TEXT)})
    assert "There is no department Sales." in shown.content.decode()


@pytest.mark.parametrize("content", [b"", b"Name\nBob\n", b"\x00", b"PK\x03\x04"])
def test_a_file_that_cannot_be_read_is_told_beside_its_field(world, pages, content):
    refused = on_page(pages(world.alice), content)
    assert refused.status_code == 400
    assert refused.context["form"].errors["file"]
    assert "fault" in refused.content.decode()


def test_no_file_at_all_is_told(world, pages):
    refused = pages(world.alice).post(PAGE, {})
    assert refused.status_code == 400
    assert "This field is required." in refused.content.decode()


@pytest.mark.parametrize("status", [413])
def test_too_much_for_us_or_for_a_page_is_told(world, pages, settings, monkeypatch, status):
    client = pages(world.alice)
    monkeypatch.setattr("users.views.imports._MOST_CARRIED", 10)
    assert on_page(client).status_code == status
    settings.ROSTER_MAX_BYTES = 10
    assert on_page(client).status_code == status


def test_what_a_preview_carries_is_its_members_alone_and_runs_out(world, pages, client, time_machine_hour):
    rows = on_page(pages(world.alice)).context["rows"]
    assert pages(hire(world, "Zoe", "admin")).post(PAGE, {"rows": rows, "do": "apply"}).status_code == 400
    alices = pages(world.alice)
    assert alices.post(PAGE, {"rows": rows[:-1] + "x", "do": "apply"}).status_code == 400
    with time_machine_hour:
        refused = alices.post(PAGE, {"rows": rows, "do": "apply"})
    assert refused.status_code == 400
    assert "This preview has run out." in refused.content.decode()
    assert invited(world) == []


@pytest.fixture
def time_machine_hour():
    from datetime import timedelta

    import time_machine
    from django.utils import timezone

    return time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1), tick=True)


def test_ten_thousand_rows_fit_into_a_page(world):
    import random

    from users.views.imports import _packed

    names = random.Random(1)
    lines = [f"{names.getrandbits(60):x}@some-company.example" for _ in range(10_000)]
    text = "E-mail,Name,Role,Department,Manager\n" + "".join(
        f"{line},{line[:12]},employee,Engineering / Platform,{names.choice(lines)}\n" for line in lines
    )
    assert len(_packed(imports.read_roster(text.encode()), world.alice)) < 900 * 1024


@pytest.mark.parametrize(("kind", "head"), [("people", "E-mail"), ("departments", "Name")])
def test_an_empty_file_is_offered(world, pages, kind, head):
    answer = pages(world.alice).get(f"{PAGE}?template={kind}")
    text = b"".join(answer).decode()
    assert answer["Content-Disposition"] == f'attachment; filename="{kind}.csv"'
    assert text.startswith(f'\ufeff"{head}"')
    assert pages(world.alice).get(f"{PAGE}?template=x").status_code == 200


def test_only_who_may_invite_sees_the_page(world, pages):
    assert pages(world.bob).get(PAGE).status_code == 403
    assert PAGE not in pages(world.bob).get("/people/").content.decode()
    assert Membership.across_companies.filter(user__email="eve@acme.example").count() == 0
