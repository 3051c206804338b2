from __future__ import annotations

import json

import pytest
from django.db.models import QuerySet

from spendtrackr import events
from spendtrackr.models import Event, EventChain
from spendtrackr.tenancy import AppendOnly, company_scope
from tests.factories import NOON


def test_an_event_holds_ids_and_codes(acme):
    event = Event.objects.get(type="card.requested")
    assert (event.subject_id, event.actor_id) == (acme.card.public_id, acme.alice.public_id)
    assert json.loads(event.details) == {"holder": acme.bob.public_id}


def test_no_event_holds_a_name_or_an_address(acme):
    told = " ".join(Event.across_companies.values_list("details", flat=True))
    assert not [word for word in ("acme.example", "Alice", "Bob", "Mallory") if word in told]


def test_sealing_numbers_each_companys_events_without_a_gap(world):
    assert events.seal_all() == Event.across_companies.count()
    for member in (world.alice, world.mallory):
        with company_scope(member.company_id):
            sequences = list(Event.objects.order_by("sequence").values_list("sequence", flat=True))
            assert sequences == list(range(1, len(sequences) + 1))
            assert EventChain.objects.get().last_sequence == len(sequences)


def test_sealing_goes_on_where_it_ended(acme):
    events.seal_all()
    last = EventChain.objects.get().last_sequence
    events.record("card.frozen", acme.card, actor=acme.bob, at=NOON)
    assert events.seal_all() == 1
    newest = Event.objects.get(type="card.frozen")
    assert newest.sequence == last + 1
    assert events.seal_all() == 0


def test_the_chain_depends_on_every_word(acme):
    event = Event.objects.first()
    before = events.chain_hash(events.GENESIS, event, 1)
    event.details = "{}" if event.details != "{}" else '{"x": 1}'
    assert events.chain_hash(events.GENESIS, event, 1) != before


def test_events_are_written_once(acme):
    with pytest.raises(AppendOnly):
        Event.objects.update(type="card.closed")
    assert not QuerySet(Event).filter(type="card.closed").exists()
