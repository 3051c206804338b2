"""Recompute what the append-only rows promise, and name the first row of each kind that does not keep it.

Every check reads the company in scope and yields sentences; no sentence means that the promise holds. Nothing is repaired.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import Count, F, Model, Q, Sum
from django.db.models.functions import Coalesce, TruncMonth

from cards.models import LimitCounter
from companies.models import Company
from spendtrackr.events import GENESIS, chain_hash
from spendtrackr.models import Event, EventChain
from spendtrackr.periods import month_of
from spendtrackr.tenancy import TenantModel, tenant_relations
from transactions import ledger
from transactions.models import (
    Account,
    Approval,
    ApprovalState,
    ApprovalStatus,
    DaySpend,
    Dimension,
    Draw,
    Entry,
    FundingAccount,
    Message,
    MonthSpend,
    Posting,
    Receipt,
    SpendLine,
    Transaction,
    TransactionSource,
)
from transactions.operations.approvals import seen
from transactions.operations.statements import move_of
from transactions.purchases import Move, Purchase, fold, moves_between
from users.models import Membership
from users.roles import Role

Check = Callable[[], Iterator[str]]
_BLOCK = 1000


def _postings_by_entry() -> Iterator[tuple[Entry, list[Posting]]]:
    """Every entry with its postings, a block at a time."""
    last = 0
    while block := list(Entry.objects.select_related("transaction").filter(pk__gt=last).order_by("pk")[:_BLOCK]):
        postings = Posting.objects.filter(entry__in=block).order_by("entry_id", "pk")
        found = {entry_id: list(rows) for entry_id, rows in groupby(postings, key=lambda posting: posting.entry_id)}
        for entry in block:
            yield entry, found.get(entry.pk, [])
        last = block[-1].pk


def _listed(postings: list[Posting]) -> str:
    return "; ".join(str(posting) for posting in postings) or "no posting"


def postings() -> Iterator[str]:
    """No posting was changed, added or taken away: each entry's digest still fits."""
    for entry, found in _postings_by_entry():
        if ledger.digest(entry, [(p.from_account, p.to_account, p.amount_minor) for p in found]) != entry.digest:
            yield f"entry {entry.public_id} was written with other postings than it has now ({_listed(found)})"
        elif any(posting.account_id != entry.account_id for posting in found):
            yield f"entry {entry.public_id} has a posting on another account ({_listed(found)})"


def balances() -> Iterator[str]:
    """The five balances are the sums of the postings, and add up to zero."""
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    moved = Posting.objects.values_list("account_id", "from_account", "to_account").annotate(total=Sum("amount_minor")).order_by()
    for account_id, source, target, total in moved:
        sums[account_id][source] -= total
        sums[account_id][target] += total
    for account in FundingAccount.objects.order_by("pk"):
        for name in Account:
            kept, expected = account.balance(name).minor, sums[account.pk][name]
            if kept != expected:
                yield f"account {account.public_id} keeps {name} {kept} {account.currency}, its postings say {expected}"
        if sum(account.balance(name).minor for name in Account):
            yield f"account {account.public_id} does not add up to zero"


def purchases() -> Iterator[str]:
    """Each transaction is the fold of its messages, and each message's entry is fold after minus fold before."""
    last = 0
    cards = Transaction.objects.filter(source=TransactionSource.CARD)
    while block := list(cards.filter(pk__gt=last).order_by("pk")[:_BLOCK]):
        messages: dict[int, list[Message]] = defaultdict(list)
        for message in Message.objects.filter(transaction__in=block).order_by("pk"):
            messages[message.transaction_id].append(message)
        moved: dict[int | None, list[tuple[str, str, int]]] = defaultdict(list)
        for posting in Posting.objects.filter(entry__transaction__in=block).select_related("entry").order_by("pk"):
            moved[posting.entry.message_id].append((posting.from_account, posting.to_account, posting.amount_minor))
        for purchase in block:
            yield from _purchase(purchase, messages[purchase.pk], moved)
        last = block[-1].pk


def _purchase(purchase: Transaction, messages: list[Message], moved: dict[int | None, list[tuple[str, str, int]]]) -> Iterator[str]:
    before = Purchase()
    for count, message in enumerate(messages, start=1):
        after = fold(messages[:count])
        expected = [(str(move.source), str(move.target), move.amount) for move in moves_between(before, after)]
        if moved[message.pk] != expected:
            yield f"message {message.public_id} moved {moved[message.pk]}, its purchase says {expected}"
        before = after
    kept = (purchase.held_minor, purchase.captured_minor, purchase.refunded_minor, purchase.status)
    expected_state = (before.held, before.captured, before.refunded, str(before.status))
    if kept != expected_state:
        yield f"transaction {purchase.public_id} keeps {kept}, its messages say {expected_state}"


def imported() -> Iterator[str]:
    """Each imported line moved just its amount."""
    for entry, found in _postings_by_entry():
        purchase: Transaction | None = entry.transaction
        if purchase is None or purchase.source != TransactionSource.STATEMENT:
            continue
        if [Move(Account(p.from_account), Account(p.to_account), p.amount_minor) for p in found] != [move_of(purchase.amount)]:
            yield f"imported transaction {purchase.public_id} is {purchase.amount_minor}, its entry moved {_listed(found)}"


def holds() -> Iterator[str]:
    """What transactions hold is what the accounts hold."""
    held = dict(Transaction.objects.values_list("currency").annotate(total=Sum("held_minor")).order_by())
    for account in FundingAccount.objects.order_by("pk"):
        if account.held_minor != held.get(account.currency, 0):
            yield f"account {account.public_id} holds {account.held_minor}, its transactions hold {held.get(account.currency, 0)}"


def counters() -> Iterator[str]:
    """Replayed in order, the draws are the counter; no approval among them exceeds its limit."""
    for counter in LimitCounter.objects.order_by("pk").iterator(chunk_size=_BLOCK):
        held = posted = seq = 0
        for draw in Draw.objects.filter(counter=counter).order_by("seq").iterator(chunk_size=_BLOCK):
            seq += 1
            if draw.seq != seq or draw.used_before_minor != held + posted:
                yield f"draw {draw.seq} of counter {counter.pk} says {draw.used_before_minor} was used; those before say {held + posted}"
                break
            held, posted = held + draw.held_delta_minor, posted + draw.posted_delta_minor
            if draw.is_approval and draw.limit_minor is not None and held + posted > draw.limit_minor:
                yield f"draw {draw.seq} of counter {counter.pk} approved {held + posted} over a limit of {draw.limit_minor}"
        if (counter.held_minor, counter.posted_minor, counter.draws) != (held, posted, seq):
            kept = f"held {counter.held_minor}, posted {counter.posted_minor}"
            yield f"counter {counter.pk} ({counter}) keeps {kept}; its draws say {held}, {posted}"


def windows() -> Iterator[str]:
    """Each counter is the sum of the purchases authorized in its month."""
    expected: dict[tuple[int, Any], list[int]] = defaultdict(lambda: [0, 0])
    # A replacement draws from the counters of the card that it goes on from.
    rows = Transaction.objects.filter(source=TransactionSource.CARD).values_list(
        Coalesce("card__counts_with_id", "card_id"), "occurred_on", "held_minor", "captured_minor", "refunded_minor"
    )
    for card_id, day, held, captured, refunded in rows.iterator(chunk_size=_BLOCK):
        window = expected[card_id, month_of(day).start]
        window[0] += held
        window[1] += max(0, captured - refunded)
    for counter in LimitCounter.objects.order_by("pk").iterator(chunk_size=_BLOCK):
        held, posted = expected.pop((counter.card_id, counter.starts_on), [0, 0])
        if (counter.held_minor, counter.posted_minor) != (held, posted):
            yield f"counter {counter.pk} ({counter}) keeps {counter.held_minor}, {counter.posted_minor}; its purchases say {held}, {posted}"
    for (card_id, start), sums in expected.items():
        if any(sums):
            yield f"card {card_id} has purchases but no counter from {start}"


def spend_lines() -> Iterator[str]:
    """Each entry's lines add up to what it moved into `spent`."""
    spent: Counter[int] = Counter()
    for entry_id, target, amount in (
        Posting.objects.filter(Q(from_account=Account.SPENT) | Q(to_account=Account.SPENT))
        .values_list("entry_id", "to_account", "amount_minor").order_by().iterator(chunk_size=_BLOCK)
    ):  # fmt: skip
        spent[entry_id] += amount if target == Account.SPENT else -amount
    for entry_id, total in (
        SpendLine.objects.values_list("entry_id").annotate(total=Sum("amount_minor")).order_by().iterator(chunk_size=_BLOCK)
    ):
        spent[entry_id] -= total
    for entry_id, difference in spent.items():
        if difference:
            yield f"entry {Entry.objects.get(pk=entry_id).public_id} moved {difference} more into spent than its spend lines say"


def day_rollup() -> Iterator[str]:
    """The day rollup is the sum of the lines, by each dimension."""
    yield from _rollup(DaySpend, SpendLine.objects.annotate(start=F("day")))


def month_rollup() -> Iterator[str]:
    """The month rollup is the sum of the lines, by each dimension."""
    yield from _rollup(MonthSpend, SpendLine.objects.annotate(start=TruncMonth("day")))


def _rollup(rollup: Any, lines: Any) -> Iterator[str]:
    for dimension in Dimension.values:
        sums = (
            lines.values_list("start", "currency", f"{dimension}_id")
            .annotate(n=Count("pk"), items=Sum("counts"), total=Sum("amount_minor"))
            .order_by()
        )
        expected = {(start, currency, value or 0): (count, items, total) for start, currency, value, count, items, total in sums}
        for row in rollup.objects.filter(dimension=dimension).order_by("pk").iterator(chunk_size=_BLOCK):
            found = expected.pop((row.starts_on, row.currency, row.value_id), (0, 0, 0))
            if (row.line_count, row.item_count, row.amount_minor) != found:
                yield f"{row} keeps {row.line_count} lines of {row.amount_minor}; its lines are {found[0]} of {found[2]}"
        for (start, currency, value), (count, _, total) in expected.items():
            yield f"{rollup._meta.db_table} misses {start} {currency} {dimension} {value}: {count} lines of {total}"


def coding() -> Iterator[str]:
    """All that a transaction spent stands under the category that it has."""
    sums = (
        SpendLine.objects.exclude(category=F("transaction__category"))
        .filter(Q(category__isnull=False) | Q(transaction__category__isnull=False))
        .values_list("transaction__public_id", "entry_id", "category_id")
        .annotate(total=Sum("amount_minor"), items=Sum("counts"))
        .order_by("transaction__public_id")
    )
    for public_id, _, category_id, total, items in sums:
        if total or items:
            yield f"transaction {public_id} has {total} standing under category {category_id}, which is not its own"


def approvals() -> Iterator[str]:
    """Each transaction is where its latest approval left it, and nobody approved their own."""
    latest: dict[int, Approval] = {}
    for approval in Approval.objects.select_related("transaction").order_by("pk").iterator(chunk_size=_BLOCK):
        latest[approval.transaction_id] = approval
        if approval.decided_by_id and approval.decided_by_id == approval.transaction.member_id:
            yield f"approval {approval.public_id} was decided by the owner of the purchase"
    expected = {
        ApprovalStatus.VOID: {ApprovalState.OPEN, ApprovalState.NONE},
        # What was sent back may come to nothing at the merchant.
        ApprovalStatus.REJECTED: {ApprovalState.REJECTED, ApprovalState.NONE},
    }
    for approval in latest.values():
        if approval.transaction.approval not in expected.get(ApprovalStatus(approval.status), {approval.status}):
            yield f"transaction {approval.transaction.public_id} is {approval.transaction.approval}, its approval {approval.status}"
        elif approval.open_key and approval.seen != seen(approval.transaction):
            yield f"approval {approval.public_id} waits for a yes to what transaction {approval.transaction.public_id} is not any more"
    decided = {ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED}
    for row in Transaction.objects.filter(approval__in=decided).exclude(pk__in=latest).order_by("pk")[:_BLOCK]:
        yield f"transaction {row.public_id} is {row.approval} without an approval"


def receipts() -> Iterator[str]:
    """Each transaction counts the receipts attached to it, and their files are there."""
    attached = Receipt.objects.filter(attached_hash__isnull=False)
    counted = dict(attached.values_list("transaction_id").annotate(n=Count("pk")).order_by())
    having = Transaction.objects.filter(Q(receipt_count__gt=0) | Q(pk__in=attached.values("transaction_id")))
    for purchase in having.order_by("pk").iterator(chunk_size=_BLOCK):
        found = counted.get(purchase.pk, 0)
        if purchase.receipt_count != found:
            yield f"transaction {purchase.public_id} counts {purchase.receipt_count} receipts; {found} are attached"
    for receipt in attached.order_by("pk").iterator(chunk_size=_BLOCK):
        if not default_storage.exists(receipt.stored_as):
            yield f"receipt {receipt.public_id} has no file at {receipt.stored_as}"


def events() -> Iterator[str]:
    """Sealed events are numbered without a gap and chained by their hashes."""
    sequence, last = 0, GENESIS
    for event in Event.objects.filter(sequence__isnull=False).order_by("sequence").iterator(chunk_size=_BLOCK):
        sequence += 1
        if event.sequence != sequence:
            yield f"event number {sequence} is missing"
            return
        last = chain_hash(last, event, sequence)
        if event.chain_hash != last:
            yield f"event {event.public_id} (number {sequence}) does not fit the chain"
            return
    chain = EventChain.objects.first()
    if chain and (chain.last_sequence, chain.last_hash) != (sequence, last):
        yield f"the chain ends at number {chain.last_sequence}, its events at {sequence}"


def owners() -> Iterator[str]:
    """Somebody owns the company."""
    if not Membership.objects.active().filter(role=Role.OWNER).exists():
        yield "the company has no active owner"


def chains() -> Iterator[str]:
    """Each member's chain is their manager's with them at its end: no ring, and nobody below who should not be."""
    chains = dict(Membership.objects.values_list("pk", "chain"))
    for member in Membership.objects.order_by("pk").iterator(chunk_size=_BLOCK):
        expected = f"{chains[member.manager_id] if member.manager_id else ''}{member.pk}."
        if member.chain != expected:
            yield f"member {member.public_id} has the chain {member.chain}; their manager says {expected}"


COMPANY_CHECKS: dict[str, Check] = {
    "postings": postings,
    "balances": balances,
    "purchases": purchases,
    "imported lines": imported,
    "holds": holds,
    "limit counters": counters,
    "limit windows": windows,
    "spend lines": spend_lines,
    "day rollup": day_rollup,
    "month rollup": month_rollup,
    "coding": coding,
    "approvals": approvals,
    "receipts": receipts,
    "events": events,
    "owners": owners,
    "managers": chains,
}


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def relations() -> Iterator[str]:
    """Every relation between two tenant rows exists and stays inside one company. Looks at all companies at once."""
    for model in tenant_models():
        orphan = model.across_companies.exclude(company_id__in=Company.objects.values("pk")).order_by("pk").first()
        if orphan is not None:
            yield f"{model._meta.db_table} row {orphan.pk} belongs to company row {orphan.company_id}, which is not there"
        for field in tenant_relations(model):
            yield from _relation(model, field.name)


def _relation(model: Any, name: str) -> Iterator[str]:
    related: type[Model] = model._meta.get_field(name).related_model
    pointing = model.across_companies.filter(**{f"{name}__isnull": False})
    # An outer join, since not every relation has a constraint in the database.
    strays = pointing.exclude(pk__in=pointing.filter(**{f"{name}__company_id": F("company_id")}).values("pk"))
    first = strays.order_by("pk").first()
    if first is not None:
        target = f"{related._meta.db_table} row {getattr(first, f'{name}_id')}"
        yield f"{model._meta.db_table} row {first.pk} points at {target} outside its company"
