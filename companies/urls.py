"""Addresses of the organisation."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from companies.viewsets import CategoryViewSet

router = SimpleRouter()
router.register("categories", CategoryViewSet, basename="category")

api = router.urls
