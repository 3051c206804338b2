"""Mails to people. The rows are the queue: whoever looks finds what is still to be sent."""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from spendtrackr import locales
from spendtrackr.tenancy import company_scope
from users import operations, queries
from users.models import EmailLink, Invitation, LinkPurpose

log = logging.getLogger(__name__)


def send_due(at: datetime | None = None) -> int:
    """Send what is due; answer how many went out. A server that is away ends the round: each mail would wait for it again.

    A mail that is refused, or cannot be written, stands in the way of no other.
    """
    at = at or timezone.now()
    sent = 0
    for row in queries.mails_due(at=at):
        secret = operations.claim_mail(row, at=at)
        if secret is None:
            continue
        try:
            _send(row, secret)
        except Exception as error:  # noqa: BLE001 -- whatever one mail does, the others go out
            _tell(row, error)
            if _is_away(error):
                break
            continue
        operations.mail_sent(row)
        sent += 1
    return sent


def post_due(at: datetime | None = None) -> int:
    """Mail people what they were told and want to be mailed, all that is due to somebody in one mail; answer how many went out."""
    at = at or timezone.now()
    sent = 0
    for company_id, member_id in queries.members_to_mail(at=at):
        with company_scope(company_id):
            post = operations.claim_post(member_id, at=at)
            if post is None:
                continue
            try:
                _send_post(post)
            except Exception as error:  # noqa: BLE001 -- whatever one mail does, the others go out
                operations.post_failed(post, type(error).__name__)
                log.warning("the mail of notifications to %s failed: %s", post.member.public_id, type(error).__name__)
                if _is_away(error):
                    break
                continue
            operations.post_sent(post, at=at)
            sent += 1
    return sent


def _send_post(post: operations.Post) -> None:
    member, shown = post.member, post.rows[: operations.MOST_IN_A_MAIL]
    company = member.company.name
    context = {
        "name": member.user.name,
        "company": company,
        "lines": [{"text": row.text, "link": f"{settings.SITE_URL}{row.page}"} for row in shown],
        "more": len(post.rows) - len(shown),
        "feed": f"{settings.SITE_URL}{reverse('notifications')}",
        "preferences": f"{settings.SITE_URL}{reverse('notification-preferences')}",
    }
    subject = f"{company}: {post.rows[0].text}" if len(post.rows) == 1 else f"{company}: {len(post.rows)} things to know"
    with locales.reading(member.user.locale):
        text, html = (render_to_string(f"users/mail/notifications.{kind}", context) for kind in ("txt", "html"))
    send_mail(operations.clipped(subject, 120), text, None, [member.user.email], html_message=html)


def _is_away(error: Exception) -> bool:
    """Whether it is the server, and not this mail. Errors of SMTP are OSErrors, too: what the server said, it was there to say."""
    if isinstance(error, smtplib.SMTPException):
        return isinstance(error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError)
    return isinstance(error, OSError)


def _send(row: EmailLink | Invitation, secret: str) -> None:
    name, subject, address, page = _kind(row)
    link = f"{settings.SITE_URL}{reverse(page)}?{urlencode({'token': secret})}"
    # There is no browser to ask, and of somebody who is invited nothing is known.
    with locales.reading("" if isinstance(row, Invitation) else row.user.locale):
        text = render_to_string(f"users/mail/{name}.txt", {"link": link, **_words(row)})
    send_mail(" ".join(subject.split()), text, None, [address])


def _kind(row: EmailLink | Invitation) -> tuple[str, str, str, str]:
    """The template, the subject, the address, and the page that the link leads to."""
    if isinstance(row, Invitation):
        return "invitation", f"Join {row.company.name} on SpendTrackr", row.email, "accept-invitation"
    if row.purpose == LinkPurpose.RESET:
        return "reset", "Choose a new password", row.user.email, "reset-password"
    return "confirm", "Confirm your e-mail address", row.user.email, "confirm-address"


def _words(row: EmailLink | Invitation) -> dict[str, Any]:
    if isinstance(row, Invitation):
        return {"company": row.company.name, "inviter": row.invited_by.user.name, "until": row.expires_at}
    return {"name": row.user.name, "until": row.expires_at}


def _tell(row: EmailLink | Invitation, error: Exception) -> None:
    """Into the log, without the address and the secret: an error of the mail server may repeat them."""
    what, kind = f"{type(row).__name__} {row.pk}", type(error).__name__
    if row.mail_due_at is None:
        log.error("the mail of %s failed %s times and is given up: %s", what, row.mail_attempts, kind)
    else:
        log.warning("the mail of %s failed at try %s and is tried again: %s", what, row.mail_attempts, kind)
