"""Reports, as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reports import queries
from spendtrackr.serializers import MoneyField


class SpendRowSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="A month (2026-03), or the id of the category, department, …; blank where there is none.")
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the report, not of this class
    spend = MoneyField()
    lines = serializers.IntegerField(help_text="How many captures, refunds and imported lines it adds up.")


class SpendReportSerializer(serializers.Serializer[Any]):
    """Spend of a period in groups; currencies stand side by side."""

    group_by = serializers.ChoiceField(list(queries.GROUPINGS))
    first_day = serializers.DateField(source="period.start")
    last_day = serializers.DateField(source="period.last")
    rows = SpendRowSerializer(many=True)
    totals = serializers.ListField(child=MoneyField(), help_text="One sum a currency.")
