"""Operators look at people. Changing them is an operation."""

from __future__ import annotations

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin
from users.models import DepartmentHead, EmailLink, Invitation, Membership, Session, User


@admin.register(User)
class UserAdmin(ReadOnlyAdmin[User]):
    list_display = ["public_id", "email", "name", "is_active", "is_staff", "joined_at"]
    search_fields = ["public_id", "email_key", "name"]
    exclude = ["password", "groups", "user_permissions"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin[Membership]):
    list_display = ["public_id", "company", "user", "role", "status", "joined_at"]
    list_filter = ["role", "status"]
    search_fields = ["public_id"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    list_display = ["public_id", "company", "email", "role", "created_at", "accepted_at", "revoked_at"]
    exclude = ["token_hash", "mail_token_hash"]


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin[Session]):
    list_display = ["public_id", "company", "membership", "kind", "created_at", "revoked_at", "revoked_because"]


@admin.register(EmailLink)
class EmailLinkAdmin(ReadOnlyAdmin[EmailLink]):
    list_display = ["user", "purpose", "requested_at", "mail_due_at", "mail_attempts", "expires_at", "used_at"]
    list_filter = ["purpose"]
    exclude = ["token_hash"]


@admin.register(DepartmentHead)
class DepartmentHeadAdmin(ReadOnlyAdmin[DepartmentHead]):
    list_display = ["department", "company", "member"]
