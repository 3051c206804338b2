"""Write entries, and move the balances they stand for. The funding account is the last row but the rollups to be locked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction

from cards.operations.controls import lock_block_list
from companies.models import Company
from transactions import swipe_sql
from transactions.models import Account, Entry, EntryKind, FundingAccount, Message, Posting, Transaction
from transactions.purchases import Move


class InsufficientFunds(Exception):
    """The request asks for more than is available, or the account is blocked. Nothing was moved."""


def funding_account(currency: str) -> FundingAccount:
    """The company's account in a currency, opened when it is first needed."""
    found = FundingAccount.objects.filter(currency=currency).first()
    if found:
        return found
    try:
        with transaction.atomic():
            # Under the lock of the block list, whose version the account carries: a change of the list then reaches every account.
            rules = lock_block_list()
            is_blocked = not Company.objects.get(pk=rules.company_id).is_active
            return FundingAccount.objects.create(currency=currency, rules_version=rules.version, is_blocked=is_blocked)
    except IntegrityError:  # opened by somebody else a moment ago
        return FundingAccount.objects.get(currency=currency)


def post(
    account: FundingAccount,
    kind: EntryKind,
    moves: Sequence[Move],
    *,
    at: datetime,
    day: date,
    purchase: Transaction | None = None,
    message: Message | None = None,
    must_be_covered: bool = False,
    on_credit: bool = True,
) -> Entry:
    """One entry and its postings, then the balances. Raises `InsufficientFunds` only where the money must be covered."""
    entry = new_entry(account, kind, moves, at=at, day=day, purchase=purchase)
    entry.message = message
    swipe_sql.insert([entry])
    if moves:
        swipe_sql.insert(postings_of(entry, account, moves))
    move_balances(account, net(moves), must_be_covered=must_be_covered, on_credit=on_credit)
    return entry


def new_entry(
    account: FundingAccount, kind: EntryKind, moves: Sequence[Move], *, at: datetime, day: date, purchase: Transaction | None = None
) -> Entry:
    """An entry that is not saved yet, with the digest of its moves."""
    entry = Entry(account=account, kind=kind, transaction=purchase, at=at, day=day)
    entry.digest = digest(entry, [(move.source, move.target, move.amount) for move in moves])
    return entry


def postings_of(entry: Entry, account: FundingAccount, moves: Iterable[Move]) -> list[Posting]:
    return [
        Posting(entry=entry, account=account, from_account=move.source, to_account=move.target, amount_minor=move.amount) for move in moves
    ]


def digest(entry: Entry, postings: Sequence[tuple[str, str, int]]) -> str:
    """What the entry says it moved, as one hash. `verify` computes it again from the postings that are there."""
    said = [entry.public_id, entry.account_id, str(entry.kind), entry.day.isoformat(), [[str(a), str(b), n] for a, b, n in postings]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def net(moves: Iterable[Move]) -> dict[Account, int]:
    """How much each balance changes."""
    change = dict.fromkeys(Account, 0)
    for move in moves:
        change[move.source] -= move.amount
        change[move.target] += move.amount
    return change


def changed(moves: Iterable[Move]) -> dict[Account, int]:
    """The same without those that stay."""
    return {name: amount for name, amount in net(moves).items() if amount}


def move_balances(account: FundingAccount, change: dict[Account, int], *, must_be_covered: bool = False, on_credit: bool = True) -> None:
    """One UPDATE that takes the row's lock, tests it and writes it: the test and the change cannot be apart.

    What must be covered is so by what is available, and `on_credit` by the account's credit besides.
    """
    moved = {name: amount for name, amount in change.items() if amount}
    if not moved and not must_be_covered:
        return  # a statement whose charges and credits cancel out
    if not swipe_sql.move(account, moved, must_be_covered=must_be_covered, on_credit=on_credit):
        raise InsufficientFunds(account.public_id)
