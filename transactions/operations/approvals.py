"""What becomes of a purchase's approval."""

from __future__ import annotations

from datetime import datetime

from transactions.models import Transaction
from users.models import Membership


def papers_changed(purchase: Transaction, *, removed: bool, actor: Membership | None, at: datetime) -> None:
    """A receipt was added or removed: settle what waited for it, or void what was decided with it. The purchase is locked."""
