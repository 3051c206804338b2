"""What an account held: at any instant, and day by day. Read backwards from the running balances.

Each answer is one statement and so one snapshot: the running balances and what was moved since are read together, however much is
written meanwhile. What it costs grows with what happened since then, and not with all that ever did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import DateField, F, FilteredRelation, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Least

from spendtrackr.money import Money
from spendtrackr.pagination import ordered
from spendtrackr.periods import Period
from transactions import ledger
from transactions.models import Account, Entry, EntryKind, FundingAccount
from transactions.purchases import Move

_RUNNING = [f"{name}_minor" for name in Account]
_POSTED = ["since__postings__from_account", "since__postings__to_account"]


@dataclass(frozen=True, slots=True)
class Balances:
    """An amount for each of the five balances."""

    external: Money
    available: Money
    held: Money
    spent: Money
    owed: Money

    @classmethod
    def of(cls, minor: Mapping[Account, int], currency: str) -> Balances:
        return cls(**{str(name): Money(minor[name], currency) for name in Account})


@dataclass(frozen=True, slots=True)
class Movement:
    """What an account held before some days and after them, and what was moved between: into each balance, and out of it.

    `from_bank` and `to_bank` are the part of `available` that came from the bank and went back there.
    """

    first: date
    last: date
    opening: Balances
    came: Balances
    went: Balances
    closing: Balances
    from_bank: Money
    to_bank: Money

    # What changed `available`, in three parts that add up to its change. A hold that comes and goes is nothing in the end.

    @property
    def bank(self) -> Money:
        """What came from the bank, less what went back there."""
        return self.from_bank - self.to_bank

    @property
    def holds(self) -> Money:
        """What was let go or cleared of holds, less what was newly put on hold."""
        return self.went.held - self.came.held

    @property
    def purchases(self) -> Money:
        """What cleared, below zero, and what came back of it."""
        return self.closing.available - self.opening.available - self.bank - self.holds

    @property
    def touches_cards(self) -> bool:
        """Whether it moved what cards can spend, or what is on hold; imported lines do neither."""
        return any(getattr(side, name).minor for side in (self.came, self.went) for name in (Account.AVAILABLE, Account.HELD))


@dataclass(frozen=True, slots=True)
class Statement:
    """A period, and those of its days on which something was moved; the first and the last day always."""

    account: FundingAccount
    whole: Movement
    days: list[Movement]


def as_of(account: FundingAccount, at: datetime) -> Balances:
    """The five balances from the entries up to an instant, the instant included."""
    rows = _moved(account, Q(entries__at__gt=at)).values_list(*_RUNNING, *_POSTED).annotate(total=Sum("since__postings__amount_minor"))
    running, moves = dict.fromkeys(Account, 0), []
    for *balances, source, target, total in rows:
        running = dict(zip(Account, balances, strict=True))
        moves += [Move(Account(source), Account(target), total)] if total else []
    return Balances.of(_before(running, moves), account.currency)


def statement(account: FundingAccount, period: Period) -> Statement:
    """The days of a period by the day that each entry was booked on. What was booked after the period counts as one day."""
    # Told what it is, or MySQL answers with text.
    day = Least(F("since__day"), Cast(Value(period.end), DateField()))
    rows = _moved(account, Q(entries__day__gte=period.start)).annotate(on=day).values_list(*_RUNNING, "on", *_POSTED)
    running: dict[Account, int] = dict.fromkeys(Account, 0)
    moves: dict[date, list[Move]] = defaultdict(list)
    for *balances, on, source, target, total in rows.annotate(total=Sum("since__postings__amount_minor")):
        running = dict(zip(Account, balances, strict=True))
        if total:
            moves[on].append(Move(Account(source), Account(target), total))
    closing = _before(running, moves.pop(period.end, []))
    whole = [move for day_moves in moves.values() for move in day_moves]
    return Statement(
        account,
        _movement(period.start, period.last, closing, whole, account.currency),
        _by_day(period, closing, moves, account.currency),
    )


def _moved(account: FundingAccount, since: Q) -> QuerySet[FundingAccount, Any]:
    """The account with the entries that `since` names. Its row is there also where no entry is."""
    # The company is the account's own; named, it lets the index by day or by instant answer alone.
    condition = Q(entries__company=account.company_id) & since
    return FundingAccount.objects.filter(pk=account.pk).annotate(since=FilteredRelation("entries", condition=condition)).order_by()


def _by_day(period: Period, closing: dict[Account, int], moves: Mapping[date, list[Move]], currency: str) -> list[Movement]:
    """Backwards from the closing of the last day: each day closes as the next one opens."""
    days = []
    for day in sorted({*moves, period.start, period.last}, reverse=True):
        days.append(_movement(day, day, closing, moves.get(day, []), currency))
        closing = _before(closing, moves.get(day, []))
    return days[::-1]


def _before(closing: Mapping[Account, int], moves: Iterable[Move]) -> dict[Account, int]:
    change = ledger.net(moves)
    return {name: closing[name] - change[name] for name in Account}


def _movement(first: date, last: date, closing: Mapping[Account, int], moves: Sequence[Move], currency: str) -> Movement:
    def total(source: Account | None = None, target: Account | None = None) -> int:
        return sum(move.amount for move in moves if source in {None, move.source} and target in {None, move.target})

    return Movement(
        first,
        last,
        opening=Balances.of(_before(closing, moves), currency),
        came=Balances.of({name: total(target=name) for name in Account}, currency),
        went=Balances.of({name: total(source=name) for name in Account}, currency),
        closing=Balances.of(closing, currency),
        from_bank=Money(total(Account.EXTERNAL, Account.AVAILABLE), currency),
        to_bank=Money(total(Account.AVAILABLE, Account.EXTERNAL), currency),
    )


NEWEST_FIRST = ordered("-day", day="day")  # entries_by_day
NEWEST = NEWEST_FIRST["-day"]


def entries_of(account: FundingAccount) -> QuerySet[Entry]:
    """No more of each than places it on a page, read in the order of `NEWEST` from one index alone; `in_full` reads the rest.

    Asked for whole rows, MariaDB walks from the newest entry to the page, however deep it lies.
    """
    return Entry.objects.filter(account=account).only("id", "day")


def in_full(page: Sequence[Entry]) -> list[Entry]:
    """The same entries with their postings and the names that a row shows."""
    rows = Entry.objects.select_related("account", "transaction__merchant", "transaction__member__user").prefetch_related("postings")
    found = rows.in_bulk([entry.pk for entry in page])
    return [found[entry.pk] for entry in page]


def in_moves(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """Each as often as it moved an amount: `moved_minor`, `moved_from` one balance `moved_to` another."""
    return entries.annotate(
        moved_from=F("postings__from_account"), moved_to=F("postings__to_account"), moved_minor=F("postings__amount_minor")
    ).order_by(*entries.query.order_by, "postings__id")


def first_day(account: FundingAccount) -> date | None:
    """The day of the account's first entry."""
    found: date | None = Entry.objects.filter(account=account).order_by("day").values_list("day", flat=True).first()
    return found


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """An entry and what it did to `available`."""

    entry: Entry
    change: Money


def of_available(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """The entries that changed what can be spent; the others were paid by the bank itself, or by somebody of the company."""
    return entries.exclude(kind__in=_BESIDES)


_BESIDES = (
    EntryKind.IMPORT, EntryKind.CLAIM, EntryKind.CLAIM_VOID, EntryKind.PAYOUT, EntryKind.PAYOUT_FAILED, EntryKind.REPAYMENT,
)  # fmt: skip


def changes_of_available(entries: Sequence[Entry], account: FundingAccount) -> list[BalanceLine]:
    """Of entries that were read with their postings."""
    return [BalanceLine(entry, Money(_change(entry), account.currency)) for entry in entries]


def _change(entry: Entry) -> int:
    moves = [Move(Account(posting.from_account), Account(posting.to_account), posting.amount_minor) for posting in entry.postings.all()]
    return ledger.net(moves)[Account.AVAILABLE]
