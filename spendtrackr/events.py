"""Record what happened, and seal it: each company's events get a gap-free sequence and a hash chain."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from spendtrackr.models import Event, EventChain
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope

SYSTEM = "system"
GENESIS = "0" * 64


class HasPublicId(Protocol):
    @property
    def public_id(self) -> Any: ...


def record(type_: str, subject: HasPublicId, *, actor: HasPublicId | None, at: datetime, **details: Any) -> Event:
    """Write one event in the open transaction. `details` holds ids, codes and amounts, never a name or an address."""
    return Event.objects.create(
        type=type_,
        subject_id=subject.public_id,
        actor_id=actor.public_id if actor else SYSTEM,
        at=at,
        details=json.dumps(details, sort_keys=True),
    )


def chain_hash(previous: str, event: Event, sequence: int) -> str:
    """SHA-256 over the hash before and all that the event says."""
    said = [
        previous,
        sequence,
        event.public_id,
        event.type,
        event.subject_id,
        event.actor_id,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.details,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def seal_all(*, batch: int = 500) -> int:
    """Seal what waits, company by company; answer how many."""
    waiting = Event.across_companies.filter(sequence=None).order_by().values_list("company_id", flat=True).distinct()
    sealed = 0
    for company_id in list(waiting):
        with company_scope(company_id):
            while count := seal(batch=batch):
                sealed += count
    return sealed


@operation
def seal(*, batch: int = 500) -> int:
    """Seal up to `batch` events of the company in scope. Its chain row is the lock, so two sealers take turns."""
    EventChain.objects.get_or_create()
    chain = EventChain.objects.select_for_update().get()
    events = list(Event.objects.filter(sequence=None).order_by("id")[:batch])
    for event in events:
        chain.last_sequence += 1
        chain.last_hash = chain_hash(chain.last_hash, event, chain.last_sequence)
        # The one write to an existing event: its number, once.
        unsealed: QuerySet[Event] = QuerySet(Event).filter(pk=event.pk, sequence=None)
        if unsealed.update(sequence=chain.last_sequence, chain_hash=chain.last_hash) != 1:
            raise RuntimeError(f"event {event.public_id} was sealed twice")
    chain.save(update_fields=["last_sequence", "last_hash"])
    return len(events)
