"""Filters of the transactions list. An id that is unknown, or another company's, finds nothing."""

from __future__ import annotations

from django_filters import rest_framework as filters

from transactions.models import TransactionSource, TransactionStatus


class TransactionFilter(filters.FilterSet):  # type: ignore[misc]
    """Shared by the API and the page."""

    status = filters.ChoiceFilter(choices=TransactionStatus.choices)
    source = filters.ChoiceFilter(choices=TransactionSource.choices)
    card = filters.CharFilter("card__public_id", max_length=40)
    member = filters.CharFilter("member__public_id", max_length=40)
    category = filters.CharFilter("category__public_id", max_length=40)
    currency = filters.CharFilter("currency", max_length=3)


TransactionFilter.base_filters["from"] = filters.DateFilter("occurred_on", lookup_expr="gte", help_text="First day of purchase.")
TransactionFilter.base_filters["to"] = filters.DateFilter("occurred_on", lookup_expr="lte", help_text="Last day of purchase, included.")
