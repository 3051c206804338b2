"""What people say to each other about a transaction or a request for a card."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from cards.models import CardRequest
from spendtrackr.ids import PublicIdField
from spendtrackr.tenancy import AppendOnlyModel
from transactions.models.purchases import Transaction
from users.models import Membership


class Comment(AppendOnlyModel):
    """Said once, and kept. About one thing."""

    public_id = PublicIdField("cmt")
    transaction = models.ForeignKey(Transaction, models.PROTECT, null=True, related_name="comments")
    card_request = models.ForeignKey(CardRequest, models.PROTECT, null=True, related_name="comments")
    author = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    text = models.CharField(max_length=2000)
    at = models.DateTimeField()

    class Meta:
        db_table = "comments"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(transaction__isnull=False, card_request__isnull=True) | Q(transaction__isnull=True, card_request__isnull=False),
                name="comments_about_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"comment {self.public_id}"
