"""The company itself: its events are a chain, somebody owns it, and people stand below their managers."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from cards.models import Card
from reports.verification.walking import NOBODY, Told
from spendtrackr.events import GENESIS, chain_hash
from spendtrackr.events import sealed as all_sealed
from spendtrackr.models import EventChain
from users.models import Integration, Membership
from users.roles import INTEGRATION, SCOPES, Role

_BLOCK = 5_000


def events(told: Told = NOBODY) -> Iterator[str]:
    """Sealed events are numbered without a gap and chained by their hashes."""
    sealed = all_sealed()
    told.expect(sealed.count)
    fields = ("public_id", "type", "subject_id", "actor_id", "at", "details", "sequence", "chain_hash")
    rows = sealed.order_by("sequence").values_list(*fields, named=True)
    sequence, last, waiting = 0, GENESIS, rows
    while True:
        block = list(waiting[:_BLOCK])
        for event in block:
            if event.sequence != sequence + 1:
                yield f"event number {sequence + 1} is missing"
                return
            sequence, last = event.sequence, chain_hash(last, event, event.sequence)
            if event.chain_hash != last:
                yield f"event {event.public_id} (number {sequence}) does not fit the chain"
                return
        told.done(len(block))
        waiting = rows.filter(sequence__gt=sequence)
        if block:
            continue
        end = EventChain.objects.values_list("last_sequence", "last_hash").first() or (0, GENESIS)
        # Otherwise the sealer went on since the last block, and so do we.
        if not waiting.exists():
            break
    if end != (sequence, last):
        yield f"the chain ends at number {end[0]} ({end[1][:8]}), its events at {sequence} ({last[:8]})"


def owners(told: Told = NOBODY) -> Iterator[str]:
    """Somebody owns the company."""
    if not Membership.objects.active().filter(role=Role.OWNER).exists():
        yield "the company has no active owner"


def programs(told: Told = NOBODY) -> Iterator[str]:
    """A program is one by its role and by what it may do, holds nothing that is a person's, and cannot sign in."""
    scopes = {row.membership_id: row.scopes for row in Integration.objects.all()}
    members = Membership.objects.select_related("user").filter(Q(role=INTEGRATION) | Q(pk__in=scopes)).order_by("pk")
    managers = set(Membership.objects.filter(manager__isnull=False).values_list("manager_id", flat=True))
    holders = set(Card.objects.filter(holder__role=INTEGRATION).values_list("holder_id", flat=True))
    for member in members:
        if not member.is_program or member.pk not in scopes:
            yield f"member {member.public_id} is {member.role} and has {'' if member.pk in scopes else 'no '}scopes"
        elif unknown := sorted(set(scopes[member.pk]) - set(SCOPES)):
            yield f"program {member.public_id} has the scope {unknown[0]}, which there is not"
        elif member.pk in managers | holders or member.manager_id or member.user.has_usable_password():
            yield f"program {member.public_id} has a manager, people, a card or a password"


def chains(told: Told = NOBODY) -> Iterator[str]:
    """Each member's chain is their manager's with them at its end: no ring, and nobody below who should not be."""
    members = Membership.objects.order_by("pk").values_list("pk", "public_id", "manager_id", "chain", named=True)
    # As many as people, not as what they spend.
    chains = {member.pk: member.chain for member in members}
    for member in members:
        expected = f"{chains.get(member.manager_id, '') if member.manager_id else ''}{member.pk}."
        if member.chain != expected:
            yield f"member {member.public_id} has the chain {member.chain}; their manager says {expected}"
