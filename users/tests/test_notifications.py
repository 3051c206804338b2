"""Told once, mailed once: the rows, the mails that come of them, the feed, and what people choose."""

from __future__ import annotations

import re
import smtplib
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from companies.models import Company
from spendtrackr import errors, events
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD, SignUpFactory
from users import operations, queries, tasks
from users.models import Membership, MembershipStatus, Notification, NotificationCursor, NotificationPreference
from users.notices import About, Choice, Delivery, Kind, Notice

# A Wednesday morning in New York.
NOW = datetime(2026, 7, 15, 15, tzinfo=UTC)
CARD = "card_0000000000000000000000000"


def happen(world, *members: Membership, kind: Kind = Kind.CARD, text: str = "Your card was closed.", at=NOW, round_at=None) -> None:
    """Something happens to each of them, is sealed and told."""
    for member in members:
        with company_scope(member.company_id):
            events.record("test.happened", member, actor=None, at=at)
    events.seal_all()
    for company in {member.company_id for member in members}:
        with company_scope(company):
            tell(kind, text, at=round_at or at)


def tell(kind: Kind = Kind.CARD, text: str = "Your card was closed.", *, at=NOW) -> int:
    def translate(found):
        return [Notice(event, event.subject_id, kind, About.CARD, CARD, text) for event in found]

    return operations.tell({"test.happened"}, translate, at=at)


def rows(member: Membership):
    return Notification.across_companies.filter(membership=member).order_by("pk")


def post(at=NOW) -> list[str]:
    """Run the worker's round; to whom it mailed."""
    before = len(mail.outbox)
    tasks.post_due(at)
    return [message.to[0] for message in mail.outbox[before:]]


def choose(member, kind: Kind, how: Delivery, *, feed: bool = True) -> None:
    with company_scope(member.company_id):
        operations.choose(member, {kind: Choice(how, feed=feed)}, at=NOW)


# Rows.


def test_an_event_is_told_once_however_often_the_round_runs(world):
    happen(world, world.bob)
    with company_scope(world.acme.pk):
        assert tell() == 0
        NotificationCursor.objects.update(sequence=0)
        assert tell() > 0
    assert rows(world.bob).count() == 1
    assert rows(world.alice).count() == 0


def test_rows_and_how_far_they_go_are_one_transaction(world):
    happen(world, world.bob)
    events.record_across("test.happened", {world.acme.pk: world.bob.public_id}, actor=world.alice, at=NOW)
    events.seal_all()

    def broken(found):
        raise RuntimeError("the worker dies")

    with company_scope(world.acme.pk):
        before = NotificationCursor.objects.get().sequence
        with pytest.raises(RuntimeError):
            operations.tell({"test.happened"}, broken, at=NOW)
        assert NotificationCursor.objects.get().sequence == before
        tell()
    assert rows(world.bob).count() == 2


def test_what_is_not_sealed_yet_waits(world):
    with company_scope(world.acme.pk):
        events.seal_all()
        while tell():
            pass
        events.record("test.happened", world.bob, actor=None, at=NOW)
        assert tell() == 0
    assert world.acme.pk not in queries.companies_with_news()
    events.seal_all()
    assert world.acme.pk in queries.companies_with_news()


def test_events_are_passed_in_blocks_and_each_is_told(world, monkeypatch):
    monkeypatch.setattr("users.operations.notifications.BLOCK", 2)
    with company_scope(world.acme.pk):
        for _ in range(5):
            events.record("test.happened", world.bob, actor=None, at=NOW)
        events.seal_all()
        passed = []
        while count := tell():
            passed.append(count)
    assert set(passed[:-1]) == {2}
    assert rows(world.bob).count() == 5
    assert [row.event.sequence for row in rows(world.bob)] == sorted(row.event.sequence for row in rows(world.bob))


def test_what_happened_long_ago_is_history_and_no_news(world):
    happen(world, world.bob, at=NOW - timedelta(days=7), round_at=NOW)
    row = rows(world.bob).get()
    assert (row.is_read, row.mail_due_at) == (True, None)
    happen(world, world.bob, at=NOW - timedelta(days=6, hours=23), round_at=NOW)
    assert rows(world.bob).filter(read_at=None, mail_due_at=NOW).count() == 1


@pytest.mark.parametrize("status", ["suspended", "deactivated"])
def test_who_is_not_active_is_told_nothing(world, status):
    Membership.across_companies.filter(pk=world.bob.pk).update(status=status)
    happen(world, world.bob)
    row = rows(world.bob).get()
    assert (row.is_read, row.mail_due_at) == (True, None)
    assert post() == []


def test_an_address_that_nobody_confirmed_gets_no_mail_but_the_feed(world, settings):
    settings.CONFIRM_ADDRESSES = True
    world.alice.user.confirmed_at = None
    world.alice.user.save()
    happen(world, world.alice)
    row = rows(world.alice).get()
    assert (row.is_read, row.mail_due_at) == (False, None)


# Mails.


def test_one_thing_is_one_mail_with_its_words_and_its_page(world, settings):
    settings.SITE_URL = "https://spend.example"
    happen(world, world.bob, text="Alice <b>froze</b>\r\nBcc: eve@evil.example your card.")
    assert post() == ["bob@acme.example"]

    [message] = mail.outbox
    assert message.subject == "Acme: Alice <b>froze</b> Bcc: eve@evil.example your card."
    assert "Alice <b>froze</b> Bcc: eve@evil.example your card." in message.body
    assert f"https://spend.example/cards/{CARD}/" in message.body
    assert "https://spend.example/notifications/preferences/" in message.body
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    assert "Alice &lt;b&gt;froze&lt;/b&gt;" in html
    assert f'href="https://spend.example/cards/{CARD}/"' in html
    row = rows(world.bob).get()
    assert (row.mail_sent_at, row.mail_due_at, row.mail_attempts, row.mail_failure, row.is_read) == (NOW, None, 1, "", False)
    assert post(NOW + timedelta(days=9)) == []


def test_several_things_for_one_person_are_one_mail(world):
    for number in range(3):
        happen(world, world.bob, text=f"Thing {number}.")
    happen(world, world.alice, text="Hers.")
    assert sorted(post()) == ["alice@acme.example", "bob@acme.example"]
    [of_bob] = [message for message in mail.outbox if message.to == ["bob@acme.example"]]
    assert of_bob.subject == "Acme: 3 things to know"
    assert re.findall(r"Thing \d", of_bob.body) == ["Thing 0", "Thing 1", "Thing 2"]
    assert "Hers." not in of_bob.body


def test_very_many_are_one_mail_that_shows_the_first(world, monkeypatch):
    monkeypatch.setattr("users.operations.MOST_IN_A_MAIL", 2)
    for number in range(5):
        happen(world, world.bob, text=f"Thing {number}.")
    assert post() == ["bob@acme.example"]
    assert re.findall(r"Thing \d", mail.outbox[0].body) == ["Thing 0", "Thing 1"]
    assert "And 3 more: " in mail.outbox[0].body
    assert rows(world.bob).filter(mail_sent_at=NOW).count() == 5


def test_companies_of_one_person_are_mails_apart(world):
    second = operations.found_company(
        world.alice.user, company_name="Second", country="US", currency="USD", time_zone="America/New_York", at=NOW
    )
    happen(world, world.alice, second, text="Closed.")
    assert post() == ["alice@acme.example"] * 2
    assert sorted(message.subject for message in mail.outbox) == ["Acme: Closed.", "Second: Closed."]
    assert ["Second" in message.body for message in sorted(mail.outbox, key=lambda m: m.subject)] == [False, True]


def test_what_is_daily_comes_at_nine_in_the_company_with_the_rest_of_the_day(world):
    happen(world, world.bob, kind=Kind.APPROVED, text="First.")
    happen(world, world.bob, kind=Kind.APPROVED, text="Second.", at=NOW + timedelta(hours=5))
    morning = datetime(2026, 7, 16, 13, tzinfo=UTC)
    assert {row.mail_due_at for row in rows(world.bob)} == {morning}
    assert post(morning - timedelta(seconds=1)) == []
    assert post(morning) == ["bob@acme.example"]
    assert "First." in mail.outbox[0].body
    assert "Second." in mail.outbox[0].body

    happen(world, world.bob, kind=Kind.APPROVED, at=morning - timedelta(hours=2))
    assert rows(world.bob).last().mail_due_at == morning


def test_what_was_read_is_not_mailed_any_more(world):
    happen(world, world.bob, kind=Kind.APPROVED)
    with company_scope(world.acme.pk):
        operations.read(rows(world.bob).get(), at=NOW)
    assert post(NOW + timedelta(days=2)) == []


def test_never_means_never_for_what_waits_as_well(world):
    happen(world, world.bob, kind=Kind.APPROVED)
    happen(world, world.bob, kind=Kind.CARD)
    choose(world.bob, Kind.APPROVED, Delivery.NEVER)
    happen(world, world.bob, kind=Kind.APPROVED)
    assert [row.mail_due_at for row in rows(world.bob)] == [None, NOW, None]
    assert rows(world.bob).filter(read_at=None).count() == 3


def test_who_is_deactivated_meanwhile_gets_no_mail(world):
    happen(world, world.bob)
    with company_scope(world.acme.pk):
        operations.set_status(world.bob, MembershipStatus.DEACTIVATED, actor=world.alice, at=NOW)
    assert post() == []
    row = rows(world.bob).get()
    assert (row.mail_due_at, row.mail_sent_at, row.mail_failure) == (None, None, "not_reachable")


def test_a_mail_that_fails_is_tried_again_later_and_given_up_in_the_end_with_the_reason(world, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise smtplib.SMTPRecipientsRefused({"bob@acme.example": (550, b"no such user")})

    monkeypatch.setattr(tasks, "send_mail", refuse)
    happen(world, world.bob)
    at, waits = NOW, []
    for _ in range(operations.MAIL_ATTEMPTS):
        assert post(at) == []
        due = rows(world.bob).get().mail_due_at
        waits.append(due and (due - at).total_seconds() / 60)
        at = due
    assert waits == [1, 5, 30, 120, 120, 120, 120, None]
    row = rows(world.bob).get()
    assert (row.mail_attempts, row.mail_failure, row.mail_sent_at) == (8, "SMTPRecipientsRefused", None)
    assert "bob@acme.example" not in caplog.text
    assert world.bob.public_id in caplog.text


def test_what_is_new_is_not_given_up_with_what_is_old(world, monkeypatch):
    monkeypatch.setattr(tasks, "send_mail", lambda *args, **kwargs: 1 / 0)
    happen(world, world.bob, text="Old.")
    rows(world.bob).update(mail_attempts=7)
    happen(world, world.bob, text="New.")
    post()
    assert [(row.text, row.mail_attempts, row.mail_due_at) for row in rows(world.bob)] == [
        ("Old.", 8, None),
        ("New.", 1, NOW + timedelta(minutes=1)),
    ]
    assert {row.mail_claim for row in rows(world.bob)} != {""}
    assert len({row.mail_claim for row in rows(world.bob)}) == 1


def test_one_that_is_refused_stands_in_the_way_of_no_other_and_a_server_that_is_away_ends_the_round(world, monkeypatch):
    tried = []

    def refuse(subject, text, sender, addresses, **more):
        tried.append(addresses[0])
        raise error

    monkeypatch.setattr(tasks, "send_mail", refuse)
    happen(world, world.bob, world.alice)
    error = smtplib.SMTPSenderRefused(550, b"no", "x")
    post()
    assert sorted(tried) == ["alice@acme.example", "bob@acme.example"]
    tried.clear()
    error = ConnectionRefusedError()
    post(NOW + timedelta(minutes=1))
    assert len(tried) == 1


def test_a_worker_that_dies_while_it_sends_loses_nothing(world, monkeypatch):
    def die(*args, **kwargs):
        raise KeyboardInterrupt

    happen(world, world.bob)
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "send_mail", die)
        with pytest.raises(KeyboardInterrupt):
            tasks.post_due(NOW)
    row = rows(world.bob).get()
    assert (row.mail_failure, row.mail_due_at) == ("interrupted", NOW + timedelta(minutes=1))
    assert post(NOW + timedelta(minutes=1)) == ["bob@acme.example"]


def test_of_two_workers_that_saw_it_due_one_takes_it(world):
    happen(world, world.bob)
    with company_scope(world.acme.pk):
        first, second = (operations.claim_post(world.bob.pk, at=NOW) for _ in range(2))
    assert len(first.rows) == 1
    assert second is None


# Preferences.


def test_what_is_chosen_is_kept_and_said_once(world):
    choose(world.bob, Kind.COMMENT, Delivery.DAILY, feed=False)
    choose(world.bob, Kind.COMMENT, Delivery.DAILY, feed=False)
    [event] = Event.across_companies.filter(type="notifications.chosen")
    assert (event.subject_id, event.actor_id, event.details) == (world.bob.public_id, world.bob.public_id, '{"kinds": ["comment"]}')
    with company_scope(world.acme.pk):
        assert queries.choices_of(world.bob)[Kind.COMMENT] == Choice(Delivery.DAILY, feed=False)
        assert queries.choices_of(world.alice)[Kind.COMMENT] == Choice(Delivery.AT_ONCE, feed=True)


def test_what_has_to_be_acted_upon_cannot_be_left_out_of_the_feed(world):
    with pytest.raises(errors.Invalid) as refused:
        choose(world.bob, Kind.MISSING, Delivery.DAILY, feed=False)
    assert refused.value.field == "missing.feed"
    assert not NotificationPreference.across_companies.exists()


def test_what_is_left_out_of_the_feed_is_not_counted_and_still_mailed_if_one_wants(world, api):
    choose(world.bob, Kind.COMMENT, Delivery.AT_ONCE, feed=False)
    happen(world, world.bob, kind=Kind.COMMENT)
    with company_scope(world.acme.pk):
        assert world.bob.unread == 0
    assert api(world.bob).get("/api/v1/notifications/").json()["data"] == []
    assert post() == ["bob@acme.example"]


def test_the_mail_of_a_suspended_company_waits_until_it_is_active_again(world):
    happen(world, world.bob, world.mallory)
    Company.objects.filter(pk=world.acme.pk).update(status="suspended")
    assert post() == [world.mallory.user.email]
    Company.objects.filter(pk=world.acme.pk).update(status="active")
    assert post() == ["bob@acme.example"]


# The API.


def test_the_api_lists_ones_own_the_newest_first_and_marks_them(world, api):
    happen(world, world.bob, text="First.")
    happen(world, world.bob, kind=Kind.DECLINE, text="Second.")
    happen(world, world.alice, text="Hers.")
    client = api(world.bob)
    listed = client.get("/api/v1/notifications/").json()["data"]
    assert [row["text"] for row in listed] == ["Second.", "First."]
    row = rows(world.bob).first()
    assert listed[1] == {
        "id": row.public_id, "kind": "card", "event": row.event.public_id, "about": {"type": "card", "id": CARD}, "text": "First.",
        "page": f"/cards/{CARD}/", "at": "2026-07-15T15:00:00Z", "read_at": None,
    }  # fmt: skip

    read = client.post(f"/api/v1/notifications/{row.public_id}/read/").json()
    assert read["read_at"]
    assert client.post(f"/api/v1/notifications/{row.public_id}/read/").json() == read
    found = {asked: client.get(f"/api/v1/notifications/?{asked}").json()["data"] for asked in ("unread=true", "unread=false", "kind=card")}
    assert {asked: [row["text"] for row in data] for asked, data in found.items()} == {
        "unread=true": ["Second."],
        "unread=false": ["First."],
        "kind=card": ["First."],
    }
    assert client.get("/api/v1/notifications/?kind=x").json()["field"] == "kind"


def test_all_up_to_what_was_seen_are_marked_and_what_came_meanwhile_stays_new(world, api):
    for number in range(3):
        happen(world, world.bob, text=f"Thing {number}.")
    happen(world, world.alice)
    seen = list(rows(world.bob))[1]
    client = api(world.bob)
    assert client.post("/api/v1/notifications/read/", {"up_to": seen.public_id}).json() == {"read": 2}
    assert [row.is_read for row in rows(world.bob)] == [True, True, False]
    assert client.post("/api/v1/notifications/read/").json() == {"read": 1}
    assert client.post("/api/v1/notifications/read/").json() == {"read": 0}
    assert not rows(world.alice).get().is_read


def test_up_to_somebody_elses_is_refused_like_an_unknown_one(world, api):
    happen(world, world.alice)
    answers = [
        api(world.bob).post("/api/v1/notifications/read/", {"up_to": up_to}) for up_to in (rows(world.alice).get().public_id, "ntf_unknown")
    ]
    assert {(answer.status_code, answer.json()["field"], answer.json()["code"]) for answer in answers} == {(400, "up_to", "does_not_exist")}


def test_preferences_are_read_and_written_in_one_shape(world, api):
    client = api(world.bob)
    before = client.get("/api/v1/notification-preferences/").json()
    assert set(before) == {kind.value for kind in Kind}
    assert before["approval"] == {"mail": "at_once", "feed": True}
    assert before["approved"] == {"mail": "daily", "feed": True}

    after = client.patch("/api/v1/notification-preferences/", {"comment": {"feed": False}, "decline": {"mail": "never"}}).json()
    assert after == before | {"comment": {"mail": "at_once", "feed": False}, "decline": {"mail": "never", "feed": True}}
    assert client.patch("/api/v1/notification-preferences/", after).json() == after
    assert client.get("/api/v1/notification-preferences/").json() == after
    assert client.patch("/api/v1/notification-preferences/", {}).json() == after
    assert api(world.alice).get("/api/v1/notification-preferences/").json() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"gossip": {"mail": "never"}}, "gossip"),
        ({"comment": {"mail": "weekly"}}, "comment.mail"),
        ({"comment": {"feed": "no"}}, "comment.feed"),
        ({"comment": {"sound": True}}, "comment.sound"),
        ({"comment": "never"}, "comment"),
        ({"payout": {"feed": False}}, "payout.feed"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_its_field_and_changes_nothing(world, api, body, field):
    refused = api(world.bob).patch("/api/v1/notification-preferences/", {"budget": {"mail": "never"}} | body)
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert not NotificationPreference.across_companies.exists()


def test_a_suspended_company_still_reads(world, api):
    happen(world, world.bob)
    world.acme.status = "suspended"
    world.acme.save()
    client = api(world.bob)
    assert client.get("/api/v1/notifications/").status_code == 200
    assert client.post("/api/v1/notifications/read/").status_code == 200


# Pages.


def test_the_bell_counts_what_is_new_on_every_page_up_to_a_hundred(world, pages):
    client = pages(world.bob)
    assert 'class="count"' not in client.get("/cards/").content.decode()
    happen(world, world.bob, world.bob, world.bob, world.alice)
    assert '<span class="count">3</span>' in client.get("/cards/").content.decode()
    with company_scope(world.acme.pk):
        for _ in range(100):
            events.record("test.happened", world.bob, actor=None, at=NOW)
    events.seal_all()
    with company_scope(world.acme.pk):
        tell()
    assert '<span class="count">99+</span>' in client.get("/cards/").content.decode()


def test_opening_one_marks_it_and_leads_to_what_it_is_about(world, pages):
    happen(world, world.bob, text="Closed.")
    client, row = pages(world.bob), rows(world.bob).get()
    page = client.get("/notifications/").content.decode()
    assert 'class="new"' in page
    assert "15 Jul 2026, 11:00" in page

    answer = client.post(f"/notifications/{row.public_id}/open/")
    assert (answer.status_code, answer["Location"]) == (302, f"/cards/{CARD}/")
    page = client.get("/notifications/").content.decode()
    assert "Closed." in page
    assert 'class="new"' not in page
    assert "Nothing new" in client.get("/notifications/?show=new").content.decode()


def test_mark_all_marks_what_the_page_showed(world, pages):
    happen(world, world.bob, text="Shown.")
    client = pages(world.bob)
    page = client.get("/notifications/").content.decode()
    up_to = re.search(r'name="up_to" value="(\w+)"', page)[1]
    happen(world, world.bob, text="Later.")
    assert client.post("/notifications/read/", {"up_to": up_to})["Location"] == "/notifications/"
    assert [row.is_read for row in rows(world.bob)] == [True, False]


def test_the_feed_goes_on_over_pages_and_is_designed_for_nothing(world, pages):
    client = pages(world.bob)
    assert "Nothing yet" in client.get("/notifications/").content.decode()
    for number in range(31):
        happen(world, world.bob, text=f"Thing number {number}.")
    first = client.get("/notifications/").content.decode()
    assert "Thing number 30." in first
    assert "Thing number 0." not in first
    older = client.get(re.search(r'href="(\?cursor=[^"]+)"', first)[1].join(["/notifications/", ""])).content.decode()
    assert "Thing number 0." in older
    assert "Thing number 30." not in older
    assert "Mark all as read" not in older


def test_somebody_elses_is_not_there(world, pages):
    happen(world, world.alice)
    client, row = pages(world.bob), rows(world.alice).get()
    assert client.post(f"/notifications/{row.public_id}/open/").status_code == 404
    assert client.post("/notifications/read/", {"up_to": row.public_id}).status_code == 404
    assert not rows(world.alice).get().is_read


FORM = {f"{kind.value}-mail": "at_once" for kind in Kind}


def test_the_form_shows_what_is_chosen_and_takes_another(world, pages):
    client = pages(world.bob)
    page = client.get("/notifications/preferences/").content.decode()
    assert page.count("<select") == len(Kind)
    assert page.count('type="checkbox"') == 6
    assert '<option value="daily" selected>' in page

    answer = client.post("/notifications/preferences/", FORM | {"comment-mail": "never", "budget-feed": "on"})
    assert answer.status_code == 302
    with company_scope(world.acme.pk):
        now = queries.choices_of(world.bob)
    assert (now[Kind.COMMENT], now[Kind.BUDGET]) == (Choice(Delivery.NEVER, feed=False), Choice(Delivery.AT_ONCE, feed=True))
    assert now[Kind.MISSING] == Choice(Delivery.AT_ONCE, feed=True)


def test_a_form_that_makes_no_sense_is_refused_beside_its_field(world, pages):
    answer = pages(world.bob).post("/notifications/preferences/", FORM | {"comment-mail": "weekly"})
    assert answer.status_code == 400
    assert "Select a valid choice" in answer.content.decode()
    assert not NotificationPreference.across_companies.exists()


def test_a_page_without_anybody_signed_in_asks_for_no_bell(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert "bell" not in client.get("/sign-in/").content.decode()


def test_the_whole_way_from_a_swipe_to_a_mail(world, api):
    """The worker's own rounds, in their order."""
    from django.core.management import call_command

    from tests.factories import swipe
    from transactions.operations.swipes import authorize

    with time_machine.travel(timezone.now(), tick=False), company_scope(world.acme.pk):
        authorize(world.reload(), swipe(9_999_00, at=timezone.now()))
    call_command("worker", once=True)
    assert [message.subject for message in mail.outbox] == ["Acme: Declined: $9,999.00 at Blue Bottle Coffee, insufficient funds."]
    assert mail.outbox[0].to == ["bob@acme.example"]


def test_signing_up_tells_nobody_anything(db):
    people = operations.sign_up(SignUpFactory(email="new@new.example", password=PASSWORD), at=NOW)
    events.seal_all()
    from transactions import tasks as transactions

    transactions.notify(NOW)
    assert rows(people.member).count() == 0


def test_a_mail_repeats_what_was_told_whatever_region_its_reader_chose(world):
    """The sentence is kept as it was told: it is no text of a page."""
    with company_scope(world.acme.pk):
        operations.change_profile(world.bob, locale="de-DE", at=NOW)
    told = "Ann granted your card $1,234.50 more for once."
    happen(world, world.bob, text=told)
    assert rows(world.bob).get().text == told
    assert post(NOW + timedelta(days=2)) == ["bob@acme.example"]
    assert told in mail.outbox[-1].body
