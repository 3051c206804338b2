"""Addresses of transactions and of what moves money."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from transactions import views
from transactions.viewsets import (
    AuthorizationViewSet,
    FundingAccountViewSet,
    ImportViewSet,
    TopUpViewSet,
    TransactionViewSet,
)

router = SimpleRouter()
router.register("transactions", TransactionViewSet, basename="transaction")
router.register("accounts", FundingAccountViewSet, basename="account")
router.register("imports", ImportViewSet, basename="import")
router.register("simulator/topups", TopUpViewSet, basename="simulator-topup")
router.register("simulator/authorizations", AuthorizationViewSet, basename="simulator-authorization")

api = router.urls
pages = [
    path("transactions/", views.transactions, name="transactions"),
]
