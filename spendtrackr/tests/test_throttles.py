from __future__ import annotations

import pytest
import time_machine

from spendtrackr import throttles
from spendtrackr.errors import TooMany
from spendtrackr.models import ThrottleCounter

pytestmark = pytest.mark.django_db


def hit(times: int, subject: str = "alice") -> None:
    for _ in range(times):
        throttles.hit("test", subject, limit=3, seconds=60)


def test_the_limit_is_exact_and_says_when_to_come_back():
    with time_machine.travel("2026-03-10 12:00:20+00:00", tick=False):
        hit(3)
        with pytest.raises(TooMany) as refused:
            hit(1)
    assert refused.value.retry_after == 40


def test_a_new_window_starts_again():
    with time_machine.travel("2026-03-10 12:00:20+00:00", tick=False):
        hit(3)
    with time_machine.travel("2026-03-10 12:01:00+00:00", tick=False):
        hit(3)
        with pytest.raises(TooMany):
            hit(1)


def test_subjects_are_counted_apart():
    hit(3)
    hit(3, "bob")


def test_a_redis_that_is_away_costs_one_timeout_and_the_limit_holds(settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(throttles, "_redis_away_until", 0.0)
    asked = []

    def away(*args, **kwargs):
        asked.append(1)
        raise ConnectionError("refused")

    monkeypatch.setattr(throttles.cache, "add", away, raising=False)
    hit(3)
    with pytest.raises(TooMany):
        hit(1)
    assert len(asked) == 1
    assert ThrottleCounter.objects.count() == 1
