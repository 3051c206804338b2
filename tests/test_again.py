"""A world whose rows are put back is the one that operations made."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from cards import operations as cards
from companies.models import Company
from conftest import build_world
from spendtrackr.tenancy import company_scope
from tests.again import Again, tables
from tests.factories import NOON


def rows() -> dict[str, list[dict]]:
    return {model.__name__: list(QuerySet(model).order_by("pk").values()) for model in tables()}


def test_every_row_comes_back_and_nothing_else(db):
    before, made = rows(), []

    def make():
        world = build_world()
        made.append(rows())
        return world

    again = Again(make)
    assert rows() == before
    for _ in range(2):
        with transaction.atomic():
            world = again()
            assert rows() == made[0] != before
            assert world.acme == Company.objects.get(name="Acme")
            with company_scope(world.acme.pk):
                card = cards.issue(world.bob, name="New", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
            assert card.pk > max(world.card.pk, world.her_card.pk)
            transaction.set_rollback(True)
    assert rows() == before


def test_what_a_test_does_to_it_no_other_test_sees(db):
    again = Again(build_world)
    with transaction.atomic():
        world = again()
        world.bob.user.name = world.acme.name = "Changed"
        world.acme.save()
        transaction.set_rollback(True)
    world = again()
    assert (world.bob.user.name, world.acme.name, Company.objects.get(pk=world.acme.pk).name) == ("Bob", "Acme", "Acme")
