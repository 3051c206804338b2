"""Links that are mailed: to choose a new password, to confirm an address, to join. The rows are the queue of what is to be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from spendtrackr import errors, events
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
from users import queries, tokens
from users.models import EmailLink, Invitation, LinkPurpose, Membership, User, email_key
from users.operations.access import end_sessions_of_user, hash_password, lock_person

LIFETIMES = {LinkPurpose.RESET: timedelta(hours=1), LinkPurpose.CONFIRM: timedelta(days=7)}
MAIL_ATTEMPTS = 8
# After the first failure, the second, …; the last of them from then on.
_WAITS = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120)]


class LinkDead(errors.Invalid):
    code = "link_not_valid"
    message = "This link is unknown, used or expired. Ask for a new one."


def write_link(user: User, purpose: LinkPurpose, *, at: datetime) -> EmailLink:
    """Put a link into the post. It has no secret before it is sent."""
    return EmailLink.objects.create(user=user, purpose=purpose, requested_at=at, mail_due_at=at, expires_at=at + LIFETIMES[purpose])


@operation
def request_reset(email: str, *, at: datetime) -> None:
    """Mail a link to choose a new password, if this is anybody's address. Callers hear the same either way.

    Operators are left out: whoever reads their mail must not look at all companies. So are programs, which have no password to forget.
    """
    user = User.objects.filter(email_key=email_key(email), is_active=True, is_staff=False).first()
    if user and user.has_usable_password():
        write_link(user, LinkPurpose.RESET, at=at)


@operation
def request_confirmation(member: Membership, *, at: datetime) -> None:
    """Mail somebody another link to confirm their address. Raises `InvalidState` when it is confirmed."""
    if member.user.confirmed_at:
        raise errors.InvalidState("Your address is confirmed already.")
    write_link(member.user, LinkPurpose.CONFIRM, at=at)
    events.record("address.confirmation_requested", member, actor=member, at=at)


def open_link(secret: str, purpose: LinkPurpose, *, at: datetime) -> EmailLink:
    """The link that a secret opens. Raises `LinkDead` for the field `token`."""
    link = EmailLink.objects.select_related("user").filter(token_hash=tokens.digest(secret), purpose=purpose).first()
    if link is None or link.used_at or at >= link.expires_at or not link.user.is_active:
        raise LinkDead(field="token")
    return link


def reset_password(secret: str, password: str, *, at: datetime) -> None:
    """Set a password with a mailed link. It proves the address, and ends every session: whoever holds one may be why."""
    link = open_link(secret, LinkPurpose.RESET, at=at)
    _reset_password(link, hash_password(password, email=link.user.email, name=link.user.name), at=at)


@operation
def _reset_password(link: EmailLink, hashed: str, *, at: datetime) -> None:
    # Before the link, as whoever changes a password does: two locks taken crosswise would wait for each other.
    lock_person(link.user)
    _use(link, at=at)
    User.objects.filter(pk=link.user_id).update(password=hashed)
    confirm(link.user, at=at)
    end_sessions_of_user(link.user, at=at, because="password_reset")
    _record_everywhere("password.reset", link.user, at=at)


def confirm_address(secret: str, *, at: datetime) -> None:
    """Take a mailed link as proof that its reader has the address."""
    _confirm_address(open_link(secret, LinkPurpose.CONFIRM, at=at), at=at)


@operation
def _confirm_address(link: EmailLink, *, at: datetime) -> None:
    _use(link, at=at)
    confirm(link.user, at=at)
    _record_everywhere("address.confirmed", link.user, at=at)


def _use(link: EmailLink, *, at: datetime) -> None:
    """One conditional UPDATE decides between simultaneous users of one link. Its twins die with it."""
    if EmailLink.objects.filter(pk=link.pk, used_at=None).update(used_at=at) != 1:
        raise LinkDead(field="token")
    EmailLink.objects.filter(user=link.user, purpose=link.purpose, used_at=None).update(used_at=at, mail_due_at=None)


def confirm(user: User, *, at: datetime) -> None:
    """One step of whatever proves an address. The first proof counts."""
    User.objects.filter(pk=user.pk, confirmed_at=None).update(confirmed_at=at)
    user.confirmed_at = user.confirmed_at or at


def _record_everywhere(type_: str, user: User, *, at: datetime) -> None:
    """What a person does without being in a company belongs into the audit trail of each."""
    for member in queries.memberships(user):
        with company_scope(member.company_id):
            events.record(type_, member, actor=member, at=at)


def next_try(attempts: int, *, at: datetime) -> datetime | None:
    """When a mail is tried again after so many attempts; None when it is given up."""
    return None if attempts >= MAIL_ATTEMPTS else at + _WAITS[min(attempts, len(_WAITS)) - 1]


@operation
def claim_mail(row: EmailLink | Invitation, *, at: datetime) -> str | None:
    """Take a mail that is due, before it is sent; answers its secret, or None when another worker took it or nobody wants it.

    Its next try is due from here on, so that a worker that dies between claiming and sending loses nothing.
    """
    secret, attempts = tokens.new_secret("mail"), row.mail_attempts + 1
    again = next_try(attempts, at=at)
    is_wanted = _is_wanted(row, at=at)
    changes = (
        {"mail_due_at": again, "mail_attempts": attempts, _hash_of(row): tokens.digest(secret)} if is_wanted else {"mail_due_at": None}
    )
    if _same(row).update(**changes) != 1 or not is_wanted:
        return None
    row.mail_due_at, row.mail_attempts = again, attempts
    return secret


@operation
def mail_sent(row: EmailLink | Invitation) -> None:
    """It is out: no next try. Unless somebody asked for it anew in the meantime."""
    _same(row).update(mail_due_at=None)


def _same(row: EmailLink | Invitation) -> Any:
    """The row, if its mail is still due when we last saw that it was."""
    rows: Any = EmailLink.objects if isinstance(row, EmailLink) else Invitation.across_companies
    return rows.filter(pk=row.pk, mail_due_at=row.mail_due_at)


def _hash_of(row: EmailLink | Invitation) -> str:
    return "token_hash" if isinstance(row, EmailLink) else "mail_token_hash"


def _is_wanted(row: EmailLink | Invitation, *, at: datetime) -> bool:
    if isinstance(row, Invitation):
        return row.status_at(at) == "open"
    return row.used_at is None and at < row.expires_at
