"""Close the books through a day, and open them again."""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import Max

from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions.locks import lock_books
from transactions.models import BookClosing, Books, SpendLine
from users.models import Membership


@operation
def close(through: date | None, *, actor: Membership, at: datetime) -> Books:
    """Close all days up to this one, or open those after it again; with None all of them.

    Locks the books alone: whoever is coding is waited for, and whoever begins to is told afterwards. Raises `Invalid` for a day that is
    not over yet, `Forbidden` for opening days without the right to.
    """
    books = lock_books()
    before = books.closed_through
    if through == before:
        return books
    if through is not None and through >= actor.company.day_of(at):
        raise errors.Invalid("A day is closed when it is over.", field="closed_through")
    is_opened = before is not None and (through is None or through < before)
    if is_opened and not actor.may("books.reopen"):
        raise errors.Forbidden("Your role does not allow opening closed days again.")
    books.closed_through = through
    books.save(update_fields=["closed_through"])
    last = SpendLine.objects.aggregate(last=Max("pk"))["last"] or 0
    BookClosing.objects.create(closed_through=through, before=before, last_line_id=last, closed_by=actor, at=at)
    told = {"through": _written(through), "before": _written(before)}
    events.record("books.reopened" if is_opened else "books.closed", books, actor=actor, at=at, **told)
    return books


def _written(day: date | None) -> str | None:
    return day.isoformat() if day else None
