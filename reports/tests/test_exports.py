"""Files that are asked for: refused at once or written whole, handed to whoever asked and may still see it, and gone when they expire."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from cards.operations import leaving
from reports import operations, tasks, verification
from reports.exports import sheets
from reports.models import Export
from reports.verification import COMPANY_CHECKS
from spendtrackr import jobs
from spendtrackr.events import record, seal_all
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope, enter
from tests.factories import swipe
from transactions.operations.swipes import authorize
from transactions.tasks import notify
from users import operations as people
from users.models import Notification

EXPORTS = "/api/v1/exports/"


@pytest.fixture
def bought(world):
    """Seven purchases of Bob's, and one of Mallory's."""
    with company_scope(world.acme.pk):
        for number in range(7):
            authorize(world.card, swipe(1_00 + number))
    with company_scope(world.mallory.company_id):
        authorize(world.her_card, swipe(66_66))
    return world


def ask(client, what: str = "transactions", format_: str = "csv", /, **filters: str):
    return client.post(EXPORTS, {"what": what, "format": format_, "filters": filters}, format="json")


def account_of(client) -> dict[str, str]:
    """The filter without which no entries are exported."""
    [account] = client.get("/api/v1/accounts/").json()["data"]
    return {"account": account["id"]}


def row(export_id: str) -> Export:
    return Export.across_companies.get(public_id=export_id)


def content(answer) -> list[dict[str, str]]:
    text = b"".join(answer).decode("utf-8-sig")
    for close in answer._resource_closers:
        close()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def events(world) -> list[str]:
    return list(Event.across_companies.filter(company=world.acme, type__startswith="export.").order_by("pk").values_list("type", flat=True))


def test_a_file_is_asked_for_written_and_handed_out(bought, api):
    client = api(bought.alice)
    asked = ask(client, status="pending").json()
    address = f"{EXPORTS}{asked['id']}/"
    assert (asked["what"], asked["format"], asked["filters"], asked["status"]) == ("transactions", "csv", {"status": "pending"}, "waiting")
    assert (asked["rows_done"], asked["rows_expected"], asked["size"], asked["expires_at"]) == (0, None, None, None)
    early = client.get(f"{address}file/")
    assert (early.status_code, early.json()["code"]) == (409, "invalid_state")

    assert tasks.run_exports() > 0

    told = client.get(address).json()
    assert (told["status"], told["rows_done"], told["rows_expected"]) == ("done", 7, 7)
    assert client.get(EXPORTS).json()["data"] == [told]
    answer = client.get(f"{address}file/", HTTP_ACCEPT="text/csv")
    assert (answer.status_code, answer["Content-Type"], int(answer["Content-Length"])) == (200, "text/csv; charset=utf-8", told["size"])
    assert answer["Content-Disposition"] == f'attachment; filename="transactions-{timezone.now():%Y-%m-%d}.csv"'
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "private, no-store")
    assert sorted(found["amount"] for found in content(answer)) == [f"1.0{number}" for number in range(7)]
    assert events(bought) == ["export.asked", "export.finished", "export.downloaded"]


@pytest.mark.parametrize(
    "what",
    [
        "transactions",
        "transaction-lines",
        "claims",
        "payouts",
        "repayments",
        "cards",
        "card-requests",
        "budgets",
        "members",
        "approvals",
        "receipts",
        "entries",
        "activity",
        "imports",
        "categories",
        "departments",
        "tags",
        "reports/spend",
    ],
)
@pytest.mark.parametrize("to", ["csv", "xlsx"])
def test_every_list_is_written_in_both_formats(bought, api, what, to):
    client = api(bought.alice)
    asked = ask(client, what, to, **({"entries": account_of(client), "reports/spend": {"group_by": "member"}}.get(what, {})))
    tasks.run_exports()
    found = row(asked.json()["id"])
    assert (found.status, found.reason, found.failures) == ("done", "", 0)
    assert default_storage.size(found.stored_as) == found.size > 30


@pytest.mark.parametrize(
    ("what", "to", "filters", "field"),
    [
        ("everything", "csv", {}, "what"),
        ("transactions", "pdf", {}, "format"),
        ("transactions", "zip", {}, "format"),
        ("receipt-files", "csv", {"month": "2026-03"}, "format"),
        ("transactions", "csv", {"status": "lost"}, "filters.status"),
        ("transactions", "csv", {"from": "yesterday"}, "filters.from"),
        ("transactions", "csv", {"ordering": "amount"}, "filters.ordering"),
        ("transactions", "csv", {"min_minor": "1.5"}, "filters.min_minor"),
        ("spend-lines", "csv", {}, "filters.spent_from"),
        ("transaction-lines", "csv", {"status": "lost"}, "filters.status"),
        ("entries", "csv", {"status": "posted"}, "filters.status"),
        ("entries", "csv", {"account": "acct_1", "from": "yesterday"}, "filters.from"),
        ("entries", "csv", {"day": "2026-03-10"}, "filters.account"),
        ("activity", "csv", {"kind": "cards"}, "filters.kind"),
        ("activity", "csv", {"day": "yesterday"}, "filters.day"),
        ("categories", "csv", {"q": "x"}, "filters.q"),
        ("receipt-files", "zip", {}, "filters.month"),
        ("receipt-files", "zip", {"month": "2026-13"}, "filters.month"),
        ("reports/spend", "csv", {}, "filters.group_by"),
        ("reports/spend", "csv", {"group_by": "month", "to": "2026-02-31"}, "filters.to"),
        ("reports/spend", "csv", {"group_by": "month", "status": "posted"}, "filters.status"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_asked_for(world, api, what, to, filters, field):
    answer = ask(api(world.alice), what, to, **filters)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not Export.across_companies.exists()


def test_entries_are_exported_by_who_sees_balances(bought, api, pages):
    with company_scope(bought.acme.pk):
        audrey = bought.hire("Audrey", "auditor")
    given = account_of(api(bought.alice))
    assert [ask(api(member), "entries", **given).status_code for member in (bought.alice, audrey, bought.bob)] == [201, 201, 403]
    assert press(pages(bought.bob), "entries", filters=urlencode(given)).status_code == 403


def test_a_sixth_at_a_time_waits(world, api):
    client = api(world.alice)
    assert {ask(client).status_code for _ in range(5)} == {201}
    assert (ask(client).status_code, ask(api(world.bob)).status_code) == (409, 201)
    tasks.run_exports()
    assert ask(client).status_code == 201


@pytest.mark.parametrize(("who", "status"), [("bob", 404), ("mallory", 404), ("alice", 200)])
def test_nobody_else_sees_it(bought, api, who, status):
    asked = ask(api(bought.alice)).json()
    tasks.run_exports()
    client = api(getattr(bought, who))
    told, file = (client.get(f"{EXPORTS}{asked['id']}/{part}") for part in ("", "file/"))
    assert (told.status_code, file.status_code) == (status, status)
    assert status == 404 or len(content(file)) == 7
    assert len(client.get(EXPORTS).json()["data"]) == (status == 200)


def test_filtered_by_another_companys_id_it_is_empty(bought, api):
    asked = [ask(api(bought.mallory), card=id_).json()["id"] for id_ in (bought.card.public_id, "card_unknown")]
    tasks.run_exports()
    files = [api(bought.mallory).get(f"{EXPORTS}{id_}/file/") for id_ in asked]
    assert [content(file) for file in files] == [[], []]


def test_what_somebody_sees_less_of_now_they_do_not_get(bought, api):
    """Written for somebody who saw everything, it is not handed to somebody who does not any more."""
    with company_scope(bought.acme.pk):
        frank = bought.hire("Frank", "finance")
    asked = ask(api(frank)).json()
    tasks.run_exports()
    with company_scope(bought.acme.pk):
        people.change_member(frank, {"role": "employee"}, actor=bought.alice, at=timezone.now())
    client = api(frank)
    answer = client.get(f"{EXPORTS}{asked['id']}/file/")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert events(bought)[-1] == "export.finished"


def test_it_holds_what_may_be_seen_when_it_is_written_and_not_when_it_was_asked_for(bought, api):
    with company_scope(bought.acme.pk):
        frank = bought.hire("Frank", "finance")
    asked = ask(api(frank)).json()
    with company_scope(bought.acme.pk):
        people.change_member(frank, {"role": "employee"}, actor=bought.alice, at=timezone.now())
    tasks.run_exports()
    assert content(api(frank).get(f"{EXPORTS}{asked['id']}/file/")) == []


def test_nothing_is_written_for_somebody_who_was_suspended(bought, api):
    with company_scope(bought.acme.pk):
        frank = bought.hire("Frank", "finance")
    asked = ask(api(frank)).json()
    with company_scope(bought.acme.pk):
        leaving.suspend_member(frank, actor=bought.alice, at=timezone.now())
    tasks.run_exports()
    found = row(asked["id"])
    assert (found.status, found.reason, found.size) == ("failed", "You may not see this any more.", 0)
    assert not default_storage.exists(found.stored_as)


def test_who_gets_to_see_everything_gets_what_they_asked_for_before(bought, api):
    asked = ask(api(bought.bob)).json()
    tasks.run_exports()
    with company_scope(bought.acme.pk):
        people.change_member(bought.bob, {"role": "auditor"}, actor=bought.alice, at=timezone.now())
    assert len(content(api(bought.bob).get(f"{EXPORTS}{asked['id']}/file/"))) == 7


def test_it_expires_with_its_file(bought, api):
    client = api(bought.alice)
    kept, asked = ask(client).json(), ask(client).json()
    tasks.run_exports()
    Export.across_companies.filter(public_id=kept["id"]).update(expires_at=timezone.now() + timedelta(days=9))
    found = row(asked["id"])
    with time_machine.travel(found.expires_at + timedelta(seconds=1)):
        client = api(bought.alice)
        assert {client.get(f"{EXPORTS}{asked['id']}/{part}").status_code for part in ("", "file/")} == {404}
        assert tasks.forget_exports() == 1
    assert not default_storage.exists(found.stored_as)
    assert not Export.across_companies.filter(pk=found.pk).exists()
    assert default_storage.exists(row(kept["id"]).stored_as)
    assert found.expires_at - found.finished_at == timedelta(days=7)


def told(world) -> list[tuple[str, str, str, str]]:
    """Who was told what of exports by the worker's round, and where it leads."""
    seal_all()
    notify()
    rows = Notification.across_companies.filter(kind="export").select_related("membership__user").order_by("pk")
    with company_scope(world.acme.pk):
        assert list(verification.notifications()) == []
    return [(row.membership.user.name, row.about, row.page, row.text) for row in rows]


def test_who_asked_is_told_that_it_is_ready_and_nobody_else(bought, api):
    ask(api(bought.bob), "transaction-lines", "xlsx")
    assert told(bought) == []
    tasks.run_exports()
    ready = "Your export of transaction lines as Excel is ready to be downloaded."
    assert told(bought) == told(bought) == [("Bob", "export", "/exports/", ready)]


def test_who_asked_is_told_that_it_could_not_be_written(bought, api, monkeypatch):
    def away(*_, **__):
        raise OSError("no storage")

    ask(api(bought.bob), "reports/new-merchants")
    monkeypatch.setattr(default_storage, "save", away)
    for _ in range(3):
        tasks.run_exports()
    failed = "Your export of new merchants as CSV could not be written: your exports say why."
    assert told(bought) == [("Bob", "export", "/exports/", failed)]


def test_it_was_told_although_its_row_has_expired_and_what_was_written_before_names_nobody(bought, api):
    ask(api(bought.bob))
    tasks.run_exports()
    with time_machine.travel(row(Export.across_companies.get().public_id).expires_at + timedelta(seconds=1)):
        assert tasks.forget_exports() == 1
    with company_scope(bought.acme.pk):
        record("export.finished", bought.bob, actor=None, at=timezone.now(), size=1)
    assert [text for *_, text in told(bought)] == ["Your export of transactions as CSV is ready to be downloaded."]


def test_a_worker_that_falls_leaves_it_to_the_next_which_begins_anew(bought, api, monkeypatch):
    monkeypatch.setattr(sheets, "LINES", 2)
    monkeypatch.setattr(sheets.by_server, "__defaults__", (2,))
    asked = ask(api(bought.alice)).json()
    at = timezone.now()
    assert tasks.run_exports(at, seconds=0) == 1
    assert tasks.run_exports(at, seconds=0) == 1
    half = row(asked["id"])
    assert (half.status, half.rows_done, half.rows_expected) == ("running", 2, 7)
    default_storage.save(half.stored_as, io.BytesIO(b"half"))

    tasks.EXPORTS.begun.pop(half.pk).file.close()  # the worker fell
    assert tasks.run_exports(at + timedelta(minutes=4)) == 0
    assert tasks.run_exports(at + timedelta(minutes=6)) > 4

    whole = row(asked["id"])
    ids = [found["id"] for found in content(api(bought.alice).get(f"{EXPORTS}{asked['id']}/file/"))]
    assert (whole.status, whole.rows_done, len(ids), len(set(ids))) == ("done", 7, 7, 7)
    assert not default_storage.exists(half.stored_as)


def test_what_fells_its_workers_is_given_up_and_said_to_be(bought, api):
    """Not one after the other for ever: a list that does not fit into a worker's memory would take them all."""
    asked, at = ask(api(bought.bob)).json(), timezone.now()
    with company_scope(bought.acme.pk):
        for _ in range(jobs.MOST_FAILURES):
            operations.claim(row(asked["id"]), at=at).file.close()
            at += operations.CLAIM_HOLDS
    assert tasks.run_exports(at) == 0
    given_up = row(asked["id"])
    assert (given_up.status, "three times" in given_up.reason, given_up.finished_at) == ("failed", True, at)
    assert [text for *_, text in told(bought)] == ["Your export of transactions as CSV could not be written: your exports say why."]


def test_one_that_cannot_be_taken_up_is_in_nobodys_way(bought, api, monkeypatch):
    """Its worker cannot remove what the one before it left: it waits, and counts that, and the next is written."""
    first, second = ask(api(bought.alice)).json(), ask(api(bought.alice)).json()
    delete, away = default_storage.delete, f"exports/{bought.acme.public_id}/half"
    Export.across_companies.filter(public_id=first["id"]).update(stored_as=away)

    def refuses(name):
        if name == away:
            raise OSError("no storage")
        delete(name)

    monkeypatch.setattr(default_storage, "delete", refuses)
    assert tasks.run_exports() > 0
    assert (row(first["id"]).status, row(second["id"]).status) == ("running", "done")
    tasks.run_exports(timezone.now() + operations.CLAIM_HOLDS + timedelta(seconds=1))
    assert (row(first["id"]).status, row(first["id"]).failures) == ("done", 1)


def test_those_that_were_looked_at_longest_ago_come_first(bought, api, monkeypatch):
    monkeypatch.setattr(sheets, "LINES", 2)
    monkeypatch.setattr(sheets.by_server, "__defaults__", (2,))
    for _ in range(3):
        ask(api(bought.alice))
    assert [tasks.run_exports(seconds=0) for _ in range(9)] == [1] * 9
    assert sorted(Export.across_companies.values_list("rows_done", flat=True)) == [4, 4, 4]
    tasks.let_go()
    assert set(Export.across_companies.values_list("claimed_until", "failures")) == {(None, 0)}


def test_a_worker_whose_claim_ran_out_keeps_nothing(bought, api):
    asked = ask(api(bought.alice)).json()
    at = timezone.now()
    with company_scope(bought.acme.pk):
        slow = operations.claim(row(asked["id"]), at=at)
        assert operations.go_on(slow, at=at)
        assert operations.claim(row(asked["id"]), at=at) is None
        fast = operations.claim(row(asked["id"]), at=at + timedelta(minutes=6))
        while operations.go_on(fast, at=at):
            pass
        while operations.go_on(slow, at=at):
            pass
        for run in (fast, slow):
            run.file.close()
        assert list(COMPANY_CHECKS["exports"]()) == []
    done = row(asked["id"])
    assert (done.status, done.stored_as) == ("done", fast.job.stored_as)
    assert not default_storage.exists(slow.job.stored_as)
    assert events(bought) == ["export.asked", "export.finished"]


def test_a_worker_that_stops_lets_the_next_begin_at_once(bought, api):
    asked = ask(api(bought.alice)).json()
    tasks.run_exports(seconds=0)
    tasks.let_go()
    tasks.run_exports()
    assert row(asked["id"]).status == "done"


def test_what_cannot_be_written_is_given_up_after_three_times(bought, api, monkeypatch):
    def away(*_, **__):
        raise OSError("no storage")

    asked = ask(api(bought.alice)).json()
    monkeypatch.setattr(default_storage, "save", away)
    for _ in range(2):
        tasks.run_exports()
        assert row(asked["id"]).status == "running"
    tasks.run_exports()
    found = row(asked["id"])
    assert (found.status, found.failures) == ("failed", 3)
    assert "operators were told" in found.reason
    assert api(bought.alice).get(f"{EXPORTS}{asked['id']}/file/").json()["message"] == found.reason


def test_a_file_that_is_gone_is_told(bought, api):
    asked = ask(api(bought.alice)).json()
    tasks.run_exports()
    found = row(asked["id"])
    with company_scope(bought.acme.pk):
        assert list(COMPANY_CHECKS["exports"]()) == []
        default_storage.delete(found.stored_as)
        assert list(COMPANY_CHECKS["exports"]()) == [f"export {found.public_id} has no file at {found.stored_as}"]
        default_storage.save(found.stored_as, io.BytesIO(b"other"))
        assert list(COMPANY_CHECKS["exports"]()) == [f"export {found.public_id} says {found.size} bytes; its file has 5"]
    default_storage.delete(found.stored_as)
    assert api(bought.alice).get(f"{EXPORTS}{asked['id']}/file/").status_code == 404


def test_the_worker_writes_and_forgets_in_its_rounds(bought, api):
    asked = ask(api(bought.alice)).json()
    call_command("worker", once=True)
    found = row(asked["id"])
    assert found.status == "done"
    with time_machine.travel(found.expires_at + timedelta(seconds=1)):
        call_command("worker", once=True)
    assert not Export.across_companies.exists()


# Pages


def press(client, what: str, to: str = "csv", **more: str):
    return client.post("/exports/", {"what": what, "format": to, "filters": "", "next": "/transactions/"} | more)


def test_a_small_one_comes_at_once(bought, pages):
    answer = press(pages(bought.alice), "transactions", filters="min=1.03&status=&ordering=amount&show=txn_x")
    enter(bought.mallory.company_id)  # by the time it is sent, the server is at another request
    assert answer.streaming
    assert sorted(found["amount"] for found in content(answer)) == ["1.03", "1.04", "1.05", "1.06"]
    assert not Export.across_companies.exists()
    assert events(bought) == ["export.streamed"]


@pytest.mark.parametrize(("what", "more"), [("transactions", {}), ("reports/spend", {}), ("members", {"filters": "role=owner"})])
def test_a_small_sheet_comes_at_once(bought, pages, what, more):
    answer = press(pages(bought.alice), what, "xlsx", **more)
    assert b"".join(answer).startswith(b"PK")
    for close in answer._resource_closers:
        close()
    assert answer["Content-Disposition"].endswith('.xlsx"')


def test_a_page_of_cards_exports_the_cards_that_it_shows(bought, pages):
    client = pages(bought.alice)
    for state, number in (("open", 1), ("frozen", 0), ("closed", 0)):
        page = client.get(f"/cards/?state={state}&q=bob").content.decode()
        filters = f"state={state}&amp;q=bob"
        assert f'name="filters" value="{filters}"' in page
        assert len(content(press(client, "cards", filters=filters.replace("&amp;", "&")))) == number


def test_a_large_one_waits_among_ones_exports(bought, pages, monkeypatch):
    monkeypatch.setattr("reports.views.files.MOST_AT_ONCE", 6)
    client = pages(bought.alice)
    assert press(client, "transactions").headers["Location"] == "/exports/"
    page = client.get("/exports/").content.decode()
    assert "About to begin" in page
    assert 'hx-trigger="every 2s"' in page
    tasks.run_exports()
    page = client.get("/exports/").content.decode()
    [export] = Export.across_companies.all()
    assert f'href="/exports/{export.public_id}/"' in page
    assert "hx-trigger" not in page
    assert len(content(client.get(f"/exports/{export.public_id}/"))) == 7


def test_receipts_of_a_month_are_written_in_the_background(bought, pages):
    client = pages(bought.alice)
    assert press(client, "receipt-files", "zip", month="2026-03").headers["Location"] == "/exports/"
    assert Export.across_companies.get().given == {"month": "2026-03"}


@pytest.mark.parametrize(
    ("what", "more", "says"),
    [
        ("transactions", {"filters": "status=lost"}, "status is one of"),
        ("transactions", {"filters": "min=lots"}, "is not an amount"),
        ("receipt-files", {"format": "zip", "month": "May"}, "Write a month"),
        ("nothing", {}, "what is one of"),
    ],
)
def test_a_page_says_what_makes_no_sense_where_it_was_pressed(bought, pages, what, more, says):
    client = pages(bought.alice)
    answer = press(client, what, **more)
    assert answer.headers["Location"] == "/transactions/"
    assert says in client.get("/transactions/").content.decode()


@pytest.mark.parametrize(
    "path", ["/transactions/", "/claims/", "/cards/", "/budgets/", "/people/", "/approvals/", "/receipts/", "/reports/spend/", "/funding/"]
)
def test_every_list_offers_it(bought, pages, path):
    assert '<details class="export">' in pages(bought.alice).get(path).content.decode()


def test_transactions_are_offered_by_their_parts_too(bought, pages):
    client = pages(bought.alice)
    assert '<option value="transaction-lines">' in client.get("/transactions/").content.decode()
    assert len(content(press(client, "transaction-lines", filters="min=1.03"))) == 4


def test_balances_offer_the_entries_of_their_account_and_days(bought, pages):
    client = pages(bought.alice)
    for path, days in (("", ""), ("?month=2026-03", "from=2026-03-01&amp;to=2026-03-31"), ("?day=2026-03-10", "day=2026-03-10")):
        page = client.get(f"/funding/{path}").content.decode()
        [filters] = re.findall(r'name="filters" value="([^"]+)"', page)
        assert days in filters
        assert filters.startswith("account=acct_")
    assert len(content(press(client, "entries", filters=filters.replace("&amp;", "&")))) > 0


def test_behind_a_figure_the_lines_are_offered_too(bought, pages):
    page = pages(bought.alice).get("/transactions/?spent_from=2026-01-01").content.decode()
    assert 'value="spend-lines"' in page


def test_whoever_has_none_yet_is_told_how(world, pages):
    assert "Every list and every report has an Export button" in pages(world.alice).get("/exports/").content.decode()
