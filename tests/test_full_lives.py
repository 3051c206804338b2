"""Three companies to which everything happened that can: every report in every grouping, as their owner and a manager ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import product

import pytest
from django.db import transaction

from reports.catalogue import REPORTS
from spendtrackr.tenancy import company_scope
from tests import reckoning
from tests.figures import asked, key_of, must_lead, must_say
from tests.happenings import PLACES, Life, full_story, lived, public_ids
from tests.reckoning import DAY, Asked, plus, seen_by
from users.models import Membership

# A quarter of the fiscal year of which the last month goes on, that month alone, and days that cut months and windows of budgets.
PERIODS = [
    (date(2028, 2, 1), date(2028, 5, 1)),
    (date(2027, 12, 31), date(2028, 2, 2)),
    (date(2028, 4, 1), date(2028, 5, 1)),
    (date(2028, 2, 29), date(2028, 3, 28)),
]


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: place[2])
def life(request, django_db_setup, django_db_blocker) -> Iterator[Life]:
    """Lived once for all tests of a place."""
    with django_db_blocker.unblock(), transaction.atomic():
        with lived(full_story(request.param)) as life:
            yield life
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _scope(life, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock(), company_scope(life.company.pk):
        yield


def questions(name: str) -> Iterator[tuple[Asked, dict[str, str]]]:
    """Whatever may be asked of a report, in our own words and as an address says it."""
    takes, options = REPORTS[name].takes, REPORTS[name].options
    if "month" in takes:
        yield from ((Asked(month, plus(month, 1)), {"month": f"{month:%Y-%m}"}) for month in (date(2028, n, 1) for n in range(1, 5)))
        return
    groupings, comparisons = options.get("group_by", ("",)), options.get("compare", ("",))
    periods = PERIODS if "from" in takes else PERIODS[:1]
    for (first, end), by, compare in product(periods, groupings, ("", *comparisons) if name == "spend" else comparisons):
        days = {"from_": str(first), "to": str(end - DAY)} if "from" in takes else {}
        given = {**days, "group_by": by, "compare": compare}
        yield Asked(first, end, tuple(by.split(",")), compare), {option: value for option, value in given.items() if value}


@pytest.mark.parametrize("name", REPORTS)
def test_to_the_owner_a_report_says_all_that_was_told(life, name):
    rows = must_be_right(name, life, life.alice, life.told)
    assert rows


@pytest.mark.parametrize("name", REPORTS)
def test_to_a_manager_a_report_says_what_was_told_of_those_below(life, name):
    told = seen_by(life.told, {life.grace.pk, life.bob.pk})
    must_be_right(name, life, life.grace, told)


def must_be_right(name: str, life: Life, member: Membership, told: reckoning.Told) -> int:
    """How many rows there were."""
    key, rows = partial(key_of, ids=public_ids()), 0
    for question, given in questions(name):
        report, answer = asked(name, member, at=life.now, **given), reckoning.REPORTS[name](told, question)
        must_say(report, answer, key, (name, given))
        if not question.compare or name == "movers":
            must_lead(report, answer, key, member, (name, given))
        rows += len(report.rows)
    return rows
