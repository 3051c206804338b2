"""What has to move with the people of a company, in the same transaction: the one way in which something below calls something above.

Whoever leaves, or is given another role, manager or department to head, may be somebody that open work waits for. Apps that stand
above this one say at start-up what they do then; every operation that moves people says so in one line, and forgets nobody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Follower(Protocol):
    """Brings the open work of the company in scope in line with its people."""

    def __call__(self, *, at: datetime) -> object: ...


_followers: list[Follower] = []


def follow_with(work: Follower) -> Follower:
    """Have this done whenever people move. Called once, when the app that it belongs to is ready."""
    if work not in _followers:
        _followers.append(work)
    return work


def people_moved(*, at: datetime) -> None:
    """The last line of an operation that changed who stands where."""
    for work in _followers:
        work(at=at)
