"""People and departments from files: what each row comes to, that a preview changes nothing, and that the same file again does nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cards import operations as cards
from companies.models import Department
from reports.exports.organisation import DEPARTMENTS
from reports.exports.people import MEMBERS
from spendtrackr import errors
from spendtrackr import exports as cells
from spendtrackr.models import Event
from spendtrackr.tests.test_workbooks import workbook
from tests.factories import NOON, PASSWORD
from users import operations as people
from users import queries
from users.models import DepartmentHead, Invitation, Membership
from users.operations import imports
from users.operations.imports import import_roster, preview_roster, read_roster
from users.roles import SCOPES, Role
from users.rosters.table import Kind


def do(text, *, actor, at=NOON, kind=None, **more):
    """Preview, then import: the preview changes nothing, and says what the import does."""
    content = text.encode() if isinstance(text, str) else text
    before = everything()
    shown = preview_roster(read_roster(content, kind), actor=actor, at=at, **more)
    assert everything() == before
    done = import_roster(read_roster(content, kind), actor=actor, at=at, **more)
    assert done.verdicts == shown.verdicts
    assert done.departments == shown.departments
    again = import_roster(read_roster(content, kind), actor=actor, at=at + timedelta(minutes=1), **more)
    idle = {verdict.verdict for verdict in again.verdicts} <= {"same", "skipped", "rejected"}
    assert idle, again.verdicts
    return done


def everything():
    return [list(model.objects.order_by("pk").values()) for model in (Membership, Invitation, Department, DepartmentHead, Event)]


def told(outcome) -> list[tuple[int, str, str, str]]:
    return [(row.line, str(row.verdict), row.field, row.reason) for row in outcome.verdicts]


def verdicts(outcome) -> dict[str, str]:
    return {row.subject: str(row.verdict) for row in outcome.verdicts}


def changes(outcome) -> dict[str, list[tuple[str, str, str]]]:
    return {row.subject: [(one.field, one.before, one.after) for one in row.changes] for row in outcome.verdicts if row.changes}


def only_reason(outcome) -> tuple[str, str]:
    rejected = [(row.field, row.reason) for row in outcome.verdicts if row.verdict == "rejected"]
    assert len(rejected) == 1, rejected
    return rejected[0]


def program(acme, *scopes):
    key, _ = people.create_key(name="HR", scopes=scopes or SCOPES, actor=acme.alice, at=NOON)
    return key.integration.membership


FILE = """E-mail,Name,Role,Department,Manager
alice@acme.example,Alice,owner,,
bob@acme.example,Bob,finance,Engineering,alice@acme.example
eve@acme.example,Eve,,Engineering / Platform,bob@acme.example
zoe@acme.example,Zoe,admin,Sales,
"""


def test_who_is_new_is_invited_who_is_here_is_changed_and_departments_are_added(acme):
    done = do(FILE, actor=acme.alice)
    assert verdicts(done) == {
        "alice@acme.example": "same", "bob@acme.example": "change", "eve@acme.example": "invite", "zoe@acme.example": "invite",
    }  # fmt: skip
    assert done.counts == {"invite": 2, "change": 1, "same": 1, "skipped": 0, "rejected": 0}
    assert done.departments == ["Engineering", "Sales", "Engineering / Platform"]
    assert changes(done)["bob@acme.example"] == [
        ("role", "employee", "finance"), ("manager", "", "alice@acme.example"), ("department", "", "Engineering"),
    ]  # fmt: skip
    bob = Membership.objects.select_related("department", "manager").get(pk=acme.bob.pk)
    assert (bob.role, bob.department.name, bob.manager) == ("finance", "Engineering", acme.alice)
    eve = Invitation.objects.get(email="eve@acme.example")
    assert (eve.role, eve.manager, eve.department.name, eve.department.parent.name, eve.invited_by) == (
        "employee", acme.bob, "Platform", "Engineering", acme.alice,
    )  # fmt: skip
    said = Event.objects.filter(at=NOON).values_list("type", flat=True)
    assert {"member.role_changed", "member.manager_changed", "member.department_changed", "department.added"} <= set(said)


def test_the_same_file_again_writes_nothing_at_all(acme):
    do(FILE, actor=acme.alice)
    before = everything()
    again = import_roster(read_roster(FILE.encode()), actor=acme.alice, at=NOON + timedelta(days=3))
    assert set(verdicts(again).values()) == {"same"}
    assert not again.changes_something
    assert everything() == before


def test_a_blank_cell_and_a_missing_row_change_nothing(acme):
    sales = people.add_department(name="Sales", actor=acme.alice, at=NOON)
    people.change_member(acme.bob, {"department": sales, "manager": acme.alice, "role": Role.AUDITOR}, actor=acme.alice, at=NOON)
    before = everything()
    assert verdicts(do("E-mail,Role,Department,Manager\nbob@acme.example,,,\n", actor=acme.alice)) == {"bob@acme.example": "same"}
    assert everything() == before


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (",employee,,", "email", "There is no e-mail address."),
        ("nobody,employee,,", "email", "This is not an e-mail address."),
        (f"{'x' * 250}@b.example,,,", "email", "This is not an e-mail address that we can keep."),
        ("x@acme.example,boss,,", "role", "There is no role boss. There are owner, admin, finance, auditor, employee."),
        ("x@acme.example,,,nobody@acme.example", "manager", "Nobody here is known as nobody@acme.example."),
        ("x@acme.example,,,mallory@malice.example", "manager", "Nobody here is known as mallory@malice.example."),
        ("x@acme.example,,,Mallory", "manager", "Nobody here is known as Mallory."),
        ("x@acme.example,,,x@acme.example", "manager", "Nobody is their own manager."),
        ("bob@acme.example,,,bob@acme.example", "manager", "Nobody is their own manager."),
        ("alice@acme.example,admin,,", "role", "Nobody changes their own role by a file."),
        ("alice@acme.example,,,bob@acme.example", "manager", "Nobody chooses who approves their own spend. Somebody else has to."),
        (f"x@acme.example,,{'x' * 81},", "department", "The name of a department has 1 to 80 characters."),
        ("x@acme.example,,a / b / c / d / e / f / g / h / i,", "department", "Departments go 8 levels deep."),
    ],
)
def test_a_row_is_rejected_with_its_column_and_the_others_are_done(acme, row, field, says):
    done = do(f"E-mail,Role,Department,Manager\n{row}\ngood@acme.example,,,\n", actor=acme.alice)
    assert told(done)[0] == (2, "rejected", field, says)
    assert told(done)[1][:2] == (3, "invite")
    assert list(Invitation.objects.filter(open_email_key__isnull=False).values_list("email", flat=True)) == ["good@acme.example"]


def test_of_two_rows_with_one_address_none_is_taken(acme):
    done = do("E-mail,Role\neve@acme.example,admin\nzoe@acme.example,\n EVE@Acme.example,finance\n", actor=acme.alice)
    assert told(done) == [
        (2, "rejected", "email", "Line 4 has this address, too."), (3, "invite", "", ""),
        (4, "rejected", "email", "Line 2 has this address, too."),
    ]  # fmt: skip


def test_a_manager_by_name_is_one_person_and_not_one_of_two(acme):
    assert verdicts(do("E-mail,Manager\neve@acme.example,bob\n", actor=acme.alice)) == {"eve@acme.example": "invite"}
    _, token = people.invite(email="bob2@acme.example", role="employee", actor=acme.alice, at=NOON)
    people.accept(token, name="Bob", password=PASSWORD, at=NOON)
    done = do("E-mail,Manager\nzoe@acme.example,Bob\n", actor=acme.alice)
    assert only_reason(done) == ("manager", "2 people are called Bob. Write the e-mail address.")


def test_a_manager_who_has_not_joined_is_awaited_and_given_by_the_same_file_later(acme):
    text = "E-mail,Name,Manager\nboss@acme.example,Grace,\neve@acme.example,Eve,Grace\nzoe@acme.example,Zoe,boss@acme.example\n"
    done = do(text, actor=acme.alice)
    assert told(done)[1] == (3, "invite", "", "Grace has not joined yet: import the file again when they have.")
    mails = Invitation.objects.filter(email="eve@acme.example").values_list("token_hash", "mail_due_at")
    before = list(mails)
    _, token = people.resend(Invitation.objects.get(email="boss@acme.example"), actor=acme.alice, at=NOON)
    boss = people.accept(token, name="Grace", password=PASSWORD, at=NOON).member
    again = do(text, actor=acme.alice)
    assert changes(again) == {one: [("manager", "", "boss@acme.example")] for one in ("eve@acme.example", "zoe@acme.example")}
    assert list(mails) == before, "no second mail, and the link of before opens it"
    assert set(Invitation.objects.filter(open_email_key__isnull=False).values_list("manager_id", flat=True)) == {boss.pk}
    assert Event.objects.filter(type="invitation.changed").count() == 2


def test_another_role_of_somebody_invited_is_another_invitation(acme):
    do("E-mail,Role\neve@acme.example,employee\n", actor=acme.alice)
    first = Invitation.objects.get(email="eve@acme.example")
    done = do("E-mail,Role\neve@acme.example,admin\n", actor=acme.alice)
    assert changes(done) == {"eve@acme.example": [("role", "employee", "admin")]}
    first.refresh_from_db()
    assert (first.revoked_at, first.open_email_key) == (NOON, None)
    assert Invitation.objects.get(open_email_key="eve@acme.example").role == "admin"


def test_an_invitation_that_has_run_out_is_told_and_not_sent_again(acme):
    do("E-mail\neve@acme.example\n", actor=acme.alice)
    done = do("E-mail\neve@acme.example\n", actor=acme.alice, at=NOON + timedelta(days=15))
    assert told(done) == [(2, "same", "", "Their invitation has run out: send it again, or revoke it.")]


def test_swapping_manager_and_report_is_no_circle_whatever_the_order_of_the_rows(acme):
    people.change_member(acme.bob, {"manager": acme.alice}, actor=acme.alice, at=NOON)
    eve, zoe = acme.hire("Eve", "employee"), acme.hire("Zoe", "admin")
    people.change_member(eve, {"manager": acme.bob}, actor=acme.alice, at=NOON)
    done = do("E-mail,Manager\nbob@acme.example,eve@acme.example\neve@acme.example,zoe@acme.example\n", actor=acme.alice)
    assert verdicts(done) == {"bob@acme.example": "change", "eve@acme.example": "change"}
    chains = dict(Membership.objects.values_list("pk", "chain"))
    assert chains[acme.bob.pk] == f"{zoe.pk}.{eve.pk}.{acme.bob.pk}."


def test_a_circle_of_managers_is_rejected_and_nothing_else(acme):
    acme.hire("Eve", "employee"), acme.hire("Zoe", "employee")
    text = "E-mail,Manager\nbob@acme.example,eve@acme.example\neve@acme.example,bob@acme.example\nzoe@acme.example,bob@acme.example\n"
    done = do(text, actor=acme.alice)
    assert [row[1] for row in told(done)] == ["rejected", "rejected", "change"]
    assert told(done)[0] == (2, "rejected", "manager", "This makes people each other’s managers.")


def test_somebody_who_has_left_is_not_brought_back_and_is_nobodys_manager(acme):
    eve, _ = acme.hire("Eve", "employee"), acme.hire("Zoe", "employee")
    cards.deactivate_member(eve, actor=acme.alice, at=NOON)
    text = "E-mail,Role,Manager\neve@acme.example,finance,\nzoe@acme.example,,eve@acme.example\n"
    assert told(do(text, actor=acme.alice)) == [
        (2, "rejected", "email", "They have left. Reactivate them first: no file brings anybody back."),
        (3, "rejected", "manager", "eve@acme.example is deactivated."),
    ]
    text = "E-mail,Status\neve@acme.example,deactivated\nnew@acme.example,deactivated\nbob@acme.example,Suspended\n"
    assert [row[1] for row in told(do(text, actor=acme.alice))] == ["same", "skipped", "same"]


def test_an_admin_makes_no_owner_and_changes_none(acme):
    admin = acme.hire("Zoe", "admin")
    text = "E-mail,Role,Department\nnew@acme.example,owner,\nbob@acme.example,owner,\nalice@acme.example,,Sales\neve@acme.example,admin,\n"
    done = do(text, actor=admin)
    assert [row[1:3] for row in told(done)] == [("rejected", "role"), ("rejected", "role"), ("rejected", ""), ("invite", "")]
    assert "Only an owner" in told(done)[0][3]
    assert done.departments == [], "what only a rejected row names is not added"
    assert Membership.objects.get(pk=acme.bob.pk).role == "employee"


def test_an_admin_does_not_take_the_place_of_an_owners_invitation(acme):
    people.invite(email="eve@acme.example", role="owner", actor=acme.alice, at=NOON)
    done = do("E-mail,Role\neve@acme.example,employee\n", actor=acme.hire("Zoe", "admin"))
    assert only_reason(done)[0] == "role"
    assert Invitation.objects.get(open_email_key="eve@acme.example").role == "owner"


def test_a_program_makes_employees_and_changes_nobody_who_runs_the_company(acme):
    acme.hire("Zoe", "finance")
    text = "E-mail,Role,Department\nnew@acme.example,,Sales\nx@acme.example,admin,\nzoe@acme.example,,Sales\nbob@acme.example,auditor,\n"
    done = do(text, actor=program(acme))
    assert [row[1:3] for row in told(done)] == [("invite", ""), ("rejected", "role"), ("rejected", ""), ("rejected", "role")]
    assert done.departments == ["Sales"]


def test_a_program_without_the_scope_adds_no_department(acme):
    done = do("E-mail,Department\nnew@acme.example,Sales\n", actor=program(acme, "people:write"))
    assert only_reason(done) == ("department", "There is no department Sales.")


def test_departments_are_not_added_where_nobody_wants_that(acme):
    done = do("E-mail,Department\nnew@acme.example,Sales\n", actor=acme.alice, adds_departments=False)
    assert only_reason(done) == ("department", "There is no department Sales.")
    assert not Department.objects.exists()


def test_a_programs_address_is_nobodys(acme):
    address = program(acme).user.email
    assert only_reason(do(f"E-mail\n{address}\n", actor=acme.alice))[0] == "email"


def test_departments_are_named_alone_or_by_the_way_to_them(acme):
    engineering = people.add_department(name="Engineering", actor=acme.alice, at=NOON)
    people.add_department(name="Platform", parent=engineering, actor=acme.alice, at=NOON)
    people.add_department(name="R&D / Lab", actor=acme.alice, at=NOON)
    old = people.add_department(name="Old", actor=acme.alice, at=NOON)
    people.change_department(old, {"is_archived": True}, actor=acme.alice, at=NOON)
    cells_ = [
        "platform",
        "Engineering > Platform",
        "R&D / Lab",
        "Sales / Platform",
        "Old",
        "Old / New",
        "Engineering / Web",
        "Web",
        "X / Web",
    ]
    text = "E-mail,Department\n" + "".join(f"p{number}@acme.example,{cell}\n" for number, cell in enumerate(cells_))
    done = do(text, actor=acme.alice)
    assert [row[1] for row in told(done)] == [
        "invite", "invite", "invite", "rejected", "rejected", "rejected", "invite", "invite", "rejected",
    ]  # fmt: skip
    assert told(done)[3][3] == "Platform lies inside Engineering, and not inside Sales. A file of departments moves it."
    assert (told(done)[4][3], told(done)[5][3]) == ("Old is archived.", "Old is archived.")
    assert told(done)[8][3] == "Another row puts Web elsewhere: Engineering / Web."
    assert done.departments == ["Engineering / Web"]


def test_an_archived_department_of_somebody_is_the_same_and_nobody_is_moved_there(acme):
    old = people.add_department(name="Old", actor=acme.alice, at=NOON)
    Membership.objects.filter(pk=acme.bob.pk).update(department=old)
    Department.objects.filter(pk=old.pk).update(archived_at=NOON)
    assert verdicts(do("E-mail,Department\nbob@acme.example,Old\n", actor=acme.alice)) == {"bob@acme.example": "same"}


def exported(listing, member) -> bytes:
    rows = list(listing.rows(member))
    return "".join(
        cells.csv_lines([column.name for column in listing.columns], ([c.of(row) for c in listing.columns] for row in rows))
    ).encode()


@pytest.fixture
def crowded(acme):
    """Namesakes, managers, somebody suspended and somebody who left, an archived department, a name like a formula."""
    sales = people.add_department(name="Sales", head=acme.bob, cost_centre="410", actor=acme.alice, at=NOON)
    people.add_department(name="-North", parent=sales, actor=acme.alice, at=NOON)
    eve, zoe, other = acme.hire("Eve", "employee"), acme.hire("Zoe", "finance"), acme.hire("Other", "auditor")
    type(other.user).objects.filter(pk=other.user_id).update(name="Bob")
    people.change_member(eve, {"manager": acme.bob, "department": sales}, actor=acme.alice, at=NOON)
    people.change_member(zoe, {"manager": other}, actor=acme.alice, at=NOON)
    cards.deactivate_member(eve, actor=acme.alice, at=NOON)
    cards.suspend_member(zoe, actor=acme.alice, at=NOON)
    return acme


def test_an_export_of_people_is_the_same_for_everybody(crowded):
    done = do(exported(MEMBERS, crowded.alice), actor=crowded.alice)
    assert set(verdicts(done).values()) == {"same"}
    assert len(done.verdicts) == Membership.objects.people().count() == 5


def test_an_export_of_departments_is_the_same_for_all(crowded):
    done = do(exported(DEPARTMENTS, crowded.alice), actor=crowded.alice)
    assert (done.kind, verdicts(done)) == (Kind.DEPARTMENTS, {"-North": "same", "Sales": "same"})


DEPARTMENTS_FILE = """Name;Parent;Head;Cost centre
Platform;Engineering;bob@acme.example;
Engineering;;Alice;CC-1
Sales;;;
"""


def test_departments_are_added_parents_first_and_the_same_again(acme):
    done = do(DEPARTMENTS_FILE, actor=acme.alice)
    assert done.counts == {"add": 3, "change": 0, "same": 0, "skipped": 0, "rejected": 0}
    assert changes(done)["Platform"] == [("parent", "", "Engineering"), ("head", "", "bob@acme.example")]
    rows = {row.name: (row.parent.name if row.parent else None, row.head_name, row.cost_centre) for row in queries.departments()}
    assert rows == {"Platform": ("Engineering", "Bob", ""), "Engineering": (None, "Alice", "CC-1"), "Sales": (None, None, "")}
    before = everything()
    assert set(verdicts(import_roster(read_roster(DEPARTMENTS_FILE.encode()), actor=acme.alice, at=NOON)).values()) == {"same"}
    assert everything() == before


def test_departments_move_and_change_and_keep_what_a_blank_cell_does_not_say(acme):
    do(DEPARTMENTS_FILE, actor=acme.alice)
    done = do("Name,Parent,Head,Cost centre\nPlatform,Sales,,\nengineering,Platform,bob@acme.example,CC-2\n", actor=acme.alice)
    assert changes(done) == {
        "Platform": [("parent", "Engineering", "Sales")],
        "engineering": [("parent", "", "Platform"), ("head", "alice@acme.example", "bob@acme.example"), ("cost_centre", "CC-1", "CC-2")],
    }
    rows = {row.name: (row.parent.name if row.parent else None, row.head_name) for row in queries.departments()}
    assert rows == {"Platform": ("Sales", "Bob"), "Engineering": ("Platform", "Bob"), "Sales": (None, None)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("A,Nowhere,", [(2, "rejected", "parent", "There is no such department, neither here nor in the file.")]),
        ("A,A,", [(2, "rejected", "parent", "A department cannot lie inside itself.")]),
        ("A,,nobody@acme.example", [(2, "rejected", "head", "Nobody here is known as nobody@acme.example.")]),
        (",Sales,", [(2, "rejected", "name", "The name of a department has 1 to 80 characters.")]),
        (
            "A,B,\nB,A,\nC,A,",
            [
                (2, "rejected", "parent", "A department cannot lie inside itself."),
                (3, "rejected", "parent", "A department cannot lie inside itself."),
                (4, "rejected", "parent", "The row of the department that it lies inside is rejected."),
            ],
        ),
        ("A,,\na,,", [(2, "rejected", "name", "Line 3 has this name, too."), (3, "rejected", "name", "Line 2 has this name, too.")]),
    ],
)
def test_a_department_is_rejected_with_its_column(acme, rows, said):
    assert told(do(f"Name,Parent,Head\n{rows}\n", actor=acme.alice)) == said
    assert not Department.objects.exists()


def test_departments_go_eight_levels_deep(acme):
    text = "Name,Parent\n" + "".join(f"D{level},{f'D{level - 1}' if level else ''}\n" for level in range(10))
    done = do(text, actor=acme.alice)
    assert [row[1] for row in told(done)] == ["add"] * 8 + ["rejected"] * 2
    assert told(done)[8][3] == "Departments go 8 levels deep."


def test_a_key_that_reads_no_people_names_no_head(acme):
    done = do("Name,Head\nSales,bob@acme.example\n", actor=program(acme, "departments:write"))
    assert only_reason(done) == ("head", "Nobody here is known as bob@acme.example.")


def test_a_workbook_is_imported_as_its_csv_would_be(acme):
    book = workbook([["E-mail", "Role", "Department"], [], ["eve@acme.example", None, 410], ["zoe@acme.example", "Admin", 410.0]])
    done = do(book, actor=acme.alice)
    assert told(done) == [(2, "skipped", "", "It is blank."), (3, "invite", "", ""), (4, "invite", "", "")]
    assert done.departments == ["410"]


def test_a_file_that_is_too_large_is_refused(settings, acme):
    settings.ROSTER_MAX_BYTES = 20
    with pytest.raises(errors.TooLarge) as refused:
        read_roster(b"E-mail\n" + b"x" * 20)
    assert refused.value.field == "file"


def test_what_changed_since_the_preview_is_decided_anew_under_the_lock(acme, monkeypatch):
    """Somebody is invited, and somebody else leaves, between the reading of the file and its rows."""
    eve = acme.hire("Eve", "employee")
    turns = imports._take_turns

    def meanwhile(*args, **kwargs):
        monkeypatch.setattr(imports, "_take_turns", turns)
        people.invite(email="new@acme.example", role="employee", actor=acme.alice, at=NOON)
        cards.deactivate_member(eve, actor=acme.alice, at=NOON)
        return turns(*args, **kwargs)

    monkeypatch.setattr(imports, "_take_turns", meanwhile)
    text = b"E-mail,Role\nnew@acme.example,\neve@acme.example,auditor\nbob@acme.example,auditor\n"
    done = import_roster(read_roster(text), actor=acme.alice, at=NOON)
    assert [row[1] for row in told(done)] == ["same", "rejected", "change"]
    assert Invitation.objects.filter(email_key="new@acme.example").count() == 1


def test_a_row_is_done_as_a_whole_or_not_at_all(acme, monkeypatch):
    def broken(*args, **kwargs):
        raise errors.InvalidState("Not now.")

    monkeypatch.setattr("users.operations.people._change_manager", broken)
    eve = acme.hire("Eve", "employee")
    text = b"E-mail,Role,Manager\nbob@acme.example,auditor,eve@acme.example\neve@acme.example,auditor,\n"
    done = import_roster(read_roster(text), actor=acme.alice, at=NOON)
    assert told(done) == [(2, "rejected", "", "Not now."), (3, "change", "", "")]
    assert dict(Membership.objects.filter(pk__in=[acme.bob.pk, eve.pk]).values_list("user__name", "role")) == {
        "Bob": "employee", "Eve": "auditor",
    }  # fmt: skip


def test_somebody_sent_away_in_the_middle_goes_on_with_nothing(acme):
    admin = acme.hire("Zoe", "admin")
    roster = read_roster(b"E-mail\nnew@acme.example\n")
    cards.suspend_member(admin, actor=acme.alice, at=NOON)
    with pytest.raises(errors.Forbidden):
        import_roster(roster, actor=admin, at=NOON)
    assert not Invitation.objects.filter(email_key="new@acme.example").exists()


def crowd(number: int) -> bytes:
    return ("E-mail,Role,Department,Manager\n" + "".join(f"p{n}@acme.example,,Sales,alice@acme.example\n" for n in range(number))).encode()


def test_mails_of_many_invitations_go_out_five_hundred_an_hour(acme, monkeypatch):
    monkeypatch.setattr(imports, "MAILS_AN_HOUR", 40)
    Invitation.objects.update(created_at=NOON - timedelta(hours=1))  # Bob's, which counts no more
    done = import_roster(read_roster(crowd(100)), actor=acme.alice, at=NOON)
    due = Invitation.objects.filter(open_email_key__isnull=False).order_by("pk").values_list("mail_due_at", "expires_at")
    hours = [(mail - NOON) // timedelta(hours=1) for mail, _ in due]
    assert [hours.count(hour) for hour in range(4)] == [40, 40, 20, 0]
    assert {until - mail for mail, until in due} == {people.INVITATION_LIFETIME}
    assert done.notes == ["Invitations are mailed 40 an hour: the last of these in about 2 h."]
    import_roster(read_roster(b"E-mail\nlater@acme.example\n"), actor=acme.alice, at=NOON)
    assert Invitation.objects.get(email="later@acme.example").mail_due_at == NOON + timedelta(hours=2)


def test_another_role_takes_another_mail_and_its_turn(acme, monkeypatch):
    monkeypatch.setattr(imports, "MAILS_AN_HOUR", 2)
    import_roster(read_roster(b"E-mail\n" + b"".join(b"p%d@acme.example\n" % n for n in range(4))), actor=acme.alice, at=NOON)
    Invitation.objects.update(mail_due_at=None, created_at=NOON - timedelta(hours=2))  # mailed, long ago
    text = b"E-mail,Role\n" + b"".join(b"p%d@acme.example,finance\n" % n for n in range(4))
    import_roster(read_roster(text), actor=acme.alice, at=NOON)
    due = Invitation.objects.filter(open_email_key__isnull=False, role="finance").order_by("pk").values_list("mail_due_at", flat=True)
    assert [(mail - NOON) // timedelta(hours=1) for mail in due] == [0, 0, 1, 1]


def test_an_address_that_was_mailed_too_often_is_told(acme):
    def too_often(key: str) -> None:
        if key == "eve@acme.example":
            raise errors.TooMany(60)

    text = b"E-mail\neve@acme.example\nzoe@acme.example\n"
    done = import_roster(read_roster(text), actor=acme.alice, at=NOON, mailing=too_often)
    assert [row[1] for row in told(done)] == ["rejected", "invite"]


def test_a_preview_of_five_thousand_rows_asks_no_more_than_of_one(acme):
    asked = []
    for number in (1, 5_000):
        with CaptureQueriesContext(connection) as found:
            shown = preview_roster(read_roster(crowd(number)), actor=acme.alice, at=NOON)
        assert shown.counts["invite"] == number
        asked.append(len(found))
    assert asked == [4, 4]


def test_an_import_asks_no_more_of_each_row_however_many_there_are(acme):
    import_roster(read_roster(b"E-mail,Department\nbob@acme.example,Sales\n"), actor=acme.alice, at=NOON)
    asked = {}
    for number in (100, 400):
        with CaptureQueriesContext(connection) as found:
            import_roster(read_roster(crowd(number)), actor=acme.alice, at=NOON)
        asked[number] = len(found)
        Invitation.objects.filter(email__startswith="p").update(open_email_key=None, revoked_at=NOON)
    per_row = (asked[400] - asked[100]) / 300
    assert per_row < 8, asked


def test_open_work_follows_once_a_block(acme, monkeypatch):
    followed = []
    monkeypatch.setattr("users.operations.following._followers", [lambda *, at: followed.append(at)])
    acme.hire("Eve", "employee"), acme.hire("Zoe", "employee")
    followed.clear()
    text = b"E-mail,Manager\nbob@acme.example,alice@acme.example\neve@acme.example,bob@acme.example\nzoe@acme.example,bob@acme.example\n"
    import_roster(read_roster(text), actor=acme.alice, at=NOON)
    assert followed == [NOON]
