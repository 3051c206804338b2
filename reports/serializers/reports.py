"""Reports, as the API shows them: all in one shape."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from reports.shape import Report, Row, Value
from spendtrackr.money import Money

KINDS = {
    "money": "an amount",
    "count": "a whole number",
    "percent": "a change in per cent, with one decimal place",
    "share": "a part of a whole in per cent, with one decimal place",
    "days": "days, a whole number",
    "day": "a calendar day",
    "text": "words",
}


def plain(value: Value) -> Any:
    """A measure as JSON writes it: money as everywhere, per cent as a number, a day as text."""
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


class AxisSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the report, not of this class


class MeasureSerializer(AxisSerializer):
    kind = serializers.ChoiceField(list(KINDS), help_text="; ".join(f"`{kind}`: {says}" for kind, says in KINDS.items()) + ".")


class KeySerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="A month (2026-03), or the id of the category, member, …; blank where there is none.")
    label = serializers.CharField()  # type: ignore[assignment]  # the same


_VALUE = {"oneOf": [{"$ref": "#/components/schemas/Money"}, {"type": ["number", "string", "null"]}]}


@extend_schema_field({"type": "object", "additionalProperties": _VALUE})
class ValuesField(serializers.Field[Any, Any, Any, Any]):
    """Values by the names of the measures."""

    def to_representation(self, value: dict[str, Value]) -> dict[str, Any]:
        return {name: plain(one) for name, one in value.items()}


class TotalSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField(allow_null=True, help_text="Of the money in it; null where there is none.")
    measures = ValuesField(help_text="A value for each of the report's measures, by its name; null where there is none.")


class RowSerializer(TotalSerializer):
    dimensions = serializers.DictField(child=KeySerializer(), help_text="What the row stands for, by the names of the report's dimensions.")


class ReportPeriodSerializer(serializers.Serializer[Any]):
    first_day = serializers.DateField(source="start")
    last_day = serializers.DateField(source="last")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Spend by category",
            response_only=True,
            value={
                "report": "spend",
                "period": {"first_day": "2026-03-01", "last_day": "2026-03-31"},
                "dimensions": [{"name": "category", "label": "Category"}],
                "measures": [{"name": "spend", "label": "Spend", "kind": "money"}, {"name": "items", "label": "Items", "kind": "count"}],
                "rows": [
                    {
                        "dimensions": {"category": {"id": "cat_0677kz1v2gcb5d3d7k4n", "label": "Travel"}},
                        "currency": "USD",
                        "measures": {"spend": {"minor": 42000, "currency": "USD"}, "items": 3},
                    }
                ],
                "totals": [{"currency": "USD", "measures": {"spend": {"minor": 42000, "currency": "USD"}, "items": 3}}],
                "is_partial": False,
            },
        )
    ]
)
class ReportSerializer(serializers.Serializer[Any]):
    """Every report: dimensions, measures, rows, totals. Currencies stand side by side and are never added to each other."""

    report = serializers.CharField(help_text="Its name.")
    period = ReportPeriodSerializer(allow_null=True, help_text="Null for what is true now, whatever the period.")
    dimensions = AxisSerializer(many=True)
    measures = MeasureSerializer(many=True)
    rows = RowSerializer(many=True)
    totals = TotalSerializer(many=True, help_text="One a currency; none where a sum would say nothing.")
    is_partial = serializers.BooleanField(
        help_text="Spend began in the middle of what it is compared with: `percent` is null, and the `change` of the spend report."
    )

    def to_representation(self, instance: Report) -> dict[str, Any]:
        return {
            "report": instance.name,
            "period": ReportPeriodSerializer(instance.period).data if instance.period else None,
            "dimensions": [{"name": axis.name, "label": axis.label} for axis in instance.axes],
            "measures": [{"name": one.name, "label": one.label, "kind": one.kind} for one in instance.measures],
            "rows": [_named(instance, row) | _dimensions(instance, row) for row in instance.rows],
            "totals": [_named(instance, row) for row in instance.totals],
            "is_partial": instance.is_partial,
        }


def _dimensions(report: Report, row: Row) -> dict[str, Any]:
    return {"dimensions": {axis.name: {"id": key.id, "label": key.label} for axis, key in zip(report.axes, row.keys, strict=True)}}


def _named(report: Report, row: Row) -> dict[str, Any]:
    values = {measure.name: plain(value) for measure, value in zip(report.measures, row.values, strict=True)}
    return {"currency": row.currency or None, "measures": values}


class OfferedSerializer(serializers.Serializer[Any]):
    """A report that can be asked for."""

    name = serializers.CharField(help_text="Its last part in addresses: `/api/v1/reports/{name}/`.")
    title = serializers.CharField()
    says = serializers.CharField(help_text="What it answers.")
    theme = serializers.CharField(help_text="What it is listed under.")
    parameters = serializers.ListField(child=serializers.CharField(), help_text="What its address understands.")


class CatalogueSerializer(serializers.Serializer[Any]):
    data = OfferedSerializer(many=True)  # type: ignore[assignment]  # a field of the answer, not of this class
