"""Reads of people: who stands above whom and heads what, where they may sign in, and what waits to be mailed to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from companies.models import CompanyStatus, Department
from spendtrackr.models import EventChain
from users import tokens
from users.models import (
    ApiKey,
    ApiKeyQuerySet,
    DepartmentHead,
    EmailLink,
    Invitation,
    Membership,
    MembershipQuerySet,
    Notification,
    NotificationCursor,
    NotificationPreference,
    Session,
    User,
    ids_above,
)
from users.notices import USUAL, Choice, Delivery, Kind
from users.roles import RUNS, Role


def colleagues(member: Membership) -> MembershipQuerySet:
    """Whom a member may name to decide in their place: whom they see, their managers, those of the same manager, who runs the company."""
    near = Q(pk__in=member.above) | Q(role__in=RUNS)
    if member.manager_id:
        near |= Q(manager=member.manager_id)
    seen = Membership.objects.visible_to(member).values("pk")
    return deciders().filter(near | Q(pk__in=seen)).exclude(pk=member.pk)


def approvers_of(member: Membership) -> list[Membership]:
    """Who decides about this member's spend: the nearest active manager above, else every other active owner or admin.

    Never the member. Empty when the company has nobody else.
    """
    return approvers_of_all([member])[member.pk]


def approvers_of_all(members: Iterable[Membership]) -> dict[int, list[Membership]]:
    """The same for many members at once, by their database ids: two queries whatever their number."""
    asked = {member.pk: member for member in members}
    wanted = {pk for member in asked.values() for pk in member.above}
    above = {found.pk: found for found in deciders().filter(pk__in=wanted)}
    nearest = {pk: next((above[one] for one in member.above if one in above), None) for pk, member in asked.items()}
    runs = [] if all(nearest.values()) else list(deciders().filter(role__in=RUNS).order_by("pk"))
    return {pk: [found] if found else [other for other in runs if other.pk != pk] for pk, found in nearest.items()}


def runners() -> MembershipQuerySet:
    """Who runs the company, and is there."""
    rows: MembershipQuerySet = Membership.objects.active().filter(user__is_active=True, role__in=RUNS)
    return rows


def deciders() -> MembershipQuerySet:
    """Who may decide at all: active, able to sign in, and not an auditor, who reads everything and changes nothing."""
    rows: MembershipQuerySet = Membership.objects.active().select_related("user").filter(user__is_active=True).exclude(role=Role.AUDITOR)
    return rows


def waiting_on(member: Membership) -> list[int]:
    """The database ids of those about whose spend this member decides: `approvers_of`, asked the other way round."""
    people = Membership.objects.order_by("pk")
    if member.role not in RUNS:
        people = people.filter(chain__startswith=member.chain)
    chains = list(people.values_list("pk", "chain"))
    active = set(deciders().filter(pk__in=people.values("pk")).values_list("pk", flat=True))
    return [pk for pk, chain in chains if member.pk in active and pk != member.pk and _decides(member, chain, active)]


def _decides(member: Membership, chain: str, active: set[int]) -> bool:
    """Whether the member is the nearest active manager above; or, for who runs the company, there is none at all."""
    nearest = next((pk for pk in ids_above(chain) if pk in active), None)
    return nearest == member.pk if nearest is not None else member.role in RUNS


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


def companies_with_news() -> list[int]:
    """The database ids of companies with sealed events that their people have not been told of."""
    told = NotificationCursor.across_companies.filter(company=OuterRef("company")).values("sequence")
    chains = EventChain.across_companies.annotate(told=Coalesce(Subquery(told), 0))
    return list(chains.filter(last_sequence__gt=F("told")).order_by("pk").values_list("company_id", flat=True))


def members_to_mail(*, at: datetime, most: int = 200) -> list[tuple[int, int]]:
    """The database ids of company and member of those to whom notifications are to be mailed, the longest waiting first.

    What people of a suspended company are told they cannot act upon: their mail waits until it is active again.
    """
    due = (
        Notification.across_companies.filter(mail_due_at__lte=at, company__status=CompanyStatus.ACTIVE)
        .order_by()
        .values("company_id", "membership_id")
    )
    waiting = due.annotate(since=Min("mail_due_at")).order_by("since", "membership_id")
    return list(waiting.values_list("company_id", "membership_id")[:most])


def feed(member: Membership) -> QuerySet[Notification]:
    """What somebody was told, without what they chose to leave out."""
    return Notification.objects.filter(membership=member, is_silent=False)


def regions_chosen() -> dict[str, str]:
    """The regions of `locales.REGIONS` in which members of the company in scope chose to read, by members' ids."""
    return dict(Membership.objects.exclude(user__locale="").values_list("public_id", "user__locale"))


def choices_of_all(members: Iterable[int]) -> dict[tuple[int, Kind], Choice]:
    """How these members, by their database ids, want to be told of each kind for which they chose; `USUAL` for the others."""
    rows = NotificationPreference.objects.filter(membership__in=list(members))
    return {(row.membership_id, Kind(row.kind)): Choice(Delivery(row.mail), feed=row.feed) for row in rows}


def choices_of(member: Membership) -> dict[Kind, Choice]:
    """How somebody is told of each kind."""
    return USUAL | {kind: choice for (_, kind), choice in choices_of_all([member.pk]).items()}


def api_keys() -> ApiKeyQuerySet:
    """Keys with what they are shown with."""
    keys: ApiKeyQuerySet = ApiKey.objects.select_related("integration__membership__user", "created_by__user")
    return keys


def departments() -> QuerySet[Any]:
    """Departments, each with `head` and `head_name`, in one query: `companies` knows no people."""
    heads = DepartmentHead.objects.filter(department=OuterRef("pk"))
    return Department.objects.select_related("parent").annotate(
        head=Subquery(heads.values("member__public_id")[:1]), head_name=Subquery(heads.values("member__user__name")[:1])
    )
