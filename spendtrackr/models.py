"""What the kernel keeps: events and their chain, where they are sent, idempotency keys, throttle counters."""

from __future__ import annotations

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import AppendOnlyModel, TenantModel


class Event(AppendOnlyModel):
    """Something that happened: audit trail, activity feed and webhook source in one row. Ids only, no personal data.

    Written unnumbered in the business transaction. The sealer alone fills `sequence` and `chain_hash`, once.
    """

    public_id = PublicIdField("evt")
    type = MachineTextField(max_length=60)
    subject_id = MachineTextField(max_length=40)
    actor_id = MachineTextField(max_length=40)
    at = models.DateTimeField()
    details = models.TextField(default="{}")
    sequence = models.PositiveBigIntegerField(null=True)
    chain_hash = MachineTextField(max_length=64, null=True)

    class Meta:
        db_table = "events"
        constraints = [
            models.UniqueConstraint(fields=["company", "sequence"], name="events_one_sequence"),
        ]
        indexes = [models.Index(fields=["company", "at"], name="events_of_a_day")]

    def __str__(self) -> str:
        return f"{self.public_id} {self.type}"


class EventChain(TenantModel):
    """The end of a company's sealed chain: its row is the sealer's lock."""

    last_sequence = models.PositiveBigIntegerField(default=0)
    last_hash = MachineTextField(max_length=64, default="0" * 64)

    class Meta:
        db_table = "event_chains"
        constraints = [models.UniqueConstraint(fields=["company"], name="event_chains_one_per_company")]

    def __str__(self) -> str:
        return f"chain of company {self.company_id} at {self.last_sequence}"


class IdempotencyKey(TenantModel):
    """The answer that a key got. Inserted first in the business transaction, so that it commits with the work or not at all."""

    credential = MachineTextField(max_length=40)
    key_hash = MachineTextField(max_length=64)
    request_hash = MachineTextField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        constraints = [
            models.UniqueConstraint(fields=["company", "credential", "key_hash"], name="idempotency_keys_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_keys_age")]

    def __str__(self) -> str:
        return f"key {self.pk} of {self.credential}"


class ThrottleCounter(models.Model):
    """Attempts in one window, for limits that must hold without Redis. Global: an attempt to sign in has no company yet."""

    subject_hash = MachineTextField(max_length=64, unique=True)
    window_number = models.BigIntegerField()
    attempts = models.PositiveIntegerField()

    class Meta:
        db_table = "throttle_counters"

    def __str__(self) -> str:
        return f"counter {self.pk}: {self.attempts}"


class EndpointStatus(models.TextChoices):
    """`off`: somebody switched it off. `failed`: we did, since nothing could be delivered."""

    ACTIVE = "active"
    OFF = "off"
    FAILED = "failed"


class WebhookEndpoint(TenantModel):
    """Where a company's sealed events are sent, and how far that has come. The row is the lock of its deliveries."""

    public_id = PublicIdField("whe")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, default="", blank=True)
    # Types and kinds of events (`card.frozen`, `card.*`) with a space between; blank: all of them.
    wanted = models.TextField(default="")
    status = MachineTextField(max_length=6, choices=EndpointStatus, default=EndpointStatus.ACTIVE)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    # What its secrets are derived from (`webhooks.signing`). The one before signs, too, until it ends.
    secret_salt = MachineTextField(max_length=64)
    previous_secret_salt = MachineTextField(max_length=64, default="")
    previous_until = models.DateTimeField(null=True)
    # The number of the last event that became a delivery, or that it does not want.
    handed_to = models.PositiveBigIntegerField()
    # A replay under way: from beyond one number through another, and whether also of what was delivered.
    replay_from = models.PositiveBigIntegerField(null=True)
    replay_to = models.PositiveBigIntegerField(null=True)
    replays_all = models.BooleanField(default=False)
    # When a delivery is due next, or was: for whoever looks whose turn it is.
    next_due_at = models.DateTimeField(null=True)
    # Since it was switched on: what waits for longer is due now; what was queued before is left out. Null when that is done.
    hurries_since = models.DateTimeField(null=True)
    skips_before = models.DateTimeField(null=True)
    # In a row, since the last success.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    last_delivered_at = models.DateTimeField(null=True)
    # Who is sending to it just now, so that no two do.
    leased_until = models.DateTimeField(null=True)
    lease_key = MachineTextField(max_length=32, default="")

    class Meta:
        db_table = "webhook_endpoints"
        indexes = [models.Index(fields=["status", "next_due_at"], name="webhook_endpoints_due")]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def types(self) -> list[str]:
        return str(self.wanted).split()

    def wants(self, type_: str) -> bool:
        return not self.wanted or not {type_, f"{type_.partition('.')[0]}.*"}.isdisjoint(self.types)


class DeliveryStatus(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(TenantModel):
    """One event for one endpoint. Its id there is the event's own, at every try."""

    public_id = PublicIdField("whd")
    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="+", db_constraint=False)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+", db_constraint=False)
    status = MachineTextField(max_length=9, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    # When it is tried next, then null: the row is the queue.
    due_at = models.DateTimeField(null=True)
    # Since it was queued last: a replay begins anew.
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_deliveries"
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="webhook_deliveries_once")]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], name="webhook_deliveries_due"),
            models.Index(fields=["endpoint", "status"], name="webhook_deliveries_status"),
            models.Index(fields=["company", "status"], name="webhook_deliveries_of_all"),
            models.Index(fields=["created_at"], name="webhook_deliveries_age"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"


class AttemptOutcome(models.TextChoices):
    """What came of a try. Only an answer of 2xx is a delivery (Standard Webhooks)."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    GONE = "gone"
    REDIRECTED = "redirected"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    INSECURE = "insecure"
    BLOCKED = "blocked"


class WebhookAttempt(TenantModel):
    """One try: what was answered, or why nothing was."""

    delivery = models.ForeignKey(WebhookDelivery, models.PROTECT, related_name="attempts", db_constraint=False)
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    outcome = MachineTextField(max_length=11, choices=AttemptOutcome)
    # The answer's status and the beginning of its body; null and blank where there was none.
    answered = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(default="")
    # What was connected to, or blank.
    address = MachineTextField(max_length=45, default="")

    class Meta:
        db_table = "webhook_attempts"

    def __str__(self) -> str:
        return f"try of {self.delivery_id}: {self.outcome}"
