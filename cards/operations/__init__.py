"""What can be done to cards. Each function is one transaction and leaves one event."""

from __future__ import annotations

from cards.controls import Limit
from cards.operations.cards import close, complete, freeze, issue, replace, unfreeze
from cards.operations.controls import Controls, change_controls, grant, monthly, revoke
from cards.operations.leaving import deactivate_member, reactivate_member, suspend_member

__all__ = [
    "Controls",
    "Limit",
    "change_controls",
    "close",
    "complete",
    "deactivate_member",
    "freeze",
    "grant",
    "issue",
    "monthly",
    "reactivate_member",
    "replace",
    "revoke",
    "suspend_member",
    "unfreeze",
]
