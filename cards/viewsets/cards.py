"""Cards: issue, look, control, freeze, close."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from cards import operations, queries
from cards.models import Budget, Card, CardStatus, CardUsage
from cards.serializers import CardChangesBody, CardSerializer, NewCardBody, limits_in
from spendtrackr import errors
from spendtrackr.filters import IdFilter
from spendtrackr.money import CURRENCIES
from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
from users.models import Membership
from users.serializers import MemberSerializer


class CardFilter(filters.FilterSet):  # type: ignore[misc]
    """Shared by the API, the page and exports."""

    status = filters.ChoiceFilter(choices=CardStatus.choices)
    holder = filters.CharFilter("holder__public_id", max_length=40)
    budget = IdFilter("budget", help_text="Cards that draw from this one directly.")
    state = filters.ChoiceFilter(
        method="by_state",
        choices=[("open", "open"), ("frozen", "frozen"), ("closed", "closed")],
        help_text="`open` is all that are not closed, `frozen` those of them that are.",
    )
    q = filters.CharFilter(method="by_text", max_length=80, help_text="Words of the card's or its holder's name, or its last four.")

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "closed":
            return rows.filter(status=CardStatus.CLOSED)
        rows = rows.exclude(status=CardStatus.CLOSED)
        return rows.filter(freezes__open_source__isnull=False).distinct() if value == "frozen" else rows

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(name__icontains=value) | Q(holder__user__name__icontains=value) | Q(last4=value))


def _action(summary: str, description: str = "") -> Any:
    return extend_schema(summary=summary, description=description, request=None, responses={200: CardSerializer})


@extend_schema_view(
    list=extend_schema(
        summary="List cards",
        description="All cards for those who see the company, else your own, each with what is left of its limits. Newest first.",
    ),
    retrieve=extend_schema(summary="Show a card", description="With what is used and left of each limit in its current window."),
    create=extend_schema(
        summary="Issue a virtual card",
        description="The card is `pending` until the issuer has made it. Its number never passes through here: last four and expiry only.",
        request=NewCardBody,
        responses={201: CardSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a card's name or controls",
        description="Changes what you name and keeps the rest. Each change is a new, immutable version of the controls.",
        request=CardChangesBody,
        responses={200: CardSerializer},
    ),
    freeze=_action("Freeze a card", "By its holder or an administrator; each side lifts its own."),
    unfreeze=_action("Lift a freeze"),
    replace=extend_schema(
        summary="Replace a card",
        description="Closes this one and issues another to the same holder with the same controls. What counts against its limits goes "
        "on, and so do requests for more room.",
        request=None,
        responses={201: CardSerializer},
    ),
    close=_action("Close a card", "For good. What is on hold still clears; requests for more room on it end with it."),
)
@extend_schema(tags=["cards"])
class CardViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = CardSerializer
    filterset_class = CardFilter
    model = Card
    orderings = ordered(name="name")  # cards_by_name
    rules = {
        "list": "cards.see",
        "retrieve": "cards.see",
        "create": "cards.issue",
        "partial_update": "cards.control",
        "freeze": "cards.freeze",
        "unfreeze": "cards.freeze",
        "replace": "cards.issue",
        "close": "cards.close",
    }

    def rows(self) -> QuerySet[Any]:
        return Card.objects.visible_to(self.request.membership).with_state()

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_standings(rows, self.request.membership.company, at=timezone.now())

    def create(self, request: APIRequest) -> Response:
        body = self.body(NewCardBody)
        holder = self.named(Membership.objects.visible_to(request.membership), body.pop("holder"), "holder")
        name, currency = body.pop("name"), body.pop("currency", request.membership.company.currency)
        if currency not in CURRENCIES:
            raise errors.NoCurrency(field="currency")
        own = {"usage": CardUsage(body.pop("usage")), "merchant": body.pop("merchant"), "budget": self._budget(body.pop("budget"))}
        controls = operations.Controls(**self._controls(body, currency))
        card = operations.issue(holder, name=name, currency=currency, controls=controls, actor=request.membership, at=timezone.now(), **own)
        return self.reply_anew(card, status=201)

    def _budget(self, public_id: str | None) -> Any:
        return self.named(Budget.objects.visible_to(self.request.membership), public_id, "budget")

    def _controls(self, body: dict[str, Any], currency: str) -> dict[str, Any]:
        if "limits" in body:
            body["limits"] = limits_in(currency, body["limits"])
        return body

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        card, changes = self.get_object(), self.body(CardChangesBody)
        if "budget" in changes:
            changes["budget"] = self._budget(changes["budget"])
        changes = self._controls(changes, card.currency)
        return self.reply_anew(operations.change_controls(card, changes, actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["post"], takes_body=False)
    def freeze(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(operations.freeze(self.get_object(), actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["post"], takes_body=False)
    def unfreeze(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(operations.unfreeze(self.get_object(), actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["post"], takes_body=False)
    def replace(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(operations.replace(self.get_object(), actor=request.membership, at=timezone.now()), status=201)

    @action(detail=True, methods=["post"], takes_body=False)
    def close(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(operations.close(self.get_object(), actor=request.membership, at=timezone.now()))


def _member_action(summary: str, description: str) -> Any:
    return extend_schema(summary=summary, description=description, request=None, responses={200: MemberSerializer})


@extend_schema_view(
    suspend=_member_action("Suspend a member", "No sign-in and no swipe from now on, until they are reactivated."),
    deactivate=_member_action(
        "Deactivate a member", "They have left. Their sessions end, and their cards are frozen with the source `offboarding`."
    ),
    reactivate=_member_action("Reactivate a member", "Lifts a suspension, or brings somebody back, with the cards that leaving froze."),
)
@extend_schema(tags=["people"])
class MemberStandingViewSet(TenantViewSet):
    """Whether somebody's sign-in and cards work. Here and not in `users`, because leaving freezes cards."""

    serializer_class = MemberSerializer
    model = Membership
    rules = dict.fromkeys(("suspend", "deactivate", "reactivate"), "people.change")

    def rows(self) -> QuerySet[Any]:
        return Membership.objects.visible_to(self.request.membership).with_names()

    def as_shown(self) -> Response:
        return self.reply(self.get_object())

    def _stand(self, change: Any) -> Response:
        member = change(self.get_object(), actor=self.request.membership, at=timezone.now())
        return self.reply(self.rows().get(pk=member.pk))

    @action(detail=True, methods=["post"], takes_body=False)
    def suspend(self, request: APIRequest, public_id: str) -> Response:
        return self._stand(operations.suspend_member)

    @action(detail=True, methods=["post"], takes_body=False)
    def deactivate(self, request: APIRequest, public_id: str) -> Response:
        return self._stand(operations.deactivate_member)

    @action(detail=True, methods=["post"], takes_body=False)
    def reactivate(self, request: APIRequest, public_id: str) -> Response:
        return self._stand(operations.reactivate_member)
