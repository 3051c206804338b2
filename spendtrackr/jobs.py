"""Work that takes longer than anybody waits for: rows that workers go through a block at a time.

The rows are the queue. Whoever works on one holds a claim that runs out, so that another goes on where a worker fell; each block asks
whether the claim is still its own. A claim that ran out counts as a failure: what fells its workers is given up like what fails.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone

from spendtrackr.ids import MachineTextField
from spendtrackr.tenancy import TenantModel, company_scope

log = logging.getLogger(__name__)
# A job that failed so often, or felled so many workers, is given up.
MOST_FAILURES = 3
# How long one round goes on with jobs of one kind, in seconds, and how many of them it looks at.
SLICE, MOST = 4.0, 100


class Job(TenantModel):
    """A row that is worked on in the background."""

    # In which states it waits for a worker, or a worker is at it.
    at_work: ClassVar[Sequence[str]] = ()

    # Each kind has its own choices.
    status = MachineTextField(max_length=10)
    # Who is at work on it, and how long others leave it to them.
    claim_key = MachineTextField(max_length=32, default="")
    claimed_until = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def is_at_work(self) -> bool:
        return self.status in self.at_work


J = TypeVar("J", bound=Job)


@dataclass(slots=True)
class Run(Generic[J]):
    """A job that this worker has claimed."""

    job: J
    key: str

    @property
    def mine(self) -> models.QuerySet[Any]:
        """Its row, as long as nobody else has claimed it and it is not over."""
        return type(self.job).objects.filter(pk=self.job.pk, claim_key=self.key, status__in=self.job.at_work)

    @property
    def has_failed_too_often(self) -> bool:
        return self.mine.filter(failures__gte=MOST_FAILURES).exists()


R = TypeVar("R", bound=Run[Any])
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)


def take(job: Job, *, at: datetime, holds: timedelta, only: Q | None = None, **also: Any) -> str | None:
    """The key of a new claim. None where another is at it, or it is over. One conditional UPDATE decides between two workers."""
    key, free = secrets.token_hex(16), Q(claimed_until=None) | Q(claimed_until__lte=at)
    failures = Case(When(claimed_until=None, then=F("failures")), default=F("failures") + 1)
    rows = type(job).objects.filter(free, only or Q(), pk=job.pk, status__in=job.at_work)
    # In this order: MySQL gives later assignments what earlier ones have left.
    return key if rows.update(failures=failures, claim_key=key, claimed_until=at + holds, **also) else None


def let_another_try(run: Run[Any]) -> None:
    """It could not go on: count that, and leave it to whoever comes next."""
    run.mine.update(failures=F("failures") + 1, claimed_until=None)


class Kind(Protocol[J_contra, R]):
    """What is done with jobs of one kind, in the scope of their company: a module of operations."""

    def claim(self, job: J_contra, /, *, at: datetime) -> R | None:
        """Take it. None where another has it, or it is over."""

    def go_on(self, run: R, /, *, at: datetime) -> bool:
        """The next block. False: it is over, or another has it now."""

    def fail(self, run: R, /, *, at: datetime) -> None:
        """Something went wrong. It is tried again a few times, and then given up."""

    def release(self, run: R, /) -> None:
        """Let another go on at once."""


class Turns(Generic[J, R]):
    """The jobs of one kind in one process: each has its turn, and a long one is in nobody's way.

    What was begun is gone on with in the next round from where it is. `most_begun` of them at a time, for what each keeps at hand.
    """

    def __init__(self, kind: Kind[J, R], due: Callable[[], models.QuerySet[J]], *, most_begun: int = MOST) -> None:
        self.kind, self.due, self.most_begun = kind, due, most_begun
        # By the job's database id: what was begun, and when each was last looked at.
        self.begun: dict[int, R] = {}
        self._looked_at: dict[int, float] = {}

    def run(self, at: datetime | None = None, *, seconds: float = SLICE) -> int:
        """Go on with all that are due; answer how many blocks."""
        done, until = 0, time.monotonic() + seconds
        waiting = list(self.due().order_by("pk").values_list("pk", flat=True)[:MOST])
        self._forget_all_but(waiting)
        # Those first that were looked at longest ago.
        for pk in sorted(waiting, key=lambda pk: self._looked_at.get(pk, 0.0)):
            if done and time.monotonic() >= until:
                break
            if pk in self.begun or len(self.begun) < self.most_begun:
                self._looked_at[pk] = time.monotonic()
                if job := self.due().filter(pk=pk).first():
                    done += self._take_up(job, at, until)
        return done

    def let_go(self) -> None:
        """Before this process ends: another goes on at once."""
        self._forget_all_but(())

    def _forget_all_but(self, waiting: Sequence[int]) -> None:
        for pk in self.begun.keys() - set(waiting):
            if run := self.begun.pop(pk, None):
                with company_scope(run.job.company_id):
                    self.kind.release(run)
        for pk in self._looked_at.keys() - set(waiting):
            self._looked_at.pop(pk, None)

    def _take_up(self, job: J, at: datetime | None, until: float) -> int:
        with company_scope(job.company_id):
            try:
                run = self.begun.pop(job.pk, None) or self.kind.claim(job, at=at or timezone.now())
            except Exception:  # one job must not stand in the way of the others
                log.exception("%s could not be taken up", job)
                return 0
            return self._blocks(run, at, until) if run else 0

    def _blocks(self, run: R, at: datetime | None, until: float) -> int:
        done = 0
        try:
            while self.kind.go_on(run, at=at or timezone.now()):
                done += 1
                if time.monotonic() >= until:
                    self.begun[run.job.pk] = run
                    return done
        except Exception:
            log.exception("%s could not go on", run.job)
            self.kind.fail(run, at=at or timezone.now())
        self.kind.release(run)
        return done + 1
