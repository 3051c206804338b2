"""What a person writes on a transaction: its memo, what it is booked to, whole or in parts, its tags, its tax, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from companies.models import Category, Tag
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from transactions import claims, splits, swipe_sql
from transactions.locks import lock_purchase, share_books
from transactions.models import ApprovalState, Merchant, Split, Tagging, Transaction, TransactionSource, TransactionStatus
from transactions.operations import approvals
from users.models import Membership

# What is written onto the row as it is; what moves its spend; what takes a yes back, and why.
_PLAIN = ("memo", "no_receipt_reason", "category", "department", "tax_code", "tax_minor")
_MOVES = {"category", "department", "member", "splits"}
_TAXES = {"tax_code", "tax_minor"}
_VOIDS = {"splits": "split_changed", "category": "category_changed"}
# What each part of a split one says for itself.
_OF_PARTS = ("category", "department", "tax_code", "tax_minor")
MOST_PARTS, MOST_TAGS = 50, 20


@operation
def describe(purchase: Transaction, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Transaction:
    """Change what `changes` names; the rest stays.

    `memo`, `no_receipt_reason`, `category`, `department`, `tax_code`, `tax_minor`; `member`, whose an imported line is; `tags`, all of them
    anew; `splits`, its parts (`Split` rows, not saved), none for one piece. Another category or other parts void what was decided.
    Locks: the card, the transaction, the books (shared), the budgets of its parts, then the rollups. Raises `BooksClosed` where something
    of it was posted on a closed day.
    """
    purchase = lock_purchase(purchase)
    before = purchase.category
    changed = _changed(purchase, changes)
    if not changed:
        return purchase
    _must_make_sense(purchase, changed)
    _must_be_open_to(purchase, changed, actor)
    closed_through = share_books() if changed.keys() & (_MOVES | _TAXES) else None
    is_retaxed = _is_retaxed(purchase, changed)
    _write(purchase, changed, at=at)
    details: dict[str, Any] = {"changed": sorted(changed)}
    if purchase.category != before:
        details |= {"before": before.public_id if before else None, "after": purchase.category.public_id if purchase.category else None}
    events.record("transaction.described", purchase, actor=actor, at=at, **details)
    because = next((why for name, why in _VOIDS.items() if name in changed), "")
    if because and not _is_books_alone(purchase, actor):
        approvals.void(purchase, because=because, actor=actor, at=at)
    if "category" in changed:
        _remember(purchase, actor)
    if is_retaxed or changed.keys() & _MOVES:
        splits.recode(purchase, closed_through=closed_through, field=_first_of(changed), anew=is_retaxed)
    approvals.settle(purchase, at=at)
    return purchase


def _is_retaxed(purchase: Transaction, changed: dict[str, Any]) -> bool:
    """Whether accounting has to hear of another tax, although that moves no spend."""
    if changed.keys() & _TAXES:
        return True
    there: list[Transaction | Split] = [*splits.parts_of(purchase)] or [purchase]
    return "splits" in changed and _taxes(there) != _taxes(changed["splits"])


def _taxes(rows: Iterable[Transaction | Split]) -> list[tuple[str, int | None]]:
    return [(row.tax_code, row.tax_minor) for row in rows if row.tax_code or row.tax_minor]


def _first_of(changed: dict[str, Any]) -> str:
    """What a refusal is about, by the name that it has in a body."""
    found = next(name for name in ("splits", "category", "department", "member", "tax_code", "tax_minor") if name in changed)
    return found.removesuffix("_minor")


def _must_be_open_to(purchase: Transaction, changed: dict[str, Any], actor: Membership) -> None:
    """What its owner said of a claim is what was decided about: afterwards it is the books' alone."""
    is_ended = purchase.approval in {ApprovalState.APPROVED, ApprovalState.REJECTED} or purchase.status == TransactionStatus.REVERSED
    if purchase.source != TransactionSource.CLAIM or not is_ended or actor.may("transactions.assign"):
        return
    for name in ("memo", "no_receipt_reason"):
        if name in changed:
            raise errors.InvalidState("This claim is decided: what it was for cannot be changed any more.", field=name)


def _is_books_alone(purchase: Transaction, actor: Membership) -> bool:
    """A claim that is being paid was agreed to as it is: a bookkeeper may still book it otherwise."""
    return purchase.source == TransactionSource.CLAIM and actor.may("transactions.assign") and claims.is_gathered(purchase)


def _changed(purchase: Transaction, changes: dict[str, Any]) -> dict[str, Any]:
    """Those that are other than what is there."""
    now: dict[str, Any] = {name: getattr(purchase, name) for name in (*_PLAIN, "member") if name in changes}
    if "tags" in changes:
        now["tags"] = {tagging.tag_id for tagging in Tagging.objects.filter(transaction=purchase)}
    if "splits" in changes:
        now["splits"] = [_said(part) for part in splits.parts_of(purchase)]
    return {name: value for name, value in changes.items() if _compared(name, value) != now[name]}


def _compared(name: str, value: Any) -> Any:
    if name == "tags":
        return {tag.pk for tag in value}
    return [_said(part) for part in value] if name == "splits" else value


def _said(part: Split) -> tuple[Any, ...]:
    """What somebody says of a part."""
    booked = (part.category_id, part.department_id, part.budget_id, part.memo, part.tax_code, part.tax_minor)
    return (part.share_minor, *booked, part.spent_on, part.descriptor)


def _write(purchase: Transaction, changed: dict[str, Any], *, at: datetime) -> None:
    was = purchase.member
    for name in changed.keys() & {*_PLAIN, "member"}:
        setattr(purchase, name, changed[name])
    if "member" in changed:
        _belongs_now(purchase, was, is_placed="department" in changed)
    if "splits" in changed:
        write_parts(purchase, changed["splits"], at=at)
    if "tags" in changed:
        Tagging.objects.filter(transaction=purchase).delete()
        Tagging.objects.bulk_create([Tagging(transaction=purchase, tag=tag) for tag in changed["tags"]])
    purchase.save(update_fields=[*_PLAIN, "member", "is_split", "approval"])


def _belongs_now(purchase: Transaction, was: Membership | None, *, is_placed: bool) -> None:
    """An imported line that is somebody's waits for them to submit it; one that is nobody's again needs nobody's yes.

    It follows its owner's department, unless a bookkeeper has put it into another.
    """
    followed = purchase.department_id is None or (was is not None and purchase.department_id == was.department_id)
    if followed and not is_placed:
        purchase.department = purchase.member.department if purchase.member else None
    if purchase.member is None:
        purchase.approval = ApprovalState.NONE
        return
    if purchase.approval == ApprovalState.NONE and purchase.amount_minor > 0:
        purchase.approval = ApprovalState.OPEN


def write_parts(purchase: Transaction, parts: Sequence[Split], *, at: datetime) -> None:
    """Split it into these, or with none put it back into one piece. The caller saves the row."""
    splits.replace(purchase, parts, at=at)
    purchase.is_split = bool(parts)
    if parts:
        purchase.category = parts[splits.largest(parts)].category
        purchase.tax_code, purchase.tax_minor = "", None


def _must_make_sense(purchase: Transaction, changed: dict[str, Any]) -> None:
    """Raises `Invalid` or `InvalidState` naming the field."""
    is_split = bool(changed["splits"]) if "splits" in changed else purchase.is_split
    for name in _OF_PARTS:
        if is_split and changed.get(name):
            raise errors.Invalid("This is split: say it of its parts.", field=name.removesuffix("_minor"))
    if "member" in changed and purchase.source != TransactionSource.STATEMENT:
        raise errors.Invalid("Only an imported line can be given to somebody.", field="member")
    if "member" in changed and purchase.approval not in {ApprovalState.NONE, ApprovalState.OPEN}:
        raise errors.InvalidState("Somebody was asked about it, or has decided already.", field="member")
    if changed.get("tax_minor") is not None:
        _must_be_within(changed["tax_minor"], purchase.amount_minor, "tax")
    if len(changed.get("tags", ())) > MOST_TAGS:
        raise errors.Invalid(f"At most {MOST_TAGS} tags.", field="tags")
    if changed.get("splits"):
        must_add_up(purchase, changed["splits"])


def must_add_up(purchase: Transaction, parts: Sequence[Split], *, name: str = "splits") -> None:
    """Raises `Invalid` naming the part."""
    if purchase.status in {TransactionStatus.DECLINED, TransactionStatus.REVERSED}:
        raise errors.InvalidState("It came to nothing: there is nothing to split.", field=name)
    if len(parts) > MOST_PARTS:
        raise errors.Invalid(f"At most {MOST_PARTS} parts.", field=name)
    total, whole = sum(part.share_minor for part in parts), whole_of(purchase)
    for place, part in enumerate(parts):
        if part.share_minor * whole.minor <= 0:
            raise errors.Invalid(f"A part is more than nothing, as {whole.written()} is.", field=f"{name}.{place}.amount")
        if part.budget and purchase.source == TransactionSource.STATEMENT:
            raise errors.Invalid("An imported line draws from no budget.", field=f"{name}.{place}.budget")
        if part.budget and part.budget.currency != purchase.currency:
            raise errors.Invalid(f"This budget is in {part.budget.currency}.", field=f"{name}.{place}.budget")
        if part.tax_minor is not None and whole.currency != purchase.currency:
            raise errors.Invalid("The tax of another country is not booked by itself.", field=f"{name}.{place}.tax")
        if part.tax_minor is not None:
            _must_be_within(part.tax_minor, part.share_minor, f"{name}.{place}.tax")
    if total != whole.minor:
        off, than = Money(abs(whole.minor - total), whole.currency), "less" if abs(total) < abs(whole.minor) else "more"
        raise errors.Invalid(f"The parts add up to {off.written()} {than} than {whole.written()}.", field=name)


def whole_of(purchase: Transaction) -> Money:
    """What the parts of a split are said of: its amount, of a claim in the currency that was paid."""
    paid = purchase.merchant_amount if purchase.source == TransactionSource.CLAIM else None
    return paid or purchase.amount


def _must_be_within(tax_minor: int, amount_minor: int, field: str) -> None:
    if not min(0, amount_minor) <= tax_minor <= max(0, amount_minor):
        raise errors.Invalid("The tax is a part of the amount.", field=field)


def _remember(purchase: Transaction, actor: Membership) -> None:
    """A bookkeeper's choice is what this merchant gets from now on."""
    if purchase.merchant_id and actor.may("categories.change"):
        Merchant.objects.filter(pk=purchase.merchant_id).update(category=purchase.category)


@dataclass(frozen=True, slots=True)
class Described:
    """What became of one of several: the transaction, or the refusal."""

    purchase: Transaction
    refusal: errors.DomainError | None = None


def describe_all(
    purchases: Iterable[Transaction], changes: dict[str, Any], *, add_tags: Sequence[Tag] = (), remove_tags: Sequence[Tag] = (),
    actor: Membership, at: datetime,
) -> list[Described]:  # fmt: skip
    """The same of several, each by itself: one that is refused does not hold up the others."""
    return [_try(purchase, changes, add_tags, remove_tags, actor=actor, at=at) for purchase in purchases]


def _try(
    purchase: Transaction, changes: dict[str, Any], added: Sequence[Tag], removed: Sequence[Tag], *, actor: Membership, at: datetime
) -> Described:  # fmt: skip
    try:
        return Described(describe(purchase, changes | _tags(purchase, added, removed), actor=actor, at=at))
    except errors.DomainError as refusal:
        return Described(purchase, refusal)


def _tags(purchase: Transaction, added: Sequence[Tag], removed: Sequence[Tag]) -> dict[str, list[Tag]]:
    if not added and not removed:
        return {}
    now = [tagging.tag for tagging in Tagging.objects.filter(transaction=purchase).select_related("tag").order_by("pk")]
    gone = {tag.pk for tag in removed}
    return {"tags": list({tag.pk: tag for tag in (*now, *added) if tag.pk not in gone}.values())}


def default_category(merchant: Merchant, by_code: Category | None) -> Category | None:
    """What a new purchase is booked to until a person says otherwise.

    What a bookkeeper chose for this merchant; else what its merchant category code defaults to; else what the merchant got last.
    """
    if merchant.category and merchant.category.archived_at is None:
        return merchant.category
    return by_code or last_category(merchant)


def last_category(merchant: Merchant) -> Category | None:
    """What the merchant's latest purchase is booked to: one step on the index of its purchases, however many there are."""
    return Category.objects.filter(pk__in=[swipe_sql.last_category_id(merchant)], archived_at=None).first()
