"""How far a company's books are closed: a day, and what was closed and opened when."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from spendtrackr.ids import PublicIdField
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from users.models import Membership


class Books(TenantModel):
    """One row a company. Whoever closes locks it; whoever codes spend that was posted shares that lock until it is written.

    A row of its own and not a column of the company, which is never written on a business path.
    """

    public_id = PublicIdField("books")
    # The last closed day of the company's calendar; None while nothing is closed.
    closed_through = models.DateField(null=True)

    class Meta:
        db_table = "books"
        verbose_name_plural = "books"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company"], name="books_one_per_company"),
        ]

    def __str__(self) -> str:
        return f"books closed through {self.closed_through or 'no day'}"


class BookClosing(AppendOnlyModel):
    """The books were closed through a day, or opened again as far as that: None is all the way."""

    public_id = PublicIdField("clos")
    closed_through = models.DateField(null=True)
    before = models.DateField(null=True)
    # The last spend line at that moment. Whatever stands on a closed day under a higher number came later.
    last_line_id = models.BigIntegerField()
    closed_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "book_closings"

    def __str__(self) -> str:
        return f"closed through {self.closed_through or 'no day'}"
