"""Background work for transactions. The rows are the queue."""

from __future__ import annotations

from django.utils import timezone

from transactions.operations import clearing


def expire_holds() -> int:
    """Let go of holds that no merchant collected in time; answer how many."""
    return clearing.expire_holds(at=timezone.now())
