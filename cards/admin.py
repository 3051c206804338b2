"""Operators look at cards."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from cards.models import Card, CardControls, Freeze, LimitCounter
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
                _money(rules.monthly_limit_minor, card),
                rules.blocked_merchant_categories,
                rules.allowed_merchant_categories,
                member_link(rules.created_by),
                rules.created_at,
            )
            for rules in found
        ]
        return table("Version", "Cap", "Monthly limit", "Blocked codes", "Allowed codes", "By", "At", rows=rows)

    def freezes(self, card: Card) -> Any:
        found = everywhere(Freeze).filter(card=card).select_related("opened_by__user", "lifted_by__user").order_by("-pk")
        rows = [(link(f, f.source), member_link(f.opened_by), f.opened_at, member_link(f.lifted_by), f.lifted_at) for f in found]
        return table("Source", "Opened by", "At", "Lifted by", "At", rows=rows)

    @admin.display(description="used of each month")
    def months(self, card: Card) -> Any:
        found = everywhere(LimitCounter).filter(card=card.counting_id).order_by("-starts_on")[:24]
        rows = [(link(month, month.starts_on), _money(month.held_minor, card), _money(month.posted_minor, card)) for month in found]
        return table("Month", "Held", "Posted", rows=rows)


def _money(minor: int | None, card: Card) -> Money | None:
    return None if minor is None else Money(minor, card.currency)


@admin.register(CardControls)
class CardControlsAdmin(ReadOnlyAdmin[CardControls]):
    list_display = ["card", "company_link", "version", "cap", "monthly_limit", "created_at"]
    search_fields = ["card__public_id", "card__last4"]

    def cap(self, rules: CardControls) -> Money | None:
        return _money(rules.per_transaction_cap_minor, rules.card)

    def monthly_limit(self, rules: CardControls) -> Money | None:
        return _money(rules.monthly_limit_minor, rules.card)


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyAdmin[Freeze]):
    list_display = ["card", "company_link", "source", "opened_by", "opened_at", "lifted_at"]
    list_filter = ["source"]
    search_fields = ["card__public_id", "card__last4"]


@admin.register(LimitCounter)
class LimitCounterAdmin(ReadOnlyAdmin[LimitCounter]):
    list_display = ["card", "company_link", "starts_on", "held", "posted", "draws"]
    search_fields = ["card__public_id", "card__last4"]

    def held(self, counter: LimitCounter) -> Money | None:
        return _money(counter.held_minor, counter.card)

    def posted(self, counter: LimitCounter) -> Money | None:
        return _money(counter.posted_minor, counter.card)
