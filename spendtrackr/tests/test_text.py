from __future__ import annotations

import pytest

from spendtrackr.text import plain_line


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Lunch  with Fern ", "Lunch with Fern"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\u200b\u2060 \ufeff", ""),
        ("\u202egpj.exe", "gpj.exe"),
        ("Åse 👩‍💻 ☕", "Åse 👩‍💻 ☕"),
        ("", ""),
    ],
)
def test_what_is_kept_is_one_line_that_can_be_seen(given, kept):
    assert plain_line(given) == kept


@pytest.mark.parametrize("given", ["a\x00b", "a\x1bb", "a\x9fb", "a\ud800b"])
def test_what_no_answer_could_carry_is_refused(given):
    with pytest.raises(ValueError, match="Control characters"):
        plain_line(given)
