"""Addresses of people."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from users import views
from users.viewsets import AuthViewSet, DepartmentViewSet, InvitationViewSet, MemberViewSet, MeViewSet

router = SimpleRouter()
router.register("auth", AuthViewSet, basename="auth")
router.register("auth", MeViewSet, basename="me")
router.register("members", MemberViewSet, basename="member")
router.register("invitations", InvitationViewSet, basename="invitation")
router.register("departments", DepartmentViewSet, basename="department")

api = router.urls
pages = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
]
