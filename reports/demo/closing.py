"""What a bookkeeper of the demo keeps: accounts, a batch of what was ready last month, and the month before it closed."""

from __future__ import annotations

from datetime import datetime, timedelta

from reports.demo.crew import Crew
from spendtrackr import errors
from spendtrackr.periods import month_of
from transactions.models import Side
from transactions.operations import accounting, books
from users.models import Membership

_CODES = {Side.CARDS: "2100", Side.CLAIMS: "2150", Side.STATEMENTS: "2190", Side.REPAYMENTS: "1290"}


def keep_books(crew: Crew, bookkeeper: Membership, at: datetime) -> None:
    """On the last evening."""
    currency = crew.company.currency
    clearing = [{"currency": currency, "side": side.value, "ledger_code": code} for side, code in _CODES.items()]
    accounting.change_settings({"clearing": clearing, "tracking_name": "Department"}, actor=bookkeeper, at=at)
    last_day = month_of(bookkeeper.company.day_of(at)).start - timedelta(days=1)
    try:
        accounting.export(currency, last_day=last_day, actor=bookkeeper, at=at)
    except errors.InvalidState:
        return  # so young that nothing was ready
    books.close(month_of(last_day).start - timedelta(days=1), actor=bookkeeper, at=at)
