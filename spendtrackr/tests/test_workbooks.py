"""Workbooks as rows: what is in cells, which sheet it is, and files that mean harm."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import pytest
import xlsxwriter
from openpyxl import Workbook

from spendtrackr import errors, workbooks
from spendtrackr.workbooks import sheet_rows


def workbook(*sheets: list[list], hidden: tuple[int, ...] = ()) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet {number}")
        sheet.sheet_state = "hidden" if number in hidden else "visible"
        for row in rows:
            sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def cells(content: bytes) -> list[list[str]]:
    return [[cell for cell in row.cells if cell] for row in sheet_rows(content)]


def repacked(content: bytes, name: str, change) -> bytes:
    """The workbook with one of its parts changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.namelist():
            after.writestr(part, change(before.read(part)) if part == name else before.read(part))
    return written.getvalue()


def test_cells_are_what_somebody_would_have_typed():
    values = [42, 42.0, 0.1, 1e20, True, False, date(2026, 3, 31), datetime(2026, 3, 31, 9, 5), time(9, 5), " a ", "#N/A", None, "é"]
    assert list(map(workbooks.written, values)) == [
        "42", "42", "0.1", "1e+20", "yes", "no", "2026-03-31", "2026-03-31 09:05:00", "09:05:00", "a", "", "", "é",
    ]  # fmt: skip
    assert cells(workbook([["Code", 410, 410.0, date(2026, 3, 31)]])) == [["Code", "410", "410", "2026-03-31"]]


def test_a_row_has_the_number_that_the_sheet_shows_and_gaps_are_blank():
    rows = list(sheet_rows(workbook([[None], ["Title"], [], [None, "a"], [], []])))
    assert [(row.line, row.is_blank) for row in rows] == [(2, False), (3, True), (4, False)]


def test_a_formula_is_what_it_came_to():
    written = io.BytesIO()
    with xlsxwriter.Workbook(written) as book:
        book.add_worksheet().write_formula(0, 0, '="bob@"&"acme.example"', None, "bob@acme.example")
    assert cells(written.getvalue()) == [["bob@acme.example"]]


def test_it_is_the_first_visible_sheet_that_has_rows():
    assert cells(workbook([["hidden"]], [], [["shown"]], [["later"]], hidden=(0,))) == [["shown"]]
    with pytest.raises(errors.Invalid, match="No sheet"):
        cells(workbook([], []))


def test_the_size_that_a_sheet_claims_is_not_believed():
    claims = repacked(workbook([["a"], ["b"]]), "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1"'))
    assert cells(claims) == [["a"], ["b"]]
    large = repacked(workbook([["a"], ["b"]]), "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"'))
    assert cells(large) == [["a"], ["b"]]


def test_a_row_far_below_is_read_and_one_below_every_sheet_is_refused():
    far = repacked(
        workbook([["a"], ["b"]]), "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'"2"', b'"50000"').replace(b"A2", b"A50000")
    )
    assert sum(not row.is_blank for row in sheet_rows(far)) == 2
    assert sum(row.is_blank for row in sheet_rows(far)) <= 1_000
    beyond = repacked(
        workbook([["a"], ["b"]]),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b'"2"', b'"9000000000"').replace(b"A2", b"A9000000000"),
    )
    with pytest.raises(errors.Invalid):
        list(sheet_rows(beyond))


def test_a_row_of_too_many_columns_is_refused():
    with pytest.raises(errors.Invalid, match="more than 200 columns"):
        cells(workbook([["x"] * 201]))


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(part):
    bomb = repacked(workbook([["a"]]), part, lambda xml: xml + b" " * 40_000_000)
    assert len(bomb) < 200_000
    with pytest.raises(errors.TooLarge):
        cells(bomb)


def test_a_zip_of_too_many_parts_is_refused():
    written = io.BytesIO(workbook([["a"]]))
    with zipfile.ZipFile(written, "a") as book:
        for number in range(workbooks.MAX_PARTS):
            book.writestr(f"part-{number}", b"")
    with pytest.raises(errors.TooLarge):
        cells(written.getvalue())


def test_whoever_lies_about_the_size_is_refused_by_the_reader():
    bomb = repacked(workbook([["a"]]), "xl/worksheets/sheet1.xml", lambda xml: xml + b" " * 40_000_000)
    with zipfile.ZipFile(io.BytesIO(bomb)) as book:
        size = next(part.file_size for part in book.infolist() if part.file_size > 40_000_000)
    lying = bomb.replace(size.to_bytes(4, "little"), (5_000).to_bytes(4, "little"))
    with pytest.raises(errors.Invalid, match="cannot be read"):
        cells(lying)


def test_entities_are_not_resolved():
    says = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'
    hostile = repacked(workbook([["a"]]), "xl/worksheets/sheet1.xml", lambda xml: says + xml)
    with pytest.raises(errors.Invalid, match="cannot be read"):
        cells(hostile)


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no zip", b"PK\x03\x04", workbook([["a"]])[:-40]])
def test_a_damaged_workbook_is_refused(content):
    with pytest.raises(errors.Invalid, match="cannot be read"):
        cells(content)


def test_a_zip_that_is_no_workbook_is_refused():
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as book:
        book.writestr("readme.txt", b"hello")
    with pytest.raises(errors.Invalid, match="cannot be read"):
        cells(written.getvalue())


def test_an_old_or_locked_workbook_is_named():
    with pytest.raises(errors.Invalid, match="older Excel, or one with a password"):
        cells(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 rest")


def test_what_is_no_workbook_is_read_as_text():
    assert cells("Name;Köln\n".encode("cp1252")) == [["Name", "Köln"]]
    with pytest.raises(errors.Invalid, match="not a text file"):
        cells(b"\x00\x01\x02")


def test_a_workbook_that_names_one_sheet_again_and_again_is_not_opened(monkeypatch):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        names = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="rId1"/>' for n in range(1, 200))
        book.writestr("xl/workbook.xml", f"<workbook><sheets>{names}</sheets></workbook>")
    monkeypatch.setattr(workbooks, "load_workbook", lambda *args, **kwargs: pytest.fail("it was opened"))
    with pytest.raises(errors.TooLarge):
        list(workbooks.workbook_rows(file.getvalue()))
