"""What happens to a purchase after its swipe, as steps with their times: clearing, papers, approval."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from reports.demo.cast import DemoCompany, Fate
from reports.demo.planning import Plan
from reports.demo.policy import APPROVAL_FROM, MEMO_FROM, RECEIPT_FROM

REASONS = (
    "Who was at the table? Please add their names.",
    "The receipt shows another amount. Is there a second page?",
    "Please say which customer this was for.",
    "This looks private. Was it meant for your other card?",
    "I can read only half of it. Take the picture again, please.",
)
ANSWERS = ("With Fabrikam: Ms Ito and Mr Lang", "Two deliveries, one invoice", "For the Contoso renewal", "For the team, agreed in advance")


class Verb(StrEnum):
    SWIPE = "swipe"
    CAPTURE = "capture"
    LAST_CAPTURE = "last capture"
    REVERSE = "reverse"
    REFUND = "refund"
    RECEIPT = "receipt"
    MEMO = "memo"
    RECODE = "recode"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done. `minor` and `text` are what it needs, such as an amount, a memo or a reason."""

    at: datetime
    verb: Verb
    minor: int | None = None
    text: str = ""


def steps_of(plan: Plan, company: DemoCompany, end: datetime) -> list[Step]:
    """The steps of a purchase, in order of time. Clearing after `end` has not happened yet; paper that was begun is finished by then."""
    dice = random.Random(f"{plan.at} {plan.person.email} {plan.shop.name} {plan.minor}")  # noqa: S311 -- no secret
    swipe = Step(plan.at, Verb.SWIPE)
    if plan.ending == "decline":
        return [swipe]
    clearing = [step for step in _clearing(plan, dice) if step.at <= end]
    if not plan.is_spend or plan.at + plan.clears_after > end:
        return [swipe, *clearing, *_early_receipt(plan, end)]
    paper = _squeezed(list(_paper(plan, company, dice)), plan.at + plan.clears_after, end)
    return sorted([swipe, *clearing, *paper], key=lambda step: step.at)


def _clearing(plan: Plan, dice: random.Random) -> Iterator[Step]:
    done = plan.at + plan.clears_after
    if plan.ending == "reverse":
        yield Step(plan.at + timedelta(days=1), Verb.REVERSE)
        return
    first = plan.minor * 6 // 10 if plan.ending == "parts" else 0
    if first:
        yield Step(plan.at + timedelta(days=1), Verb.CAPTURE, first)
    yield Step(done, Verb.LAST_CAPTURE, plan.booked_minor - first)
    back = done + timedelta(days=dice.randint(4, 12), hours=2)
    if plan.ending == "refund":
        yield Step(back, Verb.REFUND, plan.booked_minor)
    elif plan.ending == "part refund":
        yield Step(back, Verb.REFUND, plan.booked_minor * dice.randint(15, 60) // 100)


def _early_receipt(plan: Plan, end: datetime) -> Iterator[Step]:
    """Some take the picture at the table, before the purchase has cleared."""
    at = plan.at + timedelta(minutes=40)
    if plan.is_spend and plan.minor >= RECEIPT_FROM and plan.minor % 3 and at <= end:
        yield Step(at, Verb.RECEIPT)


def _paper(plan: Plan, company: DemoCompany, dice: random.Random) -> Iterator[Step]:
    at, booked = plan.at + plan.clears_after, plan.booked_minor
    if plan.shop.recode:
        at = _office(at, company, dice)
        yield Step(at, Verb.RECODE, text=plan.shop.recode)
    if booked >= RECEIPT_FROM and plan.fate != Fate.NO_RECEIPT:
        at += timedelta(minutes=dice.randint(10, 300))
        yield Step(at, Verb.RECEIPT)
    wants_memo = booked >= MEMO_FROM or (plan.memo and booked >= APPROVAL_FROM and (dice.random() < 0.7 or plan.fate == Fate.WAITING))
    if wants_memo and plan.fate != Fate.NO_MEMO:
        at += timedelta(minutes=dice.randint(1, 9))
        yield Step(at, Verb.MEMO, text=plan.memo or plan.shop.name)
    if booked >= APPROVAL_FROM and plan.fate not in {Fate.NO_RECEIPT, Fate.NO_MEMO}:
        yield from _approval(plan, company, dice, at + timedelta(minutes=dice.randint(1, 30)))


def _approval(plan: Plan, company: DemoCompany, dice: random.Random, at: datetime) -> Iterator[Step]:
    yield Step(at, Verb.SUBMIT)
    if plan.fate == Fate.WAITING:
        return
    at = _office(at, company, dice)
    if plan.fate in {Fate.ARGUED, Fate.SENT_BACK}:
        yield Step(at, Verb.REJECT, text=dice.choice(REASONS))
    if plan.fate == Fate.ARGUED:
        at += timedelta(hours=dice.randint(2, 30))
        yield Step(at, Verb.MEMO, text=dice.choice(ANSWERS))
        yield Step(at + timedelta(minutes=2), Verb.SUBMIT)
        at = _office(at, company, dice)
    if plan.fate != Fate.SENT_BACK:
        yield Step(at, Verb.APPROVE)


def _office(after: datetime, company: DemoCompany, dice: random.Random) -> datetime:
    """In the working hours of one of the next days."""
    zone = ZoneInfo(company.time_zone)
    day = after.astimezone(zone) + timedelta(days=dice.choice((1, 1, 1, 2, 3)))
    day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
    return day.replace(hour=dice.randint(9, 16), minute=dice.randint(0, 59)).astimezone(after.tzinfo)


def _squeezed(steps: list[Step], start: datetime, end: datetime) -> list[Step]:
    """The same steps, in less time where they would end too late."""
    if not steps or steps[-1].at <= end:
        return steps
    share = (end - start) / (steps[-1].at - start)
    return [replace(step, at=start + (step.at - start) * share) for step in steps]
