from __future__ import annotations

import pytest
from django.db import transaction

from cards.models import Card
from companies.models import Category
from spendtrackr.tenancy import AppendOnly, NoCompany, company_scope, current_company
from tests.factories import NOON
from transactions.models import Entry, Merchant, Posting, Transaction, TransactionSource, TransactionStatus
from users.models import Membership


def test_without_a_company_nothing_is_found_and_the_mistake_is_loud(world):
    with pytest.raises(NoCompany):
        Card.objects.all()
    with pytest.raises(NoCompany):
        current_company()


def test_in_scope_only_that_companys_rows_are_there(world):
    with company_scope(world.acme.pk):
        assert list(Card.objects.all()) == [world.card]
        assert not Card.objects.filter(pk=world.her_card.pk).exists()
    assert Card.across_companies.count() == 2


def test_scopes_nest_and_end(world):
    with company_scope(world.acme.pk):
        with company_scope(world.mallory.company_id):
            assert current_company() == world.mallory.company_id
        assert current_company() == world.acme.pk


def test_a_row_takes_the_company_in_scope(acme):
    assert Merchant.objects.create(name="Shop", key="name:shop").company_id == acme.acme.pk


def test_another_companys_row_is_not_saved(acme):
    acme.her_card.name = "Mine now"
    with pytest.raises(NoCompany, match="another company"):
        acme.her_card.save()
    with pytest.raises(NoCompany, match="another company"):
        Merchant(company_id=acme.mallory.company_id, name="Shop", key="name:shop").save()
    assert not Merchant.across_companies.exists()


@pytest.mark.parametrize("by_instance", [True, False])
def test_a_relation_to_another_companys_row_is_refused(acme, by_instance):
    theirs = {"card": acme.her_card} if by_instance else {"card_id": acme.her_card.pk}
    purchase = _purchase(**theirs)
    with pytest.raises(NoCompany, match=r"Transaction\.card points at another company"):
        purchase.save()
    with pytest.raises(NoCompany, match=r"Transaction\.card"):
        Transaction.objects.bulk_create([purchase])
    assert not Transaction.across_companies.exists()


def test_related_managers_are_scoped_too(acme):
    category = Category.objects.first()
    with company_scope(acme.mallory.company_id):
        assert not category.codes.exists()


@pytest.mark.django_db
def test_append_only_rows_refuse_every_change(acme):
    posting, entry = Posting.objects.first(), Entry.objects.first()
    for change in (
        posting.save,
        posting.delete,
        Posting.objects.all().delete,
        Posting.across_companies.all().delete,
        entry.postings.all().delete,
        lambda: Posting.objects.update(amount_minor=1),
        lambda: Posting.across_companies.filter(pk=posting.pk).update(amount_minor=1),
        lambda: Posting.objects.bulk_update([posting], ["amount_minor"]),
    ):
        with pytest.raises(AppendOnly), transaction.atomic():
            change()
    assert Posting.objects.get(pk=posting.pk).amount_minor == 1_000_00


def test_two_requests_on_one_thread_do_not_share_a_company(world, api):
    assert api(world.alice).get("/api/v1/cards/").status_code == 200
    assert api(None).get("/api/v1/cards/").status_code == 401
    with pytest.raises(NoCompany):
        current_company()


def test_removing_a_member_takes_effect_at_the_next_request(world, api):
    client = api(world.bob)
    assert client.get("/api/v1/auth/me/").status_code == 200
    with company_scope(world.acme.pk):
        Membership.objects.filter(pk=world.bob.pk).update(status="deactivated")
    assert client.get("/api/v1/auth/me/").status_code == 401


def _purchase(**kwargs) -> Transaction:
    return Transaction(
        source=TransactionSource.CARD,
        status=TransactionStatus.PENDING,
        currency="USD",
        amount_minor=1,
        occurred_at=NOON,
        occurred_on=NOON.date(),
        **kwargs,
    )
