"""What people say about a transaction or a request for a card, and what happened to a transaction."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from cards.models import CardRequest
from spendtrackr.pagination import ordered
from spendtrackr.permissions import find
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.models import Comment, Transaction
from transactions.operations import comments
from transactions.serializers import comments as shapes


class _CommentViewSet(ListModelMixin, TenantViewSet):
    """Of what the address names: whoever may see that may read them, and all but auditors may say something."""

    serializer_class = shapes.CommentSerializer
    model = Comment
    orderings = ordered("created")

    def about(self) -> Transaction | CardRequest:
        """What the address names. Raises 404 where this member may not see it."""
        raise NotImplementedError

    def rows(self) -> QuerySet[Any]:
        return queries.comments(self.about())

    def create(self, request: APIRequest, public_id: str) -> Response:
        comment = comments.say(self.about(), self.body(shapes.CommentBody)["text"], actor=request.membership, at=timezone.now())
        return self.reply(comment, status=201)


_LIST: dict[str, Any] = {"summary": "List comments", "description": "The oldest first."}
_CREATE: dict[str, Any] = {
    "summary": "Comment",
    "description": "Those whom it concerns are told: whose it is, whom it waits for, whoever has said something. What is said stays.",
    "request": shapes.CommentBody,
    "responses": {201: shapes.CommentSerializer},
}


@extend_schema_view(list=extend_schema(**_LIST), create=extend_schema(**_CREATE))
@extend_schema(tags=["transactions"])
class TransactionCommentViewSet(_CommentViewSet):
    rules = {"list": "transactions.see", "create": "comments.say"}

    def about(self) -> Transaction:
        found: Transaction = find(queries.readable(self.request.membership), self.kwargs["public_id"])
        return found


@extend_schema_view(list=extend_schema(**_LIST), create=extend_schema(**_CREATE))
@extend_schema(tags=["requests"])
class RequestCommentViewSet(_CommentViewSet):
    rules = {"list": "requests.see", "create": "comments.say"}

    def about(self) -> CardRequest:
        found: CardRequest = find(CardRequest.objects.visible_to(self.request.membership), self.kwargs["public_id"])
        return found
