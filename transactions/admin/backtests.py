"""Drafts that companies tried on their past, and what was said of each purchase."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin
from transactions import models


@admin.register(models.Backtest)
class BacktestAdmin(ReadOnlyAdmin[models.Backtest]):
    list_display = ["public_id", "company_link", "kind", "status", "done", "total", "failures", "asked_by", "asked_at", "finished_at"]
    list_filter = ["kind", "status"]
    search_fields = ["public_id", "policy__public_id", "card__public_id", "asked_by__public_id"]


@admin.register(models.BacktestAnswer)
class BacktestAnswerAdmin(ReadOnlyAdmin[models.BacktestAnswer]):
    list_display = ["id", "company_link", "backtest", "outcome", "code", "rule", "missing"]
    list_filter = ["outcome"]
    search_fields = ["backtest__public_id"]


@admin.register(models.BacktestRow)
class BacktestRowAdmin(ReadOnlyAdmin[models.BacktestRow]):
    list_display = ["id", "company_link", "backtest", "transaction", "before", "after", "is_changed", "money"]
    list_filter = ["is_changed"]
    search_fields = ["backtest__public_id", "transaction__public_id"]

    def money(self, row: models.BacktestRow) -> Any:
        return row.amount
