"""Say something about a transaction or a request for a card. What is said stays."""

from __future__ import annotations

from datetime import datetime

from cards.models import CardRequest
from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions import queries
from transactions.models import Comment, Transaction
from users.models import Membership

LONGEST = 2_000


@operation
def say(about: Transaction | CardRequest, text: str, *, actor: Membership, at: datetime) -> Comment:
    """Told to whom it concerns: whose it is, whom it waits for, whoever has said something before. Raises `Invalid` for nothing said."""
    text = text.strip()
    if not text:
        raise errors.Invalid("Write something.", field="text", code="required")
    if len(text) > LONGEST:
        raise errors.Invalid(f"At most {LONGEST} characters.", field="text")
    of = {"transaction": about} if isinstance(about, Transaction) else {"card_request": about}
    members = sorted(queries.concerned_by(about) - {actor.public_id})
    comment = Comment.objects.create(**of, author=actor, text=text, at=at)
    events.record("comment.added", comment, actor=actor, at=at, on=next(iter(of)), about=about.public_id, members=members)
    return comment
