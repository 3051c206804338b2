"""What the kernel keeps: events and their chain, idempotency keys, throttle counters."""

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
