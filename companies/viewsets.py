"""Categories and tags: read by everybody who codes spend."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from companies import operations
from companies.filters import NamedFilter
from companies.models import Category, Tag
from companies.serializers import CategoryChangesBody, CategorySerializer, NewCategoryBody, NewTagBody, TagChangesBody, TagSerializer
from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, TenantViewSet


@extend_schema_view(
    list=extend_schema(summary="List categories", description="What the company's spend is cut into, newest first."),
    retrieve=extend_schema(summary="Show a category"),
    create=extend_schema(summary="Add a category", request=NewCategoryBody, responses={201: CategorySerializer}),
    partial_update=extend_schema(
        summary="Change or archive a category",
        description="`merchant_categories` replaces the whole list. An archived category keeps its past and is not proposed any more.",
        request=CategoryChangesBody,
        responses={200: CategorySerializer},
    ),
)
@extend_schema(tags=["categories"])
class CategoryViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = CategorySerializer
    filterset_class = NamedFilter
    model = Category
    orderings = ordered(name="name_key")  # categories_one_name
    rules = {
        "list": "categories.see",
        "retrieve": "categories.see",
        "create": "categories.change",
        "partial_update": "categories.change",
    }

    def rows(self) -> QuerySet[Any]:
        return Category.objects.with_codes()

    def create(self, request: APIRequest) -> Response:
        category = operations.add_category(**self.body(NewCategoryBody), actor=request.membership, at=timezone.now())
        return self.reply(self.rows().get(pk=category.pk), status=201)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        category, changes = self.get_object(), self.body(CategoryChangesBody)
        operations.change_category(category, changes, actor=request.membership, at=timezone.now())
        return self.reply(self.rows().get(pk=category.pk))


@extend_schema_view(
    list=extend_schema(summary="List tags", description="Words that transactions are marked with, newest first."),
    retrieve=extend_schema(summary="Show a tag"),
    create=extend_schema(summary="Add a tag", request=NewTagBody, responses={201: TagSerializer}),
    partial_update=extend_schema(
        summary="Rename or archive a tag",
        description="What carries an archived tag goes on carrying it; nothing new is marked with it.",
        request=TagChangesBody,
        responses={200: TagSerializer},
    ),
)
@extend_schema(tags=["categories"])
class TagViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = TagSerializer
    filterset_class = NamedFilter
    model = Tag
    orderings = ordered(name="name_key")  # tags_one_name
    rules = {"list": "tags.see", "retrieve": "tags.see", "create": "tags.change", "partial_update": "tags.change"}

    def rows(self) -> QuerySet[Any]:
        return Tag.objects.all()

    def create(self, request: APIRequest) -> Response:
        return self.reply(operations.add_tag(**self.body(NewTagBody), actor=request.membership, at=timezone.now()), status=201)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        tag, changes = self.get_object(), self.body(TagChangesBody)
        return self.reply(operations.change_tag(tag, changes, actor=request.membership, at=timezone.now()))
