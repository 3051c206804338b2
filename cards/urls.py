"""Addresses of cards."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from cards.viewsets import CardViewSet, MemberStandingViewSet

router = SimpleRouter()
router.register("cards", CardViewSet, basename="card")
router.register("members", MemberStandingViewSet, basename="member-standing")

api = router.urls
