"""What has to move with the people of a company, in the same transaction: the one way in which something below calls something above.

Whoever leaves, or is given another role, manager or department to head, may be somebody that open work waits for. Apps that stand
above this one say at start-up what they do then; every operation that moves people says so in one line, and forgets nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Protocol


class Follower(Protocol):
    """Brings the open work of the company in scope in line with its people."""

    def __call__(self, *, at: datetime) -> object: ...


_followers: list[Follower] = []
# The moves of an open `moving_together`; None outside of one.
_moves: ContextVar[list[datetime] | None] = ContextVar("moves", default=None)


def follow_with(work: Follower) -> Follower:
    """Have this done whenever people move. Called once, when the app that it belongs to is ready."""
    if work not in _followers:
        _followers.append(work)
    return work


def people_moved(*, at: datetime) -> None:
    """The last line of an operation that changed who stands where."""
    moves = _moves.get()
    if moves is not None:
        moves.append(at)
        return
    for work in _followers:
        work(at=at)


@contextmanager
def moving_together(*, at: datetime) -> Iterator[None]:
    """Several operations of one transaction: what has to follow does so once, after the last of them."""
    token = _moves.set([])
    try:
        yield
        has_moved = bool(_moves.get())
    finally:
        _moves.reset(token)
    if has_moved:
        people_moved(at=at)
