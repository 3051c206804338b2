"""Who may read reports."""

from __future__ import annotations

from typing import Any

from users.models import Membership


def see(member: Membership, subject: Any = None) -> bool:
    """Everybody; `queries.reader` narrows an employee's figures to their own spend."""
    return True
