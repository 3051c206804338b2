"""Addresses of cards."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from cards.viewsets import CardViewSet

router = SimpleRouter()
router.register("cards", CardViewSet, basename="card")

api = router.urls
