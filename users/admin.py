"""Operators look at people. Changing them is an operation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from users.models import (
    ApiKey,
    DepartmentHead,
    EmailLink,
    Integration,
    Invitation,
    Membership,
    Notification,
    NotificationCursor,
    NotificationPreference,
    RefreshToken,
    Session,
    User,
)


def member_link(member: Membership | None) -> Any:
    """To a member, by their address. The user is read with the member, or it is one question a row."""
    return link(member, member.user.email) if member else None


def _companies_of_people(people: Iterable[int]) -> dict[int, str]:
    """A person is global, and yet one of theirs to each of their companies."""
    return dict(everywhere(Membership).filter(user__in=list(people)).values_list("company_id", "company__public_id"))


@admin.register(User)
class UserAdmin(ReadOnlyAdmin[User]):
    list_display = ["public_id", "email", "name", "is_active", "is_staff", "joined_at"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["public_id", "email_key", "name"]
    panels = ["memberships"]

    def companies_of(self, rows: Iterable[User]) -> dict[int, str]:
        return _companies_of_people(user.pk for user in rows)

    def memberships(self, user: User) -> Any:
        found = everywhere(Membership).filter(user=user).select_related("company").order_by("pk")
        rows = [(link(m, m.public_id), link(m.company), m.role, m.status, m.joined_at, m.last_signed_in_at) for m in found]
        return table("Member", "Company", "Role", "Status", "Joined", "Signed in last", rows=rows)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin[Membership]):
    list_display = ["public_id", "company_link", "user", "role", "status", "department", "joined_at", "last_signed_in_at"]
    list_filter = ["role", "status"]
    search_fields = ["public_id", "user__public_id", "user__email_key", "user__name"]
    panels = ["heads", "reports", "sessions"]

    @admin.display(description="heads the departments")
    def heads(self, member: Membership) -> Any:
        found = everywhere(DepartmentHead).filter(member=member).select_related("department")
        return table("Department", rows=[(link(head.department),) for head in found])

    @admin.display(description="manages")
    def reports(self, member: Membership) -> Any:
        found = everywhere(Membership).filter(manager=member).select_related("user").order_by("pk")
        return table("Member", "Role", "Status", rows=[(member_link(m), m.role, m.status) for m in found])

    def sessions(self, member: Membership) -> Any:
        found = everywhere(Session).filter(membership=member).order_by("-pk")[:50]
        rows = [(link(s), s.kind, s.client, s.created_at, s.expires_at, s.revoked_at, s.revoked_because) for s in found]
        return table("Session", "Kind", "Client", "Opened", "Expires", "Revoked", "Because", rows=rows)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    list_display = ["public_id", "company_link", "email", "role", "created_at", "expires_at", "accepted_at", "revoked_at", "mail_attempts"]
    list_filter = ["role"]
    search_fields = ["public_id", "email_key"]


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin[Session]):
    list_display = ["public_id", "company_link", "person", "kind", "client", "created_at", "revoked_at", "revoked_because"]
    list_filter = ["kind"]
    also_read = ["membership__user"]
    search_fields = ["public_id", "membership__public_id", "membership__user__email_key"]
    panels = ["tokens"]

    def person(self, session: Session) -> Any:
        return member_link(session.membership)

    @admin.display(description="refresh tokens")
    def tokens(self, session: Session) -> Any:
        found = everywhere(RefreshToken).filter(session=session).order_by("-pk")[:50]
        return table("Made", "Used", rows=[(token.created_at, token.used_at) for token in found])


@admin.register(Integration)
class IntegrationAdmin(ReadOnlyAdmin[Integration]):
    list_display = ["membership", "company_link", "name", "granted", "allowed"]
    also_read = ["membership__user"]
    search_fields = ["membership__public_id", "membership__user__name"]
    panels = ["keys"]

    def name(self, integration: Integration) -> str:
        return str(integration.membership.user.name)

    def keys(self, integration: Integration) -> Any:
        found = everywhere(ApiKey).filter(integration=integration).order_by("-pk")[:50]
        rows = [(link(key), f"{key.prefix}…{key.last4}", key.created_at, key.expires_at, key.last_used_at, key.revoked_at) for key in found]
        return table("Key", "Secret", "Made", "Ends", "Used last", "Revoked", rows=rows)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    list_display = ["public_id", "company_link", "name", "last4", "created_at", "expires_at", "last_used_at", "revoked_at"]
    also_read = ["integration__membership__user"]
    search_fields = ["public_id", "integration__membership__public_id", "integration__membership__user__name"]


@admin.register(RefreshToken)
class RefreshTokenAdmin(ReadOnlyAdmin[RefreshToken]):
    list_display = ["id", "company_link", "session", "created_at", "used_at"]
    search_fields = ["session__public_id"]


@admin.register(EmailLink)
class EmailLinkAdmin(ReadOnlyAdmin[EmailLink]):
    list_display = ["id", "user", "purpose", "requested_at", "mail_due_at", "mail_attempts", "expires_at", "used_at"]
    list_filter = ["purpose"]
    search_fields = ["user__public_id", "user__email_key"]

    def companies_of(self, rows: Iterable[EmailLink]) -> dict[int, str]:
        return _companies_of_people(sent.user_id for sent in rows)


@admin.register(DepartmentHead)
class DepartmentHeadAdmin(ReadOnlyAdmin[DepartmentHead]):
    list_display = ["department", "company_link", "person"]
    also_read = ["member__user"]
    search_fields = ["department__public_id", "department__name", "member__public_id", "member__user__email_key"]

    def person(self, head: DepartmentHead) -> Any:
        return member_link(head.member)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin[Notification]):
    list_display = ["public_id", "company_link", "person", "kind", "at", "read_at", "mail_due_at", "mail_sent_at", "mail_failure"]
    list_filter = ["kind"]
    also_read = ["membership__user"]
    search_fields = ["public_id", "about_id", "event__public_id", "membership__public_id", "membership__user__email_key"]

    def person(self, row: Notification) -> Any:
        return member_link(row.membership)


@admin.register(NotificationCursor)
class NotificationCursorAdmin(ReadOnlyAdmin[NotificationCursor]):
    list_display = ["id", "company_link", "sequence"]


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(ReadOnlyAdmin[NotificationPreference]):
    list_display = ["id", "company_link", "person", "kind", "mail", "feed"]
    list_filter = ["kind", "mail"]
    also_read = ["membership__user"]
    search_fields = ["membership__public_id", "membership__user__email_key"]

    def person(self, row: NotificationPreference) -> Any:
        return member_link(row.membership)
