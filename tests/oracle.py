"""What a company's books must say, worked out again from nothing but what was said to it. Plain Python: no database, none of our code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

REQUESTED = {"authorization", "increment", "financial"}


@dataclass
class Said:
    kind: str
    minor: int
    at: datetime
    final: bool = False


class Share(NamedTuple):
    held: int = 0
    posted: int = 0
    purchases: int = 0

    @property
    def used(self) -> int:
        return self.held + self.posted


NOTHING = Share()


@dataclass
class Bought:
    """One purchase: everything about it that counts, in any order. Declined requests are not in `said`."""

    card: str
    zone: str
    budgets: list[str] = field(default_factory=list)
    grant: str | None = None
    said: list[Said] = field(default_factory=list)

    def total(self, *kinds: str) -> int:
        return sum(one.minor for one in self.said if one.kind in kinds)

    def has(self, kind: str) -> bool:
        return any(one.kind == kind for one in self.said)

    @property
    def authorized(self) -> int:
        return self.total("authorization", "increment", "advice")

    @property
    def is_closed(self) -> bool:
        asked, back = self.authorized + self.total("financial"), self.total("reversal")
        is_final = any(one.kind == "capture" and one.final for one in self.said)
        return is_final or self.has("expiry") or (asked > 0 and back >= asked)

    @property
    def held(self) -> int:
        left = self.authorized - self.total("reversal") - self.total("capture", "force_post")
        return 0 if self.is_closed or left < 0 else left

    @property
    def captured(self) -> int:
        """A single message collects at once; a reversal undoes it as far as no hold was there to be undone."""
        undone = self.total("reversal") - self.authorized
        single = self.total("financial")
        return self.total("capture", "force_post") + (single if undone < 0 else max(0, single - undone))

    @property
    def refunded(self) -> int:
        return self.total("refund") - self.total("refund_reversal")

    @property
    def charged_back(self) -> int:
        return self.total("chargeback") - self.total("chargeback_reversal")

    @property
    def spent(self) -> int:
        return self.captured - self.refunded - self.charged_back

    @property
    def status(self) -> str:
        if not self.said:
            return "declined"
        if self.captured or self.refunded or self.charged_back:
            return "posted"
        return "pending" if self.held else "reversed"

    @property
    def share(self) -> Share:
        return Share(self.held, max(0, self.spent), 1 if self.held or self.captured else 0)

    @property
    def is_requested(self) -> bool:
        return any(one.kind in REQUESTED for one in self.said)

    @property
    def at(self) -> datetime:
        """Ours when we were asked; else the network's, of what stood in for us; else of the first thing that was heard."""
        for kinds in (REQUESTED, {"advice"}):
            if found := [one.at for one in self.said if one.kind in kinds]:
                return min(found)
        return min(one.at for one in self.said)

    @property
    def day(self) -> date:
        return day_of(self.at, self.zone)


def day_of(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def window(interval: str, day: date, first_month: int = 1) -> object:
    """A name for the window that a day lies in: two days with one name share their window."""
    months = day.year * 12 + day.month - first_month
    names: dict[str, Callable[[], object]] = {
        "day": lambda: day,
        "week": lambda: day.isocalendar()[:2],
        "month": lambda: months,
        "quarter": lambda: months // 3,
        "year": lambda: months // 12,
    }
    return names[interval]() if interval in names else "for ever"


def sum_of(purchases: list[Bought]) -> Share:
    shares = [purchase.share for purchase in purchases]
    return Share(sum(s.held for s in shares), sum(s.posted for s in shares), sum(s.purchases for s in shares))
