"""The table of permissions as people read it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from users.roles import TABLE, as_markdown


def test_the_page_is_what_the_table_prints():
    page = Path(settings.BASE_DIR) / "docs/permissions.md"
    assert page.read_text() == as_markdown(), "write users.roles.as_markdown() to docs/permissions.md"


def test_every_line_of_the_table_is_on_it_with_its_marks():
    lines = as_markdown().splitlines()
    for name, grant in TABLE.items():
        (line,) = [line for line in lines if f"(`{name}`)" in line]
        assert line.count("✓") == len(grant.roles) + grant.own + grant.below
