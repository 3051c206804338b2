from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from benchmarks.plain.models import Card, Merchant, TopUp, Transaction


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    merchant_name = serializers.CharField(source="merchant.name")

    class Meta:
        model = Transaction
        fields = ["id", "card", "merchant_name", "merchant_code", "amount", "status", "decline_reason", "created_at"]
        read_only_fields = ["status", "decline_reason", "created_at"]


class TransactionViewSet(ModelViewSet[Transaction]):
    queryset = Transaction.objects.select_related("merchant")
    serializer_class = TransactionSerializer

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        with transaction.atomic():
            card = Card.objects.select_for_update().get(pk=said["card"].pk, company__employee__user=request.user)
            merchant, _ = Merchant.objects.get_or_create(company_id=card.company_id, name=said["merchant"]["name"])
            reason = self._why_not(card, said["amount"])
            made = Transaction.objects.create(
                company_id=card.company_id, card=card, merchant=merchant, merchant_code=said["merchant_code"], amount=said["amount"],
                status="declined" if reason else "approved", decline_reason=reason, created_at=timezone.now(),
            )  # fmt: skip
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    def _why_not(self, card: Card, amount: Decimal) -> str:
        approved = Transaction.objects.filter(status="approved")
        month = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent = approved.filter(card=card, created_at__gte=month).aggregate(total=Sum("amount"))["total"] or 0
        if not card.is_active:
            return "card_not_active"
        if spent + amount > card.monthly_limit:
            return "over_monthly_limit"
        loaded = TopUp.objects.filter(company_id=card.company_id).aggregate(total=Sum("amount"))["total"] or 0
        used = approved.filter(company_id=card.company_id).aggregate(total=Sum("amount"))["total"] or 0
        return "insufficient_funds" if used + amount > loaded else ""
