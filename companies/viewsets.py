"""Categories: read by everybody who codes spend."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from companies.models import Category
from companies.serializers import CategorySerializer
from spendtrackr.viewsets import TenantViewSet


@extend_schema_view(
    list=extend_schema(summary="List categories", description="What the company's spend is cut into, newest first."),
    retrieve=extend_schema(summary="Show a category"),
)
@extend_schema(tags=["categories"])
class CategoryViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = CategorySerializer
    model = Category
    rules = {"list": "categories.see", "retrieve": "categories.see"}

    def rows(self) -> QuerySet[Any]:
        return Category.objects.all()
