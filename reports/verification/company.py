"""The company itself: its events are a chain, somebody owns it, and people stand below their managers."""

from __future__ import annotations

from collections.abc import Iterator

from reports.verification.walking import NOBODY, Told
from spendtrackr.events import GENESIS, chain_hash
from spendtrackr.models import Event, EventChain
from users.models import Membership
from users.roles import Role

_BLOCK = 5_000


def events(told: Told = NOBODY) -> Iterator[str]:
    """Sealed events are numbered without a gap and chained by their hashes."""
    sealed = Event.objects.filter(sequence__isnull=False)
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


def chains(told: Told = NOBODY) -> Iterator[str]:
    """Each member's chain is their manager's with them at its end: no ring, and nobody below who should not be."""
    members = Membership.objects.order_by("pk").values_list("pk", "public_id", "manager_id", "chain", named=True)
    # As many as people, not as what they spend.
    chains = {member.pk: member.chain for member in members}
    for member in members:
        expected = f"{chains.get(member.manager_id, '') if member.manager_id else ''}{member.pk}."
        if member.chain != expected:
            yield f"member {member.public_id} has the chain {member.chain}; their manager says {expected}"
