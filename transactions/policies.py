"""What a purchase must have, and who must say yes to it. Pure: no clock, no database.

One policy for now, of the company's own amounts: receipts and memos from an amount on, approval by itself below one. The amounts
are in the company's currency; a purchase in another one is never converted, so it needs everything that is asked for at all.
"""

from __future__ import annotations

from dataclasses import dataclass

RECEIPT, MEMO, CATEGORY = "receipt", "memo", "category"
ITEMS = (RECEIPT, MEMO, CATEGORY)


@dataclass(frozen=True, slots=True)
class Rules:
    """A company's amounts, in minor units of its currency. None is never."""

    currency: str
    receipt_required_from_minor: int | None
    memo_required_from_minor: int | None
    auto_approve_below_minor: int | None

    def requires_receipt(self, amount_minor: int, currency: str) -> bool:
        return _from(self.receipt_required_from_minor, amount_minor, is_ours=currency == self.currency)

    def requires_memo(self, amount_minor: int, currency: str) -> bool:
        return _from(self.memo_required_from_minor, amount_minor, is_ours=currency == self.currency)

    def approves_by_itself(self, amount_minor: int, currency: str) -> bool:
        limit = self.auto_approve_below_minor
        return limit is not None and currency == self.currency and amount_minor < limit


def _from(threshold: int | None, amount_minor: int, *, is_ours: bool) -> bool:
    return threshold is not None and (not is_ours or amount_minor >= threshold)


@dataclass(frozen=True, slots=True)
class Papers:
    """What is known of a purchase."""

    amount_minor: int
    currency: str
    has_receipt: bool
    has_memo: bool
    has_category: bool


def missing(papers: Papers, rules: Rules) -> list[str]:
    """What somebody still has to add, in the order in which a person would."""
    amount = (papers.amount_minor, papers.currency)
    wanted = {
        RECEIPT: rules.requires_receipt(*amount) and not papers.has_receipt,
        MEMO: rules.requires_memo(*amount) and not papers.has_memo,
        CATEGORY: not papers.has_category,
    }
    return [item for item, is_missing in wanted.items() if is_missing]
