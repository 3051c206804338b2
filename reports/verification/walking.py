"""Walk large tables a block at a time, by primary key: memory stays flat, and no transaction is open between two blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from django.db.models import QuerySet

from spendtrackr.tenancy import TenantModel

# Rows that are looked at in Python together, and rows that the server is asked about at once.
BLOCK = 2_000
PART = 50_000


class Told:
    """Hears how far a check has come. This one does not listen, and so nothing is counted for it."""

    listens = False

    def expect(self, count: Callable[[], int]) -> None:
        """There are so many rows to look at, if anybody wants to know."""

    def done(self, rows: int) -> None:
        """So many more were looked at."""


NOBODY = Told()


class Check(Protocol):
    """Reads the company in scope and yields a sentence for each difference; none means that the promise holds."""

    def __call__(self, told: Told = ...) -> Iterator[str]: ...


def parts(rows: QuerySet[Any], *, told: Told, size: int = BLOCK) -> Iterator[QuerySet[Any]]:
    """The rows in parts of so many of the company's, by their ids. What hangs on one: `hanging_on(Posting, entry__in=part)`.

    The last part is open at its end and never small: rows that were numbered early and committed late are still in it.
    """
    told.expect(rows.model.objects.count)
    last = 0
    while _ids(rows, after=last)[2 * size :].exists():
        end = _ids(rows, after=last)[size - 1]
        yield rows.filter(pk__gt=last, pk__lte=end)
        told.done(size)
        last = end
    yield rows.filter(pk__gt=last)


def _ids(rows: QuerySet[Any], *, after: int) -> QuerySet[Any, int]:
    """Of all rows of the company, whichever are asked for: the index of companies alone knows these, and is entered where they begin.

    Asked for whole rows after an id, MariaDB walks that index from the company's first row each time.
    """
    company: QuerySet[Any] = rows.model.objects.filter(pk__gt=after)
    return company.order_by("pk").values_list("pk", flat=True)


def hanging_on(model: type[TenantModel], **owners: Any) -> QuerySet[Any]:
    """The rows that point at these owners, whatever company they say they are of: `relations` looks at that.

    So they are found in the index of their relation, and not in that of companies, which SQLite takes where it may.
    """
    return model.across_companies.filter(**owners)


def listed(rows: QuerySet[Any], *fields: str) -> list[Any]:
    """Named tuples of `pk` and the fields in the order of their ids: a tenth of what objects cost."""
    return list(rows.order_by("pk").values_list("pk", *fields, named=True))


def confirmed(look: Callable[[Any], Iterator[str]], rows: Any) -> list[str]:
    """What is found in these rows twice. Where a look takes several statements, a swipe between them is no difference."""
    found = list(look(rows))
    again = set(look(rows)) if found else set()
    return [sentence for sentence in found if sentence in again]
