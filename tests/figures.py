"""Spend as reports tell it, asked without a browser: by an owner of the company in scope, unless somebody else asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import SimpleNamespace
from urllib.parse import urlsplit

from django.http import QueryDict

from reports import overview, queries
from reports.catalogue import REPORTS
from reports.forms import question_from
from reports.shape import Question, Report, Row
from reports.tables import lay_out
from spendtrackr.money import Money
from spendtrackr.periods import Period, noon
from tests.factories import NOON
from tests.reckoning import Answer
from transactions import queries as queries_of_transactions
from transactions.filters import ClaimFilter, TransactionFilter
from transactions.models import Transaction
from users.models import Membership
from users.roles import Role


def spend(period: Period, group_by: str, *, member: Membership | None = None, at: datetime = NOON, **asked):
    """The report itself."""
    asker = member or Membership.objects.select_related("company").filter(role=Role.OWNER).order_by("pk").first()
    of = {name: frozenset(values) for name, values in asked.pop("of", {}).items()}
    return queries.spend(Question(asker, at, period, queries.booked(queries.reader(asker)), of, options={"group_by": group_by, **asked}))


def told(report) -> dict[str, tuple[Money, int]]:
    """Amount and items by label; of the last dimension where there are two."""
    return {row.keys[-1].label: (row.values[0], row.values[1]) for row in report.rows}


def totals(report) -> dict[str, Money]:
    return {row.currency: row.values[0] for row in report.totals}


def shown_of(period: Period, currency: str, *, today: date | None = None, member: Membership | None = None, by: str = "category"):
    """The same, laid out as pages show it."""
    asker = member or Membership.objects.select_related("company").filter(role=Role.OWNER).order_by("pk").first()
    at = noon(today, asker.company.time_zone) if today else NOON
    return overview.build(Question(asker, at, period, queries.booked(queries.reader(asker))), currency, by=by)


def asked(name: str, member: Membership, *, at: datetime = NOON, **given: str) -> Report:
    """Any report, as its page and its API ask for it."""
    definition = REPORTS[name]
    asker = Membership.objects.select_related("company", "user").get(pk=member.pk)
    given = {wanted.rstrip("_"): value for wanted, value in given.items()}
    return definition.answer(question_from(given, definition, asker, at=at))


def as_read(report: Report) -> list[tuple[str, ...]]:
    """Its rows as a page shows them: labels, then values."""
    return [(*row.labels, *row.values) for row in lay_out(report).rows]


def totals_as_read(report: Report) -> list[tuple[str, ...]]:
    return [tuple(row.values) for row in lay_out(report).totals]


def key_of(row: Row, ids: Mapping[str, int]) -> tuple:
    """What a row stands for, by database ids where it is a thing of the company; 0 for none. Then its currency."""
    return (*(ids.get(key.id, key.id) or 0 for key in row.keys), row.currency)


def values_of(row: Row) -> tuple:
    """Money as minor units, everything else as it is."""
    return tuple(value.minor if isinstance(value, Money) else value for value in row.values)


def must_say(report: Report, answer: Answer, key: Callable[[Row], tuple], about: object) -> None:
    """The same rows with the same values, and the same totals."""
    told = {key(row): values_of(row) for row in report.rows}
    assert len(told) == len(report.rows), about
    assert told == answer.rows, (about, set(told.items()) ^ set(answer.rows.items()))
    assert {row.currency: values_of(row) for row in report.totals} == answer.totals, about


def must_lead(report: Report, answer: Answer, key: Callable[[Row], tuple], member: Membership, about: object) -> None:
    """Behind each row exactly what it is made of, but for what its reader may add up and not see."""
    for row in report.rows:
        if queries.HIDDEN not in row.keys:
            assert {one.pk for one in behind(row, member)} == answer.behind.get(key(row), set()), (about, row)


def behind(row: Row, member: Membership) -> list[Transaction]:
    """What our own list shows where a row leads, to this member."""
    address = urlsplit(row.href)
    narrowing, rows = {
        "/transactions/": (TransactionFilter, queries_of_transactions.visible(member)),
        "/claims/": (ClaimFilter, queries_of_transactions.claims(member)),
    }[address.path]
    filters = narrowing(QueryDict(address.query), rows, request=SimpleNamespace(membership=member))
    assert filters.is_valid(), filters.errors
    assert set(QueryDict(address.query)) <= set(filters.filters)
    return list(filters.qs.order_by("pk"))
