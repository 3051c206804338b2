"""A purchase as a person knows it, the network messages it is folded from, and what each of them drew from limits."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from cards.models import Budget, Card, LimitCounter, LimitGrant
from companies.models import Category, Department
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnlyModel, TenantManager, TenantModel, TenantQuerySet
from users.models import Membership


class Merchant(TenantModel):
    """Who was paid, per company. Keyed by the network's id, else by the normalised name."""

    public_id = PublicIdField("mer")
    name = models.CharField(max_length=120)
    key = MachineTextField(max_length=140)
    # The category that a bookkeeper gave it last; before that, the merchant category code decides.
    category = models.ForeignKey(Category, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "merchants"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "key"], name="merchants_one_key"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class TransactionSource(models.TextChoices):
    CARD = "card"
    CLAIM = "claim"
    STATEMENT = "statement"


class TransactionStatus(models.TextChoices):
    PENDING = "pending"
    POSTED = "posted"
    REVERSED = "reversed"
    DECLINED = "declined"


class ApprovalState(models.TextChoices):
    """Where a purchase stands with whoever must say yes. `none`: nobody has to, such as a decline or a line without an owner."""

    NONE = "none", "Not needed"
    OPEN = "open", "Not submitted"
    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved"
    CHANGES_REQUESTED = "changes_requested", "Sent back"
    REJECTED = "rejected", "Rejected"


class TransactionQuerySet(TenantQuerySet["Transaction"]):
    def visible_to(self, member: Membership) -> TransactionQuerySet:
        return self if member.sees("transactions") else self.filter(member__in=member.team)

    def with_names(self) -> TransactionQuerySet:
        """All that a list row shows, in one query."""
        rows = self.select_related("merchant", "category", "department", "card", "member__user", "budget", "statement_import")
        return rows.defer("statement_import__report", "statement_import__mapping")


TransactionManager = TenantManager.from_queryset(TransactionQuerySet)


class Transaction(TenantModel):
    """One purchase. The amounts are the fold of its messages (`transactions.purchases`), kept here under the card's lock.

    `amount_minor` is what a person would name: authorized while pending, captured once posted, asked for when declined;
    of an imported line the billed amount, below zero for a credit.
    """

    # Without an index of its own: several begin with it.
    company = models.ForeignKey(
        "companies.Company", models.PROTECT, db_constraint=False, db_index=False, editable=False, related_name="+"
    )  # fmt: skip
    public_id = PublicIdField("txn")
    source = MachineTextField(max_length=10, choices=TransactionSource)
    status = MachineTextField(max_length=10, choices=TransactionStatus)
    decline_code = MachineTextField(max_length=40, default="")
    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="+")
    member = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    merchant = models.ForeignKey(Merchant, models.PROTECT, null=True, related_name="+")
    category = models.ForeignKey(Category, models.PROTECT, null=True, related_name="+")
    # The owner's department on the day of the purchase: moving people does not move the past.
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    # What it draws from, for good: the leaf of the card's budgets, and the grant, as they were when it was authorized.
    budget = models.ForeignKey(Budget, models.PROTECT, null=True, db_constraint=False, related_name="+")
    grant = models.ForeignKey(LimitGrant, models.PROTECT, null=True, related_name="+")
    # The issuer's name for the purchase, under which its messages come, in whatever order.
    connection = MachineTextField(max_length=20, null=True)
    network_ref = MachineTextField(max_length=80, null=True)
    statement_import = models.ForeignKey("transactions.StatementImport", models.PROTECT, null=True, related_name="+")
    # As sent: the merchant's own spelling, and what it charged in its own currency.
    descriptor = models.CharField(max_length=120, default="")
    merchant_code = MachineTextField(max_length=4, default="")
    country = MachineTextField(max_length=2, default="")
    merchant_amount_minor = models.BigIntegerField(null=True)
    merchant_currency = MachineTextField(max_length=3, default="")
    card_last4 = MachineTextField(max_length=4, default="")
    currency = MachineTextField(max_length=3)
    amount_minor = models.BigIntegerField()
    held_minor = models.BigIntegerField(default=0)
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    charged_back_minor = models.BigIntegerField(default=0)
    # What the fold says besides (`purchases.Flag`), separated by spaces: `late over_captured`.
    flags = MachineTextField(max_length=120, default="")
    occurred_at = models.DateTimeField()
    # Company-local days, stored as such: a later change of time zone does not move them.
    occurred_on = models.DateField()
    posted_on = models.DateField(null=True)
    memo = models.CharField(max_length=500, default="")
    tax_code = models.CharField(max_length=20, default="")
    tax_minor = models.BigIntegerField(null=True)
    # Booked in parts (`Split`): its own category is that of the largest.
    is_split = models.BooleanField(default=False)
    # How many receipts are attached, kept under this row's lock.
    receipt_count = models.PositiveSmallIntegerField(default=0)
    # Why there is no receipt, and there will be none.
    no_receipt_reason = models.CharField(max_length=300, default="")
    approval = MachineTextField(max_length=20, choices=ApprovalState, default=ApprovalState.NONE)
    # What its owner still has to add (`policies.ITEMS`), separated by spaces, and since when; blank where nobody has to.
    missing = MachineTextField(max_length=40, default="")
    missing_since = models.DateTimeField(null=True)
    # How often its owner was reminded of that, when that happens next, and since when it keeps the card frozen.
    reminded = models.PositiveSmallIntegerField(default=0)
    chase_at = models.DateTimeField(null=True)
    overdue_since = models.DateTimeField(null=True)

    # How much of it a list counts that is narrowed to a part, such as one category; no column.
    counted: Money | None = None

    objects = TransactionManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(TransactionQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "transactions"
        indexes: ClassVar[list[models.Index]] = [
            # What a list is ordered by; and what possible duplicates have in common, so that thousands of purchases are not read for it.
            models.Index(fields=["company", "occurred_on", "id", "member", "currency", "amount_minor"], name="transactions_latest_first"),
            # Lists by amount, whose filters leave it some rows of everything.
            models.Index(fields=["company", "amount_minor"], name="transactions_by_amount"),
            # Claims and imported lines, among many more swipes.
            models.Index(fields=["company", "source", "occurred_on"], name="transactions_by_source"),
            models.Index(fields=["company", "member", "occurred_on", "id"], name="transactions_of_member"),
            models.Index(fields=["company", "approval", "member"], name="transactions_by_approval"),
            # Declines of a period, among many more purchases.
            models.Index(fields=["company", "status", "occurred_on"], name="transactions_status_by_day"),
            models.Index(fields=["card", "occurred_on"], name="transactions_of_card"),
            # Open holds are few, however long the history: what the sweep of old ones reads, and what a company asks about its own.
            models.Index(fields=["held_minor", "occurred_at"], name="transactions_on_hold"),
            models.Index(fields=["company", "held_minor"], name="transactions_held_of"),
            # The same of those whose owners are to be reminded, and of those that keep a card frozen.
            models.Index(fields=["chase_at"], name="transactions_to_chase"),
            models.Index(fields=["card", "overdue_since"], name="transactions_overdue"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "connection", "network_ref"], name="transactions_one_ref"),
            models.CheckConstraint(condition=models.Q(held_minor__gte=0), name="transactions_held_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def owned_by(self) -> Membership | None:
        """Whose it is, for the table of permissions; an imported line is nobody's."""
        return self.member

    @property
    def missing_items(self) -> list[str]:
        """What its owner still has to add, in the order in which a person would."""
        return str(self.missing).split()

    @property
    def decline_reason(self) -> str:
        """The code as a phrase for people: `Over monthly limit`."""
        return str(self.decline_code).replace("_", " ").capitalize()

    @property
    def tax(self) -> Money | None:
        return None if self.tax_minor is None else Money(self.tax_minor, self.currency)

    @property
    def held(self) -> Money:
        return Money(self.held_minor, self.currency)

    @property
    def captured(self) -> Money:
        return Money(self.captured_minor, self.currency)

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.currency)

    @property
    def charged_back(self) -> Money:
        return Money(self.charged_back_minor, self.currency)

    @property
    def merchant_amount(self) -> Money | None:
        return None if self.merchant_amount_minor is None else Money(self.merchant_amount_minor, self.merchant_currency)


class MessageKind(models.TextChoices):
    """What a network says about a purchase. The requests are decided; everything else is a fact, and booked as it comes."""

    # Requests.
    AUTHORIZATION = "authorization"
    INCREMENT = "increment"
    # A single message, as with a PIN: request and capture in one.
    FINANCIAL = "financial"
    # Facts. An advice tells of an approval that the network gave in our stead.
    ADVICE = "advice"
    CAPTURE = "capture"
    FORCE_POST = "force_post"
    REVERSAL = "reversal"
    EXPIRY = "expiry"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSAL = "chargeback_reversal"


REQUESTS = frozenset({MessageKind.AUTHORIZATION, MessageKind.INCREMENT, MessageKind.FINANCIAL})


class Message(AppendOnlyModel):
    """What the card network said, once, and what we answered with every check that led to it."""

    public_id = PublicIdField("msg")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="messages")
    connection = MachineTextField(max_length=20)
    network_id = MachineTextField(max_length=80)
    kind = MachineTextField(max_length=20, choices=MessageKind)
    # What it comes to: of a partial approval the part. An expiry has no amount.
    amount_minor = models.BigIntegerField()
    # Of a request: what was asked for.
    requested_minor = models.BigIntegerField(null=True)
    is_approved = models.BooleanField(default=True)
    is_final = models.BooleanField(default=False)
    checks = models.TextField(default="[]")
    at = models.DateTimeField()

    class Meta:
        db_table = "messages"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "connection", "network_id"], name="messages_once"),
            models.CheckConstraint(
                condition=models.Q(amount_minor__gt=0) | models.Q(amount_minor=0, kind=MessageKind.EXPIRY), name="messages_amount_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(requested_minor__isnull=True) | models.Q(amount_minor__lte=models.F("requested_minor")),
                name="messages_at_most_what_was_asked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.kind})"

    @property
    def checks_done(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.checks)
        return rows


class Draw(AppendOnlyModel):
    """What one message, or one approval of an expense, did to one counter. Replayed in the order of `seq`, the draws are the counter."""

    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="+")
    # None where an expense was approved, or its approval voided, on a card that refills by approval.
    message = models.ForeignKey(Message, models.PROTECT, null=True, related_name="+")
    # No constraint to the counter: a foreign key to a hot row costs ten times (measured); `verify` checks the relation.
    counter = models.ForeignKey(LimitCounter, models.PROTECT, db_constraint=False, related_name="+")
    seq = models.PositiveBigIntegerField()
    used_before_minor = models.BigIntegerField()
    held_delta_minor = models.BigIntegerField()
    posted_delta_minor = models.BigIntegerField()
    # The limit and the live grants on it, as they were; None for no limit that holds.
    limit_minor = models.BigIntegerField(null=True)
    purchases_before = models.BigIntegerField(default=0)
    purchases_delta = models.SmallIntegerField(default=0)
    purchases_most = models.BigIntegerField(null=True)
    # An approved request, which must respect the limit; other messages are facts and may exceed it.
    is_approval = models.BooleanField()

    class Meta:
        db_table = "draws"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["counter", "seq"], name="draws_one_number"),
            models.CheckConstraint(
                condition=models.Q(is_approval=False)
                | models.Q(limit_minor__isnull=True)
                | models.Q(limit_minor__gte=models.F("used_before_minor") + models.F("held_delta_minor") + models.F("posted_delta_minor")),
                name="draws_approval_within_limit",
            ),
            models.CheckConstraint(
                condition=models.Q(is_approval=False)
                | models.Q(purchases_most__isnull=True)
                | models.Q(purchases_most__gte=models.F("purchases_before") + models.F("purchases_delta")),
                name="draws_approval_within_count",
            ),
        ]

    def __str__(self) -> str:
        return f"draw {self.seq} on counter {self.counter_id}"
