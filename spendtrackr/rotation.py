"""When a secret is replaced: how long the one before goes on working, so that nothing stands still meanwhile."""

from __future__ import annotations

from datetime import timedelta

from spendtrackr import errors

LONGEST_OVERLAP = timedelta(days=7)
LONGEST_HOURS = LONGEST_OVERLAP // timedelta(hours=1)
# What a page offers, in hours.
OVERLAPS = {"0": "at once", "1": "in an hour", "24": "in a day", "168": "in a week"}


def require_overlap(overlap: timedelta) -> None:
    """Raises `Invalid` for one that is below zero or beyond `LONGEST_OVERLAP`."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise errors.Invalid(f"The overlap is between 0 and {LONGEST_HOURS} hours.", field="overlap_hours")


def chosen_overlap(hours: str) -> timedelta:
    """The one that was chosen on a page. Raises `Invalid` for what it does not offer."""
    if hours not in OVERLAPS:
        raise errors.Invalid("Choose when the secret of before ends.", field="overlap")
    return timedelta(hours=int(hours))
