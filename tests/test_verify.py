"""`manage.py verify` finds nothing in healthy books, and names each kind of damage."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection

from cards import operations as cards
from cards.models import BudgetInterval, CardMode, RequestKind
from cards.operations import budgets, requests
from conftest import build_world
from reports import verification
from reports.verification import walking
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.again import again
from tests.factories import NOON, swipe
from tests.papers import picture
from tests.rules import try_out
from transactions import ledger, rollups, tasks
from transactions.documents import inspect
from transactions.models import Account, Entry, FundingAccount, Message, Posting, Receipt, SpendLine, Transaction
from transactions.operations import accounts, approvals, receipts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from transactions.purchases import Move
from users import operations as people


def kept():
    """A company with a bit of everything, sealed."""
    world = build_world()
    with company_scope(world.acme.pk):
        for number, (kind, amount) in enumerate([("capture", None), ("capture", 5_00), ("reversal", None), ("", None)]):
            purchase = authorize(world.card, swipe(20_00)).transaction
            if kind:
                clear(purchase, Clearing(kind, f"m{number}", NOON + timedelta(days=1), amount, is_final=not amount), actor=None)
        first = Transaction.objects.order_by("pk").first()
        clear(first, Clearing("refund", "r", NOON + timedelta(days=40), 7_00), actor=None)
        for colour in ("white", "red"):
            content = picture(colour=colour)
            stored_as = receipts.store(content, company=world.acme)
            receipt = receipts.attach(first, inspect(content, "r.png"), stored_as, actor=world.bob, at=NOON)
        receipts.remove(receipt, actor=world.bob, at=NOON)
        approvals.submit(first, actor=world.bob, at=NOON)
        authorize(world.card, swipe(9_999_00))
        _with_budgets(world)
        accounts.withdraw(Money(30_00, "USD"), actor=world.alice, at=NOON)
        import_statement(
            world.acme, StatementFile(b"Date,Amount,Merchant\n2026-01-05,4.00,A\n2026-01-06,-1.00,B\n", "s.csv"), actor=None, at=NOON
        )
        try_out(world)
    with company_scope(world.acme.pk):
        people.create_key(name="Payroll", scopes=["cards:read"], actor=world.alice, at=NOON)
    events.seal_all()
    tasks.notify(NOON)
    files = {}
    for receipt in Receipt.across_companies.all():
        with default_storage.open(receipt.stored_as) as file:
            files[receipt.stored_as] = file.read()
    return world, files


same_books = again(kept)


@pytest.fixture
def books(same_books, db, monkeypatch, settings, tmp_path):
    monkeypatch.setattr("reports.management.commands.verify.SECOND_LOOK_AFTER", 0)
    _in_small_parts(monkeypatch)
    settings.MEDIA_ROOT = tmp_path
    world, files = same_books()
    for name, content in files.items():
        default_storage.save(name, ContentFile(content))
    return world


def _with_budgets(world) -> None:
    """A tree of two that a card without room of its own draws from, with a grant, and requests."""
    made = {"interval": BudgetInterval.MONTH, "is_hard": True, "owner": world.alice, "actor": world.alice, "at": NOON}
    above = budgets.create(name="Above", limit=Money(90_00, "USD"), **made)
    leaf = budgets.create(name="Leaf", limit=Money(50_00, "USD"), parent=above, **made)
    controls = cards.Controls(mode=CardMode.ZERO_UNTIL_GRANTED)
    card = cards.issue(world.bob, name="B", currency="USD", controls=controls, budget=leaf, actor=world.alice, at=NOON)
    cards.grant(card, Money(30_00, "USD"), expires_at=NOON + timedelta(days=9), reason="", actor=world.alice, at=NOON)
    assert authorize(card, swipe(11_00)).approved
    wish = requests.Wish(RequestKind.CARD, Money(1_00, "USD"), "Why", name="Mine")
    requests.decide(requests.ask(wish, actor=world.bob, at=NOON), approved=True, actor=world.alice, at=NOON)
    requests.ask(wish, actor=world.bob, at=NOON)


def _in_small_parts(monkeypatch) -> None:
    """Two rows at a time, so that a handful of them takes as many turns as millions do."""
    for name in ("ledger", "limits", "papers", "spend"):
        monkeypatch.setattr(f"reports.verification.{name}.parts", lambda rows, *, told, size=0: walking.parts(rows, told=told, size=2))
    monkeypatch.setattr("reports.verification.limits._DRAWS", 2)
    monkeypatch.setattr("reports.verification.company._BLOCK", 2)
    monkeypatch.setattr("reports.verification.notices._BLOCK", 2)
    monkeypatch.setattr("reports.verification.tenancy.PART", 2)


def verify(capsys, **options) -> tuple[int, str]:
    try:
        call_command("verify", **options)
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    out, err = capsys.readouterr()
    return code, out + err


def damage(sql: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount >= 1, "the damage was not done"


def test_healthy_books_verify(books, capsys):
    code, told = verify(capsys)
    assert code == 0
    assert "WRONG" not in told
    assert "2 companies verified" in told


def test_a_posting_that_was_changed_by_sql_is_named(books, capsys):
    posting = Posting.across_companies.filter(from_account="held", to_account="spent").order_by("pk").first()
    damage("UPDATE postings SET amount_minor = amount_minor + 1 WHERE id = %s", posting.pk)
    code, told = verify(capsys)
    assert code == 1
    assert f"entry {posting.entry.public_id} was written with other postings" in told
    assert f"posting {posting.pk}: 2001 held to spent" in told
    assert "balances: account" in told


def test_a_posting_that_was_deleted_is_missed(books, capsys):
    posting = Posting.across_companies.filter(to_account="held").order_by("pk").first()
    damage("DELETE FROM postings WHERE id = %s", posting.pk)
    code, told = verify(capsys)
    assert code == 1
    assert f"entry {posting.entry.public_id} was written with other postings than it has now (no posting)" in told


@pytest.mark.parametrize(
    ("sql", "check", "words"),
    [
        (
            "UPDATE funding_accounts SET available_minor = available_minor - 1, external_minor = external_minor + 1",
            "balances",
            "its postings say",
        ),
        (
            "UPDATE transactions SET captured_minor = captured_minor + 1 WHERE captured_minor > 0 AND source = 'card'",
            "purchases",
            "its messages say",
        ),
        ("UPDATE entries SET kind = 'topup' WHERE kind = 'withdrawal'", "bank transfers", "of another kind of entry"),
        ("UPDATE postings SET to_account = 'owed' WHERE from_account = 'external'", "bank transfers", "of another kind of entry"),
        ("UPDATE entries SET kind = 'refund' WHERE kind = 'topup'", "bank transfers", "of another kind of entry"),
        ("UPDATE transactions SET amount_minor = amount_minor + 1 WHERE source = 'statement'", "imported lines", "its entry moved"),
        ("UPDATE statement_imports SET booked = booked - 1, waiting = waiting + 1", "imported lines", "rows (booked, in already"),
        ("UPDATE transactions SET held_minor = held_minor + 1 WHERE held_minor > 0", "holds", "its transactions hold"),
        ("UPDATE limit_counters SET held_minor = held_minor + 1", "limit counters", "its draws say"),
        ("UPDATE limit_counters SET posted_minor = posted_minor + 1", "limit windows", "its purchases say"),
        ("UPDATE draws SET used_before_minor = used_before_minor + 1 WHERE seq = 3", "limit counters", "those before say"),
        ("UPDATE limit_counters SET purchases = purchases + 1", "limit counters", "its draws say"),
        ("UPDATE draws SET purchases_before = purchases_before + 1 WHERE seq = 3", "limit counters", "those before say"),
        ("UPDATE transactions SET budget_id = NULL WHERE budget_id IS NOT NULL", "limit windows", "its purchases say"),
        ("UPDATE transactions SET grant_id = NULL WHERE grant_id IS NOT NULL", "limit windows", "its purchases say"),
        ("UPDATE transactions SET flags = 'late' WHERE flags = ''", "purchases", "is marked"),
        ("UPDATE budgets SET chain = '9.' WHERE parent_id IS NOT NULL", "budgets", "its parent says"),
        ("UPDATE card_requests SET status = 'approved' WHERE status = 'waiting'", "requests", "what came of it is nothing"),
        ("UPDATE card_requests SET decided_by_id = requester_id WHERE status = 'approved'", "requests", "was decided by who asked"),
        ("DELETE FROM draws WHERE seq = 2", "limit counters", "those before say"),
        ("UPDATE messages SET amount_minor = amount_minor + 1 WHERE kind = 'capture'", "purchases", "its purchase says"),
        ("UPDATE spend_lines SET amount_minor = amount_minor + 1", "spend lines", "than its spend lines say"),
        ("UPDATE day_spend SET amount_minor = amount_minor + 1", "day rollup", "its lines are"),
        ("UPDATE day_spend SET line_count = line_count + 1", "day rollup", "its lines are"),
        ("DELETE FROM month_spend", "month rollup", "misses"),
        ("UPDATE month_spend SET amount_minor = amount_minor - 1", "month rollup", "its lines are"),
        ("DELETE FROM month_spend_within", "month rollup within", "misses"),
        ("UPDATE month_spend_within SET item_count = item_count + 1", "month rollup within", "its lines are"),
        (
            "UPDATE transactions SET receipt_count = receipt_count + 1 WHERE receipt_count = 1",
            "receipts",
            "counts 2 receipts; 1 are attached",
        ),
        ("UPDATE transactions SET receipt_count = 0 WHERE receipt_count = 1", "receipts", "counts 0 receipts; 1 are attached"),
        (
            "UPDATE receipt_attachments SET attached_hash = NULL, removed_at = attached_at WHERE attached_hash IS NOT NULL",
            "receipts",
            "counts 1 receipts; 0 are attached",
        ),
        ("UPDATE receipts SET transaction_count = 2 WHERE transaction_count = 1", "receipts", "counts 2 transactions; it is attached to 1"),
        ("UPDATE receipts SET content_hash = 'x' WHERE transaction_count = 1", "receipts", "is attached as another file than it is"),
        ("UPDATE receipts SET removed_at = uploaded_at WHERE transaction_count = 1", "receipts", "was removed, and is still attached"),
        ("UPDATE backtest_rows SET amount_minor = amount_minor + 1", "backtests", "says other sums than its rows"),
        ("DELETE FROM backtest_rows", "backtests", "says other sums than its rows"),
        ("UPDATE backtests SET done = done + 1", "backtests", "rows; it has"),
        ("UPDATE events SET type = 'card.closed' WHERE sequence = 3", "events", "does not fit the chain"),
        ("UPDATE events SET sequence = sequence + 100 WHERE sequence > 3", "events", "event number 4 is missing"),
        ("DELETE FROM notifications WHERE kind = 'approval'", "notifications", "was not told of the event"),
        ("UPDATE event_chains SET last_sequence = last_sequence + 1", "events", "the chain ends at"),
        ("UPDATE memberships SET role = 'admin' WHERE role = 'owner'", "owners", "no active owner"),
        ("UPDATE memberships SET role = 'admin' WHERE role = 'integration'", "programs", "is admin and has scopes"),
        ("UPDATE integrations SET granted = 'cards:eat'", "programs", "has the scope cards:eat"),
        (
            "UPDATE cards SET holder_id = (SELECT id FROM memberships WHERE role = 'integration')",
            "programs",
            "has a manager, people, a card or a password",
        ),
        ("UPDATE memberships SET chain = '1.2.3.' WHERE role = 'employee'", "managers", "their manager says"),
        (
            "UPDATE transactions SET category_id = NULL WHERE source = 'card' AND captured_minor > 0",
            "coding",
            "too much standing under",
        ),
        ("UPDATE transactions SET approval = 'approved' WHERE approval = 'waiting'", "approvals", "its approval waiting"),
        ("UPDATE transactions SET approval = 'approved' WHERE approval = 'open'", "approvals", "without an approval"),
        ("UPDATE approvals SET decided_by_id = asked_by_id", "approvals", "decided by the owner of the purchase"),
    ],
)
def test_every_kind_of_damage_is_named(books, capsys, sql, check, words):
    damage(sql)
    code, told = verify(capsys)
    assert code == 1
    line = next(line for line in told.splitlines() if "WRONG" in line and f": {check}:" in line)
    assert words in line


def test_a_receipt_whose_file_was_deleted_is_named(books, capsys):
    receipt = Receipt.across_companies.get(removed_at=None)
    default_storage.delete(receipt.stored_as)
    code, told = verify(capsys)
    assert code == 1
    assert f"receipt {receipt.public_id} has no file at {receipt.stored_as}" in told


def test_what_was_told_to_somebody_whom_it_does_not_concern_is_named(books, capsys):
    damage("UPDATE notifications SET membership_id = %s WHERE kind = 'decline'", books.alice.pk)
    with company_scope(books.acme.pk):
        found = list(verification.notifications())
    assert [sentence.rpartition("(transaction.declined)")[2] for sentence in found] == [
        " as decline",
        " as decline, which does not concern them",
    ]
    assert [books.bob.public_id in found[0], books.alice.public_id in found[1]] == [True, True]
    assert verify(capsys)[0] == 1


def test_a_relation_into_another_company_is_found(books, capsys):
    damage("UPDATE transactions SET card_id = %s WHERE card_id = %s", books.her_card.pk, books.card.pk)
    code, told = verify(capsys)
    assert code == 1
    assert f"points at cards row {books.her_card.pk} outside its company" in told


def test_a_relation_to_nothing_is_found_where_the_database_does_not_look(books, capsys):
    damage("UPDATE draws SET counter_id = 999999 WHERE seq = (SELECT * FROM (SELECT MAX(seq) FROM draws) d)")
    assert "points at limit_counters row 999999 outside its company" in verify(capsys)[1]


def test_one_company_can_be_verified_alone(books, capsys):
    with company_scope(books.mallory.company_id):
        theirs = FundingAccount.objects.get()
    damage("UPDATE funding_accounts SET available_minor = available_minor - 1, spent_minor = spent_minor + 1 WHERE id = %s", theirs.pk)
    assert verify(capsys, company=books.acme.slug)[0] == 0
    assert verify(capsys, company=books.mallory.company.public_id)[0] == 1
    assert verify(capsys)[0] == 1


def test_a_difference_that_is_gone_at_the_second_look_is_no_finding(books, capsys, monkeypatch):
    looks = []

    def once(told=None):
        looks.append(1)
        if len(looks) == 1:
            yield "a write committed between two reads"

    monkeypatch.setattr("reports.verification.COMPANY_CHECKS", {"once": once})
    assert verify(capsys, company=books.acme.slug)[0] == 0
    assert len(looks) == 2


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("UPDATE funding_accounts SET available_minor = available_minor - 1, external_minor = external_minor + 1", "balances"),
        ("UPDATE transactions SET held_minor = held_minor + 1 WHERE held_minor = 2000", "holds"),
        ("UPDATE month_spend SET amount_minor = amount_minor - 1", "month rollup"),
    ],
)
def test_a_difference_is_found_although_money_moves_between_the_two_looks(books, capsys, monkeypatch, sql, check):
    def spend(seconds):
        with company_scope(books.acme.pk):
            purchase = authorize(books.card, swipe(3_00)).transaction
            clear(purchase, Clearing("capture", f"between-{purchase.pk}", NOON, 1_00), actor=None)

    monkeypatch.setattr("reports.management.commands.verify.time.sleep", spend)
    damage(sql)
    code, told = verify(capsys)
    assert code == 1
    assert f"WRONG {books.acme.slug}: {check}: " in told


def test_every_row_is_in_one_part_whatever_company_the_ids_between_belong_to(books):
    with company_scope(books.acme.pk):
        events_of_acme = Event.objects.order_by("pk")
        count = events_of_acme.count()
        for size in (1, 2, 3, count // 2, count, 2 * count):
            parts = [list(part.order_by("pk")) for part in walking.parts(events_of_acme, told=walking.NOBODY, size=size)]
            assert [event for part in parts for event in part] == list(events_of_acme)
            assert size <= len(parts[-1]) <= 2 * size or len(parts) == 1
        assert Event.across_companies.filter(pk__lt=events_of_acme.last().pk).exclude(company=books.acme).exists()


@pytest.mark.parametrize(("is_terminal", "options", "shown"), [(True, {}, True), (True, {"no_progress": True}, False), (False, {}, False)])
def test_how_far_it_is_stands_on_a_terminal_alone(books, capsys, monkeypatch, is_terminal, options, shown):
    monkeypatch.setattr("django.core.management.base.OutputWrapper.isatty", lambda self: is_terminal)
    monkeypatch.setattr("reports.management.commands.verify.Bar.EVERY", 0)
    code, told = verify(capsys, **options)
    assert code == 0
    assert (f"{books.acme.slug}: postings: 8 of {Entry.across_companies.filter(company=books.acme).count()} rows, " in told) is shown
    assert ("\r" in told) is shown


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE transactions SET amount_minor = amount_minor + 500 WHERE status = 'posted'", "its messages say"),
        ("UPDATE transactions SET posted_on = '2020-01-01' WHERE status = 'posted'", "is posted on 2020-01-01, its entries say"),
        ("UPDATE transactions SET occurred_at = '2020-01-01 00:00:00' WHERE status = 'posted'", "its messages say"),
        ("UPDATE transactions SET currency = 'EUR' WHERE status = 'posted'", "is in another currency than its"),
    ],
)
def test_a_purchase_that_says_other_than_its_messages_is_named(books, capsys, sql, said):
    with connection.cursor() as cursor:
        cursor.execute(sql)
    code, told = verify(capsys)
    assert code == 1
    assert said in told


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM month_spend",
        "DELETE FROM day_spend WHERE dimension = 'card'",
        "UPDATE month_spend_within SET amount_minor = amount_minor + 7, line_count = line_count - 1 WHERE within = 'member'",
        "UPDATE day_spend SET currency = 'EUR' WHERE dimension = 'budget'",
    ],
)
def test_damaged_sums_are_made_right_again_from_their_lines(books, capsys, sql):
    before = {table: cells(table) for table in ("day_spend", "month_spend", "month_spend_within")}
    damage(sql)
    assert verify(capsys)[0] == 1
    call_command("rebuild_rollups")
    assert re.search(rf"{books.acme.slug}: [1-9]\d* sums were off and are right again", capsys.readouterr().out)
    call_command("rebuild_rollups", company=books.acme.slug)
    assert capsys.readouterr().out == f"{books.acme.slug}: 0 sums were off and are right again.\n"
    assert {table: cells(table) for table in before} == before
    assert verify(capsys)[0] == 0


def cells(table: str) -> set[tuple]:
    """All that is in a rollup; a cell of nothing says the same as none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE line_count <> 0")
        names = [column[0] for column in cursor.description]
        return {tuple(value for name, value in zip(names, row, strict=True) if name != "id") for row in cursor.fetchall()}


def test_an_effect_that_no_message_had_is_named(books, capsys):
    with company_scope(books.acme.pk):
        purchase = Transaction.objects.filter(status="posted", source="card").order_by("pk").first()
        move = Move(Account.AVAILABLE, Account.SPENT, 30_00)
        entry = ledger.post(books.account(), "capture", [move], at=NOON, day=purchase.posted_on, purchase=purchase)
        line = SpendLine.of(entry, purchase, 30_00)
        line.save(force_insert=True)
        rollups.add([line])
    code, told = verify(capsys)
    assert code == 1
    assert f"entry {entry.public_id} of transaction {purchase.public_id} stands for no message" in told


def test_a_grant_without_its_counter_is_named(books, capsys):
    with company_scope(books.acme.pk):
        grant = cards.grant(books.card, Money(1_00, "USD"), expires_at=NOON + timedelta(days=1), reason="x", actor=books.alice, at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM limit_counters WHERE grant_id = %s", [grant.pk])
    code, told = verify(capsys)
    assert code == 1
    assert f"grant {grant.pk} has no counter" in told


def test_every_promise_is_asked_for():
    from reports.verification import COMPANY_CHECKS

    assert list(COMPANY_CHECKS) == [
        "postings", "balances", "bank transfers", "purchases", "imported lines", "holds", "limit counters", "limit windows", "budgets",
        "requests", "spend lines", "day rollup", "month rollup", "month rollup within",
        "coding", "splits", "claims", "repayments", "closed books", "accounting", "approvals", "approval steps",
        "missing items", "receipts", "receipt files", "backtests", "exports",
        "events", "notifications", "owners", "managers", "programs", "webhooks",
    ]  # fmt: skip


def test_the_books_hold_a_bit_of_everything(books):
    """Checks that find nothing in nothing would prove nothing."""
    for model in (Entry, Event, Message, SpendLine):
        assert model.across_companies.count() >= 5
    assert set(Entry.across_companies.values_list("kind", flat=True)) == {
        "topup",
        "withdrawal",
        "approval",
        "capture",
        "reversal",
        "refund",
        "import",
    }
