"""Every report of the catalogue, worked out again in plain Python from what was told to a company: to the minor unit, and as long."""

from __future__ import annotations

import os
from datetime import date
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import queries
from reports.catalogue import REPORTS
from spendtrackr.periods import Period
from tests import reckoning
from tests.figures import asked, key_of, must_lead, must_say
from tests.happenings import PERIODS, Life, lived, public_ids, stories
from tests.reckoning import Asked, plus
from transactions.models import Dimension

EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", "12"))
MONTHS = [date(2028, month, 1) for month in (1, 2, 3, 4)]
NOW = Period(date(2028, 1, 1), date(2028, 1, 1))


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_worked_out_here(name):
    assert name in reckoning.REPORTS


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories(), data=st.data())
def test_each_report_says_what_was_told(story, data):
    with lived(story) as life:
        ids = public_ids()
        key = partial(key_of, ids=ids)
        for name in REPORTS:
            for question, given_ in data.draw(questions(name, life, ids)):
                report, answer = asked(name, life.alice, at=life.now, **given_), reckoning.REPORTS[name](life.told, question)
                must_say(report, answer, key, (name, given_))
                must_lead(report, answer, key, life.alice, (name, given_))


@st.composite
def questions(draw, name: str, life: Life, ids: dict[str, int]) -> list[tuple[Asked, dict[str, str]]]:
    """What is asked of a report, in our own words and as an address says it."""
    takes, options = REPORTS[name].takes, REPORTS[name].options
    if "month" in takes:
        return [(Asked(month, plus(month, 1)), {"month": f"{month:%Y-%m}"}) for month in MONTHS]
    if "from" not in takes:
        return [(Asked(NOW.start, NOW.end), {})]
    found = []
    for _ in range(4 if "group_by" in options else 2):
        period = draw(st.sampled_from(PERIODS))
        chosen = {option: draw(st.sampled_from(choices)) for option, choices in options.items()}
        if name == "spend" and draw(st.booleans()):
            del chosen["compare"]
        of, narrowed = draw(narrowings(life, ids)) if "category" in takes else ({}, {})
        by = tuple(chosen.get("group_by", "").split(","))
        given_ = {"from_": str(period.start), "to": str(period.last), **chosen, **narrowed}
        found.append((Asked(period.start, period.end, by, chosen.get("compare", ""), of), given_))
    return found


@st.composite
def narrowings(draw, life: Life, ids: dict[str, int]) -> tuple[dict[str, set[Any]], dict[str, str]]:
    """By nothing, or by one or two dimensions, each to a value that occurs or to none; by a budget with all that lies inside it."""
    names = draw(st.lists(st.sampled_from(Dimension.values), unique=True, max_size=2))
    of, given_ = {}, {}
    for name in names:
        occurs = sorted({line.of[name] for line in life.told.lines}) or [0]
        value = draw(st.sampled_from(occurs))
        public = {pk: public_id for public_id, pk in ids.items() if public_id.startswith(PREFIXES[name])}
        of[name] = set(life.told.budgets) if name == Dimension.BUDGET and value == life.outer.pk else {value}
        given_[f"{name}_"] = public[value] if value else queries.NONE
    return of, given_


PREFIXES = {"category": "cat_", "department": "dep_", "member": "mem_", "card": "card_", "merchant": "mer_", "budget": "bud_"}
