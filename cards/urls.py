"""Addresses of cards."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from cards.views import cards, people
from cards.viewsets import CardViewSet, MemberStandingViewSet

router = SimpleRouter()
router.register("cards", CardViewSet, basename="card")
router.register("members", MemberStandingViewSet, basename="member-standing")

api = router.urls
pages = [
    path("cards/", cards.cards, name="cards"),
    path("cards/new/", cards.issue, name="card-issue"),
    path("cards/<slug:public_id>/", cards.card, name="card"),
    path("cards/<slug:public_id>/change/", cards.change, name="card-change"),
    path("cards/<slug:public_id>/freeze/", cards.freeze, name="card-freeze"),
    path("cards/<slug:public_id>/unfreeze/", cards.unfreeze, name="card-unfreeze"),
    path("cards/<slug:public_id>/replace/", cards.replace, name="card-replace"),
    path("cards/<slug:public_id>/close/", cards.close, name="card-close"),
    path("people/", people.people, name="people"),
    path("people/<slug:public_id>/", people.person, name="person"),
]
