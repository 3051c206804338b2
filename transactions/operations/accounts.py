"""Funding accounts, and what a company may do only as its money allows: change its currency, be suspended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from companies import operations as companies
from companies.models import Company, CompanyStatus
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
from transactions import ledger
from transactions.models import Account, Entry, EntryKind, FundingAccount, Posting
from transactions.purchases import Move
from users.models import Membership

# One account stays inside BIGINT however often it is topped up with the largest amount.
MOST_MINOR = 10**18


@operation
def top_up(amount: Money, *, actor: Membership, at: datetime) -> tuple[FundingAccount, Entry]:
    """Money arrives from the bank: external to available."""
    account = ledger.funding_account(amount.currency)
    if account.available_minor + amount.minor > MOST_MINOR:
        raise errors.Invalid("The account cannot hold that much.", field="amount")
    move = Move(Account.EXTERNAL, Account.AVAILABLE, amount.minor)
    day = actor.company.day_of(at)
    entry = ledger.post(account, EntryKind.TOPUP, [move], at=at, day=day)
    events.record("account.topped_up", account, actor=actor, at=at, entry=entry.public_id, minor=amount.minor, currency=amount.currency)
    account.refresh_from_db()
    return account, entry


@operation
def suspend_company(company: Company, *, actor: events.HasPublicId | None, at: datetime) -> Company:
    """From this commit on no swipe is approved, no write accepted; everything stays readable."""
    with company_scope(company.pk):
        FundingAccount.objects.update(is_blocked=True)
    return companies.set_status(company, CompanyStatus.SUSPENDED, actor=actor, at=at)


@operation
def reactivate_company(company: Company, *, actor: events.HasPublicId | None, at: datetime) -> Company:
    with company_scope(company.pk):
        FundingAccount.objects.update(is_blocked=False)
    return companies.set_status(company, CompanyStatus.ACTIVE, actor=actor, at=at)


class CurrencyFixed(errors.InvalidState):
    code = "currency_fixed"
    message = "Money was posted already, so the company's currency cannot change any more."


@operation
def change_company(company: Company, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Company:
    """Change the company's profile or rules: see `companies.operations.change`. Raises `CurrencyFixed` after the first posting."""
    if changes.get("currency", company.currency) != company.currency and Posting.objects.exists():
        raise CurrencyFixed(field="currency")
    return companies.change(company, changes, actor=actor, at=at)
