"""The simulator, which stands in for the bank and the card network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cards.controls import Swipe, network_id_of
from cards.issuers.simulator import Simulator
from cards.models import Card
from spendtrackr import errors, retry
from spendtrackr.ids import new_id
from spendtrackr.money import Money
from spendtrackr.serializers import represent
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.models import FundingAccount, MessageKind, Transaction, TransactionSource
from transactions.operations import accounts, clearing, swipes
from transactions.serializers import simulator as shapes
from transactions.serializers.purchases import TransactionSerializer

F = TypeVar("F", bound=Callable[..., Any])


class SimulatorViewSet(TenantViewSet):
    """The built-in bank and card network. Absent (404) unless SIMULATOR_ENABLED."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.SIMULATOR_ENABLED:
            raise errors.Missing
        super().initial(request, *args, **kwargs)


class BankViewSet(SimulatorViewSet):
    """Money between the bank and an account."""

    serializer_class = shapes.BankTransferSerializer
    model = FundingAccount
    rules = {"create": "simulator.use"}

    def rows(self) -> QuerySet[Any]:
        return FundingAccount.objects.all()


@extend_schema(tags=["simulator"])
class TopUpViewSet(BankViewSet):
    @extend_schema(summary="Top up", description="Money arrives from the bank.", request=shapes.TopUpBody,
                   responses={201: shapes.BankTransferSerializer})  # fmt: skip
    def create(self, request: APIRequest) -> Response:
        account, entry = accounts.top_up(self.body(shapes.TopUpBody)["amount"], actor=request.membership, at=timezone.now())
        return self.reply({"entry": entry.public_id, "account": account}, status=201)


@extend_schema(tags=["simulator"])
class WithdrawalViewSet(BankViewSet):
    @extend_schema(summary="Withdraw", description="Money goes back to the bank. More than is available is 400 `insufficient_funds`.",
                   request=shapes.WithdrawalBody, responses={201: shapes.BankTransferSerializer})  # fmt: skip
    def create(self, request: APIRequest) -> Response:
        account, entry = accounts.withdraw(self.body(shapes.WithdrawalBody)["amount"], actor=request.membership, at=timezone.now())
        return self.reply({"entry": entry.public_id, "account": account}, status=201)


def _clearing(summary: str, description: str, body: type[Any]) -> Callable[[F], F]:
    return extend_schema(summary=summary, description=description, request=body, responses={200: TransactionSerializer})


@extend_schema(tags=["simulator"])
class AuthorizationViewSet(SimulatorViewSet):
    """Swipe a simulator card, and let the swipe clear. Ids are those of transactions."""

    serializer_class = TransactionSerializer
    model = Transaction
    rules: ClassVar[dict[str, Any]] = dict.fromkeys(("create", "increment", "capture", "reverse", "expire", "refund"), "simulator.use")

    def rows(self) -> QuerySet[Any]:
        """All of the company's: whoever plays its network sees them, a program with this scope alone too."""
        return Transaction.objects.with_names().filter(source=TransactionSource.CARD, card__issuer=Simulator.name)

    @extend_schema(
        summary="Swipe a card",
        description="Decides like a card network's request: card, controls, limit, funds. A decline is a 201 with its reason.",
        request=shapes.AuthorizationBody,
        responses={201: shapes.DecisionSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        body = self.body(shapes.AuthorizationBody)
        cards = Card.objects.filter(issuer=Simulator.name).select_related("holder__user")
        card = self.named(cards, body["card"], "card")
        swipe = Swipe(
            network_id=_network_id(body),
            amount=body["amount"],
            merchant_name=body["merchant_name"],
            merchant_code=body["merchant_code"],
            country=body["country"],
            at=timezone.now(),
            merchant_id=body["merchant_id"],
            ref=body["ref"],
            allows_partial=body["allow_partial"],
            is_financial=body["financial"],
        )
        return self._answer(card, swipe)

    def _answer(self, card: Card, swipe: Swipe) -> Response:
        decision = swipes.authorize(card, swipe)
        # What was read to find the card is not read again to tell of it.
        decision.transaction.card = card
        if decision.transaction.member_id == card.holder_id:
            decision.transaction.member = card.holder
        if decision.is_first:
            decision.transaction.parts, decision.transaction.tags = [], []  # type: ignore[attr-defined]  # as `queries.with_parts`
        else:
            queries.with_parts([decision.transaction])
        return Response(represent(shapes.DecisionSerializer, decision, self.get_serializer_context()), status=201)

    def handle_exception(self, exc: Exception) -> Response:
        """A swipe that found its rows locked for too long is declined: an issuer waits for two seconds, and not for an error."""
        if self.action in {"create", "increment"} and isinstance(exc, OperationalError) and retry.is_lock_trouble(exc):
            return Response(
                {"approved": False, "approved_amount": None, "reason": "try_again", "checks": [], "transaction": None}, status=201
            )
        return super().handle_exception(exc)

    @extend_schema(
        summary="Increment",
        description="The merchant asks for more of the same purchase. Decided like a swipe, in the windows of the first one.",
        request=shapes.IncrementBody,
        responses={201: shapes.DecisionSerializer},
    )
    @action(detail=True, methods=["post"])
    def increment(self, request: APIRequest, public_id: str) -> Response:
        purchase, body = self.get_object(), self.body(shapes.IncrementBody)
        if purchase.network_ref is None:
            raise errors.InvalidState("It was declined: there is nothing to ask more of.")
        swipe = Swipe(
            network_id=_network_id(body), amount=body["amount"], merchant_name=purchase.descriptor, merchant_code=purchase.merchant_code,
            country=purchase.country, at=timezone.now(), ref=purchase.network_ref, merchant_id=network_id_of(purchase.merchant.key),
        )  # fmt: skip
        return self._answer(purchase.card, swipe)

    @_clearing("Expire", "Nobody collected the hold: it is let go.", shapes.ExpiryBody)
    @action(detail=True, methods=["post"])
    def expire(self, request: APIRequest, public_id: str) -> Response:
        return self._clear(MessageKind.EXPIRY, self.body(shapes.ExpiryBody))

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
        return self.reply(queries.with_parts([self.rows().get(pk=purchase.pk)])[0])


@extend_schema(tags=["simulator"])
class MessageViewSet(SimulatorViewSet):
    serializer_class = TransactionSerializer
    model = Transaction
    rules = {"create": "simulator.use"}

    def rows(self) -> QuerySet[Any]:
        return Transaction.objects.with_names()

    @extend_schema(
        summary="Tell of a purchase",
        description="A fact from the network: advice, capture, force-post, reversal, expiry, refund, chargeback. It is booked whatever it "
        "does to a limit or a balance, once, in whatever order facts come.",
        request=shapes.MessageBody,
        responses={201: TransactionSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        body, now = self.body(shapes.MessageBody), timezone.now()
        card = self.named(Card.objects.filter(issuer=Simulator.name), body.pop("card"), "card")
        at = body.pop("at", now)
        if at > now or at.year < EARLIEST_YEAR:
            raise errors.Invalid(f"An instant since {EARLIEST_YEAR}, and not in the future.", field="at")
        amount = body.pop("amount", Money(0, card.currency))
        fact = clearing.Fact(kind=MessageKind(body.pop("kind")), amount=amount, is_final=body.pop("final"), at=at, **body)
        purchase = clearing.book(card, fact, actor=request.membership)
        return self.reply(queries.with_parts([self.rows().get(pk=purchase.pk)])[0], status=201)


EARLIEST_YEAR = 2000


def _network_id(body: dict[str, Any]) -> str:
    """The caller's own id, or a new one."""
    return str(body.get("network_id") or new_id("net"))
