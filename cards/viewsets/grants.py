"""Room for once: what a card was granted, granting it, and taking it back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from cards import operations, queries
from cards.models import Card, LimitGrant
from cards.serializers import GrantSerializer, NewGrantBody
from spendtrackr.permissions import find, require
from spendtrackr.viewsets import APIRequest, TenantViewSet


class _Grants(TenantViewSet):
    serializer_class = GrantSerializer
    model = LimitGrant

    def rows(self) -> QuerySet[Any]:
        seen = Card.objects.visible_to(self.request.membership).values("pk")
        return queries.grants().filter(card__in=seen).select_related("card__holder", "counter", "granted_by", "revoked_by")


@extend_schema_view(
    list=extend_schema(
        summary="List a card's grants", description="Also those that were used up, taken back or have expired. Newest first."
    ),
    create=extend_schema(
        summary="Grant a card room for once",
        description="On top of every amount limit until it expires; of a card in the mode `zero_until_granted`, all that it may spend.",
        request=NewGrantBody,
        responses={201: GrantSerializer},
    ),
)
@extend_schema(tags=["cards"])
class CardGrantViewSet(ListModelMixin, _Grants):
    """The grants of one card, which its address names."""

    rules = {"list": "cards.see", "create": "cards.grant"}

    def _card(self) -> Card:
        card: Card = find(Card.objects.visible_to(self.request.membership).select_related("holder"), self.kwargs["public_id"])
        require(self._rule(), self.request.membership, card)
        return card

    def rows(self) -> QuerySet[Any]:
        return super().rows().filter(card_id=self._card().counting_id)

    def create(self, request: APIRequest, public_id: str) -> Response:
        card, body = self._card(), self.body(NewGrantBody)
        grant = operations.grant(card, **body, actor=request.membership, at=timezone.now())
        return self.reply_anew(grant, status=201)


@extend_schema(tags=["cards"])
class GrantViewSet(_Grants):
    rules = {"revoke": "cards.grant"}

    @extend_schema(
        summary="Take a grant back", description="What was used of it stays used.", request=None, responses={200: GrantSerializer}
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def revoke(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(operations.revoke(self.get_object(), actor=request.membership, at=timezone.now()))
