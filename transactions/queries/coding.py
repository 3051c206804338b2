"""How transactions are booked: their parts and tags, what can be chosen for them, and what of them a budget counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import BigIntegerField, Case, F, OuterRef, Q, QuerySet, Subquery, Sum, TextField, Value, When
from django.db.models.functions import Coalesce, NullIf

from cards.models import Budget
from companies.models import Category, Department, Tag
from spendtrackr import errors
from transactions.models import Split, Tagging, Transaction
from transactions.queries.figures import POSTED
from users.models import Membership


def with_parts(purchases: list[Transaction]) -> list[Transaction]:
    """Each with `parts`, what it is split into, and `tags`, in two queries for any number; one where nothing is split."""
    parts: dict[int, list[Split]] = defaultdict(list)
    split = [purchase.pk for purchase in purchases if purchase.is_split]
    rows = Split.objects.filter(transaction__in=split).select_related("category", "department", "budget", "transaction")
    for part in rows.order_by("transaction_id", "position") if split else ():
        parts[part.transaction_id].append(part)
    tags: dict[int, list[Tag]] = defaultdict(list)
    for tagging in Tagging.objects.filter(transaction__in=purchases).select_related("tag").order_by("tag__name_key"):
        tags[tagging.transaction_id].append(tagging.tag)
    for purchase in purchases:
        purchase.parts, purchase.tags = parts[purchase.pk], tags[purchase.pk]  # type: ignore[attr-defined]
    return purchases


def tag_names(ids: Collection[int]) -> dict[int, str]:
    """What the transactions with these database ids are tagged with, in words; those without tags are left out."""
    names: dict[int, list[str]] = defaultdict(list)
    rows = Tagging.objects.filter(transaction__in=ids).order_by("tag__name_key")
    for purchase, name in rows.values_list("transaction_id", "tag__name"):
        names[purchase].append(name)
    return {purchase: ", ".join(found) for purchase, found in names.items()}


def in_parts(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """Each as often as it has parts, in their order, and once where it is not split. `part_minor` of all of them add up to its amount.

    What nobody said of a part is what the transaction says: a department, a budget, a memo; and of a line of a claim its day and place.
    """
    is_whole = Q(splits__isnull=True)

    def of(path: str) -> Case:
        return Case(When(is_whole, then=F(path)), default=F(f"splits__{path}"), output_field=TextField())

    def said(path: str) -> Coalesce:
        return Coalesce(NullIf(F(f"splits__{path}"), Value("")), F(path), output_field=TextField())

    return rows.annotate(
        part=F("splits__position") + 1,
        part_day=Coalesce("splits__spent_on", "occurred_on"),
        part_descriptor=said("descriptor"),
        part_minor=Coalesce("splits__amount_minor", "amount_minor"),
        part_category=of("category__name"),
        part_ledger_code=of("category__ledger_code"),
        part_department=Coalesce("splits__department__name", "department__name"),
        part_budget=Coalesce("splits__budget__name", "budget__name"),
        part_memo=said("memo"),
        part_tax_code=of("tax_code"),
        part_tax_minor=Coalesce("splits__tax_minor", "tax_minor"),
    ).order_by(*rows.query.order_by, "splits__position")


def booked_to(relation: str, pk: int | None) -> Q:
    """Transactions of a category or a department, whole or in a part; None for without one."""
    whole, parts = Q(**{relation: pk}), Split.objects.filter(**{relation: pk}).values("transaction_id")
    if relation == "department":
        # A part without one of its own is of the transaction's.
        inherited = whole & Q(pk__in=Split.objects.filter(department=None).values("transaction_id"))
        return (whole & Q(is_split=False)) | inherited | (Q(pk__in=parts) if pk else Q(pk__in=[]))
    return (whole & Q(is_split=False)) | Q(pk__in=parts)


def drawn_from(budget: Budget, *, alone: bool = False) -> Q:
    """Transactions that draw from a budget or, unless `alone`, one that lies inside it, whole or in a part."""
    inside = _inside(budget, alone=alone)
    return Q(budget__in=inside) | Q(pk__in=Split.objects.filter(budget__in=inside).values("transaction_id"))


def _inside(budget: Budget, *, alone: bool) -> QuerySet[Budget]:
    return Budget.objects.filter(pk=budget.pk) if alone else Budget.objects.filter(chain__startswith=budget.chain)


def with_counted(rows: QuerySet[Transaction], budget: Budget | None, *, alone: bool = False) -> QuerySet[Transaction]:
    """Each with `counted_minor`: what a limit, or this budget, counts of it; `alone` as `drawn_from`."""
    whole = F("held_minor") + POSTED
    if budget is None:
        return rows.annotate(counted_minor=whole)
    inside = _inside(budget, alone=alone)
    own = Case(When(budget__in=inside, then=whole - _sum_of(Split.objects.all())), default=Value(0), output_field=BigIntegerField())
    return rows.annotate(counted_minor=own + _sum_of(Split.objects.filter(budget__in=inside)))


def _sum_of(parts: QuerySet[Split]) -> Coalesce:
    of_one = parts.filter(transaction=OuterRef("pk")).order_by().values("transaction").annotate(total=Sum("posted_minor")).values("total")
    return Coalesce(Subquery(of_one, output_field=BigIntegerField()), Value(0), output_field=BigIntegerField())


def category_choice(purchase: Transaction, public_id: str | None, *, field: str = "category") -> Category | None:
    """The category that somebody chose for a purchase; blank is none. Raises `Invalid` for one that cannot be chosen."""
    there = {purchase.category_id, *_of_parts(purchase, "category")}
    found: Category | None = _choice(Category.objects.all(), public_id, there, field, "There is no such category.")
    return found


def department_choice(purchase: Transaction, public_id: str | None, *, field: str = "department") -> Department | None:
    """The same of a department."""
    there = {purchase.department_id, *_of_parts(purchase, "department")}
    found: Department | None = _choice(Department.objects.all(), public_id, there, field, "There is no such department.")
    return found


def budget_choice(purchase: Transaction, public_id: str | None, member: Membership, *, field: str) -> Budget | None:
    """A budget that this member may see, for a part; one that is closed, or out of their sight, only where it is there already."""
    if not public_id:
        return None
    visible = Q(pk__in=Budget.objects.visible_to(member).filter(closed_at=None).values("pk"))
    there = Q(pk__in=_of_parts(purchase, "budget"))
    found: Budget | None = Budget.objects.filter(visible | there, public_id=public_id).first()
    if found is None:
        raise errors.Invalid("There is no such budget, or it is closed.", field=field, code="does_not_exist")
    return found


def tag_choices(purchase: Transaction | None, public_ids: Iterable[str], *, field: str = "tags") -> list[Tag]:
    """The tags that somebody chose; one that is archived only where it is there already."""
    wanted = list(dict.fromkeys(public_ids))
    known = {tag.public_id: tag for tag in Tag.objects.filter(public_id__in=wanted)}
    there = set(Tagging.objects.filter(transaction=purchase).values_list("tag_id", flat=True)) if purchase else set()
    for place, public_id in enumerate(wanted):
        tag = known.get(public_id)
        if tag is None or (tag.is_archived and tag.pk not in there):
            raise errors.Invalid("There is no such tag.", field=f"{field}.{place}", code="does_not_exist")
    return [known[public_id] for public_id in wanted]


def _of_parts(purchase: Transaction, relation: str) -> list[int | None]:
    return list(Split.objects.filter(transaction=purchase).values_list(f"{relation}_id", flat=True)) if purchase.is_split else []


def _choice(rows: Any, public_id: str | None, there: set[int | None], field: str, message: str) -> Any:
    if not public_id:
        return None
    found = rows.filter(public_id=public_id).first()
    if found is None or (found.archived_at and found.pk not in there):
        raise errors.Invalid(message, field=field, code="does_not_exist")
    return found
