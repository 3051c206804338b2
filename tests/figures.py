"""Spend as reports tell it, asked without a browser: by an owner of the company in scope, unless somebody else asks."""

from __future__ import annotations

from datetime import date

from reports import overview, queries
from reports.shape import Question
from spendtrackr.money import Money
from spendtrackr.periods import Period, noon
from tests.factories import NOON
from users.models import Membership
from users.roles import Role


def spend(period: Period, group_by: str, *, member: Membership | None = None, **asked):
    """The report itself."""
    asker = member or Membership.objects.select_related("company").filter(role=Role.OWNER).order_by("pk").first()
    of = {name: frozenset(values) for name, values in asked.pop("of", {}).items()}
    return queries.spend(Question(asker, NOON, period, of, options={"group_by": group_by, **asked}))


def told(report) -> dict[str, tuple[Money, int]]:
    """Amount and items by label; of the last dimension where there are two."""
    return {row.keys[-1].label: (row.values[0], row.values[1]) for row in report.rows}


def totals(report) -> dict[str, Money]:
    return {row.currency: row.values[0] for row in report.totals}


def shown_of(period: Period, currency: str, *, today: date | None = None, member: Membership | None = None, by: str = "category"):
    """The same, laid out as pages show it."""
    asker = member or Membership.objects.select_related("company").filter(role=Role.OWNER).order_by("pk").first()
    at = noon(today, asker.company.time_zone) if today else NOON
    return overview.build(Question(asker, at, period), currency, by=by)
