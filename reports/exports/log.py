"""What happened in a company, and which statements came in: the audit trail as a sheet."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django_filters import rest_framework as filters

from reports.activity import Wanted, narrowed
from reports.activity.sentences import KINDS
from reports.exports.columns import instant, plain, text
from reports.exports.organisation import NoFilter
from reports.exports.sheets import Listing
from spendtrackr import events
from spendtrackr.models import Event
from transactions.models import StatementImport
from users.models import Membership


class ActivityFilter(filters.FilterSet):  # type: ignore[misc]
    """As the page narrows it."""

    kind = filters.ChoiceFilter(method="of_all", choices=list(KINDS.items()))
    person = filters.CharFilter(method="of_all", max_length=40)
    day = filters.DateFilter(method="of_all")

    def of_all(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """All of them are asked at once, in `filter_queryset`."""
        return rows

    def filter_queryset(self, queryset: QuerySet[Event]) -> QuerySet[Event]:
        given = self.form.cleaned_data
        return narrowed(queryset, self.request.membership, Wanted(given["kind"], given["person"], given["day"]))


def _names(member: Membership) -> Any:
    """Of who did it: a program that sees no people is told their ids alone."""
    if not member.sees("people"):
        return Value(None, output_field=CharField())
    return Subquery(Membership.objects.filter(public_id=OuterRef("actor_id")).values("user__name")[:1])


ACTIVITY = Listing(
    name="activity",
    title="Activity",
    rule="activity.see",
    columns=(
        plain("number", "sequence"),
        instant("at (UTC)", "at"),
        text("what", "type", width=28),
        text("to", "subject_id", width=32),
        text("by", "done_by", width=22),
        text("by id", "actor_id", width=32),
        text("details", "details", width=48),
        text("id", "public_id", width=32),
        text("hash", "chain_hash", width=64),
    ),
    rows=lambda member: events.sealed().annotate(done_by=_names(member)),
    filterset=ActivityFilter,
    order=("-sequence",),
    depends_on=lambda member: member.sees("people"),
)
IMPORTS = Listing(
    name="imports",
    title="Imported statements",
    rule="imports.see",
    columns=(
        text("id", "public_id", width=32),
        instant("at (UTC)", "at"),
        text("source", "source__name", width=22),
        text("file", "filename", width=32),
        plain("rows", "rows"),
        plain("booked", "booked"),
        plain("duplicates", "duplicates"),
        plain("skipped", "skipped"),
        plain("rejected", "rejected"),
        plain("waiting", "waiting"),
        text("by", "imported_by__user__name", width=22),
    ),
    rows=lambda _: StatementImport.objects.select_related("source", "imported_by__user"),
    filterset=NoFilter,
)
