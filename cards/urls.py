"""Addresses of cards."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from cards.views import people
from cards.viewsets import CardViewSet, MemberStandingViewSet

router = SimpleRouter()
router.register("cards", CardViewSet, basename="card")
router.register("members", MemberStandingViewSet, basename="member-standing")

api = router.urls
pages = [
    path("people/", people.people, name="people"),
    path("people/<slug:public_id>/", people.person, name="person"),
]
