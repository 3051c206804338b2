"""Addresses of people."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from users import views
from users.viewsets import (
    ApiKeyViewSet,
    AuthViewSet,
    DepartmentImportViewSet,
    DepartmentViewSet,
    FoundingViewSet,
    InvitationViewSet,
    MemberViewSet,
    MeViewSet,
    NotificationViewSet,
    PeopleImportViewSet,
    PreferencesViewSet,
    SessionViewSet,
)

router = SimpleRouter()
router.register("auth", AuthViewSet, basename="auth")
router.register("auth", MeViewSet, basename="me")
router.register("auth/sessions", SessionViewSet, basename="session")
router.register("companies", FoundingViewSet, basename="founding")
router.register("members", MemberViewSet, basename="member")
router.register("invitations", InvitationViewSet, basename="invitation")
router.register("departments", DepartmentViewSet, basename="department")
router.register("people-imports", PeopleImportViewSet, basename="people-import")
router.register("department-imports", DepartmentImportViewSet, basename="department-import")

router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("notifications", NotificationViewSet, basename="notification")

api = [
    *router.urls,
    path(
        "notification-preferences/",
        PreferencesViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-notification-preferences",
    ),
]
pages = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("sign-up/", views.sign_up, name="sign-up"),
    path("forgot-password/", views.forgot_password, name="forgot-password"),
    path("reset-password/", views.reset_password, name="reset-password"),
    path("confirm-address/", views.confirm_address, name="confirm-address"),
    path("confirm-address/resend/", views.resend_confirmation, name="resend-confirmation"),
    path("accept-invitation/", views.accept_invitation, name="accept-invitation"),
    path("companies/new/", views.new_company, name="new-company"),
    path("people/import/", views.import_people, name="people-import"),
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/read/", views.read_notifications, name="notifications-read"),
    path("notifications/preferences/", views.preferences, name="notification-preferences"),
    path("notifications/<str:public_id>/open/", views.open_notification, name="notification-open"),
    path("api-keys/", views.api_keys, name="api-keys"),
    path("api-keys/<slug:public_id>/", views.api_key, name="api-key"),
    path("account/", views.account, name="account"),
    path("account/switch/", views.switch_company, name="switch-company"),
    path("account/sessions/revoke-others/", views.revoke_other_sessions, name="revoke-other-sessions"),
    path("account/sessions/<str:public_id>/revoke/", views.revoke_session, name="revoke-session"),
]
