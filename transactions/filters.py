"""Filters of the lists of transactions and receipts. An id that is unknown, or another company's, finds nothing."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django_filters import rest_framework as filters

from cards.models import Budget, Card
from companies.models import Category, Department
from spendtrackr import errors
from spendtrackr.filters import NONE, CurrencyFilter, FlagFilter, IdFilter
from transactions import queries
from transactions.models import (
    ApprovalState,
    BacktestOutcome,
    BacktestRow,
    Dimension,
    IssueKind,
    Receipt,
    RepaymentStatus,
    SpendLine,
    StatementIssue,
    TransactionSource,
    TransactionStatus,
    UploadStatus,
)
from transactions.policies import ITEMS

# Not a state, but all of them but one.
UNAPPROVED = "unapproved"
_MOST_WORDS = 8
MOST_IDS = 100
_WHOLE = {"decimal_places": 0, "min_value": -(2**63), "max_value": 2**63 - 1}


_BOOKED_TO: dict[str, Any] = {"category": Category, "department": Department}


class TransactionFilter(filters.FilterSet):  # type: ignore[misc]
    """Shared by the API and the page. `spent_from` and `spent_to` find what a report's figure is made of.

    `counting`, with `counts_with`, `grant` or `budget`, finds what is used of a limit, a grant or a budget.
    """

    status = filters.ChoiceFilter(choices=TransactionStatus.choices)
    source = filters.ChoiceFilter(choices=TransactionSource.choices)
    card = filters.CharFilter(method="by_id", max_length=40, help_text="A card's id, or `none`.")
    counts_with = filters.CharFilter(
        method="by_chain_of_cards",
        max_length=40,
        help_text="A card's id: its purchases, and those of what it replaced and was replaced by.",
    )
    grant = filters.CharFilter(method="by_id", max_length=40, help_text="A grant's id, or `none`: what drew on it alone.")
    budget = filters.CharFilter(method="by_budget", max_length=40, help_text="A budget's id, or `none`: it and all that lies inside it.")
    drawn_from = filters.CharFilter(
        method="by_budget_alone", max_length=40, help_text="A budget's id: what draws from it, and not from one that lies inside it."
    )
    counting = FlagFilter(
        method="by_counting",
        help_text="Card purchases that count in limits and budgets: not declined, not let go. Each by "
        "`held` and by `captured` less what came back, with `from` and `to` of the window.",
    )
    member = filters.CharFilter(method="by_id", max_length=40, help_text="A member's id, or `none`.")
    approval = filters.ChoiceFilter(
        method="by_approval",
        choices=[*ApprovalState.choices, (UNAPPROVED, "Not approved")],
        help_text="`unapproved` is all but `approved`.",
    )
    category = filters.CharFilter(method="by_booking", max_length=40, help_text="A category's id, or `none`; also of a part.")
    department = filters.CharFilter(method="by_booking", max_length=40, help_text="A department's id, or `none`; also of a part.")
    tag = filters.CharFilter("taggings__tag__public_id", max_length=40, help_text="A tag's id.")
    statement_import = IdFilter("statement_import", help_text="The id of the import that booked it.")
    merchant = filters.CharFilter(method="by_id", max_length=40, help_text="A merchant's id, or `none`.")
    missing = filters.ChoiceFilter(
        method="by_missing", choices=[(name, name) for name in (*ITEMS, queries.ANY)], help_text="What its owner still has to add."
    )
    min_minor = filters.NumberFilter("amount_minor", "gte", help_text="Smallest amount, in minor units.", **_WHOLE)
    max_minor = filters.NumberFilter("amount_minor", "lte", help_text="Largest amount, in minor units.", **_WHOLE)
    on_hold = FlagFilter(method="by_hold", help_text="Purchases of which something is still on hold.")
    decline_code = filters.CharFilter("decline_code", max_length=40, help_text="Why it was declined, by its code.")
    waits_for = filters.CharFilter(
        method="by_approver",
        max_length=40,
        help_text="A member's id: what waits for their yes; `none`: for anybody's, where nobody can be asked.",
    )
    payment = filters.ChoiceFilter(
        method="by_payment", choices=[(name, name) for name in queries.PAYMENTS], help_text="Of approved claims, where the money is."
    )
    repayment = filters.ChoiceFilter(
        "repayment__status", choices=RepaymentStatus.choices, help_text="Whether its owner gives it back, once it was rejected."
    )
    ids = filters.CharFilter(
        method="by_ids", max_length=4_000, help_text=f"At most {MOST_IDS} transactions by their ids, separated by commas."
    )
    q = filters.CharFilter(method="by_text", max_length=80, help_text="Words of the merchant, the memo or the owner's name.")
    currency = CurrencyFilter()
    spent_from = filters.DateFilter(method="later", help_text="First posting day of spend: with `spent_to`, what a report adds up.")
    spent_to = filters.DateFilter(method="later", help_text="Last posting day of spend, included.")

    budget_counted: Budget | None = None
    budget_alone: Budget | None = None

    def by_booking(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """A category or a department, of the whole or of a part."""
        if value == NONE:
            return rows.filter(queries.booked_to(name, None))
        found = _BOOKED_TO[name].objects.filter(public_id=value).values_list("pk", flat=True).first()
        return rows.filter(queries.booked_to(name, found)) if found else rows.none()

    def by_id(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(**({name: None} if value == NONE else {f"{name}__public_id": value}))

    def by_chain_of_cards(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        card = Card.objects.filter(public_id=value).first()
        return rows.filter(queries.of_chain(card.counting_id)) if card else rows.none()

    def by_budget(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """A budget that this member may not see is one that they know nothing of."""
        if value == NONE:
            return rows.filter(budget=None)
        found = self._budget(value)
        self.budget_counted = found
        return rows.filter(queries.drawn_from(found)) if found else rows.none()

    def by_budget_alone(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found = self._budget(value)
        self.budget_alone = found
        return rows.filter(queries.drawn_from(found, alone=True)) if found else rows.none()

    def _budget(self, public_id: str) -> Budget | None:
        return Budget.objects.visible_to(self.request.membership).filter(public_id=public_id).first()

    def by_counting(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:  # noqa: FBT001 -- django-filter calls it
        return rows.filter(queries.COUNTING) if value else rows.exclude(queries.COUNTING)

    def by_approval(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.exclude(approval=ApprovalState.APPROVED) if value == UNAPPROVED else rows.filter(approval=value)

    def by_hold(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:  # noqa: FBT001 -- django-filter calls it
        return rows.filter(held_minor__gt=0) if value else rows.filter(held_minor=0)

    def by_approver(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(pk__in=queries.waiting_steps(None if value == NONE else value).values("approval__transaction_id"))

    def by_payment(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(queries.where_payment(value), source=TransactionSource.CLAIM)

    def by_ids(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        ids = value.split(",")
        if len(ids) > MOST_IDS:
            raise errors.Invalid(f"Name {MOST_IDS} at most.", field=name)
        return rows.filter(public_id__in=ids)

    def by_missing(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(queries.where_missing(value))

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return with_words(rows, value)

    def later(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Both ends together, in `filter_queryset`: one line must lie between them."""
        return rows

    def filter_queryset(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        rows = super().filter_queryset(rows)
        if self.form.cleaned_data["counting"]:
            rows = queries.with_counted(rows, self.budget_alone or self.budget_counted, alone=bool(self.budget_alone))
        return rows.filter(Exists(self.lines().filter(transaction=OuterRef("pk")))) if self.is_behind_a_figure else rows

    @property
    def is_behind_a_figure(self) -> bool:
        return bool(self.form.cleaned_data["spent_from"] or self.form.cleaned_data["spent_to"])

    def lines(self) -> QuerySet[SpendLine]:
        """The spend lines between the two days, of whatever else is asked for: of what is split, the lines of those parts alone."""
        given = self.form.cleaned_data
        ends = {"day__gte": given["spent_from"], "day__lte": given["spent_to"]}
        of = {f"{name}__public_id": given[name] for name in Dimension.values if given[name] and given[name] != NONE}
        if of.pop("budget__public_id", None) and self.budget_counted:
            of["budget__chain__startswith"] = self.budget_counted.chain
        if self.budget_alone:
            of["budget"] = self.budget_alone
        without = {name: None for name in Dimension.values if given[name] == NONE}
        return SpendLine.objects.filter(**{lookup: day for lookup, day in ends.items() if day}, **of, **without)


TransactionFilter.base_filters["from"] = filters.DateFilter(
    "occurred_on", lookup_expr="gte", help_text="First day of purchase; for days of posting, as reports have them, see `spent_from`."
)
TransactionFilter.base_filters["to"] = filters.DateFilter("occurred_on", lookup_expr="lte", help_text="Last day of purchase, included.")


def with_words(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Every word somewhere: in the merchant's name, the descriptor, the memo or the owner's name."""
    for word in text.split()[:_MOST_WORDS]:
        found = [Q(**{f"{where}__icontains": word}) for where in ("descriptor", "memo", "merchant__name", "member__user__name")]
        rows = rows.filter(reduce(or_, found))
    return rows


class ClaimFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=TransactionStatus.choices)
    approval = filters.ChoiceFilter(choices=ApprovalState.choices)
    payment = filters.ChoiceFilter(
        method="by_payment", choices=[(name, name) for name in queries.PAYMENTS], help_text="Of approved ones, where the money is."
    )
    member = filters.CharFilter("member__public_id", max_length=40, help_text="A member's id.")
    q = filters.CharFilter(method="by_text", max_length=80, help_text="Words of the merchant, the memo or the owner's name.")

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return with_words(rows, value)

    def by_payment(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(queries.where_payment(value))


class ReceiptFilter(filters.FilterSet):  # type: ignore[misc]
    """`transaction` finds what hangs on one that the reader may see."""

    transaction = filters.CharFilter(method="by_transaction", max_length=40, help_text="A transaction's id: what is attached to it.")
    q = filters.CharFilter("merchant_name", lookup_expr="icontains", max_length=80, help_text="Part of the merchant's name, as was said.")
    attached = FlagFilter(method="by_place", help_text="`false`: only those on no transaction yet.")

    def by_transaction(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        purchase = queries.readable(self.request.membership).filter(public_id=value).first()
        return rows.filter(pk__in=Receipt.objects.attached_to(purchase).values("pk")) if purchase else rows.none()

    def by_place(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:  # noqa: FBT001 -- django-filter calls it
        return rows.filter(transaction_count__gt=0) if value else rows.filter(transaction_count=0)


class EntryFilter(filters.FilterSet):  # type: ignore[misc]
    """Entries by the day that statements count them on."""

    day = filters.DateFilter("day", help_text="All entries of one day.")
    to = filters.DateFilter("day", lookup_expr="lte", help_text="Last day, included.")


class LedgerFilter(EntryFilter):
    """The same, of an account that is named: the index by which they are read is one of accounts."""

    account = filters.CharFilter(
        "account__public_id",
        max_length=40,
        required=True,
        help_text="An account's id.",
        error_messages={"required": "Name an account by its id."},
    )


for _of_entries in (EntryFilter, LedgerFilter):
    _of_entries.base_filters["from"] = filters.DateFilter("day", lookup_expr="gte", help_text="First day.")


_OUTCOMES = BacktestOutcome.choices
_NAMED = {
    "approver": "A member's id: what would be with them, at any step.",
    "flag": "The words of a flag.",
    "missing": "What would be missing: `receipt`, `memo` or `category`.",
    "code": "Of swipes, the code of a decline.",
}


class ImportFilter(filters.FilterSet):  # type: ignore[misc]
    """Imports of one source, or with a file of a name."""

    source = filters.CharFilter("source__name", lookup_expr="iexact", max_length=80, help_text="The name of a source.")
    q = filters.CharFilter("filename", lookup_expr="icontains", max_length=80, help_text="Part of a file's name.")


class UploadFilter(filters.FilterSet):  # type: ignore[misc]
    """Uploads in a state."""

    status = filters.ChoiceFilter(choices=UploadStatus.choices)
    q = filters.CharFilter("filename", lookup_expr="icontains", max_length=80, help_text="Part of a file's name.")


class IssueFilter(filters.FilterSet):  # type: ignore[misc]
    """Rows of an import that were not booked."""

    kind = filters.ChoiceFilter(choices=IssueKind.choices)

    class Meta:
        model = StatementIssue
        fields: ClassVar[list[str]] = []


class BacktestRowFilter(filters.FilterSet):  # type: ignore[misc]
    """The rows behind one number of a backtest: what was in force says `before`, what the draft says `after`."""

    before = filters.ChoiceFilter(method="together", choices=_OUTCOMES)
    after = filters.ChoiceFilter(method="together", choices=_OUTCOMES)
    changed = FlagFilter("is_changed", help_text="Whether the draft says something else.")
    currency = CurrencyFilter()
    approver_before = filters.CharFilter(method="together", max_length=40, help_text=_NAMED["approver"])
    approver_after = filters.CharFilter(method="together", max_length=40, help_text=_NAMED["approver"])
    flag_before = filters.CharFilter(method="together", max_length=120, help_text=_NAMED["flag"])
    flag_after = filters.CharFilter(method="together", max_length=120, help_text=_NAMED["flag"])
    missing_before = filters.CharFilter(method="together", max_length=10, help_text=_NAMED["missing"])
    missing_after = filters.CharFilter(method="together", max_length=10, help_text=_NAMED["missing"])
    code_before = filters.CharFilter(method="together", max_length=40, help_text=_NAMED["code"])
    code_after = filters.CharFilter(method="together", max_length=40, help_text=_NAMED["code"])

    def together(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """What is asked of one answer is looked up at once, in `filter_queryset`."""
        return rows

    def filter_queryset(self, queryset: QuerySet[BacktestRow]) -> QuerySet[BacktestRow]:
        rows: QuerySet[BacktestRow] = super().filter_queryset(queryset)
        given = self.form.cleaned_data
        for side in ("before", "after"):
            rows = queries.where(rows, side, {"outcome": given[side], **{name: given[f"{name}_{side}"] for name in _NAMED}})
        return rows
