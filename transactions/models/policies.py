"""A company's rules for its purchases, version by version, and which of them was in force when."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from spendtrackr.ids import PublicIdField
from spendtrackr.tenancy import AppendOnlyModel
from users.models import Membership


class Policy(AppendOnlyModel):
    """One version, never changed: what is to be different is written as the next. A draft until it is activated."""

    public_id = PublicIdField("pol")
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=80)
    # As the API takes and shows it: see `transactions.policies`.
    written = models.TextField()
    created_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "policies"
        verbose_name_plural = "policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "version"], name="policies_one_version"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} (version {self.version})"

    @property
    def document(self) -> dict[str, Any]:
        return {"name": self.name, **json.loads(self.written)}


class PolicyActivation(AppendOnlyModel):
    """From this instant on a version is in force, until the next one is."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="activations")
    activated_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "policy_activations"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "at", "id"], name="policy_activations_latest")]

    def __str__(self) -> str:
        return f"policy {self.policy_id} from {self.at}"
