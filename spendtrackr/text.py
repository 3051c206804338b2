"""Text from a person: what is kept of it, and what is refused."""

from __future__ import annotations

import unicodedata

# Marks that turn the direction of what follows: `gpj.exe` would read as `exe.jpg`.
_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Zs", "Zl", "Zp"}


def plain_line(text: str) -> str:
    """The line with single spaces and without marks that turn its direction; blank when nothing in it can be seen.

    Raises ValueError for control characters and half characters, which no answer could carry.
    """
    if any(unicodedata.category(c) == "Cs" or (unicodedata.category(c) == "Cc" and not c.isspace()) for c in text):
        raise ValueError("Control characters are not allowed.")
    line = " ".join(text.translate(_TURNS).split())
    return line if any(unicodedata.category(c) not in _INVISIBLE for c in line) else ""


def plain_text(text: str) -> str:
    """Several lines, each by `plain_line`, with at most one blank one between two; blank when nothing in it can be seen."""
    lines = [plain_line(line) for line in text.splitlines()]
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return "\n".join(kept).strip("\n")
