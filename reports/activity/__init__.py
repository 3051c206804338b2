"""Who did what in the company: sealed events as sentences, newest first, as plain data.

A page looks back over so many events and no further, so that a rare kind of them costs as little as any other, however long the log is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from string import Formatter

from django.db.models import QuerySet

from reports.activity.names import Names, Part
from reports.activity.sentences import KINDS, SENTENCES, Told
from spendtrackr.events import last_sequence
from spendtrackr.models import Event
from spendtrackr.money import Money
from users.models import Membership

__all__ = ["KINDS", "SENTENCES", "Activity", "Wanted", "narrowed", "page"]

PAGE_SIZE = 50
LOOKS_BACK = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the page is asked for. `before` is the sequence of the last event of the page before."""

    kind: str = ""
    person: str = ""
    day: date | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    at: datetime
    parts: list[Part]

    @property
    def main(self) -> Part | None:
        """What a row leads to."""
        return next((part for part in self.parts if part.href), None)


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    deeds: list[Deed]


@dataclass(frozen=True, slots=True)
class Activity:
    """A page of it. `before` asks for the next; a page that found nothing may still have one."""

    days: list[Day]
    before: int | None


def page(member: Membership, wanted: Wanted) -> Activity:
    """What its reader, who sees everybody's things, is shown."""
    top = wanted.before - 1 if wanted.before is not None else last_sequence()
    # A day bounds what is read by itself.
    bottom = 0 if wanted.day else max(0, top - LOOKS_BACK)
    rows = narrowed(Event.objects.filter(sequence__gt=bottom, sequence__lte=top), member, wanted)
    found = list(rows.order_by("-sequence")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    rest = shown[-1].sequence if len(found) > PAGE_SIZE else bottom + 1 if bottom else None
    return Activity(_by_day(member, shown), rest)


def narrowed(rows: QuerySet[Event], member: Membership, wanted: Wanted) -> QuerySet[Event]:
    """Those of a kind, by somebody, and on a day of the member's company."""
    if wanted.kind:
        rows = rows.filter(type__startswith=f"{wanted.kind}.")
    if wanted.person:
        rows = rows.filter(actor_id=wanted.person)
    if wanted.day:
        start, end = member.company.end_of(wanted.day - timedelta(days=1)), member.company.end_of(wanted.day)
        rows = rows.filter(at__gte=start, at__lt=end)
    return rows


def _by_day(member: Membership, events: list[Event]) -> list[Day]:
    told = [Told.by(event) for event in events]
    names = Names(member, told)
    days: list[Day] = []
    for one in told:
        day = member.company.day_of(one.event.at)
        if not days or days[-1].day != day:
            days.append(Day(day, []))
        first, *rest = _parts(one, names)
        begun = replace(first, text=first.text[:1].upper() + first.text[1:])
        days[-1].deeds.append(Deed(one.event.at, [begun, *rest]))
    return days


def _parts(told: Told, names: Names) -> Iterator[Part]:
    for words, slot, _, _ in Formatter().parse(told.sentence):
        if words:
            yield Part(words)
        if slot:
            yield from _filled(told, slot, names)


def _filled(told: Told, slot: str, names: Names) -> Iterator[Part]:
    match slot:
        case "actor":
            yield Part(names.of(told.event.actor_id).text, is_actor=True)
        case "subject":
            yield names.of(told.event.subject_id)
        case "amount":
            yield Part(Money(told.details["minor"], told.details.get("currency") or names.currency(told)).written())
        case _:
            said = told.details.get(slot)
            for place, one in enumerate(said if isinstance(said, list) else [said]):
                yield from [Part(", ")] if place else []
                yield names.of(one)
