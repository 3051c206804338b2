"""Files of people and departments as tables: headers, blanks, apostrophes, and what closes a circle in a tree."""

from __future__ import annotations

import pytest

from spendtrackr import errors
from spendtrackr.tests.test_workbooks import workbook
from spendtrackr.workbooks import sheet_rows
from users.rosters.table import COLUMNS, TEMPLATES, Kind, read, unpacked
from users.rosters.verdicts import CIRCLE, DEPTH, misplaced


def rows_of(text: str | bytes, kind: Kind | None = None):
    return read(sheet_rows(text.encode() if isinstance(text, str) else text), kind)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_columns_are_known_by_their_names_in_any_order_case_and_encoding(separator, encoding):
    lines = ["ROLE,e-Mail Address,Reports to,Shoe size,Full name", "finance,bea@acme.example,bob@acme.example,38,Béa"]
    roster = rows_of("\n".join(lines).replace(",", separator).encode(encoding))
    assert roster.kind is Kind.PEOPLE
    assert dict(roster.entries[0].cells) == {
        "role": "finance", "email": "bea@acme.example", "manager": "bob@acme.example", "name": "Béa",
    }  # fmt: skip
    assert (roster.entries[0].line, roster.notes()) == (2, ["Not read: Shoe size."])


def test_blank_rows_a_title_and_the_header_again_are_skipped_each_with_its_line():
    roster = rows_of("People of Acme\n\nE-mail,Role\na@b.example,\n,\nE-mail,Role\nc@d.example,admin\n")
    assert roster.skipped == [(1, "It stands above the header."), (2, "It is blank."), (5, "It is blank."), (6, "It is the header again.")]
    assert [(entry.line, entry.said("role")) for entry in roster.entries] == [(4, ""), (7, "admin")]


def test_a_workbook_says_the_same_as_a_csv_file():
    lines = [["E-mail", "Role", "Department"], ["a@b.example", "admin", 410], ["c@d.example", None, "Sales"]]
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in line) for line in lines)
    assert rows_of(workbook(lines)) == rows_of(text)


def test_what_it_is_is_seen_from_the_header():
    assert rows_of("Name,Parent\nSales,\n").kind is Kind.DEPARTMENTS
    assert rows_of("Name,E-mail,Manager\nBob,b@c.example,\n").kind is Kind.PEOPLE
    assert rows_of("Department\nSales\n", Kind.DEPARTMENTS).entries[0].said("name") == "Sales"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Name,Role\nBob,admin\n", "No row of this file is a header"),
        ("Name\nSales\n", "No row of this file is a header"),
        ("E-mail,Role\n", "no row below it"),
        ("E-mail,Role\n,\n", "no row below it"),
        (" \n", "empty"),
        ('E-mail,Role\n"a@b.example,admin\n', "cannot be read|never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(text, says):
    with pytest.raises(errors.Invalid, match=says) as refused:
        rows_of(text)
    assert refused.value.field == "file"


def test_a_file_has_ten_thousand_rows_at_most():
    lines = "E-mail\n" + "".join(f"p{number}@b.example\n" for number in range(10_001))
    with pytest.raises(errors.Invalid, match="10,000 rows"):
        rows_of(lines)


def test_the_apostrophe_of_our_own_exports_is_no_part_of_what_is_said():
    entry = rows_of("E-mail,Department,Name\n'+a@b.example,'-Lab,'Alba\n").entries[0]
    assert dict(entry.cells) == {"email": "+a@b.example", "department": "-Lab", "name": "'Alba"}


def test_what_a_form_carries_is_what_was_read():
    roster = rows_of("Title\nE-mail,Role,Shoe size\na@b.example,admin,38\n\nc@d.example,,\n")
    carried = unpacked(roster.packed())
    assert (carried.kind, carried.skipped, carried.notes()) == (roster.kind, roster.skipped, roster.notes())
    assert [(one.line, one.said("email"), one.said("role")) for one in carried.entries] == [
        (3, "a@b.example", "admin"), (5, "c@d.example", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", list(Kind))
def test_the_empty_file_that_we_offer_has_columns_that_are_read(kind):
    known = {name for names in COLUMNS[kind].values() for name in names}
    assert {name.casefold().replace("-", " ") for name in TEMPLATES[kind]} <= known


BEFORE = {"top": None, "a": "top", "b": "a", "c": "b"}


def short(way: list[str]) -> bool:
    return len(way) <= 4


def test_a_swap_is_no_circle_and_a_circle_is_refused_with_all_that_closes_it():
    assert misplaced(BEFORE, {"b": "top", "a": "b"}, short) == {}
    assert misplaced(BEFORE, {"a": "c"}, short) == {"a": CIRCLE}
    assert misplaced(BEFORE, {"x": "y", "y": "x"}, short) == {"x": CIRCLE, "y": CIRCLE}
    assert misplaced(BEFORE, {"x": "a", "y": "y"}, short) == {"y": CIRCLE}


def test_what_is_refused_stays_where_it_was_for_all_others():
    """`a` may not go below `c`, so `d` below `a` is fine where `a` is."""
    assert misplaced(BEFORE, {"a": "c", "d": "a"}, short) == {"a": CIRCLE}


def test_what_lies_too_deep_is_refused_and_what_moves_up_is_not():
    assert misplaced(BEFORE, {"d": "c"}, short) == {"d": DEPTH}
    assert misplaced(BEFORE, {"d": "c", "b": "top"}, short) == {}
    assert misplaced(BEFORE, {"other": None, "top": "other"}, short) == {"top": DEPTH}
