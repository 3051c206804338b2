"""Receipts: upload, look, say what is on them, attach, detach, download, remove."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.permissions import require
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet, UploadMixin
from transactions import queries
from transactions.filters import ReceiptFilter
from transactions.models import Receipt, ReceiptType, Transaction
from transactions.operations import receipts
from transactions.operations.receipts import Said
from transactions.serializers import receipts as shapes
from transactions.views.receipts import download, looked_at

# What a form may weigh besides its file.
_FORM_BYTES = 64 * 1024


@extend_schema_view(
    list=extend_schema(
        summary="List receipts",
        description="Those attached to transactions that you see, and those that you uploaded, the latest first. "
        "`?attached=false` is your inbox; those who see all transactions see everybody's.",
    ),
    retrieve=extend_schema(summary="Show a receipt"),
)
@extend_schema(tags=["receipts"])
class ReceiptViewSet(UploadMixin, ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.ReceiptSerializer
    filterset_class = ReceiptFilter
    model = Receipt
    asked_besides = dict.fromkeys(("attach", "detach", "destroy"), "transactions.describe")
    rules = {
        "list": "transactions.see",
        "retrieve": "transactions.see",
        "file": "transactions.see",
        "suggestions": "transactions.see",
        "create": "transactions.describe",
        "partial_update": "transactions.describe",
        # Whoever sees a receipt: what else it takes is asked of the transactions.
        "attach": "transactions.see",
        "detach": "transactions.see",
        "destroy": "transactions.see",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.receipts(self.request.membership)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 -- as REST framework calls it
        """Whoever asks for a picture as a picture gets it: JSON is only for refusals there."""
        return super().perform_content_negotiation(request, force=force or self.action == "file")

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.shown(rows, self.request.membership)

    @extend_schema(
        summary="Upload a receipt",
        description="A PNG, JPEG or PDF, told by its content, straight to a `transaction` or into your inbox. "
        "The same file is attached to a transaction once; where else it is, as far as you may see that, say `duplicates_of`.",
        request={"multipart/form-data": shapes.ReceiptBody},
        responses={201: shapes.ReceiptSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        more: dict[str, Any] = {"said": self.said, "actor": request.membership, "at": timezone.now()}
        if self.purchase is None:
            receipt = receipts.upload(self.document, self.stored_as, **more)
        else:
            receipt = receipts.attach(self.purchase, self.document, self.stored_as, **more)
        return self.reply_filled(receipt, status=201)

    def before_transaction(self) -> None:
        if self.action != "create":
            return
        self._refuse_length()
        body, member = self.body(shapes.ReceiptBody), self.request.membership
        self.purchase = self._describable(body["transaction"]) if "transaction" in body else None
        self.said = Said(**_columns(body))
        self.document, content = looked_at(body["file"])
        self.stored_as = receipts.store(content, company=member.company)

    def _refuse_length(self) -> None:
        """By what the request says of itself, before any of it is read."""
        if int(self.request.META.get("CONTENT_LENGTH") or 0) > settings.RECEIPT_MAX_BYTES + _FORM_BYTES:
            raise errors.TooLarge(f"A receipt may have {settings.RECEIPT_MAX_BYTES // 1024 // 1024} MB.", field="file")

    def _describable(self, public_id: str) -> Transaction:
        purchase: Transaction = self.named(queries.visible(self.request.membership), public_id, "transaction")
        require("transactions.describe", self.request.membership, purchase)
        return purchase

    @extend_schema(
        summary="Say what is on a receipt",
        description="Its uploader and bookkeepers do. It helps to find the transaction, and changes nothing that was decided.",
        request=shapes.ReceiptChanges,
    )
    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        changes = _columns(self.body(shapes.ReceiptChanges))
        return self.reply_filled(receipts.describe(self.get_object(), changes, actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Attach a receipt to one more transaction",
        description="One that you may describe. The same file is attached to a transaction once.",
        request=shapes.PlaceBody,
    )
    @action(detail=True, methods=["post"])
    def attach(self, request: APIRequest, public_id: str) -> Response:
        receipt = self.get_object()
        purchase = self._describable(self.body(shapes.PlaceBody)["transaction"])
        return self.reply_filled(receipts.put_on(receipt, purchase, actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Detach a receipt from a transaction",
        description="On no transaction any more, it is back in its uploader's inbox. What was approved with it waits for a new yes.",
        request=shapes.PlaceBody,
    )
    @action(detail=True, methods=["post"])
    def detach(self, request: APIRequest, public_id: str) -> Response:
        receipt = self.get_object()
        purchase = self._describable(self.body(shapes.PlaceBody)["transaction"])
        return self.reply_filled(receipts.take_off(receipt, purchase, actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Suggest transactions for a receipt",
        description="By what was said of its amount, day and merchant, else by when it was uploaded: at most five of those that you may "
        "attach it to and that do not have it, the likeliest first, each with why.",
        responses={200: shapes.SuggestionsSerializer},
    )
    @action(detail=True, methods=["get"])
    def suggestions(self, request: APIRequest, public_id: str) -> Response:
        receipt = self.get_object()
        found = queries.suggestions([receipt], request.membership)[receipt.pk]
        return Response(shapes.SuggestionsSerializer({"data": found}).data)

    @extend_schema(
        summary="Remove a receipt",
        description="It is taken off every transaction, each of which you must be allowed to describe, and stays on record.",
        responses={204: None},
    )
    def destroy(self, request: APIRequest, public_id: str) -> Response:
        receipts.remove(self.get_object(), actor=request.membership, at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Download a receipt's file",
        description="Just as it was sent, always as an attachment.",
        responses={(200, content_type): OpenApiTypes.BINARY for content_type in ReceiptType.values},
    )
    @action(detail=True, methods=["get"])
    def file(self, request: APIRequest, public_id: str) -> HttpResponse:
        return download(self.get_object())


def _columns(body: dict[str, Any]) -> dict[str, Any]:
    """What a body says of a receipt, as the fields of `Said`."""
    changes: dict[str, Any] = {name: body[name] for name in ("spent_on", "merchant_name") if name in body}
    if "amount" in body:
        amount = body["amount"]
        changes |= {"amount_minor": amount.minor if amount else None, "currency": amount.currency if amount else ""}
    return changes
