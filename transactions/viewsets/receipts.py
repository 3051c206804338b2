"""Receipts: attach, look, download, remove."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.permissions import require
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.filters import ReceiptFilter
from transactions.models import Receipt, ReceiptType
from transactions.operations import receipts
from transactions.serializers import receipts as shapes
from transactions.views.receipts import download, looked_at

# What a form may weigh besides its file.
_FORM_BYTES = 64 * 1024


@extend_schema_view(
    list=extend_schema(summary="List receipts", description="Those attached to transactions that you see, the latest first."),
    retrieve=extend_schema(summary="Show a receipt"),
)
@extend_schema(tags=["receipts"])
class ReceiptViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.ReceiptSerializer
    filterset_class = ReceiptFilter
    parser_classes = (MultiPartParser,)
    model = Receipt
    rules = {
        "list": "transactions.see",
        "retrieve": "transactions.see",
        "file": "transactions.see",
        "create": "transactions.describe",
        "destroy": "transactions.describe",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.receipts(self.request.membership)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 -- as REST framework calls it
        """Whoever asks for a picture as a picture gets it: JSON is only for refusals there."""
        return super().perform_content_negotiation(request, force=force or self.action == "file")

    @extend_schema(
        summary="Attach a receipt",
        description="A PNG, JPEG or PDF, told by its content. The same file is attached to a transaction once.",
        request={"multipart/form-data": shapes.ReceiptBody},
        responses={201: shapes.ReceiptSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        receipt = receipts.attach(self.purchase, self.document, self.stored_as, actor=request.membership, at=timezone.now())
        return self.reply(receipt, status=201)

    def before_transaction(self) -> None:
        if self.action != "create":
            return
        self._refuse_length()
        body, member = self.body(shapes.ReceiptBody), self.request.membership
        self.purchase = self.named(queries.visible(member), body["transaction"], "transaction")
        require("transactions.describe", member, self.purchase)
        self.document, content = looked_at(body["file"])
        self.stored_as = receipts.store(content, company=member.company)

    def _refuse_length(self) -> None:
        """By what the request says of itself, before any of it is read."""
        if int(self.request.META.get("CONTENT_LENGTH") or 0) > settings.RECEIPT_MAX_BYTES + _FORM_BYTES:
            raise errors.TooLarge(f"A receipt may have {settings.RECEIPT_MAX_BYTES // 1024 // 1024} MB.", field="file")

    @extend_schema(summary="Remove a receipt", description="It is taken off the transaction, and stays on record.", responses={204: None})
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
