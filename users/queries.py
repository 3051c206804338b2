"""What is read about people and their sign-ins, in all the companies that they belong to."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from users import tokens
from users.models import EmailLink, Invitation, Membership, MembershipQuerySet, Session, User


def memberships(user: User) -> MembershipQuerySet:
    """The companies that a person may enter."""
    mine: MembershipQuerySet = Membership.across_companies.active().filter(user=user).select_related("company", "user")
    return mine


def open_sessions(user: User, *, at: datetime) -> QuerySet[Session]:
    """Where a person is signed in, whichever the company."""
    opened = Session.across_companies.filter(membership__user=user, revoked_at=None, expires_at__gt=at)
    return opened.select_related("membership__company", "membership__user")


def opened_by(secret: str) -> QuerySet[Invitation]:
    """The invitation that a secret opens: the one that was copied, or the one that was mailed."""
    digest = tokens.digest(secret)
    return Invitation.across_companies.filter(Q(token_hash=digest) | Q(mail_token_hash=digest))


def mails_due(*, at: datetime, most: int = 50) -> list[EmailLink | Invitation]:
    """What waits to be mailed, the longest waiting first."""
    links = EmailLink.objects.select_related("user").filter(mail_due_at__lte=at).order_by("mail_due_at")[:most]
    invitations = Invitation.across_companies.select_related("company", "invited_by__user").filter(mail_due_at__lte=at)
    return [*links, *invitations.order_by("mail_due_at")[:most]]
