"""Half-open spans of days, and the calendar windows of a company's time zone."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from spendtrackr import locales

TIME_ZONES: frozenset[str] = frozenset(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, but not including, `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def inclusive(cls, first: date, last: date) -> Period:
        return cls(first, last + timedelta(days=1))

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def is_whole_months(self) -> bool:
        return self.start.day == 1 and self.end.day == 1

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def months(self) -> Iterator[Period]:
        """The calendar months that the period touches, whole."""
        current = month_of(self.start)
        while current.start < self.end:
            yield current
            current = month_of(current.end)

    def before(self) -> Period:
        """The span just before, as long: whole months step back by months, anything else by days."""
        if not self.is_whole_months:
            return Period(self.start - (self.end - self.start), self.start)
        count = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
        return Period(add_months(self.start, -count), self.start)

    def __str__(self) -> str:
        first, last = self.start, self.last
        if self.is_whole_months and first.replace(day=1) == last.replace(day=1):
            return f"{first:%B %Y}"
        if self.is_whole_months:
            return f"{first:%B %Y} to {last:%B %Y}" if first.year != last.year else f"{first:%B} to {last:%B %Y}"
        return f"{locales.day(first, tag=locales.shown())} to {locales.day(last, tag=locales.shown())}"


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or that month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, add_months(first, 1))


def week_of(day: date) -> Period:
    """The week, from Monday (ISO 8601)."""
    monday = day - timedelta(days=day.weekday())
    return Period(monday, monday + timedelta(days=7))


def quarter_of(day: date, first_month: int = 1) -> Period:
    """Three months of a year that begins with `first_month`."""
    start = add_months(day.replace(day=1), -((day.month - first_month) % 3))
    return Period(start, add_months(start, 3))


def year_of(day: date, first_month: int = 1) -> Period:
    """Twelve months from the latest `first_month` on: a calendar year, or a fiscal one."""
    start = add_months(day.replace(day=1), -((day.month - first_month) % 12))
    return Period(start, add_months(start, 12))


_RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
INSTANT_LOOKS_LIKE = (
    "Write an instant with its offset, such as 2026-03-31T12:00:00Z or 2026-03-31T12:00:00+02:00; in an address the + is written %2B."
)


def parse_instant(text: str) -> datetime | None:
    """An instant as RFC 3339 writes it, in UTC; None for anything else: a day, or a time without an offset, would be a guess."""
    written = text.upper()
    try:
        return datetime.fromisoformat(written).astimezone(UTC) if _RFC_3339.fullmatch(written) else None
    except (ValueError, OverflowError):
        return None


def local_day(at: datetime, time_zone: str) -> date:
    """The calendar day that an instant falls on in a company's time zone."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def noon(day: date, time_zone: str) -> datetime:
    """An instant that is on that day for the company: for facts that arrive with a date only."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
