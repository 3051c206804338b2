"""Which purchase a receipt belongs to: a guess with its reasons in words. Pure: no clock, no database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import SequenceMatcher
from typing import TypeVar

K = TypeVar("K")

# How far a purchase lies from the day on its receipt at most: a card is charged when a parcel leaves.
MOST_DAYS = 10
# Of a receipt without a day: how long before its upload it was bought at most.
MOST_DAYS_BEFORE_UPLOAD = 45
MOST_SUGGESTED = 5
# Of a receipt of which nothing is known, more would be a list of everything.
_MOST_BLIND = 3
_LEAST, _LEAST_BLIND = 30, 8
# A tip comes on top of what the till printed; a voucher, or a deposit, off it.
_MOST_ABOVE, _MOST_BELOW = 0.25, 0.10


@dataclass(frozen=True, slots=True)
class Bill:
    """What is known of a receipt. Amounts in minor units, above zero; None and blank: not known."""

    uploaded_on: date
    amount_minor: int | None = None
    currency: str = ""
    spent_on: date | None = None
    merchant_name: str = ""

    @property
    def is_blind(self) -> bool:
        """Whether nobody has said anything of it."""
        return self.amount_minor is None and self.spent_on is None and not self.merchant_name

    @property
    def window(self) -> tuple[date, date]:
        """The first and last day on which its purchase may lie."""
        if self.spent_on is None:
            return self.uploaded_on - timedelta(MOST_DAYS_BEFORE_UPLOAD), self.uploaded_on + timedelta(1)
        return self.spent_on - timedelta(MOST_DAYS), self.spent_on + timedelta(MOST_DAYS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A purchase that it could be. `paid` is what the merchant charged in its own currency, where that is another."""

    occurred_on: date
    amount_minor: int
    currency: str
    names: tuple[str, ...]
    paid_minor: int | None = None
    paid_currency: str = ""
    has_receipt: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """The higher the score, the likelier. `says` is a phrase: `Same amount, one day later, merchant name alike`."""

    score: int
    says: str


def match(bill: Bill, candidate: Candidate) -> Match | None:
    """How well they fit, or None where they do not."""
    first, last = bill.window
    if not first <= candidate.occurred_on <= last:
        return None
    told = [_amount(bill, candidate), _day(bill, candidate), _merchant(bill, candidate)]
    if candidate.has_receipt:
        told.append((-12, "has a receipt already"))
    score = sum(points for points, _ in told)
    if score < (_LEAST_BLIND if bill.is_blind else _LEAST) or (bill.is_blind and candidate.has_receipt):
        return None
    phrase = ", ".join(says for _, says in told if says)
    return Match(score, phrase[:1].upper() + phrase[1:])


def best(bill: Bill, candidates: Iterable[tuple[K, Candidate]]) -> list[tuple[K, Match]]:
    """The likeliest, the best first; of equal ones those that were given first."""
    found = [(key, fits) for key, candidate in candidates if (fits := match(bill, candidate)) is not None]
    return sorted(found, key=lambda pair: -pair[1].score)[: _MOST_BLIND if bill.is_blind else MOST_SUGGESTED]


_Told = tuple[int, str]
_NOTHING: _Told = (0, "")


def _amount(bill: Bill, candidate: Candidate) -> _Told:
    if bill.amount_minor is None:
        return _NOTHING
    amounts = {candidate.currency: candidate.amount_minor}
    if candidate.paid_minor is not None:
        amounts.setdefault(candidate.paid_currency, candidate.paid_minor)
    charged = amounts.get(bill.currency)
    if charged is None:
        return _NOTHING
    if charged == bill.amount_minor:
        return (50, "same amount") if bill.currency == candidate.currency else (48, f"same amount in {bill.currency}")
    part = (charged - bill.amount_minor) / bill.amount_minor
    if -_MOST_BELOW <= part <= _MOST_ABOVE:
        return 20, f"{max(1, round(abs(part) * 100))} % {'more' if part > 0 else 'less'} than on the receipt"
    # Paid in parts, perhaps: shop and day have to speak for it.
    return -25, "another amount"


def _day(bill: Bill, candidate: Candidate) -> _Told:
    if bill.spent_on is None:
        before = max(0, (bill.uploaded_on - candidate.occurred_on).days)
        return max(0, 10 - before), "uploaded the same day" if before == 0 else f"uploaded {_days(before)} later"
    later = (candidate.occurred_on - bill.spent_on).days
    if later == 0:
        return 30, "same day"
    # Cards are charged after the till has printed; earlier it is a deposit, or another purchase.
    points = (24 if later == 1 else 20 - 2 * later) if later > 0 else 12 + 2 * later
    return max(0, points), f"{_days(abs(later))} {'later' if later > 0 else 'earlier'}"


def _days(number: int) -> str:
    return "one day" if number == 1 else f"{number} days"


def _merchant(bill: Bill, candidate: Candidate) -> _Told:
    if not bill.merchant_name:
        return _NOTHING
    wanted = _words(bill.merchant_name)
    names = [words for words in map(_words, candidate.names) if words]
    if not wanted or not names:
        return _NOTHING
    if wanted in names:
        return 30, "same merchant"
    if any(_are_alike(wanted, words) for words in names):
        return 22, "merchant name alike"
    return -15, "another merchant name"


# What says nothing of who it is.
_NOISE = frozenset(
    {"the", "and", "gmbh", "ag", "kg", "ltd", "llc", "inc", "sa", "sas", "bv", "plc", "co", "www", "com", "pos", "sq", "tst", "paypal"}
)


def _words(name: str) -> tuple[str, ...]:
    """`PAYPAL *Café-Nord GmbH` is `cafe nord`. Numbers of branches and tills are dropped where there are words."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = [word for word in re.findall(r"\w+", plain) if word not in _NOISE]
    return tuple(word for word in words if not word.isdigit()) or tuple(words)


def _are_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """The shorter begins the longer, or is a part of it, or they are spelled almost the same."""
    fewer, more = sorted((set(one), set(other)), key=len)
    if fewer <= more and max(map(len, fewer)) > 2:
        return True
    left, right = "".join(one)[:40], "".join(other)[:40]
    if min(len(left), len(right)) >= 5 and (left.startswith(right) or right.startswith(left)):
        return True
    return SequenceMatcher(None, left, right, autojunk=False).ratio() >= 0.82
