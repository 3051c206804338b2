"""The ledger: postings fit their entries, balances their postings, purchases their messages, imports their lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from reports.verification.walking import NOBODY, PART, Told, confirmed, hanging_on, listed, parts
from spendtrackr.money import Money
from transactions import ledger
from transactions.models import (
    Account,
    Entry,
    EntryKind,
    FundingAccount,
    ImportedLine,
    Message,
    Posting,
    StatementImport,
    StatementIssue,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.operations.statement_lines import move_of
from transactions.purchases import Purchase, fold, moves_between

Moves = list[tuple[str, str, int]]


def postings(told: Told = NOBODY) -> Iterator[str]:
    """No posting was changed, added or taken away: each entry's digest still fits."""
    for part in parts(Entry.objects.all(), told=told):
        # The entries first: those that are here have all their postings.
        entries = listed(part, "public_id", "account_id", "kind", "day", "digest")
        found = _by_key(hanging_on(Posting, entry__in=part), "entry_id", "account_id")
        for entry in entries:
            rows = found[entry.pk]
            if ledger.digest(entry, [row[1:4] for row in rows]) != entry.digest:
                yield f"entry {entry.public_id} was written with other postings than it has now ({_moves(rows)})"
            elif any(row[4] != entry.account_id for row in rows):
                yield f"entry {entry.public_id} has a posting on another account ({_moves(rows)})"


def _by_key(rows: QuerySet[Posting], key: str, *more: str) -> dict[Any, list[Any]]:
    """Postings in the order they were written: id, from, to, amount, and whatever else was asked for."""
    found: dict[Any, list[Any]] = defaultdict(list)
    for owner, *row in rows.order_by("pk").values_list(key, "pk", "from_account", "to_account", "amount_minor", *more):
        found[owner].append(tuple(row))
    return found


def _moves(rows: Iterable[Any]) -> str:
    return "; ".join(f"posting {row[0]}: {row[3]} {row[1]} to {row[2]}" for row in rows) or "no posting"


def balances(told: Told = NOBODY) -> Iterator[str]:
    """The five balances are the sums of the postings, and add up to zero."""
    names = [f"{name}_minor" for name in Account]
    accounts = list(FundingAccount.objects.order_by("pk").values_list("pk", "public_id", "currency", *names))
    kept = {pk: balances for pk, _, _, *balances in accounts}
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    beside = [f"account__{name}" for name in names]
    for part in parts(Posting.objects.all(), told=told, size=PART):
        moved = part.values_list("account_id", "from_account", "to_account", *beside).annotate(total=Sum("amount_minor"))
        for account_id, source, target, *balances, total in moved.order_by():
            sums[account_id][source] -= total
            sums[account_id][target] += total
            # Read by the statement that adds up the latest postings: what moves meanwhile is in both or in neither.
            kept[account_id] = balances
    for pk, public_id, currency, *_ in accounts:
        yield from _balances(f"account {public_id}", currency, dict(zip(Account, kept[pk], strict=True)), sums[pk])


def _balances(account: str, currency: str, kept: dict[Account, int], sums: Counter[str]) -> Iterator[str]:
    """By how much they differ and not what they are: that sentence is the same at the second look, although the account lives."""
    for name, minor in kept.items():
        if difference := minor - sums[name]:
            yield f"{account} keeps {name} {_off(difference, currency)} what its postings say"
    if sum(kept.values()):
        yield f"{account} does not add up to zero"


def _off(difference: int, currency: str) -> str:
    return f"{abs(difference)} {currency} {'above' if difference > 0 else 'below'}"


def bank_transfers(told: Told = NOBODY) -> Iterator[str]:
    """Money came from the bank by top-ups alone and went back by withdrawals alone, and they moved nothing else."""
    wrong = Q()
    for kind, source, target in _BANK:
        wrong |= Q(entry__kind=kind) ^ Q(from_account=source, to_account=target)
    for part in parts(Posting.objects.all(), told=told, size=PART):
        for posting in part.filter(wrong).select_related("entry").order_by("pk")[:MOST]:
            yield f"{posting.entry.kind} {posting.entry.public_id} has a posting of another kind of entry ({posting})"


# Of one part: the first is the one that is told.
MOST = 100
_BANK = [(EntryKind.TOPUP, Account.EXTERNAL, Account.AVAILABLE), (EntryKind.WITHDRAWAL, Account.AVAILABLE, Account.EXTERNAL)]


def purchases(told: Told = NOBODY) -> Iterator[str]:
    """Each transaction is the fold of its messages, and each message's entry is fold after minus fold before."""
    for part in parts(Transaction.objects.filter(source=TransactionSource.CARD), told=told):
        yield from confirmed(_purchases, part)


def _purchases(part: QuerySet[Transaction]) -> Iterator[str]:
    purchases = listed(part, *_KEPT)
    said = ("transaction_id", "public_id", "kind", "amount_minor", "requested_minor", "is_approved", "is_final", "at")
    messages: dict[int, list[Any]] = defaultdict(list)
    for message in listed(hanging_on(Message, transaction__in=part), *said):
        messages[message.transaction_id].append(message)
    moved = _by_key(hanging_on(Posting, entry__transaction__in=part), "entry__message_id", "entry__day")
    for purchase in purchases:
        yield from _purchase(purchase, messages[purchase.pk], moved)
    entries = hanging_on(Entry, transaction__in=part)
    for public_id, owner in (
        entries.filter(message=None).exclude(kind=EntryKind.REPAYMENT).order_by("pk").values_list("public_id", "transaction__public_id")
    ):
        yield f"entry {public_id} of transaction {owner} stands for no message"
    foreign = entries.exclude(account__currency=F("transaction__currency")).order_by("pk")
    for public_id, owner in foreign.values_list("public_id", "transaction__public_id"):
        yield f"entry {public_id} is in another currency than its transaction {owner}"
    other = part.exclude(card__currency=F("currency")).exclude(status=TransactionStatus.DECLINED).order_by("pk")
    for public_id in other.values_list("public_id", flat=True):
        yield f"transaction {public_id} is in another currency than its card"


_KEPT = (
    "public_id", "held_minor", "captured_minor", "refunded_minor", "charged_back_minor", "flags", "status", "amount_minor", "occurred_at",
    "posted_on",
)  # fmt: skip


def _purchase(purchase: Any, messages: list[Any], moved: dict[Any, list[Any]]) -> Iterator[str]:
    before = Purchase()
    for count, message in enumerate(messages, start=1):
        after = fold(messages[:count])
        found: Moves = [row[1:4] for row in moved[message.pk]]
        expected = [(str(move.source), str(move.target), move.amount) for move in moves_between(before, after)]
        if found != expected:
            yield f"message {message.public_id} moved {found}, its purchase says {expected}"
        before = after
    kept = (purchase.held_minor, purchase.captured_minor, purchase.refunded_minor, purchase.charged_back_minor, purchase.status)
    expected_state = (before.held, before.captured, before.refunded, before.charged_back, str(before.status))
    if before.is_known and (purchase.amount_minor, purchase.occurred_at) != (before.amount, before.at):
        yield (
            f"transaction {purchase.public_id} is {purchase.amount_minor} of {purchase.occurred_at}, "
            f"its messages say {before.amount} of {before.at}"
        )
    days = {row[4] for message in messages if message.at == before.posted_at for row in moved[message.pk]}
    if (before.posted_at is None and purchase.posted_on) or (days and purchase.posted_on not in days):
        yield f"transaction {purchase.public_id} is posted on {purchase.posted_on}, its entries say {', '.join(map(str, sorted(days)))}"
    if purchase.flags != " ".join(before.flags):
        yield f"transaction {purchase.public_id} is marked {purchase.flags!r}, its messages say {' '.join(before.flags)!r}"
    if kept != expected_state:
        yield f"transaction {purchase.public_id} keeps {kept}, its messages say {expected_state}"


def imported(told: Told = NOBODY) -> Iterator[str]:
    """Each imported line moved just its amount, and each import has the rows that it counts."""
    for part in parts(StatementImport.objects.all(), told=told):
        yield from confirmed(_counted_rows, part)
    lines = Transaction.objects.filter(source=TransactionSource.STATEMENT)
    for part in parts(lines, told=told):
        found = listed(part, "public_id", "amount_minor", "currency")
        moved = _by_key(hanging_on(Posting, entry__transaction__in=part, entry__kind=EntryKind.IMPORT), "entry__transaction_id")
        for line in found:
            move, rows = move_of(Money(line.amount_minor, line.currency)), moved[line.pk]
            if [row[1:] for row in rows] != [(str(move.source), str(move.target), move.amount)]:
                yield f"imported transaction {line.public_id} is {line.amount_minor}, its entry moved {_moves(rows)}"


def _counted_rows(part: QuerySet[StatementImport]) -> Iterator[str]:
    """By kind. Rows of an import that is under way come with their counts."""
    lines = dict(hanging_on(ImportedLine, statement_import__in=part).values_list("statement_import").annotate(Count("pk")))
    issues: dict[int, Counter[str]] = defaultdict(Counter)
    for pk, kind, count in (
        hanging_on(StatementIssue, statement_import__in=part).values_list("statement_import", "kind").annotate(Count("pk"))
    ):
        issues[pk][kind] = count
    for record in listed(part, "public_id", "booked", "duplicates", "skipped", "rejected"):
        counted = (record.booked, record.duplicates, record.skipped, record.rejected)
        found = (lines.get(record.pk, 0), *(issues[record.pk][kind] for kind in ("duplicate", "skipped", "rejected")))
        if counted != found:
            yield f"import {record.public_id} counts {counted} rows (booked, in already, skipped, rejected), and has {found}"


def holds(told: Told = NOBODY) -> Iterator[str]:
    """What transactions hold is what the accounts hold. One statement reads both, since swipes go on."""
    kept = FundingAccount.objects.values_list("currency").annotate(total=Sum(F("held_minor")))
    held = Transaction.objects.values_list("currency").annotate(total=Sum(0 - F("held_minor")))
    difference: Counter[str] = Counter()
    for currency, total in kept.order_by().union(held.order_by(), all=True):
        difference[currency] += total
    for currency, total in sorted(difference.items()):
        if total:
            account = FundingAccount.objects.filter(currency=currency).values_list("public_id", flat=True).first()
            yield f"account {account or currency} holds {_off(total, currency)} what its transactions hold"
