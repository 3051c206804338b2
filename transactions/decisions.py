"""Why a swipe was answered as it was: every check, and the smallest change that would have approved it. Pure: no clock, no database.

Everything is told from the checks that were kept with the answer, so an old decision is explained by what was true then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spendtrackr.money import Money

Row = dict[str, Any]

# Checks whose value, limit and room are amounts of money.
_AMOUNTS = ("per_transaction_cap", "grant", "budget", "soft_budget", "funds")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that somebody would have had to do. `amount` is by how much a limit would have to be higher, or what to grant."""

    check: str
    what: str
    says: str
    amount: Money | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision: what was asked, what was approved, the most that could have been, every check, and the smallest change for a yes."""

    approved: bool
    reason: str
    requested: Money
    approved_amount: Money
    # None where what sets the bound may not be told.
    approvable: Money | None
    checks: list[Row]
    changes: list[Change]


def explain(checks: Iterable[Row], *, requested: Money, approved_minor: int | None, hidden: Collection[str] = ()) -> Explanation:
    """`approved_minor` None is a decline. The changes are needed together; none where it was approved in full.

    Of the `hidden` checks only the outcome is told: not everybody who may see a purchase may see the company's balance.
    """
    rows = list(checks)
    failed = [row for row in rows if not row["passed"]]
    rooms = [int(row["room"]) for row in rows if row.get("room") is not None]
    others = [row for row in failed if row.get("room") is None]
    currency = requested.currency
    approvable = 0 if others else max(0, min([requested.minor, *rooms]))
    # A check that is hidden and passed left room for all of it, so it sets no bound.
    is_untold = any(row["name"] in hidden for row in failed)
    # A grant adds to amount limits, but not where the card spends its grants alone.
    on_grants = any(row["name"] == "grant" for row in rows)
    return Explanation(
        approved=approved_minor is not None,
        reason=failed[0]["decline"] if failed else "",
        requested=requested,
        approved_amount=Money(approved_minor or 0, currency),
        approvable=None if is_untold else Money(approvable, currency),
        checks=[row | _HIDDEN if row["name"] in hidden else row for row in rows],
        changes=[_unsaid(row) if row["name"] in hidden else _change(row, requested, on_grants=on_grants) for row in failed],
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What the network asked about a purchase, and what it was answered."""

    id: str
    kind: str
    network_id: str
    at: datetime
    approved: bool
    requested: Money
    approved_amount: Money


@dataclass(frozen=True, slots=True)
class PastDecision(Explanation):
    """The decision about one request, beside all requests for the purchase, the oldest first."""

    request: Request
    requests: list[Request]


_HIDDEN: Row = {"value": None, "limit": None, "room": None}
FUNDS, BUDGETS = ("funds",), ("budget", "soft_budget")


def _unsaid(row: Row) -> Change:
    name = str(row["name"])
    return Change(name, "ask", "Ask who looks after the company's money: this is not about the card.")


def is_amount(name: str) -> bool:
    """Whether the figures of this check are minor units of the card's currency."""
    return name in _AMOUNTS or name.endswith("_limit")


def _change(row: Row, requested: Money, *, on_grants: bool) -> Change:
    name = str(row["name"])
    if name == "funds" and row["decline"] == "company_suspended":
        name = "company"
    if is_amount(name):
        return _more(row, requested.currency, on_grants=on_grants)
    if name.endswith("_count"):
        adverb = name.removesuffix("_count")
        return Change(name, "raise_count", f"Raise the {adverb} number of purchases to {row['value']}.")
    what, says = _OTHERS.get(name, ("none", lambda found: "Nothing that can be changed."))
    return Change(str(row["name"]), what, says(row), subject=row.get("subject"))


def _more(row: Row, currency: str, *, on_grants: bool) -> Change:
    """By how much: what was wanted beyond what was allowed. What raises the room by this, and no less, would have done."""
    name, subject = str(row["name"]), row.get("subject")
    by = Money(row["value"] - row["limit"], currency)
    more = by.written()
    if name == "grant":
        return Change(name, "grant", f"Grant {Money(row['value'], currency).written()} for once.", Money(row["value"], currency))
    or_once = "" if on_grants else f", or grant {more} for once"
    what, says = {
        "per_transaction_cap": ("raise_cap", f"Raise the cap for one purchase by {more}."),
        "budget": ("raise_budget", f"Raise the budget by {more}, or draw from another one."),
        "funds": ("top_up", f"Top up the account by {more}."),
    }.get(
        name,
        ("raise_limit", f"Raise the {name.removesuffix('_limit')} limit by {more}{or_once}."),
    )
    return Change(name, what, says, by, subject)


def _listed(what: str) -> Callable[[Row], str]:
    return lambda row: what.format(value=row["value"], limit=", ".join(row["limit"] or []))


_OTHERS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "company": ("reactivate_company", lambda row: "The company would have to be active again."),
    "member": ("reactivate_member", lambda row: "The cardholder would have to be active again."),
    "card_status": ("use_another_card", lambda row: "Use a card that is active."),
    "expiry": ("replace_card", lambda row: f"Replace the card, which expired on {row['limit']}."),
    "freeze": ("lift_freeze", lambda row: f"Lift the freeze ({', '.join(row['value'])})."),
    "valid_from": ("move_dates", lambda row: f"Wait until {row['limit']}, or let the card be valid from an earlier day."),
    "lock_date": ("move_dates", lambda row: f"Let the card be locked later than {row['limit']}."),
    "currency": ("use_another_card", lambda row: f"Use a card in {row['value']}: this one spends {row['limit']}."),
    "company_countries": ("unblock_for_company", _listed("Take the country {value} off the company's block list.")),
    "country": ("unblock", _listed("Take the country {value} off the card's blocked countries.")),
    "allowed_country": ("allow", _listed("Add the country {value} to the card's allowed countries ({limit}).")),
    "company_merchant_categories": ("unblock_for_company", _listed("Take the merchant category {value} off the company's block list.")),
    "merchant_category": ("unblock", _listed("Take the merchant category {value} off the card's blocked ones.")),
    "allowed_merchant_category": ("allow", _listed("Add the merchant category {value} to the card's allowed ones ({limit}).")),
    "company_merchants": ("unblock_for_company", _listed("Take the merchant ({value}) off the company's block list.")),
    "merchant": ("unblock", _listed("Take the merchant ({value}) off the card's blocked ones.")),
    "allowed_merchant": ("allow", _listed("Add the merchant ({value}) to the card's allowed ones.")),
    "merchant_lock": ("use_another_card", _listed("Use another card: this one works at one merchant only ({limit}).")),
    "purchase": ("use_another_card", lambda row: "This purchase is closed: ask for a new one."),
    "single_use": ("use_another_card", lambda row: "Use another card: this one was for one purchase."),
    "budget_open": ("choose_budget", lambda row: "Draw from another budget, one that is open."),
}
