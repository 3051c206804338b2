"""What a demo company is described with: people, their cards, and the habits that they buy by. Amounts in minor units."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cards.controls import Limit
from cards.models import CardMode, CardUsage


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant with its ISO 18245 code, and what people spend there. `recode` is the category that the bookkeeper prefers."""

    name: str
    code: str
    country: str
    low: int
    high: int
    recode: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The same amount on the same day of each month. It rises once, `rise_ago` months before the end; 0 is never."""

    shop: Shop
    day: int
    rise_ago: int = 0
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Routine:
    """What somebody does so many times a month, in one of these shops, between these hours."""

    shops: tuple[Shop, ...]
    per_month: float
    hours: tuple[int, int] = (9, 17)
    memos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Once:
    """One purchase, so many days before the end."""

    shop: Shop
    days_ago: int
    minor: int
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where trips lead, and what is bought there."""

    city: str
    fares: tuple[Shop, ...]
    hotels: tuple[Shop, ...]
    rides: tuple[Shop, ...]
    meals: tuple[Shop, ...]


@dataclass(frozen=True, slots=True)
class Trips:
    """Travel in bursts: a fare some days ahead, then hotel, rides and meals over two to four days."""

    places: tuple[Place, ...]
    per_month: float
    memos: tuple[str, ...]


Habit = Subscription | Routine | Once | Trips


@dataclass(frozen=True, slots=True)
class Wallet:
    """A card, and what is bought with it. `limits` come beside the monthly one."""

    name: str
    habits: tuple[Habit, ...] = ()
    cap: int | None = None
    monthly: int | None = None
    blocked: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    budget: str = ""
    countries: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    mode: CardMode = CardMode.NORMAL
    usage: CardUsage = CardUsage.MULTI
    merchant: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a role. `manager` is an address; `left` is how many days before the end they stopped buying."""

    name: str
    email: str
    role: str
    manager: str = ""
    department: str = ""
    wallets: tuple[Wallet, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class Team:
    """A department with its head, perhaps inside another."""

    name: str
    head: str
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """Something that has an API key. Nobody knows its secret: it is there to be looked at."""

    name: str
    scopes: tuple[str, ...]


class Deed(StrEnum):
    REPLACE = "replace"
    FREEZE = "freeze"
    SUSPEND = "suspend"
    DEACTIVATE = "deactivate"
    INVITE = "invite"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that happens to a person or a card, so many days before the end. `card` may be empty: it is about the person.

    A grant is of so much, for so many days.
    """

    days_ago: int
    deed: Deed
    email: str
    by: str
    card: str = ""
    department: str = ""
    minor: int = 0
    days: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A budget with its owner's address, perhaps inside another. `members` are addresses."""

    name: str
    owner: str
    limit: int
    interval: str = "month"
    inside: str = ""
    is_hard: bool = False
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks for, so many days before the end. `answered` is how long after, by `by`; a blank `by` is nobody yet.

    `card` is the card that needs more, or the name of one that is wanted; `days` is how long more for once is needed.
    """

    days_ago: int
    email: str
    kind: str
    card: str
    minor: int
    reason: str
    budget: str = ""
    days: int = 0
    by: str = ""
    answered: int = 0
    is_yes: bool = True
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A swipe that is to be declined, so many days before the end."""

    days_ago: int
    email: str
    card: str
    shop: Shop
    minor: int
    hour: int = 15


class PocketFate(StrEnum):
    """How far a claim got. What is done is in whichever batch came after it."""

    DONE = "done"
    CAME_BACK = "came back"
    REJECTED = "rejected"
    WAITING = "waiting"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class OutOfPocket:
    """What somebody paid themselves, so many days before the end. A line is an amount, a category and a memo."""

    days_ago: int
    email: str
    merchant: str
    memo: str
    lines: tuple[tuple[int, str, str], ...]
    fate: PocketFate = PocketFate.DONE
    currency: str = ""
    rate: str = ""
    answer: str = ""


class Fate(StrEnum):
    """How far the paper of a purchase got."""

    DONE = "done"
    ARGUED = "argued"
    NO_RECEIPT = "no receipt"
    NO_MEMO = "no memo"
    WAITING = "waiting"
    SENT_BACK = "sent back"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How many of somebody's purchases of the last four weeks still have this fate, from an amount on."""

    email: str
    fate: Fate
    count: int
    least: int = 25_00


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """`cushion` is what stays available between the monthly top-ups; `pace` is how often habits
    are followed, and `lull` the months in which they are followed less.
    """

    name: str
    country: str
    currency: str
    time_zone: str
    cushion: int
    bookkeeper: str
    runs_it: str
    people: tuple[Person, ...]
    teams: tuple[Team, ...]
    programs: tuple[Program, ...] = ()
    turns: tuple[Turn, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    budgets: tuple[Envelope, ...] = ()
    asks: tuple[Ask, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    claims: tuple[OutOfPocket, ...] = ()
    categories: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    blocks: dict[str, list[str]] = field(default_factory=dict)
    pace: float = 1
    lull: dict[int, float] = field(default_factory=dict)

    def person(self, email: str) -> Person:
        return next(person for person in self.people if person.email == email)
