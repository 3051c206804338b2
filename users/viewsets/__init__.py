"""Routes of people and of programs, by what they are about."""

from __future__ import annotations

from users.viewsets.imports import DepartmentImportViewSet, PeopleImportViewSet
from users.viewsets.keys import ApiKeyViewSet
from users.viewsets.notifications import NotificationViewSet, PreferencesViewSet
from users.viewsets.people import DepartmentViewSet, InvitationViewSet, MemberViewSet
from users.viewsets.sessions import AuthViewSet, FoundingViewSet, MeViewSet, SessionViewSet

__all__ = [
    "ApiKeyViewSet",
    "AuthViewSet",
    "DepartmentImportViewSet",
    "DepartmentViewSet",
    "FoundingViewSet",
    "InvitationViewSet",
    "MeViewSet",
    "MemberViewSet",
    "NotificationViewSet",
    "PeopleImportViewSet",
    "PreferencesViewSet",
    "SessionViewSet",
]
