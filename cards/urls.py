"""Addresses of cards."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from cards.views import budgets, cards, people, requests
from cards.viewsets.budgets import BudgetViewSet
from cards.viewsets.cards import CardViewSet, MemberStandingViewSet
from cards.viewsets.grants import CardGrantViewSet, GrantViewSet
from cards.viewsets.requests import CardRequestViewSet

router = SimpleRouter()
router.register("cards", CardViewSet, basename="card")
router.register("grants", GrantViewSet, basename="grant")
router.register("budgets", BudgetViewSet, basename="budget")
router.register("card-requests", CardRequestViewSet, basename="card-request")
router.register("members", MemberStandingViewSet, basename="member-standing")

api = [
    *router.urls,
    path("cards/<slug:public_id>/grants/", CardGrantViewSet.as_view({"get": "list", "post": "create"}), name="card-grants"),
]
pages = [
    path("cards/", cards.cards, name="cards"),
    path("cards/new/", cards.issue, name="card-issue"),
    path("cards/<slug:public_id>/", cards.card, name="card"),
    path("cards/<slug:public_id>/change/", cards.change, name="card-change"),
    path("cards/<slug:public_id>/freeze/", cards.freeze, name="card-freeze"),
    path("cards/<slug:public_id>/unfreeze/", cards.unfreeze, name="card-unfreeze"),
    path("cards/<slug:public_id>/replace/", cards.replace, name="card-replace"),
    path("cards/<slug:public_id>/close/", cards.close, name="card-close"),
    path("cards/<slug:public_id>/grant/", cards.grant, name="card-grant"),
    path("grants/<slug:public_id>/revoke/", cards.revoke, name="grant-revoke"),
    path("budgets/", budgets.budgets, name="budgets"),
    path("budgets/new/", budgets.new, name="budget-new"),
    path("budgets/<slug:public_id>/", budgets.budget, name="budget"),
    path("budgets/<slug:public_id>/close/", budgets.close, name="budget-close"),
    path("requests/", requests.requests, name="requests"),
    path("requests/new/", requests.ask, name="request-new"),
    path("requests/<slug:public_id>/approve/", requests.approve, name="request-approve"),
    path("requests/<slug:public_id>/reject/", requests.reject, name="request-reject"),
    path("requests/<slug:public_id>/withdraw/", requests.withdraw, name="request-withdraw"),
    path("people/", people.people, name="people"),
    path("people/<slug:public_id>/", people.person, name="person"),
]
