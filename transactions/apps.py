"""Transactions, as Django sees it."""

from __future__ import annotations

from django.apps import AppConfig


class TransactionsConfig(AppConfig):
    name = "transactions"

    def ready(self) -> None:
        """Whoever leaves or moves may be somebody that a purchase waits for: open steps move with them."""
        from transactions.operations.steps import follow  # noqa: PLC0415 -- models must be ready first
        from users.operations.following import follow_with  # noqa: PLC0415

        follow_with(follow)
