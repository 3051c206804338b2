"""The rules of the demo's companies: small purchases approve themselves, the others their owner's manager."""

from __future__ import annotations

from typing import Any

from transactions import policies
from transactions.policies import ALWAYS, FROM

# In minor units of the company's currency.
RECEIPT_FROM, APPROVAL_FROM, MEMO_FROM = 25_00, 50_00, 500_00


def policy_of(currency: str) -> dict[str, Any]:
    """As the API takes it."""

    def amount(minor: int) -> dict[str, Any]:
        return {"minor": minor, "currency": currency}

    small = {
        "name": "Small purchases",
        "when": {**policies.NO_CONDITIONS, "amount_below": amount(APPROVAL_FROM)},
        "require": dict(policies.NOTHING_ASKED),
        "approval": {"automatic": True, "steps": []},
        "flag": "",
    }
    papers = {
        "receipt": {"when": FROM, "amount": amount(RECEIPT_FROM)},
        "memo": {"when": FROM, "amount": amount(MEMO_FROM)},
        "category": {"when": ALWAYS, "amount": None},
    }
    otherwise = {"require": papers, "approval": policies.STANDARD["otherwise"]["approval"]}
    return {"name": "House rules", "rules": [small], "otherwise": otherwise, "reminders": dict(policies.STANDARD["reminders"])}
