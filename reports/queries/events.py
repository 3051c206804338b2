"""The feed of sealed events: each once, in the order of the company's numbers, without a gap."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q

from reports.activity.sentences import SENTENCES
from spendtrackr import errors, events
from spendtrackr.events import SYSTEM
from spendtrackr.models import Event
from users.models import Membership

# Every type that there is, and every kind of them: `card.frozen` is of `card.*`.
EVENT_TYPES: tuple[str, ...] = tuple(sorted({key.partition(":")[0] for key in SENTENCES}))
EVENT_KINDS: tuple[str, ...] = tuple(dict.fromkeys(f"{name.partition('.')[0]}.*" for name in EVENT_TYPES))
# One answer looks at so many events and no further, so that a rare type costs as little as any other, however long the log is.
LOOKS_AHEAD = 20_000


@dataclass(frozen=True, slots=True)
class Feed:
    """A part of the feed. `next_after` asks for the next one; without more it will be there when something has happened."""

    events: Sequence[Event]
    next_after: int
    has_more: bool


def events_after(after: int, *, limit: int, types: Collection[str] = ()) -> Feed:
    """At most `limit` events numbered beyond `after`, of some types or of all.

    Raises `Invalid` for a number that is not given out yet: whoever has seen it was told by another log, such as one from before a restore.
    """
    last = events.last_sequence()
    if after > last:
        raise errors.Invalid(f"The last event so far is number {last}.", field="after")
    top = min(last, after + LOOKS_AHEAD)
    rows = events.sealed().filter(_of(types), sequence__gt=after, sequence__lte=top).order_by("sequence")
    found = list(rows[: limit + 1])
    if len(found) > limit:
        return Feed(found[:limit], found[limit - 1].sequence or 0, has_more=True)
    return Feed(found, top, has_more=top < last)


def _of(types: Collection[str]) -> Q:
    """These types and kinds. Raises `Invalid` for what is neither."""
    if unknown := sorted(set(types) - {*EVENT_TYPES, *EVENT_KINDS}):
        raise errors.Invalid(f"There is no type of event {unknown[0]}.", field="type")
    wanted = Q(type__in=[name for name in types if name in EVENT_TYPES])
    for kind in types:
        if kind in EVENT_KINDS:
            wanted |= Q(type__startswith=kind.removesuffix("*"))
    return wanted if types else Q()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `name` is null for people whose names the reader may not see, and for nobody."""

    id: str
    kind: str
    name: str | None


def actors_of(told: Sequence[Event], reader: Membership | None) -> dict[str, Actor]:
    """By their ids, in one question: people and programs of the company, operators, and the system itself. Nobody reads no names."""
    ids = {str(event.actor_id) for event in told}
    found = {row.public_id: row for row in Membership.objects.select_related("user").filter(public_id__in=ids)}
    names = [row for row in found.values() if reader and (row.is_program or reader.sees("people"))]
    return {id_: _actor(id_, found.get(id_), names) for id_ in ids}


def _actor(id_: str, row: Membership | None, named: Collection[Membership]) -> Actor:
    if row is not None:
        kind = "integration" if row.is_program else "member"
        return Actor(id_, kind, str(row.user.name) if row in named else None)
    return Actor(id_, "system" if id_ == SYSTEM else "operator", None)
