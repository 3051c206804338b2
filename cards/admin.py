"""Operators look at cards."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from cards.models import (
    BlockList,
    Budget,
    BudgetMember,
    Card,
    CardControls,
    CardRequest,
    Freeze,
    Interval,
    LimitCounter,
    LimitGrant,
)
from cards.operations.controls import Controls
from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from spendtrackr.money import Money
from users.admin import member_link


@admin.register(Card)
class CardAdmin(ReadOnlyAdmin[Card]):
    list_display = ["public_id", "company_link", "carrier", "name", "last4", "status", "created_at"]
    list_filter = ["status"]
    also_read = ["holder__user"]
    search_fields = ["public_id", "last4", "name", "issuer_card_id", "holder__public_id", "holder__user__email_key"]
    panels = ["versions", "freezes", "months"]

    @admin.display(description="holder")
    def carrier(self, card: Card) -> Any:
        return member_link(card.holder)

    @admin.display(description="versions of the controls")
    def versions(self, card: Card) -> Any:
        found = everywhere(CardControls).filter(card=card).select_related("created_by__user").order_by("-version")
        rows = [
            (
                link(rules, rules.version),
                _money(rules.per_transaction_cap_minor, card),
                rules.mode,
                _limits(rules, card),
                rules.blocked_codes,
                rules.allowed_codes,
                member_link(rules.created_by),
                rules.created_at,
            )
            for rules in found
        ]
        return table("Version", "Cap", "Mode", "Limits", "Blocked codes", "Allowed codes", "By", "At", rows=rows)

    def freezes(self, card: Card) -> Any:
        found = everywhere(Freeze).filter(card=card).select_related("opened_by__user", "lifted_by__user").order_by("-pk")
        rows = [(link(f, f.source), member_link(f.opened_by), f.opened_at, member_link(f.lifted_by), f.lifted_at) for f in found]
        return table("Source", "Opened by", "At", "Lifted by", "At", rows=rows)

    @admin.display(description="used of each month")
    def months(self, card: Card) -> Any:
        found = everywhere(LimitCounter).filter(card=card.counting_id, interval=Interval.MONTH).order_by("-starts_on")[:24]
        rows = [(link(month, month.starts_on), _money(month.held_minor, card), _money(month.posted_minor, card)) for month in found]
        return table("Month", "Held", "Posted", rows=rows)


def _money(minor: int | None, card: Card) -> Money | None:
    return None if minor is None else Money(minor, card.currency)


def _limits(rules: CardControls, card: Card) -> str:
    """$50.00 a month, 3 purchases a day."""
    found = Controls.of(rules).limits
    return ", ".join(f"{_money(limit.amount_minor, card) or f'{limit.count} purchases'} {limit.interval.label}" for limit in found)


@admin.register(CardControls)
class CardControlsAdmin(ReadOnlyAdmin[CardControls]):
    list_display = ["card", "company_link", "version", "cap", "mode", "limited_to", "created_at"]
    search_fields = ["card__public_id", "card__last4"]

    def cap(self, rules: CardControls) -> Money | None:
        return _money(rules.per_transaction_cap_minor, rules.card)

    @admin.display(description="limits")
    def limited_to(self, rules: CardControls) -> str:
        return _limits(rules, rules.card)


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyAdmin[Freeze]):
    list_display = ["card", "company_link", "source", "opened_by", "opened_at", "lifted_at"]
    list_filter = ["source"]
    search_fields = ["card__public_id", "card__last4"]


@admin.register(LimitCounter)
class LimitCounterAdmin(ReadOnlyAdmin[LimitCounter]):
    list_display = ["__str__", "company_link", "interval", "starts_on", "held_minor", "posted_minor", "purchases", "draws"]
    list_filter = ["interval"]
    search_fields = ["card__public_id", "card__last4", "budget__public_id", "grant__public_id"]


@admin.register(LimitGrant)
class LimitGrantAdmin(ReadOnlyAdmin[LimitGrant]):
    list_display = ["public_id", "company_link", "card", "amount", "granted_by", "granted_at", "expires_at", "revoked_at"]
    search_fields = ["public_id", "card__public_id", "card__last4"]


@admin.register(BlockList)
class BlockListAdmin(ReadOnlyAdmin[BlockList]):
    list_display = ["__str__", "company_link", "version", "codes", "merchants", "countries"]


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin[Budget]):
    list_display = ["public_id", "company_link", "name", "parent", "owner", "limit", "interval", "is_hard", "closed_at"]
    list_filter = ["interval", "is_hard"]
    search_fields = ["public_id", "name"]


@admin.register(BudgetMember)
class BudgetMemberAdmin(ReadOnlyAdmin[BudgetMember]):
    list_display = ["budget", "company_link", "member"]
    search_fields = ["budget__public_id", "member__public_id"]


@admin.register(CardRequest)
class CardRequestAdmin(ReadOnlyAdmin[CardRequest]):
    list_display = ["public_id", "company_link", "kind", "requester", "card", "amount", "status", "asked_at", "decided_by"]
    list_filter = ["kind", "status"]
    search_fields = ["public_id", "requester__public_id", "card__public_id"]
