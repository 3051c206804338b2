"""Tell people what happened: rows from sealed events, mails from rows. What was written is mailed at most once by any number of workers.

Locks: the company's cursor while rows are written. A mail is taken by one conditional UPDATE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from companies.models import Company
from spendtrackr import errors, events
from spendtrackr.ids import new_id
from spendtrackr.models import Event
from spendtrackr.retry import operation
from users import queries
from users.models import Membership, Notification, NotificationCursor, NotificationPreference
from users.notices import MAY_BE_SILENT, USUAL, Choice, Delivery, Kind, Notice
from users.operations.links import next_try

BLOCK = 2_000
# What is older when it is told is history: it is in the feed, and neither mailed nor marked as new.
NEWS = timedelta(days=7)
MOST_IN_A_MAIL = 40


@operation
def tell(types: AbstractSet[str], translate: Callable[[list[Event]], Iterable[Notice]], *, at: datetime) -> int:
    """Write what the next sealed events of the company in scope mean for its people; answers how many events, 0 at the end.

    The rows and how far they go commit together, so nothing is told twice or left out.
    """
    NotificationCursor.objects.get_or_create()
    cursor = NotificationCursor.objects.select_for_update().get()
    end = min(events.last_sequence(), cursor.sequence + BLOCK)
    passed = end - cursor.sequence
    if passed <= 0:
        return 0
    told = Event.objects.filter(sequence__gt=cursor.sequence, sequence__lte=end, type__in=types).order_by("sequence")
    write(translate(list(told)), at=at)
    cursor.sequence = end
    cursor.save(update_fields=["sequence"])
    return passed


def write(notices: Iterable[Notice], *, at: datetime) -> None:
    """One row a notice. Who is not active gets a row that is read and mailed to nobody; a program gets none."""
    notices = list(notices)
    people = Membership.objects.people().select_related("user", "company").filter(public_id__in={notice.member for notice in notices})
    members = {member.public_id: member for member in people}
    chosen = queries.choices_of_all(member.pk for member in members.values())
    rows = [
        _row(notice, member, chosen.get((member.pk, notice.kind), USUAL[notice.kind]), at=at)
        for notice in notices
        if (member := members.get(notice.member))
    ]
    # Everybody's rows in the order of the events, and the members in the order in which others lock them.
    rows.sort(key=lambda row: (row.membership_id, row.event.sequence or 0))
    Notification.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


def _row(notice: Notice, member: Membership, choice: Choice, *, at: datetime) -> Notification:
    is_news = member.is_active and notice.event.at > at - NEWS
    return Notification(
        membership=member, event=notice.event, kind=notice.kind, about=notice.about, about_id=notice.about_id, text=clipped(notice.text),
        at=notice.event.at, is_silent=not choice.feed, read_at=None if is_news and choice.feed else at,
        mail_due_at=_due_at(choice.mail, member.company, at=at) if is_news and member.is_reachable else None,
    )  # fmt: skip


def clipped(text: str, most: int = 300) -> str:
    """One line, and no longer than a row takes. Spaces at which no line may break, as in an amount, stay."""
    line = re.sub(r"[^\S\u00a0\u202f]+", " ", text).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _due_at(mail: Delivery, company: Company, *, at: datetime) -> datetime | None:
    """At once; or at nine o'clock in the company, this morning or the next."""
    if mail != Delivery.DAILY:
        return at if mail == Delivery.AT_ONCE else None
    today = company.day_of(at)
    morning = company.morning_of(today)
    return morning if morning > at else company.morning_of(today + timedelta(days=1))


@operation
def read(row: Notification, *, at: datetime) -> Notification:
    """It was seen: it counts no more, and what was not mailed yet is not mailed."""
    Notification.objects.filter(pk=row.pk, read_at=None).update(read_at=at, mail_due_at=None)
    row.refresh_from_db()
    return row


@operation
def read_all(member: Membership, *, up_to: Notification | None = None, at: datetime) -> int:
    """All that somebody was told, or all up to one of them; answers how many were new."""
    rows = Notification.objects.filter(membership=member, read_at=None)
    rows = rows.filter(pk__lte=up_to.pk) if up_to else rows
    return rows.update(read_at=at, mail_due_at=None)


@operation
def choose(member: Membership, chosen: Mapping[Kind, Choice], *, at: datetime) -> Membership:
    """How somebody wants to be told of these kinds. Raises `Invalid` for leaving out of the feed what has to be acted upon."""
    before = queries.choices_of(member)
    for kind, choice in chosen.items():
        if not choice.feed and kind not in MAY_BE_SILENT:
            raise errors.Invalid("This is always shown in the feed.", field=f"{kind.value}.feed")
    changed = sorted(kind for kind, choice in chosen.items() if choice != before[kind])
    for kind in changed:
        how = {"mail": chosen[kind].mail, "feed": chosen[kind].feed}
        NotificationPreference.objects.update_or_create(membership=member, kind=kind, defaults=how)
        if chosen[kind].mail == Delivery.NEVER:
            Notification.objects.filter(membership=member, kind=kind, mail_due_at__isnull=False).update(mail_due_at=None)
    if changed:
        events.record("notifications.chosen", member, actor=member, at=at, kinds=[kind.value for kind in changed])
    return member


@dataclass(frozen=True, slots=True)
class Post:
    """What goes out to somebody in one mail."""

    member: Membership
    claim: str
    rows: list[Notification]


@operation
def claim_post(membership_id: int, *, at: datetime) -> Post | None:
    """Take all that is due to somebody, before it is sent; None when another worker took it, or they may not be mailed.

    Its next try is due from here on, so that a worker that dies between claiming and sending loses nothing.
    """
    member = Membership.objects.select_related("user", "company").get(pk=membership_id)
    due = Notification.objects.filter(membership=member, mail_due_at__lte=at)
    if not member.is_reachable:
        due.update(mail_due_at=None, mail_failure="not_reachable")
        return None
    claim = new_id("mail")
    for attempts in list(due.order_by("mail_attempts").values_list("mail_attempts", flat=True).distinct()):
        again = next_try(attempts + 1, at=at)
        taken = {"mail_claim": claim, "mail_attempts": attempts + 1, "mail_failure": "interrupted", "mail_due_at": again}
        due.filter(mail_attempts=attempts).update(**taken)
    rows = list(Notification.objects.filter(membership=member, mail_claim=claim).order_by("pk"))
    return Post(member, claim, rows) if rows else None


@operation
def post_sent(post: Post, *, at: datetime) -> None:
    """It is out: no next try."""
    _claimed(post).update(mail_sent_at=at, mail_due_at=None, mail_failure="")


@operation
def post_failed(post: Post, reason: str) -> None:
    """Why it did not go out, until the next try or for good."""
    _claimed(post).update(mail_failure=reason[:60])


def _claimed(post: Post) -> QuerySet[Notification]:
    return Notification.objects.filter(pk__in=[row.pk for row in post.rows], mail_claim=post.claim)
