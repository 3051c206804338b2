"""Every report there is, by its name in addresses: the API, the pages and the files are made of this one table."""

from __future__ import annotations

from reports import queries
from reports.shape import Definition
from transactions.models import Dimension

PERIOD = ("from", "to")
DIMENSIONS = tuple(Dimension.values)
# What moves most is found by merchant, or by person.
MOVING = tuple(sorted(DIMENSIONS, key=lambda name: (name != Dimension.MERCHANT, name != Dimension.MEMBER)))
# Headings of the list of reports, in their order.
SPEND, PEOPLE, CARDS, MONTH_END = "Spend", "People", "Cards", "Month-end"
THEMES = (SPEND, PEOPLE, CARDS, MONTH_END)

_ALL = [
    Definition(
        name="spend",
        title="Spend",
        says="Captures less refunds, plus approved claims and imported lines, less what was repaid, by the day they were posted.",
        answer=queries.spend,
        takes=(*PERIOD, *DIMENSIONS),
        options={"group_by": queries.GROUPINGS, "compare": queries.COMPARISONS},
        nothing="Spend appears here the moment a purchase clears, a claim is approved or a statement is imported.",
    ),
    Definition(
        name="movers",
        title="Top movers",
        says="Where spend went up or down most against the period before, or the same a year ago; what is new, and what is gone.",
        answer=queries.movers,
        takes=(*PERIOD, *DIMENSIONS),
        options={"group_by": MOVING, "compare": (queries.BEFORE, queries.LAST_YEAR)},
        usual={"group_by": Dimension.MERCHANT.value, "compare": queries.BEFORE},
        nothing="Nothing moved: in both periods spend was the same to the cent, or there was none.",
    ),
    Definition(
        name="new-merchants",
        title="New merchants",
        says="Merchants whose first spend ever lies in the period: since when, how much, and who bought there first.",
        answer=queries.new_merchants,
        takes=PERIOD,
        nothing="No merchant was paid for the first time in this period.",
    ),
    Definition(
        name="subscriptions",
        title="Subscriptions",
        says="What merchants charge in a steady rhythm, weekly, monthly, quarterly or yearly, at about the same price: what a year of it "
        "costs, when it comes next, how its price moved, and what stopped within the last year.",
        answer=queries.subscriptions,
        nothing="A subscription shows after three charges about a month or a quarter apart, five a week apart, or two a year apart.",
    ),
    Definition(
        name="duplicates",
        title="Possible duplicates",
        says="Purchases that may have been paid twice: the same amount at the same merchant within three days, the same amount claimed and "
        "paid by card within seven, or the same receipt on two of them. "
        f"About the latest {queries.MOST_COMPARED:,} purchases are compared, those of the three days before among them: with more of them "
        "it begins later.",
        answer=queries.duplicates,
        rule="transactions.see",
        takes=PERIOD,
        nothing="No two purchases of this period look alike.",
    ),
    Definition(
        name="missing-receipts",
        title="Missing receipts",
        says="Who still has to hand in receipts, for how much, since when, how many they were reminded of, and which froze cards.",
        answer=queries.missing_receipts,
        rule="transactions.see",
        theme=PEOPLE,
        nothing="Nobody owes a receipt. Policies say for which purchases one is needed.",
    ),
    Definition(
        name="approval-ageing",
        title="Waiting for approval",
        says="What waits for a yes, by whoever has to say it, and for how many days; also what waits although nobody may decide it.",
        answer=queries.approval_ageing,
        rule="transactions.see",
        theme=PEOPLE,
        nothing="Nothing waits for a yes.",
    ),
    Definition(
        name="claims-outstanding",
        title="Outstanding claims",
        says="What people wait for that they paid themselves, from submitted to being paid; and what they owe for rejected purchases.",
        answer=queries.claims_outstanding,
        rule="transactions.see",
        theme=PEOPLE,
        nothing="Every claim is paid, and nobody owes anything.",
    ),
    Definition(
        name="card-limits",
        title="Card limits",
        says="How much of each limit of each card is used at this moment, and what is left; the most used first.",
        answer=queries.card_limits,
        rule="cards.see",
        theme=CARDS,
        nothing="No open card has a limit. A card’s page shows and changes what it may be used for.",
    ),
    Definition(
        name="declines",
        title="Declines",
        says="Swipes that were declined: why, how often, for how much, and at which merchant most.",
        answer=queries.declines,
        rule="transactions.see",
        takes=PERIOD,
        options={"group_by": queries.DECLINE_GROUPINGS},
        usual={"group_by": queries.DECLINE_GROUPINGS[0]},
        theme=CARDS,
        nothing="No swipe was declined in this period.",
    ),
    Definition(
        name="close-list",
        title="Close list",
        says="What is still open of a month: spend without a category, receipts, approvals, claims to be paid, repayments, old holds, and "
        "imported lines without an owner.",
        answer=queries.close_list,
        rule="transactions.see",
        takes=("month",),
        theme=MONTH_END,
        nothing="Nothing is open: this month can be closed.",
    ),
]
REPORTS: dict[str, Definition] = {report.name: report for report in _ALL}
