"""Whoever an event concerns was told of it, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from reports.verification.walking import NOBODY, Told, hanging_on
from spendtrackr.models import Event
from transactions.notices import TYPES, notices_of
from users.models import Notification, NotificationCursor

_BLOCK = 2_000


def notifications(told: Told = NOBODY) -> Iterator[str]:
    """Each sealed event has a notification for each member whom it concerns, up to the event that people were told of last."""
    end = NotificationCursor.objects.values_list("sequence", flat=True).first() or 0
    rows = Event.objects.filter(sequence__lte=end, type__in=TYPES).order_by("sequence")
    told.expect(rows.count)
    last = 0
    while block := list(rows.filter(sequence__gt=last)[:_BLOCK]):
        yield from _differences(block)
        last = block[-1].sequence or last
        told.done(len(block))


def _differences(events: list[Event]) -> Iterator[str]:
    said = {event.pk: event for event in events}
    wanted = {(notice.event.pk, notice.member, str(notice.kind.value)) for notice in notices_of(events)}
    found = set(hanging_on(Notification, event__in=said).values_list("event_id", "membership__public_id", "kind"))
    for pk, member, kind in sorted(wanted - found):
        yield f"member {member} was not told of the event {said[pk].public_id} ({said[pk].type}) as {kind}"
    for pk, member, kind in sorted(found - wanted):
        yield f"member {member} was told of the event {said[pk].public_id} ({said[pk].type}) as {kind}, which does not concern them"
