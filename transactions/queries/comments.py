"""What was said about a transaction or a request for a card, and whom a new word concerns."""

from __future__ import annotations

from django.db.models import QuerySet

from cards.models import CardRequest
from transactions.models import OPEN_KEY, Assignment, Comment, Transaction
from transactions.queries.purchases import readable
from users.models import Membership


def comments(about: Transaction | CardRequest) -> QuerySet[Comment]:
    """The oldest first."""
    rows = Comment.objects.select_related("author__user").order_by("pk")
    return rows.filter(transaction=about) if isinstance(about, Transaction) else rows.filter(card_request=about)


def concerned_by(about: Transaction | CardRequest) -> set[str]:
    """The ids of whose it is, of those it waits for now, and of whoever has said something about it and may still see it."""
    said = [member for member in Membership.objects.filter(pk__in=comments(about).order_by().values("author_id")) if _sees(member, about)]
    owner = about.member if isinstance(about, Transaction) else about.requester
    found = {member.public_id for member in said} | ({owner.public_id} if owner else set())
    if isinstance(about, Transaction):
        waiting = Assignment.objects.filter(step__approval__transaction=about, open_key=OPEN_KEY)
        found |= set(waiting.values_list("member__public_id", flat=True))
    return found


def _sees(member: Membership, about: Transaction | CardRequest) -> bool:
    rows = readable(member) if isinstance(about, Transaction) else CardRequest.objects.visible_to(member)
    return member.is_active and bool(rows.filter(pk=about.pk).exists())
