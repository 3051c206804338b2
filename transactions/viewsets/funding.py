"""Funding accounts, and the simulator that stands in for the bank and the card network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cards.controls import Swipe
from cards.issuers.simulator import Simulator
from cards.models import Card
from spendtrackr import errors, retry
from spendtrackr.ids import new_id
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions import serializers as shapes
from transactions.models import FundingAccount, MessageKind, Transaction, TransactionSource
from transactions.operations import accounts, clearing, swipes

F = TypeVar("F", bound=Callable[..., Any])


@extend_schema_view(list=extend_schema(summary="List funding accounts", description="One a currency, with its balances."),
                    retrieve=extend_schema(summary="Show a funding account"))  # fmt: skip
@extend_schema(tags=["accounts"])
class FundingAccountViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.FundingAccountSerializer
    model = FundingAccount
    rules = {"list": "accounts.see", "retrieve": "accounts.see"}

    def rows(self) -> QuerySet[Any]:
        return FundingAccount.objects.all()


class SimulatorViewSet(TenantViewSet):
    """The built-in bank and card network. Absent (404) unless SIMULATOR_ENABLED."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.SIMULATOR_ENABLED:
            raise errors.Missing
        super().initial(request, *args, **kwargs)


@extend_schema(tags=["simulator"])
class TopUpViewSet(SimulatorViewSet):
    model = FundingAccount
    rules = {"create": "simulator.use"}

    def rows(self) -> QuerySet[Any]:
        return FundingAccount.objects.all()

    @extend_schema(
        summary="Top up", description="Money arrives from the bank.", request=shapes.TopUpBody, responses={201: shapes.TopUpSerializer}
    )
    def create(self, request: APIRequest) -> Response:
        body = self.body(shapes.TopUpBody)
        account, entry = accounts.top_up(body["amount"], actor=request.membership, at=timezone.now())
        return Response(shapes.TopUpSerializer({"entry": entry.public_id, "account": account}).data, status=201)


def _clearing(summary: str, description: str, body: type[Any]) -> Callable[[F], F]:
    return extend_schema(summary=summary, description=description, request=body, responses={200: shapes.TransactionSerializer})


@extend_schema(tags=["simulator"])
class AuthorizationViewSet(SimulatorViewSet):
    """Swipe a simulator card, and let the swipe clear. Ids are those of transactions."""

    serializer_class = shapes.TransactionSerializer
    model = Transaction
    rules: ClassVar[dict[str, Any]] = dict.fromkeys(("create", "capture", "reverse", "refund"), "simulator.use")

    def rows(self) -> QuerySet[Any]:
        return queries.visible(self.request.membership).filter(source=TransactionSource.CARD, card__issuer=Simulator.name)

    @extend_schema(
        summary="Swipe a card",
        description="Decides like a card network's request: card, controls, limit, funds. A decline is a 201 with its reason.",
        request=shapes.AuthorizationBody,
        responses={201: shapes.DecisionSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        body = self.body(shapes.AuthorizationBody)
        card = self.named(Card.objects.visible_to(request.membership).filter(issuer=Simulator.name), body["card"], "card")
        swipe = Swipe(
            network_id=_network_id(body),
            amount=body["amount"],
            merchant_name=body["merchant_name"],
            merchant_code=body["merchant_code"],
            country=body["country"],
            at=timezone.now(),
        )
        return Response(shapes.DecisionSerializer(swipes.authorize(card, swipe), context=self.get_serializer_context()).data, status=201)

    def handle_exception(self, exc: Exception) -> Response:
        """A swipe that found its rows locked for too long is declined: an issuer waits for two seconds, and not for an error."""
        if self.action == "create" and isinstance(exc, OperationalError) and retry.is_lock_trouble(exc):
            return Response({"approved": False, "reason": "try_again", "checks": [], "transaction": None}, status=201)
        return super().handle_exception(exc)

    @_clearing("Capture", "The merchant collects what is on hold; more than that is taken from what is available.", shapes.CaptureBody)
    @action(detail=True, methods=["post"])
    def capture(self, request: APIRequest, public_id: str) -> Response:
        body = self.body(shapes.CaptureBody)
        return self._clear(MessageKind.CAPTURE, body, is_final=body["final"])

    @_clearing("Reverse", "The merchant lets go of the hold, all of it or a part.", shapes.ClearingBody)
    @action(detail=True, methods=["post"])
    def reverse(self, request: APIRequest, public_id: str) -> Response:
        return self._clear(MessageKind.REVERSAL, self.body(shapes.ClearingBody))

    @_clearing("Refund", "The merchant gives captured money back, all of it or a part.", shapes.ClearingBody)
    @action(detail=True, methods=["post"])
    def refund(self, request: APIRequest, public_id: str) -> Response:
        return self._clear(MessageKind.REFUND, self.body(shapes.ClearingBody))

    def _clear(self, kind: MessageKind, body: dict[str, Any], *, is_final: bool = False) -> Response:
        purchase: Transaction = self.get_object()
        amount = body.get("amount")
        if amount is not None and amount.currency != purchase.currency:
            raise errors.Invalid(f"This purchase is in {purchase.currency}.", field="amount.currency")
        message = clearing.Clearing(kind, _network_id(body), timezone.now(), amount.minor if amount else None, is_final)
        clearing.clear(purchase, message, actor=self.request.membership)
        return self.reply(self.rows().get(pk=purchase.pk))


def _network_id(body: dict[str, Any]) -> str:
    """The caller's own id, or a new one."""
    return str(body.get("network_id") or new_id("net"))
