"""What credential, scope, allowance and idempotency cost a write, against the bare view.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr REDIS_URL=redis://127.0.0.1:6379/5 .venv/bin/python -m benchmarks.overhead

The same small write, adding a tag, by three contenders that take turns within one run, in one process without a server: the view alone, for
somebody who is known already; with an API key that is looked up, its scope and its allowance; and with an idempotency key besides. Makes a
database of its own beside the one named, and drops it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

from benchmarks import databases

databases.prepare()

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402

from benchmarks.report import Goal, Report  # noqa: E402
from benchmarks.seats import open_company  # noqa: E402
from companies.viewsets import TagViewSet  # noqa: E402
from spendtrackr import tenancy  # noqa: E402
from spendtrackr.idempotency import HEADER  # noqa: E402
from users import operations as people  # noqa: E402
from users.models import ApiKey, Membership  # noqa: E402

TURNS, OF_EACH, GOAL = 20, 50, 2.0
_numbers = count()


def main() -> int:
    report = Report()
    with databases.made():
        call_command("migrate", verbosity=0)
        print(databases.machine(), "and Redis" if settings.REDIS_URL else "without Redis")
        seat = open_company(0)[0]
        with tenancy.company_scope(seat.company_id):
            alice = Membership.objects.select_related("company", "user").get()
            key, secret = people.create_key(name="Benchmark", scopes=["tags:write"], actor=alice, at=timezone.now())
        contenders = {
            "the view alone": _bare(key),
            "with a key, its scope and allowance": _asked({"Authorization": f"Bearer {secret}"}),
            "and an idempotency key": _asked({"Authorization": f"Bearer {secret}"}, keyed=True),
        }
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(TURNS):
            for name in sorted(contenders, reverse=bool(turn % 2)):
                taken[name] += [_seconds(contenders[name]) for _ in range(OF_EACH)]
        bare = median(taken["the view alone"])
        for name, seconds in taken.items():
            found = median(seconds)
            print(f"  {name:<40} {found * 1000:6.2f} ms")
            report.keep(Goal(f"{name}, against the view alone", found / bare, GOAL, at_most=True))
    return report.end()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _asked(headers: dict[str, str], *, keyed: bool = False, view: Any = None, allowance: int = 1_000_000) -> Callable[[], object]:
    """A write by the view, without the middleware that surrounds all of them."""
    factory, add = APIRequestFactory(), view or TagViewSet.as_view({"post": "create"})

    def ask() -> object:
        settings.API_REQUESTS_PER_MINUTE = allowance
        number = next(_numbers)
        more = {HEADER: f"key-{number}"} if keyed else {}
        answer = add(factory.post("/api/v1/tags/", {"name": f"Tag {number}"}, format="json", headers={**headers, **more}))
        answer.render()
        if answer.status_code != 201:
            raise SystemExit(f"{answer.status_code}: {answer.content!r}")
        return answer

    return ask


def _bare(key: ApiKey) -> Callable[[], object]:
    """For a program that is known already and whose requests nobody counts."""
    member = key.integration.membership

    class Known(BaseAuthentication):
        def authenticate(self, request: Request) -> tuple[Any, ApiKey]:
            request.membership = member  # type: ignore[attr-defined]
            tenancy.enter(member.company_id)
            return member.user, key

    return _asked({}, view=TagViewSet.as_view({"post": "create"}, authentication_classes=[Known]), allowance=0)


if __name__ == "__main__":
    sys.exit(main())
