from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine

from spendtrackr import throttles
from spendtrackr.errors import TooMany
from spendtrackr.models import ThrottleCounter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch):
    """Tests stand still at one instant, and none counts for another."""
    monkeypatch.setattr(throttles, "_here", (0, Counter()))


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

    monkeypatch.setattr(throttles.cache, "incr", away, raising=False)
    hit(3)
    with pytest.raises(TooMany):
        hit(1)
    assert len(asked) == 1
    assert ThrottleCounter.objects.count() == 1


def allowed(times: int, credential: str = "key_1", limit: int = 3) -> list[int]:
    return [throttles.allow(credential, limit=limit).left for _ in range(times)]


def test_a_credential_is_told_what_is_left_until_the_next_minute():
    with time_machine.travel("2026-03-10 12:00:20+00:00", tick=False):
        assert allowed(5) == [2, 1, 0, -1, -1]
        assert allowed(1, "key_2") == [2]
        told = throttles.allow("key_2", limit=3)
    assert told.headers == {"RateLimit-Limit": "3", "RateLimit-Remaining": "1", "RateLimit-Reset": "40"}
    with time_machine.travel("2026-03-10 12:01:00+00:00", tick=False):
        assert allowed(1) == [2]
        assert throttles.allow("key_1", limit=1).headers["RateLimit-Remaining"] == "0"


def test_requests_are_counted_exactly_by_many_threads():
    with time_machine.travel("2026-03-10 12:00:20+00:00", tick=False), ThreadPoolExecutor(8) as pool:
        left = [one for part in pool.map(lambda _: allowed(50, limit=400), range(8)) for one in part]
    assert sorted(left) == list(range(400))


def test_requests_are_counted_on_where_redis_is_away(settings, monkeypatch, django_assert_num_queries):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(throttles, "_redis_away_until", 0.0)

    def away(*args, **kwargs):
        raise ConnectionError("refused")

    monkeypatch.setattr(throttles.cache, "incr", away, raising=False)
    with time_machine.travel("2026-03-10 12:00:20+00:00", tick=False), django_assert_num_queries(0):
        assert allowed(4) == [2, 1, 0, -1]
