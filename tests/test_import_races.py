"""The same file of people by several at once: nobody is invited twice, no department is there twice, and managers close no circle."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from companies import operations as companies
from companies.models import Department
from conftest import build_world, client_of
from reports import verification
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from tests.test_races import at_once
from users import operations as people
from users.models import Invitation, Membership
from users.operations.imports import import_roster, read_roster
from users.tests.test_import_routes import PEOPLE, send

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ADDRESSES = [f"p{number}@acme.example" for number in range(120)]
TEXT = "E-mail,Department,Manager\n" + "".join(f"{address},Engineering / Platform,alice@acme.example\n" for address in ADDRESSES)


@pytest.fixture
def world():
    return build_world()


def by_file(text: str, actor):
    return import_roster(read_roster(text.encode()), actor=actor, at=timezone.now())


def test_of_four_imports_of_one_file_each_person_is_invited_once(world):
    answers = at_once(world, lambda _: by_file(TEXT, world.alice), 4)
    assert not [answer for answer in answers if isinstance(answer, str)], answers
    assert sum(answer.counts["invite"] for answer in answers) == len(ADDRESSES)
    assert {answer.counts["invite"] + answer.counts["same"] for answer in answers} == {len(ADDRESSES)}
    with company_scope(world.acme.pk):
        invited = Invitation.objects.filter(email__in=ADDRESSES)
        assert sorted(invited.values_list("email", flat=True)) == sorted(ADDRESSES)
        assert not invited.filter(revoked_at__isnull=False).exists()
        ids = list(invited.values_list("public_id", flat=True))
        assert Event.objects.filter(type="member.invited", subject_id__in=ids).count() == len(ADDRESSES)
        assert sorted(Department.objects.values_list("name", flat=True)) == ["Engineering", "Platform"]


def test_of_four_requests_under_one_key_one_is_the_answer(world):
    def ask(_):
        answer = send(client_of(world.alice), PEOPLE, TEXT.encode(), headers={"Idempotency-Key": "nightly"})
        return answer.status_code

    assert set(at_once(world, ask, 4)) <= {200, 409}
    with company_scope(world.acme.pk):
        assert Invitation.objects.filter(email__in=ADDRESSES).count() == len(ADDRESSES)


def test_a_file_and_a_hand_do_not_invite_an_address_twice_at_once(world):
    def either(number: int):
        if number % 2:
            return by_file(TEXT, world.alice)
        return people.invite(email=ADDRESSES[0], role="employee", actor=world.alice, at=timezone.now())[0]

    answers = at_once(world, either, 4)
    assert not [answer for answer in answers if isinstance(answer, str)], answers
    with company_scope(world.acme.pk):
        assert Invitation.objects.filter(open_email_key=ADDRESSES[0]).count() == 1


def test_others_write_while_a_file_is_imported(world):
    """Each waits for a block, and not for the file."""
    text = "E-mail\n" + "".join(f"q{number}@acme.example\n" for number in range(600))
    waits: list[float] = []

    def either(number: int):
        if number == 0:
            return by_file(text, world.alice)
        while not Invitation.objects.filter(email__startswith="q").exists():
            time.sleep(0.01)
        for turn in range(10):
            begun = time.monotonic()
            companies.add_tag(name=f"Tag {turn}", actor=world.alice, at=timezone.now())
            waits.append(time.monotonic() - begun)
            time.sleep(0.03)
        return None

    begun = time.monotonic()
    imported = at_once(world, either, 2)[0]
    took = time.monotonic() - begun
    assert imported.counts["invite"] == 600
    assert len(waits) == 10
    assert max(waits) < took / 3, (waits, took)


def test_two_files_that_put_each_below_the_other_close_no_circle(world):
    with company_scope(world.acme.pk):
        world.hire("Eve", "employee")
    texts = ["E-mail,Manager\nbob@acme.example,eve@acme.example\n", "E-mail,Manager\neve@acme.example,bob@acme.example\n"]
    for _ in range(5):
        answers = at_once(world, lambda number: by_file(texts[number % 2], world.alice), 4)
        assert not [answer for answer in answers if isinstance(answer, str)], answers
        with company_scope(world.acme.pk):
            bob, eve = (Membership.objects.get(user__name=name) for name in ("Bob", "Eve"))
            assert {bob.manager_id, eve.manager_id} in ({None, bob.pk}, {None, eve.pk})
            assert list(verification.COMPANY_CHECKS["managers"]()) == []
            for member in (bob, eve):
                people.change_member(member, {"manager": None}, actor=world.alice, at=NOON)


def test_of_two_files_of_departments_at_once_each_is_added_once(world):
    text = "Name,Parent\n" + "".join(f"D{number},{f'D{number // 2}' if number > 1 else ''}\n" for number in range(1, 40))
    answers = at_once(world, lambda _: by_file(text, world.alice), 4)
    assert not [answer for answer in answers if isinstance(answer, str)], answers
    assert sum(answer.counts["add"] for answer in answers) == 39
    assert [answer.counts["rejected"] for answer in answers] == [0, 0, 0, 0]
    with company_scope(world.acme.pk):
        assert Department.objects.count() == 39
