"""Addresses of the organisation."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from companies.viewsets import CategoryViewSet, TagViewSet

router = SimpleRouter()
router.register("categories", CategoryViewSet, basename="category")
router.register("tags", TagViewSet, basename="tag")

api = router.urls
