"""Spend: lines add up to what entries moved, rollups to the lines, and all of it stands under the right category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db.models import Case, F, Q, Sum, When

from reports.verification.walking import BLOCK, NOBODY, PART, Told, confirmed, hanging_on, parts
from transactions import rollups, splits
from transactions.models import Account, DaySpend, Entry, MonthSpend, MonthSpendWithin, Posting, SpendLine, Split, Transaction
from transactions.models.spend import Rollup


def spend_lines(told: Told = NOBODY) -> Iterator[str]:
    """Each entry's lines add up to what it moved into `spent`. One statement reads both sides of a part, since money moves meanwhile.

    Added up here: asked for a sum beside each entry, MySQL without fresh statistics reads all postings for every one of them.
    """
    into, out_of = Q(to_account=Account.SPENT), Q(from_account=Account.SPENT)
    signed = Case(When(into, then=F("amount_minor")), default=0 - F("amount_minor"))
    for part in parts(Entry.objects.all(), told=told, size=PART):
        moved = hanging_on(Posting, entry__in=part).filter(into | out_of).values_list("entry_id").annotate(total=Sum(signed))
        said = hanging_on(SpendLine, entry__in=part).values_list("entry_id").annotate(total=Sum(0 - F("amount_minor")))
        differences: Counter[int] = Counter()
        for entry_id, total in moved.order_by().union(said.order_by(), all=True).iterator():
            differences[entry_id] += total
        wrong = {entry_id: total for entry_id, total in differences.items() if total}
        for entry_id, public_id in Entry.objects.filter(pk__in=sorted(wrong)[:BLOCK]).order_by("pk").values_list("pk", "public_id"):
            yield f"entry {public_id} moved {wrong[entry_id]} more into spent than its spend lines say"


def day_rollup(told: Told = NOBODY) -> Iterator[str]:
    """The day rollup is the sum of the lines, by each dimension."""
    yield from _rollup(DaySpend, told)


def month_rollup(told: Told = NOBODY) -> Iterator[str]:
    """The month rollup is the sum of the lines, by each dimension."""
    yield from _rollup(MonthSpend, told)


def month_rollup_within(told: Told = NOBODY) -> Iterator[str]:
    """The month rollup within each dimension is the sum of the lines, by each other one."""
    yield from _rollup(MonthSpendWithin, told)


def _rollup(rollup: type[Rollup], told: Told) -> Iterator[str]:
    wanted = [(dimension, within) for kind, dimension, within in rollups.kinds() if kind is rollup]
    told.expect(lambda: SpendLine.objects.count() * len(wanted))
    for month in rollups.months():
        lines = SpendLine.objects.filter(day__gte=month.start, day__lt=month.end).count() if told.listens else 0
        for dimension, within in wanted:
            for off in rollups.differences(rollup, month, dimension, within):
                yield _cell(rollup, off)
            told.done(lines)


def _cell(rollup: type[Rollup], off: rollups.Difference) -> str:
    of = dict(zip(rollups.KEYS[rollup], off.cell, strict=True))
    narrowed = f" within {of['within']} {of['within_id']}" if "within" in of else ""
    cell = f"{of['starts_on']} {of['currency']} {of['dimension']} {of['value_id']}{narrowed}"
    table = rollup._meta.db_table
    if not off.is_kept:
        return f"{table} misses {cell}: {-off.lines} lines of {-off.amount_minor}"
    return f"{table} {cell} is {off.lines:+} lines, {off.items:+} items and {off.amount_minor:+} minor units off what its lines are"


def coding(told: Told = NOBODY) -> Iterator[str]:
    """All that a transaction spent stands where it is booked to, whole or in the parts that it is split into."""
    for part in parts(SpendLine.objects.all(), told=told, size=PART):
        # Lines that were taken back, and what took them back: few, and together nothing. Of what is split, all lines.
        asked = part.filter(_elsewhere() | Q(transaction__is_split=True))
        ids = list(asked.values_list("transaction_id", flat=True).distinct().order_by("transaction_id"))
        for start in range(0, len(ids), BLOCK):
            yield from confirmed(_coding, ids[start : start + BLOCK])


_BOOKED = ("category", "department", "member", "budget")


def _elsewhere() -> Q:
    """Lines whose category, department, owner or budget is not the transaction's."""
    found = Q()
    for name in _BOOKED:
        known = Q(**{f"{name}__isnull": False}) | Q(**{f"transaction__{name}__isnull": False})
        same = Q(**{name: F(f"transaction__{name}")})
        found |= known & ~same
    return found


def _coding(transactions: list[int]) -> Iterator[str]:
    for purchase in Transaction.objects.filter(pk__in=transactions).order_by("pk"):
        for entry, there in splits.standing_by_entry(purchase).items():
            for place, (minor, items) in splits.differences(entry, purchase, there).items():
                where = [f"{name.removesuffix('_id')} {pk}" for name, pk in zip(splits.DIMENSIONS, place, strict=True) if pk]
                off = f"{-minor} and {-items} items too much"
                yield f"transaction {purchase.public_id} has {off} standing under {', '.join(where) or 'nothing'}"


def split_parts(told: Told = NOBODY) -> Iterator[str]:
    """The parts of each split add up to its transaction, and budgets count what they come to."""
    for part in parts(Split.objects.all(), told=told):
        ids = sorted(set(part.values_list("transaction_id", flat=True)))
        for start in range(0, len(ids), BLOCK):
            yield from confirmed(_split_parts, ids[start : start + BLOCK])
    unsplit = Transaction.objects.filter(is_split=True).exclude(pk__in=Split.objects.values("transaction_id"))
    for public_id in unsplit.order_by("pk").values_list("public_id", flat=True)[:PART]:
        yield f"transaction {public_id} is said to be split, and has no parts"


def _split_parts(transactions: list[int]) -> Iterator[str]:
    found: dict[int, list[Split]] = defaultdict(list)
    for one in hanging_on(Split, transaction_id__in=transactions).select_related("budget").order_by("position"):
        found[one.transaction_id].append(one)
    for purchase in Transaction.objects.filter(pk__in=transactions).order_by("pk"):
        rows = found[purchase.pk]
        kept = [(one.amount_minor, one.posted_minor) for one in rows]
        expected = list(zip(splits.shared(purchase.amount_minor, rows), splits.counted(purchase, rows), strict=True))
        if not purchase.is_split:
            yield f"transaction {purchase.public_id} is in one piece, and has parts"
        elif kept != expected:
            yield f"the parts of transaction {purchase.public_id} are {kept}; they should be {expected}"
