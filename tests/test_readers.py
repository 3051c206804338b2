"""Pages as readers of several regions see them; what is stored, sent and mailed does not depend on who looked."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from companies.models import Category
from spendtrackr import locales
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from tests.rules import adopt, decide
from transactions.models import Approval, Repayment, Transaction
from transactions.operations import approvals, books
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people
from users import tasks
from users.models import User

AT = datetime(2026, 1, 10, 15, 4, tzinfo=UTC)
JANUARY = {"from": "2026-01-01", "to": "2026-01-31"}
GERMAN, AMERICAN = "de-DE", "en-US"
NBSP = "\u00a0"


@pytest.fixture
def spent(world):
    adopt(world)
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(1_234_50 // 2, at=AT)).transaction
        clear(purchase, Clearing("capture", "c", AT, is_final=True), actor=None)
        world.purchase = purchase
        world.meals = Category.objects.get(name="Meals")
    return world


def read(client: Client, path: str, given: dict[str, str] | None = None, **headers: str) -> str:
    answer = client.get(path, given or {}, headers=headers)
    assert answer.status_code == 200, (path, answer.status_code)
    page = answer.content.decode()
    return re.sub(r"[^\S\xa0\u202f]+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def choose(world, who: str, tag: str) -> None:
    member = getattr(world, who)
    with company_scope(member.company_id):
        people.change_profile(member, locale=tag, at=NOON)


def signed_in(email: str) -> Client:
    client = Client()
    assert client.post("/sign-in/", {"email": email, "password": PASSWORD}).status_code == 302
    return client


# Choosing


def test_a_region_is_chosen_on_the_account_page_and_seen_from_then_on(spent, pages):
    browser = pages(spent.alice)
    page = read(browser, "/account/")
    for said in (
        "Dates and amounts are written as in",
        "As my browser says",
        "United Kingdom — 5 Mar 2026, $1,234.50",
        "United States — Mar 5, 2026, $1,234.50",
        f"Germany — 05.03.2026, 1.234,50{NBSP}$",
    ):
        assert said in page
    assert "Jan 10, 2026" in read(browser, "/transactions/", **{"Accept-Language": "en-US,en;q=0.9"})
    assert browser.post("/account/", {"choose_pages": "1", "uses_keys": "on", "locale": "de-DE"})["Location"] == "/account/"
    assert '<option value="de-DE" selected>' in browser.get("/account/").content.decode()
    assert User.objects.get(pk=spent.alice.user_id).uses_keys is True
    assert "10.01.2026" in read(browser, "/transactions/", **{"Accept-Language": "en-US"})


def test_a_region_that_is_not_offered_is_refused_beside_its_field(spent, pages):
    answer = pages(spent.alice).post("/account/", {"choose_pages": "1", "locale": "tlh-QO"})
    assert (answer.status_code, 'id="id_locale_error"' in answer.content.decode()) == (400, True)
    user = User.objects.get(pk=spent.alice.user_id)
    assert (user.locale, user.uses_keys) == ("", True)


def test_by_api_the_region_stands_in_the_profile_and_is_changed_there(world, api):
    bob = api(world.bob)
    assert bob.get("/api/v1/auth/me/").json()["locale"] == ""
    answer = bob.patch("/api/v1/auth/me/", {"locale": "de-CH"})
    assert (answer.status_code, answer.json()["locale"], answer.json()["member"]["name"]) == (200, "de-CH", "Bob")
    assert bob.patch("/api/v1/auth/me/", {"name": "Robert"}).json()["locale"] == "de-CH"
    assert bob.patch("/api/v1/auth/me/", {"locale": ""}).json()["locale"] == ""


@pytest.mark.parametrize("locale", ["xx", "de_DE", "DE-DE", None, 5, "de-DE\x00", ["de-DE"]])
def test_by_api_an_unknown_region_is_an_error_that_names_the_field(world, api, locale):
    answer = api(world.bob).patch("/api/v1/auth/me/", {"name": "Robert", "locale": locale})
    assert answer.status_code == 400
    assert answer.json()["field"] == "locale"
    assert (User.objects.get(pk=world.bob.user_id).name, User.objects.get(pk=world.bob.user_id).locale) == ("Bob", "")


# Reading


def test_one_reader_after_the_other_sees_their_own_writing(spent):
    choose(spent, "alice", GERMAN)
    alice, bob = signed_in("alice@acme.example"), signed_in("bob@acme.example")
    for _ in range(2):
        assert f"617,25{NBSP}$" in read(alice, "/transactions/")
        assert "10.01.2026" in read(alice, "/transactions/")
        plain = read(bob, "/transactions/")
        assert ("$617.25" in plain, "10 Jan 2026" in plain, "10.01.2026" in plain) == (True, True, False)
        assert "Jan 10, 2026" in read(bob, "/transactions/", **{"Accept-Language": AMERICAN})
    assert (locales.reader(), locales.shown()) == ("", "")


@pytest.mark.parametrize(
    ("path", "given", "texts"),
    [
        ("/", JANUARY, [f"617,25{NBSP}$", "January 2026"]),  # whole months are words, for everybody
        ("/reports/spend/", JANUARY, [f"617,25{NBSP}$"]),
        ("/reports/spend/", {"from": "2026-01-02", "to": "2026-01-31"}, ["02.01.2026 to 31.01.2026"]),
        ("/transactions/", {}, ["10.01.2026", f"617,25{NBSP}$"]),
        ("/transactions/", {"spent_from": "2026-01-01", "spent_to": "2026-01-31"}, ["Spend posted from 01.01.2026 to 31.01.2026"]),
        ("/funding/", {"month": "2026-01"}, [f"617,25{NBSP}$", "10.1."]),
        ("/cards/", {}, [f"{NBSP}$"]),
        ("/people/", {}, []),
    ],
)
def test_a_reader_of_german_notation_sees_no_other(spent, pages, path, given, texts):
    choose(spent, "alice", GERMAN)
    page = read(pages(spent.alice), path, given)
    for text in texts:
        assert text in page, (path, text)
    assert not re.search(r"\$[0-9]", page), path
    assert not re.search(r"\b[0-9]{1,2} (Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* 20[0-9]{2}", page), path
    assert not re.search(r"[0-9]\.[0-9]{2}\b(?![.0-9])", re.sub(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}", "", page)), path


def test_the_chart_of_the_overview_writes_as_its_reader(spent, pages):
    choose(spent, "alice", GERMAN)
    page = html.unescape(pages(spent.alice).get("/", JANUARY).content.decode())
    assert f"January 2026: 617,25{NBSP}$" in page
    assert re.search(rf">[0-9]+{NBSP}\$</text>", page)


def test_the_page_of_a_purchase_writes_its_day_its_times_and_its_history(spent, pages):
    choose(spent, "alice", GERMAN)
    page = read(pages(spent.alice), f"/transactions/{spent.purchase.public_id}/")
    assert "Saturday, 10.01.2026" in page
    page += read(pages(spent.alice), f"/transactions/{spent.purchase.public_id}/history/")
    assert re.search(r"10\.01\.2026, [0-9]{2}:04", page)
    assert f"Cleared 617,25{NBSP}$" in page or f"617,25{NBSP}$" in page
    assert "$617" not in page


def test_times_are_written_with_am_and_pm_where_people_do(spent, pages):
    page = read(pages(spent.alice), f"/transactions/{spent.purchase.public_id}/", **{"Accept-Language": AMERICAN})
    history = read(pages(spent.alice), f"/transactions/{spent.purchase.public_id}/history/", **{"Accept-Language": AMERICAN})
    assert re.search(r"Jan 10, 2026, [0-9]{1,2}:04\u202f[AP]M", history)
    assert "Saturday, January 10, 2026" in page


def test_scripts_are_given_how_amounts_are_written(spent, pages):
    browser = pages(spent.alice)
    plain = html.unescape(browser.get("/transactions/").content.decode())
    assert '"decimal": ".", "group": ",", "sizes": [3, 3], "plus": "\\u00a4#", "minus": "-\\u00a4#"' in plain
    indian = html.unescape(browser.get("/transactions/", headers={"Accept-Language": "en-IN"}).content.decode())
    assert '"sizes": [3, 2]' in indian


def test_no_page_is_kept_where_another_reader_could_get_it(spent, pages):
    answer = pages(spent.alice).get("/transactions/", headers={"Accept-Language": "de"})
    assert {"no-store", "private"} <= set(re.split(r",\s*", answer["Cache-Control"]))


def test_a_region_costs_no_query(spent):
    browser = signed_in("alice@acme.example")
    counts = []
    for tag in ("", GERMAN):
        choose(spent, "alice", tag)
        browser.get("/transactions/")
        with CaptureQueriesContext(connection) as asked:
            browser.get("/transactions/")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_region_that_is_offered_no_more_is_as_none(spent, pages):
    User.objects.filter(pk=spent.alice.user_id).update(locale="xx-XX")
    assert "10 Jan 2026" in read(pages(spent.alice), "/transactions/")


def test_a_page_for_everybody_follows_the_browser_and_fails_for_no_header(client, db):
    for said in ("de", "", "*", ";;;", "de-DE" * 500, "\x01", "zz-ZZ;q=1.0"):
        assert client.get("/sign-in/", headers={"Accept-Language": said}).status_code == 200


# Writing


def claim_of(world, amount: str, **more: str) -> dict[str, str]:
    said = {"merchant_name": "Corner Grill", "spent_on": "2026-03-08", "memo": "Lunch", "currency": "USD", "rate": ""}
    return said | {"part-0-amount": amount, "part-0-category": world.meals.public_id} | more


def test_a_claim_goes_round_in_german_notation(spent, pages):
    choose(spent, "bob", GERMAN)
    browser = pages(spent.bob)
    address = browser.post("/claims/new/", claim_of(spent, "1.234,50"))["Location"]
    claim = Transaction.across_companies.get(source="claim")
    assert claim.amount_minor == 1_234_50
    assert f"1.234,50{NBSP}$" in read(browser, address)
    form = browser.get(f"/claims/{claim.public_id}/change/").content.decode()
    assert 'value="1234,50"' in form
    again = claim_of(spent, re.search(r'value="(1234,50)"', form)[1])
    assert browser.post(f"/claims/{claim.public_id}/change/", again).status_code == 302
    claim.refresh_from_db()
    assert claim.amount_minor == 1_234_50
    foreign = claim_of(spent, "100", currency="EUR", rate="1,0837")
    assert browser.post(f"/claims/{claim.public_id}/change/", foreign).status_code == 302
    page = read(browser, address)
    assert f"100,00{NBSP}€ paid, at a rate of 1,0837" in page
    assert f"108,37{NBSP}$" in page
    assert 'value="1,0837"' in browser.get(f"/claims/{claim.public_id}/change/").content.decode()


@pytest.mark.parametrize("amount", ["12.50", "1,234.50", "0.500", "1.234.50", "12,505"])
def test_what_is_doubtful_in_their_notation_is_refused_with_an_example_in_it(spent, pages, amount):
    choose(spent, "bob", GERMAN)
    answer = pages(spent.bob).post("/claims/new/", claim_of(spent, amount))
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 400
    assert re.search(r'id="id_part-0-amount_error">Write an amount in USD, such as 1\.250,00\.<', page)
    assert f'value="{amount}"' in page
    assert not Transaction.across_companies.filter(source="claim").exists()


def test_a_rate_in_another_notation_is_refused(spent, pages):
    choose(spent, "bob", GERMAN)
    answer = pages(spent.bob).post("/claims/new/", claim_of(spent, "100", currency="EUR", rate="1.0837"))
    assert answer.status_code == 400
    assert "Write a number such as 1,0823." in answer.content.decode()


def test_the_filter_by_amounts_reads_what_its_reader_writes(spent, pages):
    choose(spent, "alice", GERMAN)
    browser = pages(spent.alice)
    assert "10.01.2026" in read(browser, "/transactions/", {"min": "617,25", "max": "1.000"})
    assert "10.01.2026" not in read(browser, "/transactions/", {"min": "617,26"})
    answer = browser.get("/transactions/", {"min": "617.25"})
    assert "'617.25' is not an amount in USD" in html.unescape(answer.content.decode())


def test_the_tax_of_a_purchase_goes_round_and_is_refused_in_another_notation(spent, pages):
    choose(spent, "bob", GERMAN)
    browser, address = pages(spent.bob), f"/transactions/{spent.purchase.public_id}/"
    browser.post(f"{address}describe/", {"tax": "12,50", "next": address})
    spent.purchase.refresh_from_db()
    assert spent.purchase.tax_minor == 12_50
    assert 'name="tax" inputmode="decimal" value="12,50"' in browser.get(address).content.decode()
    refused = browser.post(f"{address}describe/", {"tax": "13.50", "next": address}, follow=True)
    assert "Tax: write an amount in USD, such as 12,50." in html.unescape(refused.content.decode())
    spent.purchase.refresh_from_db()
    assert spent.purchase.tax_minor == 12_50


def test_who_changes_the_region_while_a_form_is_open_is_asked_again_and_books_nothing_else(spent, pages):
    browser = pages(spent.bob)
    assert browser.post("/claims/new/", claim_of(spent, "1234.50")).status_code == 302
    claim = Transaction.across_companies.get(source="claim")
    typed = re.search(r'name="part-0-amount" value="([^"]+)"', browser.get(f"/claims/{claim.public_id}/change/").content.decode())[1]
    assert typed == "1234.50"
    choose(spent, "bob", GERMAN)
    answer = browser.post(f"/claims/{claim.public_id}/change/", claim_of(spent, typed))
    assert (answer.status_code, 'value="1234.50"' in answer.content.decode()) == (400, True)
    claim.refresh_from_db()
    assert claim.amount_minor == 1_234_50


# What does not depend on who looked


def test_the_api_its_errors_and_files_are_the_same_whatever_the_region_and_the_header(spent, api):
    said = {"HTTP_ACCEPT_LANGUAGE": "de-DE"}
    paths = ["/api/v1/transactions/", f"/api/v1/transactions/{spent.purchase.public_id}/", "/api/v1/reports/spend/?group_by=month"]
    before = [re.sub(r'"request_id":"[^"]+"', "", api(spent.alice).get(path).content.decode()) for path in paths]
    choose(spent, "alice", GERMAN)
    after = [re.sub(r'"request_id":"[^"]+"', "", api(spent.alice).get(path, **said).content.decode()) for path in paths]
    assert before == after


@pytest.mark.parametrize("what", ["transactions", "reports/spend", "reports/duplicates"])
@pytest.mark.parametrize("to", ["csv", "xlsx"])
def test_a_file_is_the_same_for_every_reader(spent, what, to):
    with company_scope(spent.acme.pk):
        for number in range(2):
            row = authorize(spent.reload(), swipe(20_00, at=AT, network_id=f"twin-{number}")).transaction
            clear(row, Clearing("capture", f"t-{number}", AT, is_final=True), actor=None)
    browser = signed_in("alice@acme.example")
    found = []
    for tag in ("", GERMAN):
        choose(spent, "alice", tag)
        form = {"what": what, "format": to, "filters": "" if what == "transactions" else "from=2026-01-01&to=2026-01-31"}
        answer = browser.post("/exports/", form)
        assert answer.status_code == 200, answer.get("Location")
        found.append(b"".join(answer.streaming_content))
    if to == "csv":
        assert found[0] == found[1]
    else:
        assert cells_of(found[0]) == cells_of(found[1])


def cells_of(workbook: bytes) -> list[str]:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        return [parts.read(name).decode() for name in sorted(parts.namelist()) if "sheet" in name or "shared" in name]


def test_after_a_page_of_a_region_and_after_one_that_failed_the_api_writes_as_ever(spent, api):
    choose(spent, "alice", GERMAN)
    browser, program = signed_in("alice@acme.example"), api(spent.alice)
    address = f"/api/v1/transactions/{spent.purchase.public_id}/"
    parts = {"splits": [{"amount": {"minor": minor, "currency": "USD"}} for minor in (100_00, 200_50)]}
    for path, status in (("/transactions/", 200), ("/transactions/txn_unknown/", 404), ("/claims/?ordering=nonsense", None)):
        answer = browser.get(path)
        assert status in {None, answer.status_code}
        assert (locales.reader(), locales.shown()) == ("", "")
        refusal = program.patch(address, parts, format="json")
        assert refusal.json()["message"] == "The parts add up to $316.75 less than $617.25."


def test_what_a_page_records_is_the_same_for_every_reader(spent):
    told = []
    for tag, amount in (("", "1,234.50"), (GERMAN, "1.234,50")):
        choose(spent, "bob", tag)
        browser = signed_in("bob@acme.example")
        before = Event.across_companies.order_by("-pk").values_list("pk", flat=True).first()
        assert browser.post("/claims/new/", claim_of(spent, amount)).status_code == 302
        claim = Transaction.across_companies.filter(source="claim").latest("pk")
        events = Event.across_companies.filter(pk__gt=before).order_by("pk")
        told.append(([(event.type, re.sub(r"[a-z]+_[0-9A-Za-z]{10,}", "id", str(event.details))) for event in events], claim.amount_minor))
    assert told[0] == told[1]


def test_a_refusal_is_said_in_the_readers_writing(spent, pages):
    choose(spent, "alice", GERMAN)
    browser = pages(spent.alice)
    said = {"amount": "100,50", "category": spent.meals.public_id}
    parts = {f"part-{place}-{name}": value for place in (0, 1) for name, value in said.items()}
    answer = browser.post(f"/transactions/{spent.purchase.public_id}/split/", {"do": "save", **parts})
    assert answer.status_code == 400
    assert f"The parts add up to 416,25{NBSP}$ less than 617,25{NBSP}$." in html.unescape(answer.content.decode())
    with company_scope(spent.acme.pk):
        books.close(date(2026, 1, 31), actor=spent.alice, at=NOON)
    closed = browser.post("/accounting/close/", {"closed_through": "2026-02-28"}, follow=True)
    assert "The books are closed through 28.02.2026." in closed.content.decode()


def test_what_is_owed_is_refused_in_the_readers_writing_and_to_a_program_as_ever(spent, pages, api):
    choose(spent, "alice", GERMAN)
    with company_scope(spent.acme.pk):
        adopt(spent, category=False)
        asked = Approval.objects.get(transaction=approvals.submit(spent.purchase, actor=spent.bob, at=NOON))
        decide(asked, spent.alice, outcome="rejected", reason="Private", at=NOON)
        owed = Repayment.objects.get()
    answer = pages(spent.alice).post(f"/repayments/{owed.public_id}/receive/", {"amount": "9.999,00", "next": "/repayments/"}, follow=True)
    assert f"617,25{NBSP}$ is owed: write an amount above zero" in html.unescape(answer.content.decode())
    more = {"amount": {"minor": 9_999_00, "currency": "USD"}}
    refusal = api(spent.alice).post(f"/api/v1/repayments/{owed.public_id}/receive/", more)
    assert refusal.json()["message"] == "$617.25 is owed: write an amount above zero, and no more than that."
    with company_scope(spent.acme.pk):
        assert Repayment.objects.get().repaid_minor == 0


def test_a_mail_is_written_as_in_the_region_that_its_reader_chose(world):
    mail.outbox.clear()
    for tag in ("", GERMAN, AMERICAN):
        choose(world, "bob", tag)
        people.request_reset("bob@acme.example", at=timezone.now())
        tasks.send_due()
    plain, german, american = (re.search(r"until (.*?) UTC", message.body)[1] for message in mail.outbox)
    assert re.fullmatch(r"[0-9]{1,2} [A-Z][a-z]+ [0-9]{4}, [0-9]{2}:[0-9]{2}", plain)
    assert re.fullmatch(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}, [0-9]{2}:[0-9]{2}", german)
    assert re.fullmatch(r"[A-Z][a-z]+ [0-9]{1,2}, [0-9]{4}, [0-9]{1,2}:[0-9]{2}\u202f[AP]M", american)
    assert locales.reader() == ""
