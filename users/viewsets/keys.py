"""API keys of a company: made, changed, rotated and revoked by people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, TenantViewSet, with_secrets
from users import operations, queries
from users import serializers as shapes
from users.filters import ApiKeyFilter
from users.models import ApiKey


@extend_schema_view(
    list=extend_schema(summary="List API keys", description="The newest first, revoked and expired ones too. Their secrets are not kept."),
    retrieve=extend_schema(summary="Show an API key"),
    create=extend_schema(
        summary="Make an API key",
        description="A program of that name becomes one of the company's members: whatever is done with the key is done by it. The "
        "`secret` is answered this once; a replay shows it masked.",
        request=shapes.NewApiKeyBody,
        responses={201: shapes.NewApiKeySerializer},
    ),
    partial_update=extend_schema(
        summary="Change an API key",
        description="`name`, `scopes` and `networks` are those of the integration, and so of all its keys; `expires_at` is this key's own.",
        request=shapes.ApiKeyChangesBody,
        responses={200: shapes.ApiKeySerializer},
    ),
)
@extend_schema(tags=["api-keys"])
class ApiKeyViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.ApiKeySerializer
    filterset_class = ApiKeyFilter
    model = ApiKey
    # By name without an index: a company's keys are few.
    orderings = ordered(name="integration__membership__user__name")
    rules = {
        **dict.fromkeys(["list", "retrieve"], "keys.see"),
        **dict.fromkeys(["create", "partial_update", "rotate", "revoke"], "keys.change"),
    }

    def rows(self) -> QuerySet[Any]:
        return queries.api_keys()

    def create(self, request: APIRequest) -> Response:
        body = self.body(shapes.NewApiKeyBody)
        return self._with_secret(*operations.create_key(**body, actor=request.membership, at=timezone.now()))

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        key, changes = self.get_object(), self.body(shapes.ApiKeyChangesBody)
        return self.reply_anew(operations.change_key(key, changes, actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Rotate an API key",
        description="Another secret of the same integration. The one before works for `overlap_hours` more, so that nothing stands still "
        "while the new one is brought where it is needed.",
        request=shapes.RotateBody,
        responses={201: shapes.NewApiKeySerializer},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: APIRequest, public_id: str) -> Response:
        overlap = timedelta(hours=self.body(shapes.RotateBody)["overlap_hours"])
        return self._with_secret(*operations.rotate_key(self.get_object(), overlap=overlap, actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Revoke an API key", description="At once, and for good.", request=None, responses={200: shapes.ApiKeySerializer}
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def revoke(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(operations.revoke_key(self.get_object(), actor=request.membership, at=timezone.now()))

    def _with_secret(self, key: ApiKey, secret: str) -> Response:
        return with_secrets({**shapes.ApiKeySerializer(key).data, "secret": secret}, "secret", status=201)
