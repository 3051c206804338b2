"""Quicken's QIF: a letter begins each line, `^` ends each entry, and days are written as wherever the file was made."""

from __future__ import annotations

import re

from transactions.statements.entries import BANK, CARD, Found, Said, broken, one_line

# Lists of entries. Other lists, such as those of categories, tell of no money.
_ACCOUNTS = {"bank": BANK, "cash": BANK, "ccard": CARD, "oth a": BANK, "oth l": BANK}


def read(text: str) -> Said:
    """Every entry of accounts and cards. Raises `Invalid` naming the line of an entry that never ends."""
    said, kinds = Said(CARD), set()
    listed: str | None = None
    entry: dict[str, str] = {}
    begins = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("!"):
            name = line.strip().lower().removeprefix("!type:")
            listed = _ACCOUNTS.get(name) if line.lower().startswith("!type:") else None
        elif line.startswith("^"):
            if listed and entry:
                kinds.add(listed)
                said.entries.append(_entry(entry, begins))
            entry = {}
        elif line.strip():
            begins = begins if entry else number
            entry.setdefault(line[0], line[1:].strip())
    if entry and listed:
        raise broken(begins, "this entry never ends (^): the file may be cut off.")
    said.account = CARD if kinds == {CARD} else BANK
    return said


def _entry(entry: dict[str, str], line: int) -> Found:
    day = re.sub(r"\s", "", entry.get("D", "")).replace("'", "/")
    return Found(
        line=line,
        posted=day,
        day="",
        amount=entry.get("T") or entry.get("U", ""),
        currency="",
        merchant=one_line(entry.get("P") or entry.get("M")),
        reference=entry.get("N", ""),
    )
