"""Funding accounts: money in and out, credit, and what a company may do only as its money allows: change its currency, be suspended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cards.models import BlockList
from cards.operations.controls import lock_block_list, write_block_list
from companies import operations as companies
from companies.models import Company, CompanyStatus
from spendtrackr import errors, events
from spendtrackr.money import MAX_MINOR, Money
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


class NotAvailable(errors.Invalid):
    """More than is there was to be withdrawn. Nothing was moved."""

    code = "insufficient_funds"

    def __init__(self, amount: Money, available: Money, *, has_credit: bool = False) -> None:
        credit = " Credit cannot be withdrawn." if has_credit else ""
        super().__init__(f"{amount.written()} cannot be withdrawn: {available.written()} is available.{credit}", field="amount")


@operation
def withdraw(amount: Money, *, actor: Membership, at: datetime) -> tuple[FundingAccount, Entry]:
    """Money goes back to the bank: available to external, never below zero and never on credit.

    Raises `NotAvailable`, and `CompanySuspended` while the account is blocked.
    """
    account = FundingAccount.objects.filter(currency=amount.currency).first()
    if account is None:
        raise NotAvailable(amount, Money(0, amount.currency))
    move = Move(Account.AVAILABLE, Account.EXTERNAL, amount.minor)
    day = actor.company.day_of(at)
    try:
        entry = ledger.post(account, EntryKind.WITHDRAWAL, [move], at=at, day=day, must_be_covered=True, on_credit=False)
    except ledger.InsufficientFunds as error:
        account.refresh_from_db()
        if account.is_blocked:
            raise errors.CompanySuspended from error
        raise NotAvailable(amount, account.available, has_credit=account.credit_minor > 0) from error
    events.record("account.withdrawn", account, actor=actor, at=at, entry=entry.public_id, minor=amount.minor, currency=amount.currency)
    account.refresh_from_db()
    return account, entry


@operation
def set_credit(account: FundingAccount, credit: Money, *, actor: events.HasPublicId, at: datetime) -> FundingAccount:
    """How far requests may push `available` below zero from this commit on; what was approved before stays approved.

    For operators: it enters the account's company by itself. Raises `Invalid` for an amount that cannot be a credit of this account.
    """
    if credit.currency != account.currency:
        raise errors.Invalid(f"This account is in {account.currency}.", field="credit.currency")
    if not 0 <= credit.minor <= MAX_MINOR:
        raise errors.Invalid(f"Credit is an amount from zero to {Money(MAX_MINOR, account.currency).written()}.", field="credit")
    with company_scope(account.company_id):
        account = FundingAccount.objects.select_for_update().get(pk=account.pk)
        before = account.credit_minor
        if credit.minor != before:
            account.credit_minor = credit.minor
            account.save(update_fields=["credit_minor"])
            said = {"minor": credit.minor, "before_minor": before, "currency": credit.currency}
            events.record("account.credit_changed", account, actor=actor, at=at, **said)
    return account


@operation
def suspend_company(company: Company, *, actor: events.HasPublicId | None, at: datetime) -> Company:
    """From this commit on no swipe is approved, no write accepted; everything stays readable."""
    with company_scope(company.pk):
        lock_block_list()  # which whoever opens an account holds: it is open by now, or will be blocked
        FundingAccount.objects.update(is_blocked=True)
    return companies.set_status(company, CompanyStatus.SUSPENDED, actor=actor, at=at)


@operation
def reactivate_company(company: Company, *, actor: events.HasPublicId | None, at: datetime) -> Company:
    with company_scope(company.pk):
        lock_block_list()
        FundingAccount.objects.update(is_blocked=False)
    return companies.set_status(company, CompanyStatus.ACTIVE, actor=actor, at=at)


@operation
def block(company: Company, changes: dict[str, list[str]], *, actor: Membership, at: datetime) -> BlockList:
    """Change where no card of the company may be used. From this commit on no swipe is approved against the new list.

    Keys are `blocked_merchant_categories`, `blocked_merchants`, `blocked_countries`; what is not named stays. Raises `Invalid`.
    """
    row = write_block_list(changes)
    # The approving UPDATE tests the version on the row that it writes, so a decision by the older list cannot commit after this.
    FundingAccount.objects.update(rules_version=row.version)
    events.record("company.block_list_changed", company, actor=actor, at=at, version=row.version, changed=sorted(changes))
    return row


class CurrencyFixed(errors.InvalidState):
    code = "currency_fixed"
    message = "Money was posted already, so the company's currency cannot change any more."


@operation
def change_company(company: Company, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Company:
    """Change the company's profile: see `companies.operations.change`. Raises `CurrencyFixed` after the first posting."""
    if changes.get("currency", company.currency) != company.currency and Posting.objects.exists():
        raise CurrencyFixed(field="currency")
    return companies.change(company, changes, actor=actor, at=at)
