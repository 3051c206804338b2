"""Record what happened, and seal it: each company's events get a gap-free sequence and a hash chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from spendtrackr.ids import first_id
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
    event = unwritten(type_, subject, actor=actor, at=at, **details)
    event.save(force_insert=True)
    return event


def unwritten(type_: str, subject: HasPublicId, *, actor: HasPublicId | None, at: datetime, **details: Any) -> Event:
    """The same event, for whoever writes it together with other rows."""
    who = actor.public_id if actor else SYSTEM
    return Event(type=type_, subject_id=subject.public_id, actor_id=who, at=at, details=_written(details))


@operation
def record_across(type_: str, subjects: Mapping[int, str], *, actor: HasPublicId, at: datetime, **details: Any) -> None:
    """One event in the log of each company, by its database id, in one statement.

    For operators, who alone do one thing to several companies: the check of the company in scope is passed by.
    """
    rows: QuerySet[Event] = QuerySet(Event)
    said = {"type": type_, "actor_id": actor.public_id, "at": at, "details": _written(details)}
    rows.bulk_create([Event(company_id=company_id, subject_id=subject_id, **said) for company_id, subject_id in subjects.items()])


def told_since(since: datetime, type_: str, companies: Iterable[int], *, actor: HasPublicId, **details: Any) -> set[int]:
    """Those of the companies whose log has such an event of this actor since then.

    Found by public ids, which begin with their time: what is read is what happened since, not a company's whole log.
    """
    lately = Event.across_companies.filter(public_id__gte=first_id("evt", since), type=type_, actor_id=actor.public_id)
    return set(lately.filter(details=_written(details), company_id__in=list(companies)).values_list("company_id", flat=True))


def _written(details: dict[str, Any]) -> str:
    return json.dumps(details, sort_keys=True)


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


def sealed() -> QuerySet[Event]:
    """What has its number, and so its place for good."""
    return Event.objects.filter(sequence__isnull=False)


def last_sequence() -> int:
    """The number of the event of the company in scope that was sealed last; 0 before the first."""
    return EventChain.objects.values_list("last_sequence", flat=True).first() or 0


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
