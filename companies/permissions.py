"""Who may do what with the organisation of a company."""

from __future__ import annotations

from typing import Any


def see(member: Any, subject: Any = None) -> bool:
    """Categories are how everybody codes their spend."""
    return True
