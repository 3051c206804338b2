"""Filters of the lists of transactions and receipts. An id that is unknown, or another company's, finds nothing."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django_filters import rest_framework as filters

from transactions.models import SpendLine, TransactionSource, TransactionStatus

UNCATEGORISED = "none"


class TransactionFilter(filters.FilterSet):  # type: ignore[misc]
    """Shared by the API and the page. `spent_from` and `spent_to` find what a report's figure is made of."""

    status = filters.ChoiceFilter(choices=TransactionStatus.choices)
    source = filters.ChoiceFilter(choices=TransactionSource.choices)
    card = filters.CharFilter("card__public_id", max_length=40)
    member = filters.CharFilter("member__public_id", max_length=40)
    category = filters.CharFilter(method="by_category", max_length=40, help_text="A category's id, or `none`.")
    currency = filters.CharFilter("currency", max_length=3)
    spent_from = filters.DateFilter(method="later", help_text="First posting day of spend: with `spent_to`, what a report adds up.")
    spent_to = filters.DateFilter(method="later", help_text="Last posting day of spend, included.")

    def by_category(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(category=None) if value == UNCATEGORISED else rows.filter(category__public_id=value)

    def later(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Both ends together, in `filter_queryset`: one line must lie between them."""
        return rows

    def filter_queryset(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        rows = super().filter_queryset(rows)
        return rows.filter(Exists(self.lines().filter(transaction=OuterRef("pk")))) if self.is_behind_a_figure else rows

    @property
    def is_behind_a_figure(self) -> bool:
        return bool(self.form.cleaned_data["spent_from"] or self.form.cleaned_data["spent_to"])

    def lines(self) -> QuerySet[SpendLine]:
        """The spend lines between the two days."""
        ends = {"day__gte": self.form.cleaned_data["spent_from"], "day__lte": self.form.cleaned_data["spent_to"]}
        return SpendLine.objects.filter(**{lookup: day for lookup, day in ends.items() if day})


TransactionFilter.base_filters["from"] = filters.DateFilter(
    "occurred_on", lookup_expr="gte", help_text="First day of purchase; for days of posting, as reports have them, see `spent_from`."
)
TransactionFilter.base_filters["to"] = filters.DateFilter("occurred_on", lookup_expr="lte", help_text="Last day of purchase, included.")


class ReceiptFilter(filters.FilterSet):  # type: ignore[misc]
    transaction = filters.CharFilter("transaction__public_id", max_length=40)
