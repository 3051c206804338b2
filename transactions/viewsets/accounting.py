"""Books: how far they are closed and what came late; accounting: its settings, what waits, batches and their files."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.filters import CurrencyFilter
from spendtrackr.forms import day_from
from spendtrackr.money import CURRENCIES
from spendtrackr.pagination import ordered
from spendtrackr.permissions import find
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
from transactions import queries
from transactions.models import (
    AccountingBatch,
    AccountingJournal,
    AccountingRow,
    AccountingSettings,
    BatchStatus,
    Books,
    Entry,
    Transaction,
)
from transactions.operations import accounting, books
from transactions.serializers import accounting as shapes
from transactions.views.journals import FORMATS, GENERIC, journals_file

_DAY = {"type": "string", "format": "date"}


@extend_schema(tags=["books"])
class BooksViewSet(TenantViewSet):
    """One object without an id: the company's books."""

    serializer_class = shapes.BooksSerializer
    model = Books
    rules = {"retrieve": "books.see", "partial_update": "books.close"}

    def rows(self) -> QuerySet[Any]:
        return Books.objects.all()

    def _shown(self) -> Response:
        found = queries.closing(self.request.membership.company.day_of(timezone.now()))
        return self.reply(found)

    @extend_schema(summary="Show how far the books are closed", responses={200: shapes.BooksSerializer})
    def retrieve(self, request: APIRequest) -> Response:
        return self._shown()

    @extend_schema(
        summary="Close the books, or open them again",
        description="Through a day that is over. What was posted by then keeps its coding: 409 `books_closed` to whoever changes category, "
        "department, tax, parts or owner. Memos, tags and receipts stay open; what the network tells late is booked on its own day. "
        "Bookkeepers close; only who runs the company opens closed days again.",
        request=shapes.BooksBody,
        responses={200: shapes.BooksSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        through = self.body(shapes.BooksBody)["closed_through"]
        books.close(through, actor=request.membership, at=timezone.now())
        return self._shown()


@extend_schema_view(
    list=extend_schema(
        summary="List what is late",
        description="Entries on closed days that came after the closing, or that were exported only then. Newest first, of the last two "
        "dozen closings.",
    )
)
@extend_schema(tags=["books"])
class LateViewSet(ListModelMixin, TenantViewSet):
    serializer_class = shapes.LateSerializer
    model = Entry
    rules = {"list": "books.see"}

    def rows(self) -> QuerySet[Any]:
        return queries.late_entries(queries.recent_closings())

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_late(rows, queries.recent_closings())


@extend_schema(tags=["accounting"])
class AccountingSettingsViewSet(TenantViewSet):
    """One object without an id: how this company's spend is written for its accounting."""

    serializer_class = shapes.AccountingSettingsSerializer
    model = AccountingSettings
    rules = {"retrieve": "books.see", "partial_update": "books.export"}

    def rows(self) -> QuerySet[Any]:
        return AccountingSettings.objects.all()

    @extend_schema(summary="Show the accounting settings", responses={200: shapes.AccountingSettingsSerializer})
    def retrieve(self, request: APIRequest) -> Response:
        return self.reply(queries.accounting_settings())

    @extend_schema(
        summary="Change the accounting settings",
        description="Each list that you name replaces the one before. Other codes count from the next batch on: what was exported stays.",
        request=shapes.AccountingSettingsBody,
        responses={200: shapes.AccountingSettingsSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        changes = self.body(shapes.AccountingSettingsBody)
        for place, row in enumerate(changes.get("clearing", ())):
            if row["currency"] not in CURRENCIES:
                raise errors.NoCurrency(field=f"clearing.{place}.currency")
        return self.reply(accounting.change_settings(changes, actor=request.membership, at=timezone.now()))


@extend_schema_view(
    list=extend_schema(
        summary="List what is not exported yet",
        description="Transactions of which something waits, ready or not and why. Each once, in the order in which batches take them: by "
        "the posting day of the oldest entry that waits, the oldest first.",
        parameters=[
            OpenApiParameter("currency", {"type": "string", "maxLength": 3}),
            OpenApiParameter("since", _DAY, description="First posting day."),
            OpenApiParameter("until", _DAY, description="Last posting day."),
        ],
    ),
    retrieve=extend_schema(
        summary="Show how far a transaction is",
        description="By the transaction's id. 404 where nothing of it was posted, or all of it before accounting begins.",
        responses={200: shapes.ItemSerializer},
    ),
    summary=extend_schema(summary="Add up what waits and what was exported", responses={200: shapes.SummarySerializer}),
)
@extend_schema(tags=["accounting"])
class AccountingItemViewSet(ListModelMixin, TenantViewSet):
    serializer_class = shapes.ItemSerializer
    model = Transaction
    query_parameters = ("currency", "since", "until")
    orderings = queries.OLDEST_FIRST
    rules = {"list": "books.see", "retrieve": "books.see", "summary": "books.see"}

    def rows(self) -> QuerySet[Any]:
        """Transactions, and in the list a line for each."""
        if self.action != "list":
            return Transaction.objects.all()
        currency = self.request.query_params.get("currency", "")
        if len(currency) > 3:
            raise errors.Invalid("A currency has three letters.", field="currency")
        return queries.waiting(queries.accounting_settings(), currency=currency, **self._days())

    def _days(self) -> dict[str, Any]:
        given = self.request.query_params
        return {"first": day_from(given, "since"), "last": day_from(given, "until")}

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.items([row.transaction_id for row in rows], queries.accounting_settings(), **self._days())

    def retrieve(self, request: APIRequest, public_id: str) -> Response:
        found = queries.items([self.get_object().pk], queries.accounting_settings(), **self._days())
        if not found:
            raise errors.Missing
        return self.reply(found[0])

    @action(detail=False, methods=["get"], query_parameters=())
    def summary(self, request: APIRequest) -> Response:
        return Response(shapes.SummarySerializer(queries.accounting_overview()).data)


class BatchFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=BatchStatus.choices)
    currency = CurrencyFilter()


@extend_schema_view(
    list=extend_schema(summary="List batches", description="Newest first."),
    retrieve=extend_schema(summary="Show a batch"),
    create=extend_schema(
        summary="Export what is ready",
        description="Of one currency, posted on these days: about 2,000 journals at most, the oldest first. Each line of spend is in one "
        "batch once; an edit after an export is a reversal and a new row, on the original day. 409 where nothing is ready.",
        request=shapes.BatchBody,
        responses={201: shapes.BatchSerializer},
    ),
    fail=extend_schema(
        summary="Say that an import failed",
        description="All of the batch, or the journals named: what they said is ready again, and goes with the next batch.",
        request=shapes.FailBatchBody,
        responses={200: shapes.BatchSerializer},
    ),
)
@extend_schema(tags=["accounting"])
class AccountingBatchViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.BatchSerializer
    filterset_class = BatchFilter
    model = AccountingBatch
    rules = {"list": "books.see", "retrieve": "books.see", "export": "books.see", "create": "books.export", "fail": "books.export"}

    def rows(self) -> QuerySet[Any]:
        return queries.batches()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 -- as REST framework calls it
        """Whoever asks for a file as a file gets it: JSON is only for refusals there."""
        return super().perform_content_negotiation(request, force=force or self.action == "export")

    def create(self, request: APIRequest) -> Response:
        body, me = self.body(shapes.BatchBody), request.membership
        currency = body.get("currency") or me.company.currency
        batch = accounting.export(currency, first_day=body["since"], last_day=body["until"], actor=me, at=timezone.now())
        return self.reply_anew(batch, status=201)

    @action(detail=True, methods=["post"])
    def fail(self, request: APIRequest, public_id: str) -> Response:
        batch, body = self.get_object(), self.body(shapes.FailBatchBody)
        journals = None if body["journals"] is None else self._named_journals(batch, body["journals"])
        accounting.fail(batch, journals, reason=body["reason"], actor=request.membership, at=timezone.now())
        return self.reply_anew(batch)

    def _named_journals(self, batch: AccountingBatch, wanted: list[str]) -> list[AccountingJournal]:
        found = {row.public_id: row for row in AccountingJournal.objects.filter(batch=batch, public_id__in=wanted)}
        for place, public_id in enumerate(wanted):
            if public_id not in found:
                raise errors.Invalid("There is nothing with this id.", field=f"journals.{place}", code="does_not_exist")
        return [found[public_id] for public_id in wanted]

    @extend_schema(
        summary="Download the journals of a batch",
        description="As CSV, of what stands. `generic` has a row for each row of the batch and every column. `xero` is its import of "
        "manual journals, in the company's currency; it takes 300 lines a file, so `part` asks for one of several. `quickbooks` is "
        "QuickBooks Online's import of journal entries: there, ledger codes are names of accounts. Cells that a spreadsheet would compute "
        "begin with an apostrophe.",
        parameters=[
            OpenApiParameter("format", {"type": "string", "enum": list(FORMATS), "default": GENERIC}),
            OpenApiParameter("part", {"type": "string"}, description="Of `xero`, from 1 on: 400 says how many there are."),
        ],
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    @action(detail=True, methods=["get"], query_parameters=("format", "part"))
    def export(self, request: APIRequest, public_id: str) -> HttpResponseBase:
        given = request.query_params
        return journals_file(self.get_object(), given.get("format", GENERIC), given.get("part", ""))


@extend_schema_view(
    list=extend_schema(summary="List the rows of a batch", description="Of all its journals, failed ones too, in their order.")
)
@extend_schema(tags=["accounting"])
class AccountingRowViewSet(ListModelMixin, TenantViewSet):
    """The rows of one batch, which its address names."""

    serializer_class = shapes.JournalRowSerializer
    model = AccountingRow
    orderings = ordered("created")
    rules = {"list": "books.see"}

    def rows(self) -> QuerySet[Any]:
        return queries.journal_rows(find(AccountingBatch.objects.all(), self.kwargs["public_id"]))
