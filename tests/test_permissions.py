"""Role by action by whose it is, over every route: what the table of permissions says is what every route, page and download does.

Somebody of each role asks for their own, for that of somebody who reports to them, for that of a stranger in the company, and for
another company's. A route without a row here fails. What is expected is computed from the table (`users/roles.py`), and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from cards import operations as cards
from cards.models import BudgetInterval, RequestKind
from cards.operations import budgets, requests
from companies import operations as companies
from companies.models import Category, Company
from conftest import build_world, client_of
from reports import operations as exports
from reports.catalogue import REPORTS
from spendtrackr import events
from spendtrackr.ids import new_id
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import endpoints
from tests.factories import NOON, PASSWORD, swipe
from tests.papers import picture, read_upload
from tests.routes import all_routes
from tests.rules import document
from tests.test_isolation import OPEN
from transactions.documents import inspect
from transactions.models import OPEN_KEY, Approval, Assignment, Attachment, FundingAccount, Outcome, Payout, Repayment, Split, Transaction
from transactions.operations import (
    accounting,
    accounts,
    approvals,
    backtests,
    claims,
    coding,
    delegations,
    policies,
    receipts,
    reimbursements,
)
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from transactions.queries import Days
from users import operations as people
from users.models import Membership, Notification, Session, SessionKind
from users.notices import About, Kind
from users.roles import SCOPES, TABLE, Role, covers

# The line of the table that shows an object of each kind.
SEEN_BY = {
    "card": "cards.see",
    "grant": "cards.see",
    "budget": "budgets.see",
    "request": "requests.see",
    "member": "people.see",
    "transaction": "transactions.see",
    "receipt": "transactions.see",
    "approval": "approvals.see",
    "invitation": "people.invite",
    "category": "categories.see",
    "tag": "tags.see",
    "department": "departments.see",
    "account": "accounts.see",
    "import": "imports.see",
    "upload": "imports.book",
    "session": "profile.own",
    "notification": "notifications.own",
    "policy": "policies.see",
    "key": "keys.see",
    "webhook": "webhooks.see",
    "sent": "webhooks.see",
    "event": "activity.see",
    "backtest": "backtests.see",
    "export": "exports.own",
    "delegation": "delegations.see",
    "claim": "transactions.see",
    "reimbursement": "reimbursements.see",
    "payout": "reimbursements.see",
    "batch": "books.see",
    "repayment": "repayments.see",
    # The transaction that is owed for: what the page of repayments links to.
    "owed": "repayments.see",
}
# What a key needs besides, for what its request names.
ALSO_NEEDS = {
    "POST /api/v1/budgets/": "people:read",
    "POST /api/v1/exports/": "transactions:read",
    "GET /api/v1/backtests/{public_id}/rows/": "transactions:read",
}
# What is somebody's own, and so no program's.
OWN_ALONE = {"export"}
# What nobody does about their own, whatever their role.
NEVER_OWN = {"repayments.settle"}
# Nobody's in particular: the company's, or another company's.
COMPANYS = {
    "invitation", "category", "department", "account", "import", "upload", "policy", "backtest", "tag", "reimbursement", "payout", "batch",
    "key", "event", "webhook", "sent",
}  # fmt: skip
OWN, REPORT, STRANGER, FOREIGN = "own", "a report's", "a stranger's", "another company's"
MONEY = {"minor": 1_00, "currency": "USD"}


@dataclass(frozen=True)
class Case:
    """The line that a route needs; the kind of object in its address, or in its body under `names`; what is sent besides.

    `each`: it does several things at once, and says of each whether it is done.
    """

    rule: str
    kind: str = ""
    body: Any = None
    names: str | Callable[[str], Any] = ""
    lists: str = ""
    each: bool = False


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("r.png", picture(colour="green"), "image/png")


def its_transaction(receipt_id: str) -> dict[str, str]:
    """What a receipt is attached to, whoever may see that."""
    return {"transaction": Attachment.across_companies.get(receipt__public_id=receipt_id).transaction.public_id}


def statement() -> SimpleUploadedFile:
    return SimpleUploadedFile("s.csv", b"Date,Amount,Merchant\n2026-01-05,1.00,Shop\n")


def people_file() -> SimpleUploadedFile:
    return SimpleUploadedFile("p.csv", b"E-mail\nnew@acme.example\n")


def departments_file() -> SimpleUploadedFile:
    return SimpleUploadedFile("d.csv", b"Name,Parent\nNew,\n")


def alice() -> str:
    return Membership.across_companies.get(user__email="alice@acme.example").public_id


def days() -> dict[str, str]:
    return {name: f"{timezone.now() + timedelta(days=ahead):%Y-%m-%d}" for name, ahead in (("starts_on", 2), ("ends_on", 3))}


def budget_form() -> dict[str, str]:
    return {"name": "New", "limit": "100", "interval": "month", "hardness": "hard", "owner": alice()}


BUDGET = {"name": "New", "limit": MONEY, "interval": "month", "is_hard": True}
DOCUMENT = document()
WANTED = {"name": "New", "amount": MONEY, "reason": "Why"}
LATER = "2099-01-01T00:00:00Z"
FOUND = {"company_name": "Second", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin"}
SWIPE = {"amount": MONEY, "merchant_name": "x", "merchant_code": "5812", "country": "US"}
CLAIM = {"spent_on": "2026-03-08", "amount": MONEY, "merchant_name": "Inn"}
CASES: dict[str, Case] = {
    "GET /api/v1/claims/": Case("transactions.see", lists="claim"),
    "POST /api/v1/claims/": Case("claims.make", body=CLAIM),
    "GET /api/v1/claims/{public_id}/": Case("transactions.see", "claim"),
    "PATCH /api/v1/claims/{public_id}/": Case("claims.change", "claim", {"memo": "N"}),
    "POST /api/v1/claims/{public_id}/cancel/": Case("claims.change", "claim", {}),
    "GET /api/v1/reimbursements/": Case("reimbursements.see", lists="reimbursement"),
    "POST /api/v1/reimbursements/": Case("reimbursements.pay", body={}),
    "GET /api/v1/reimbursements/owed/": Case("reimbursements.see"),
    "GET /api/v1/reimbursements/{public_id}/": Case("reimbursements.see", "reimbursement"),
    "GET /api/v1/reimbursements/{public_id}/export/": Case("reimbursements.see", "reimbursement"),
    "POST /api/v1/reimbursements/{public_id}/pay/": Case("reimbursements.pay", "reimbursement", {"paid_from": "bank", "reference": "T"}),
    "POST /api/v1/reimbursements/{public_id}/cancel/": Case("reimbursements.pay", "reimbursement", {}),
    "GET /api/v1/books/": Case("books.see"),
    "PATCH /api/v1/books/": Case("books.close", body={"closed_through": "2026-02-28"}),
    "GET /api/v1/books/late/": Case("books.see"),
    "GET /api/v1/accounting-settings/": Case("books.see"),
    "PATCH /api/v1/accounting-settings/": Case("books.export", body={"tracking_name": "Team"}),
    "GET /api/v1/accounting-items/": Case("books.see", lists="transaction"),
    "GET /api/v1/accounting-items/summary/": Case("books.see"),
    "GET /api/v1/accounting-items/{public_id}/": Case("books.see", "transaction"),
    "GET /api/v1/accounting-batches/": Case("books.see", lists="batch"),
    "POST /api/v1/accounting-batches/": Case("books.export", body={}),
    "GET /api/v1/accounting-batches/{public_id}/": Case("books.see", "batch"),
    "GET /api/v1/accounting-batches/{public_id}/rows/": Case("books.see", "batch"),
    "GET /api/v1/accounting-batches/{public_id}/export/": Case("books.see", "batch"),
    "POST /api/v1/accounting-batches/{public_id}/fail/": Case("books.export", "batch", {"reason": "Locked"}),
    "GET /accounting/": Case("books.see", lists="batch"),
    "GET /accounting/closing/": Case("books.see"),
    "POST /accounting/close/": Case("books.close", body={"closed_through": "2026-02-28"}),
    "GET /accounting/settings/": Case("books.export"),
    "POST /accounting/settings/": Case("books.export", body={"untaxed_as": "None", "exports_unapproved": "no", "tracking_name": "Team"}),
    "POST /accounting/batches/": Case("books.export", body={}),
    "GET /accounting/batches/{public_id}/": Case("books.see", "batch"),
    "GET /accounting/batches/{public_id}/export/": Case("books.see", "batch"),
    "POST /accounting/batches/{public_id}/fail/": Case("books.export", "batch", {"reason": "Locked"}),
    "GET /api/v1/payouts/": Case("reimbursements.see", lists="payout"),
    "GET /api/v1/payouts/{public_id}/": Case("reimbursements.see", "payout"),
    "POST /api/v1/payouts/{public_id}/remove/": Case("reimbursements.pay", "payout", {}),
    "POST /api/v1/payouts/{public_id}/fail/": Case("reimbursements.pay", "payout", {"reason": "Closed"}),
    "GET /api/v1/repayments/": Case("repayments.see", lists="repayment"),
    "GET /api/v1/repayments/{public_id}/": Case("repayments.see", "repayment"),
    "POST /api/v1/repayments/{public_id}/receive/": Case("repayments.settle", "repayment", {"amount": MONEY}),
    "POST /api/v1/repayments/{public_id}/waive/": Case("repayments.settle", "repayment", {"reason": "Ours"}),
    "GET /api/v1/transactions/{public_id}/comments/": Case("transactions.see", "transaction"),
    "POST /api/v1/transactions/{public_id}/comments/": Case("comments.say", "transaction", {"text": "Why?"}),
    "GET /api/v1/transactions/{public_id}/history/": Case("transactions.see", "transaction"),
    "GET /api/v1/card-requests/{public_id}/comments/": Case("requests.see", "request"),
    "POST /api/v1/card-requests/{public_id}/comments/": Case("comments.say", "request", {"text": "Why?"}),
    "GET /claims/": Case("transactions.see", lists="claim"),
    "GET /claims/new/": Case("claims.make"),
    "POST /claims/new/": Case("claims.make", body={"do": "add"}),
    "GET /claims/{public_id}/change/": Case("claims.change", "claim"),
    "POST /claims/{public_id}/change/": Case("claims.change", "claim", {"do": "add"}),
    "POST /claims/{public_id}/cancel/": Case("claims.change", "claim", {}),
    "GET /reimbursements/": Case("reimbursements.see", lists="reimbursement"),
    "POST /reimbursements/gather/": Case("reimbursements.pay", body={"all": "1"}),
    "GET /reimbursements/{public_id}/": Case("reimbursements.see", "reimbursement"),
    "GET /reimbursements/{public_id}/export/": Case("reimbursements.see", "reimbursement"),
    "POST /reimbursements/{public_id}/pay/": Case("reimbursements.pay", "reimbursement", {"paid_from": "bank", "reference": "T"}),
    "POST /reimbursements/{public_id}/cancel/": Case("reimbursements.pay", "reimbursement", {}),
    "POST /payouts/{public_id}/remove/": Case("reimbursements.pay", "payout", {}),
    "POST /payouts/{public_id}/fail/": Case("reimbursements.pay", "payout", {"reason": "Closed"}),
    "GET /repayments/": Case("repayments.see", lists="owed"),
    "POST /repayments/{public_id}/receive/": Case("repayments.settle", "repayment", {"amount": "1"}),
    "POST /repayments/{public_id}/waive/": Case("repayments.settle", "repayment", {"reason": "Ours"}),
    "POST /transactions/{public_id}/comments/": Case("comments.say", "transaction", {"text": "Why?"}),
    "GET /requests/{public_id}/": Case("requests.see", "request"),
    "POST /requests/{public_id}/comments/": Case("comments.say", "request", {"text": "Why?"}),
    "GET /api/v1/cards/": Case("cards.see", lists="card"),
    "POST /api/v1/cards/": Case("cards.issue", "member", {}, names="holder"),
    "GET /api/v1/cards/{public_id}/": Case("cards.see", "card"),
    "PATCH /api/v1/cards/{public_id}/": Case("cards.control", "card", {"name": "N"}),
    "POST /api/v1/cards/{public_id}/freeze/": Case("cards.freeze", "card", {}),
    "POST /api/v1/cards/{public_id}/unfreeze/": Case("cards.freeze", "card", {}),
    "POST /api/v1/cards/{public_id}/replace/": Case("cards.issue", "card", {}),
    "POST /api/v1/cards/{public_id}/authorizations/preview/": Case("cards.see", "card", SWIPE),
    "GET /api/v1/transactions/{public_id}/decision/": Case("transactions.see", "transaction"),
    "POST /api/v1/simulator/messages/": Case(
        "simulator.use", "card", lambda: {"amount": MONEY, "kind": "capture", "ref": new_id("ref"), "network_id": new_id("net")},
        names="card",
    ),
    "POST /api/v1/simulator/authorizations/{public_id}/increment/": Case("simulator.use", "transaction", {"amount": MONEY}),
    "POST /api/v1/simulator/authorizations/{public_id}/expire/": Case("simulator.use", "transaction", {}),
    "POST /api/v1/cards/{public_id}/close/": Case("cards.close", "card", {}),
    "GET /api/v1/cards/{public_id}/grants/": Case("cards.see", "card"),
    "POST /api/v1/cards/{public_id}/grants/": Case("cards.grant", "card", {"amount": MONEY, "expires_at": LATER}),
    "POST /api/v1/grants/{public_id}/revoke/": Case("cards.grant", "grant", {}),
    "GET /api/v1/block-list/": Case("blocks.see"),
    "PATCH /api/v1/block-list/": Case("blocks.change", body={"blocked_countries": ["KP"]}),
    "GET /api/v1/budgets/": Case("budgets.see", lists="budget"),
    "POST /api/v1/budgets/": Case("budgets.change", body=lambda: {**BUDGET, "owner": BOSS()}),
    "GET /api/v1/budgets/{public_id}/": Case("budgets.see", "budget"),
    "PATCH /api/v1/budgets/{public_id}/": Case("budgets.change", "budget", {"name": "N"}),
    "POST /api/v1/budgets/{public_id}/close/": Case("budgets.change", "budget", {}),
    "GET /api/v1/card-requests/": Case("requests.see", lists="request"),
    "POST /api/v1/card-requests/": Case("requests.ask", body={"kind": "card", **WANTED}),
    "GET /api/v1/card-requests/{public_id}/": Case("requests.see", "request"),
    "POST /api/v1/card-requests/{public_id}/approve/": Case("requests.decide", "request", {}),
    "POST /api/v1/card-requests/{public_id}/reject/": Case("requests.decide", "request", {"answer": "No"}),
    "POST /api/v1/card-requests/{public_id}/withdraw/": Case("requests.withdraw", "request", {}),
    "GET /api/v1/members/": Case("people.see", lists="member"),
    "GET /api/v1/members/{public_id}/": Case("people.see", "member"),
    "PATCH /api/v1/members/{public_id}/": Case("people.change", "member", {"department": None}),
    "POST /api/v1/members/{public_id}/suspend/": Case("people.change", "member", {}),
    "POST /api/v1/members/{public_id}/deactivate/": Case("people.change", "member", {}),
    "POST /api/v1/members/{public_id}/reactivate/": Case("people.change", "member", {}),
    "GET /api/v1/invitations/": Case("people.invite", lists="invitation"),
    "POST /api/v1/invitations/": Case("people.invite", body={"email": "new@acme.example", "role": "employee"}),
    "GET /api/v1/invitations/{public_id}/": Case("people.invite", "invitation"),
    "POST /api/v1/invitations/{public_id}/resend/": Case("people.invite", "invitation", {}),
    "POST /api/v1/invitations/{public_id}/revoke/": Case("people.invite", "invitation", {}),
    "GET /api/v1/departments/": Case("departments.see", lists="department"),
    "POST /api/v1/departments/": Case("departments.change", body={"name": "New"}),
    "GET /api/v1/departments/{public_id}/": Case("departments.see", "department"),
    "PATCH /api/v1/departments/{public_id}/": Case("departments.change", "department", {"name": "Other"}),
    "GET /api/v1/categories/": Case("categories.see", lists="category"),
    "POST /api/v1/categories/": Case("categories.change", body={"name": "New"}),
    "GET /api/v1/categories/{public_id}/": Case("categories.see", "category"),
    "PATCH /api/v1/categories/{public_id}/": Case("categories.change", "category", {"ledger_code": "1"}),
    "GET /api/v1/events/": Case("activity.see", lists="event"),
    "GET /api/v1/events/{public_id}/": Case("activity.see", "event"),
    "GET /api/v1/api-keys/": Case("keys.see", lists="key"),
    "POST /api/v1/api-keys/": Case("keys.change", body={"name": "New", "scopes": ["cards:read"]}),
    "GET /api/v1/api-keys/{public_id}/": Case("keys.see", "key"),
    "PATCH /api/v1/api-keys/{public_id}/": Case("keys.change", "key", {"name": "Other"}),
    "POST /api/v1/api-keys/{public_id}/rotate/": Case("keys.change", "key", {}),
    "POST /api/v1/api-keys/{public_id}/revoke/": Case("keys.change", "key", {}),
    "GET /api/v1/webhook-endpoints/": Case("webhooks.see", lists="webhook"),
    "POST /api/v1/webhook-endpoints/": Case("webhooks.change", body={"url": "https://erp.example/"}),
    "GET /api/v1/webhook-endpoints/{public_id}/": Case("webhooks.see", "webhook"),
    "PATCH /api/v1/webhook-endpoints/{public_id}/": Case("webhooks.change", "webhook", {"description": "Other"}),
    "DELETE /api/v1/webhook-endpoints/{public_id}/": Case("webhooks.change", "webhook"),
    "POST /api/v1/webhook-endpoints/{public_id}/rotate/": Case("webhooks.change", "webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/test/": Case("webhooks.change", "webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/switch-off/": Case("webhooks.change", "webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/switch-on/": Case("webhooks.change", "webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/replay/": Case("webhooks.change", "webhook", {"after": 0}),
    "GET /api/v1/webhook-deliveries/": Case("webhooks.see", lists="sent"),
    "GET /api/v1/webhook-deliveries/{public_id}/": Case("webhooks.see", "sent"),
    "POST /api/v1/webhook-deliveries/{public_id}/replay/": Case("webhooks.change", "sent", {}),
    "GET /webhooks/": Case("webhooks.see", lists="webhook"),
    "POST /webhooks/": Case("webhooks.change", body={"url": "https://erp.example/"}),
    "GET /webhooks/{public_id}/": Case("webhooks.see", "webhook"),
    "POST /webhooks/{public_id}/": Case("webhooks.change", "webhook", {"do": "test"}),
    "GET /webhook-deliveries/{public_id}/": Case("webhooks.see", "sent"),
    "POST /webhook-deliveries/{public_id}/": Case("webhooks.change", "sent", {}),
    "GET /api-keys/": Case("keys.see", lists="key"),
    "POST /api-keys/": Case("keys.change", body={"name": "New", "scopes": ["cards:read"]}),
    "GET /api-keys/{public_id}/": Case("keys.see", "key"),
    "POST /api-keys/{public_id}/": Case("keys.change", "key", {"do": "rotate"}),
    "GET /api/v1/tags/": Case("tags.see", lists="tag"),
    "POST /api/v1/tags/": Case("tags.change", body={"name": "New"}),
    "GET /api/v1/tags/{public_id}/": Case("tags.see", "tag"),
    "PATCH /api/v1/tags/{public_id}/": Case("tags.change", "tag", {"name": "Other"}),
    "GET /settings/tags/new/": Case("tags.change"),
    "POST /settings/tags/new/": Case("tags.change", body={"name": "New"}),
    "GET /settings/tags/{public_id}/": Case("tags.change", "tag"),
    "POST /settings/tags/{public_id}/": Case("tags.change", "tag", {"do": "archive"}),
    "POST /api/v1/transactions/describe/": Case(
        "transactions.describe", "transaction", {"memo": "N"}, names=lambda id_: {"transactions": [id_]}, each=True
    ),
    "POST /transactions/describe/": Case("transactions.describe", body={}),
    "GET /transactions/{public_id}/split/": Case("transactions.describe", "transaction"),
    "POST /transactions/{public_id}/split/": Case("transactions.describe", "transaction", {"do": "add"}),
    "GET /api/v1/company/": Case("company.see"),
    "PATCH /api/v1/company/": Case("company.change", body={"name": "Acme Ltd"}),
    "POST /api/v1/companies/": Case("profile.own", body=FOUND),
    "GET /api/v1/transactions/": Case("transactions.see", lists="transaction"),
    "GET /api/v1/transactions/{public_id}/": Case("transactions.see", "transaction"),
    "PATCH /api/v1/transactions/{public_id}/": Case("transactions.describe", "transaction", {"memo": "N"}),
    "POST /api/v1/transactions/{public_id}/submit/": Case("transactions.submit", "transaction", {}),
    "POST /api/v1/transactions/{public_id}/withdraw/": Case("transactions.submit", "transaction", {}),
    "GET /api/v1/policies/": Case("policies.see", lists="policy"),
    "POST /api/v1/policies/": Case("policies.change", body={"document": DOCUMENT}),
    "GET /api/v1/policies/current/": Case("policies.see"),
    "GET /api/v1/policies/{public_id}/": Case("policies.see", "policy"),
    "POST /api/v1/policies/{public_id}/activate/": Case("policies.change", "policy", {}),
    "POST /api/v1/policies/{public_id}/backtest/": Case("policies.change", "policy", {}),
    "POST /api/v1/cards/{public_id}/controls/backtest/": Case("cards.control", "card", {}),
    "GET /api/v1/backtests/": Case("backtests.see", lists="backtest"),
    "GET /api/v1/backtests/{public_id}/": Case("backtests.see", "backtest"),
    "GET /api/v1/backtests/{public_id}/rows/": Case("backtests.see", "backtest"),
    "GET /api/v1/delegations/": Case("delegations.see", lists="delegation"),
    "POST /api/v1/delegations/": Case("delegations.make", "member", lambda: {"to": alice(), **days()}, names="member"),
    "GET /api/v1/delegations/{public_id}/": Case("delegations.see", "delegation"),
    "POST /api/v1/delegations/{public_id}/end/": Case("delegations.make", "delegation", {}),
    "GET /api/v1/approvals/mine/": Case("approvals.see"),
    "POST /api/v1/approvals/decide/": Case(
        "approvals.decide", "approval", {}, names=lambda id_: {"decisions": [{"approval": id_, "outcome": "approved"}]}, each=True
    ),
    "POST /api/v1/approvals/{public_id}/request-changes/": Case("approvals.decide", "approval", {"reason": "Why?"}),
    "GET /api/v1/approvals/": Case("approvals.see", lists="approval"),
    "GET /api/v1/approvals/{public_id}/": Case("approvals.see", "approval"),
    "POST /api/v1/approvals/{public_id}/approve/": Case("approvals.decide", "approval", {}),
    "POST /api/v1/approvals/{public_id}/reject/": Case("approvals.decide", "approval", {"reason": "Why?"}),
    "GET /api/v1/receipts/": Case("transactions.see", lists="receipt"),
    "POST /api/v1/receipts/": Case("transactions.describe", "transaction", lambda: {"file": upload()}, names="transaction"),
    "GET /api/v1/receipts/{public_id}/": Case("transactions.see", "receipt"),
    "GET /api/v1/receipts/{public_id}/file/": Case("transactions.see", "receipt"),
    "GET /api/v1/receipts/{public_id}/suggestions/": Case("transactions.see", "receipt"),
    "DELETE /api/v1/receipts/{public_id}/": Case("transactions.describe", "receipt"),
    "PATCH /api/v1/receipts/{public_id}/": Case("transactions.describe", "receipt", {"merchant_name": "N"}),
    "POST /api/v1/receipts/{public_id}/attach/": Case("transactions.describe", "receipt", {}, names=its_transaction),
    "POST /api/v1/receipts/{public_id}/detach/": Case("transactions.describe", "receipt", {}, names=its_transaction),
    "GET /api/v1/accounts/": Case("accounts.see", lists="account"),
    "GET /api/v1/accounts/{public_id}/": Case("accounts.see", "account"),
    "GET /api/v1/accounts/{public_id}/balance/": Case("accounts.see", "account"),
    "GET /api/v1/accounts/{public_id}/statement/": Case("accounts.see", "account"),
    "GET /api/v1/accounts/{public_id}/entries/": Case("accounts.see", "account"),
    "GET /api/v1/exports/": Case("exports.own", lists="export"),
    "POST /api/v1/exports/": Case("exports.own", body={"what": "transactions", "format": "csv"}),
    "GET /api/v1/exports/{public_id}/": Case("exports.own", "export"),
    "GET /api/v1/exports/{public_id}/file/": Case("exports.own", "export"),
    "GET /exports/": Case("exports.own"),
    "POST /exports/": Case("exports.own", body={"what": "receipt-files", "format": "zip", "month": "2026-03"}),
    "GET /exports/{public_id}/": Case("exports.own", "export"),
    "GET /api/v1/imports/": Case("imports.see", lists="import"),
    "POST /api/v1/imports/": Case("imports.book", body=lambda: {"file": statement()}),
    "POST /api/v1/imports/propose/": Case("imports.book", body=lambda: {"file": statement()}),
    "POST /api/v1/imports/preview/": Case("imports.book", body=lambda: {"file": statement()}),
    "GET /api/v1/imports/{public_id}/": Case("imports.see", "import"),
    "GET /api/v1/imports/{public_id}/issues/": Case("imports.see", "import"),
    "GET /api/v1/statement-uploads/": Case("imports.book", lists="upload"),
    "POST /api/v1/statement-uploads/": Case("imports.book", body=lambda: {"file": statement()}),
    "GET /api/v1/statement-uploads/{public_id}/": Case("imports.book", "upload"),
    "PATCH /api/v1/statement-uploads/{public_id}/": Case("imports.book", "upload", {"source": "Other"}),
    "DELETE /api/v1/statement-uploads/{public_id}/": Case("imports.book", "upload"),
    "POST /api/v1/statement-uploads/{public_id}/book/": Case("imports.book", "upload", {}),
    "GET /imports/": Case("imports.see", lists="import"),
    "POST /imports/": Case("imports.book", body=lambda: {"file": statement()}),
    "GET /imports/{public_id}/": Case("imports.see", "import"),
    "GET /imports/uploads/{public_id}/": Case("imports.book", "upload"),
    "POST /imports/uploads/{public_id}/": Case("imports.book", "upload", {"do": "book"}),
    "POST /api/v1/simulator/topups/": Case("simulator.use", body={"amount": MONEY}),
    "POST /api/v1/simulator/withdrawals/": Case("simulator.use", body={"amount": MONEY}),
    "POST /api/v1/simulator/authorizations/": Case("simulator.use", "card", SWIPE, names="card"),
    "POST /api/v1/simulator/authorizations/{public_id}/capture/": Case("simulator.use", "transaction", {}),
    "POST /api/v1/simulator/authorizations/{public_id}/reverse/": Case("simulator.use", "transaction", {}),
    "POST /api/v1/simulator/authorizations/{public_id}/refund/": Case("simulator.use", "transaction", {}),
    "GET /api/v1/reports/spend/?group_by=member": Case("reports.see", lists="member"),
    "GET /api/v1/auth/me/": Case("profile.own"),
    "PATCH /api/v1/auth/me/": Case("profile.own", body={"name": "N"}),
    "POST /api/v1/auth/logout/": Case("profile.own", body={}),
    "POST /api/v1/auth/password/": Case("profile.own", body={"current": PASSWORD, "new": "another-long-password"}),
    "POST /api/v1/auth/switch/": Case("profile.own", body=lambda: {"company": Company.objects.get(name="Acme").public_id}),
    "POST /api/v1/auth/confirm-address/resend/": Case("profile.own", body={}),
    "GET /api/v1/auth/sessions/": Case("profile.own", lists="session"),
    "POST /api/v1/auth/sessions/revoke-others/": Case("profile.own", body={}),
    "POST /api/v1/auth/sessions/{public_id}/revoke/": Case("profile.own", "session", {}),
    "GET /api/v1/reports/": Case("reports.see"),
    "GET /reports/": Case("reports.see"),
    **{f"GET /api/v1/reports/{name}/": Case(report.rule) for name, report in REPORTS.items() if name != "spend"},
    **{f"GET /reports/{name}/": Case(report.rule) for name, report in REPORTS.items()},
    "GET /": Case("reports.see"),
    "GET /my-spend/": Case("reports.see"),
    "GET /activity/": Case("activity.see"),
    "GET /transactions/": Case("transactions.see", lists="transaction"),
    "GET /transactions/{public_id}/history/": Case("transactions.see", "transaction"),
    "GET /transactions/{public_id}/accounting/": Case("books.see", "transaction"),
    "GET /transactions/{public_id}/": Case("transactions.see", "transaction"),
    "POST /transactions/{public_id}/describe/": Case("transactions.describe", "transaction", {"memo": "N"}),
    "POST /transactions/{public_id}/submit/": Case("transactions.submit", "transaction", {}),
    "POST /transactions/{public_id}/withdraw/": Case("transactions.submit", "transaction", {}),
    "POST /approvals/approve/": Case("approvals.decide", body={}),
    "GET /approvals/delegate/": Case("delegations.make"),
    "POST /approvals/delegate/": Case("delegations.make", body=lambda: {"to": alice(), **days()}),
    "GET /policies/": Case("policies.see", lists="policy"),
    "GET /policies/new/": Case("policies.change"),
    "POST /policies/new/": Case("policies.change", body={"do": "add"}),
    "GET /policies/{public_id}/": Case("policies.see", "policy"),
    "POST /policies/{public_id}/activate/": Case("policies.change", "policy", {}),
    "GET /policies/{public_id}/backtest/": Case("policies.change", "policy"),
    "POST /policies/{public_id}/backtest/": Case("policies.change", "policy", {}),
    "GET /cards/{public_id}/backtest/": Case("cards.control", "card"),
    "POST /cards/{public_id}/backtest/": Case("cards.control", "card", {"name": "N"}),
    "GET /backtests/": Case("backtests.see", lists="backtest"),
    "GET /backtests/{public_id}/": Case("backtests.see", "backtest"),
    "GET /backtests/{public_id}/rows/": Case("backtests.see", "backtest"),
    "POST /delegations/{public_id}/end/": Case("delegations.make", "delegation", {}),
    "POST /approvals/{public_id}/request-changes/": Case("approvals.decide", "approval", {"reason": "Why?"}),
    "POST /transactions/{public_id}/receipts/": Case("transactions.describe", "transaction", lambda: {"file": upload()}),
    "GET /receipts/{public_id}/": Case("transactions.see", "receipt"),
    "GET /receipts/": Case("transactions.see"),
    "POST /receipts/": Case("transactions.describe", body=lambda: {"file": upload()}),
    "POST /receipts/{public_id}/describe/": Case("transactions.describe", "receipt", {"merchant_name": "N"}),
    "POST /receipts/{public_id}/remove/": Case("transactions.describe", "receipt", {}),
    "POST /receipts/{public_id}/attach/": Case("transactions.describe", "receipt", {}, names=its_transaction),
    "POST /receipts/{public_id}/detach/": Case("transactions.describe", "receipt", {}, names=its_transaction),
    "GET /approvals/": Case("approvals.see", lists="transaction"),
    "POST /approvals/{public_id}/approve/": Case("approvals.decide", "approval", {}),
    "POST /approvals/{public_id}/reject/": Case("approvals.decide", "approval", {"reason": "Why?"}),
    "GET /funding/": Case("accounts.see"),
    "GET /cards/": Case("cards.see", lists="card"),
    "GET /cards/new/": Case("cards.issue"),
    "POST /cards/new/": Case("cards.issue", "member", {"name": "New"}, names="holder"),
    "GET /cards/{public_id}/": Case("cards.see", "card"),
    "GET /cards/{public_id}/change/": Case("cards.control", "card"),
    "POST /cards/{public_id}/change/": Case("cards.control", "card", {"name": "N"}),
    "POST /cards/{public_id}/freeze/": Case("cards.freeze", "card", {}),
    "POST /cards/{public_id}/unfreeze/": Case("cards.freeze", "card", {}),
    "POST /cards/{public_id}/close/": Case("cards.close", "card", {}),
    "GET /cards/{public_id}/grant/": Case("cards.grant", "card"),
    "POST /cards/{public_id}/grant/": Case("cards.grant", "card", {"amount": "1", "expires_at": "2099-12-31", "reason": "Fair"}),
    "POST /grants/{public_id}/revoke/": Case("cards.grant", "grant", {}),
    "GET /cards/{public_id}/replace/": Case("cards.issue", "card"),
    "POST /cards/{public_id}/replace/": Case("cards.issue", "card", {}),
    "GET /budgets/": Case("budgets.see", lists="budget"),
    "GET /budgets/new/": Case("budgets.change"),
    "POST /budgets/new/": Case("budgets.change", body=budget_form),
    "GET /budgets/{public_id}/": Case("budgets.see", "budget"),
    "POST /budgets/{public_id}/": Case("budgets.change", "budget", budget_form),
    "POST /budgets/{public_id}/close/": Case("budgets.change", "budget", {}),
    "GET /requests/": Case("requests.see", lists="request"),
    "GET /requests/new/": Case("requests.ask"),
    "POST /requests/new/": Case("requests.ask", body={**WANTED, "amount": "1", "interval": "month"}),
    "POST /requests/{public_id}/approve/": Case("requests.decide", "request", {}),
    "POST /requests/{public_id}/reject/": Case("requests.decide", "request", {"answer": "No"}),
    "POST /requests/{public_id}/withdraw/": Case("requests.withdraw", "request", {}),
    "POST /api/v1/people-imports/": Case("people.invite", body=lambda: {"file": people_file()}),
    "POST /api/v1/people-imports/preview/": Case("people.invite", body=lambda: {"file": people_file()}),
    "POST /api/v1/department-imports/": Case("departments.change", body=lambda: {"file": departments_file()}),
    "POST /api/v1/department-imports/preview/": Case("departments.change", body=lambda: {"file": departments_file()}),
    "GET /people/import/": Case("people.invite"),
    "POST /people/import/": Case("people.invite", body=lambda: {"file": people_file()}),
    "GET /people/": Case("people.see", lists="member"),
    "POST /people/": Case("people.invite", body={"do": "invite", "email": "new@acme.example", "role": "employee"}),
    "GET /people/{public_id}/": Case("people.see", "member"),
    "POST /people/{public_id}/": Case("people.change", "member", {"do": "suspend"}),
    "GET /settings/": Case("company.see"),
    "POST /settings/": Case("company.change", body=lambda: PROFILE),
    "GET /settings/blocks/": Case("blocks.change"),
    "POST /settings/blocks/": Case("blocks.change", body={"blocked_countries": "KP"}),
    "GET /settings/departments/new/": Case("departments.change"),
    "POST /settings/departments/new/": Case("departments.change", body={"name": "New", "parent": "", "head": ""}),
    "GET /settings/departments/{public_id}/": Case("departments.change", "department"),
    "POST /settings/departments/{public_id}/": Case("departments.change", "department", {"do": "archive"}),
    "GET /settings/categories/new/": Case("categories.change"),
    "POST /settings/categories/new/": Case("categories.change", body={"name": "New"}),
    "GET /settings/categories/{public_id}/": Case("categories.change", "category"),
    "POST /settings/categories/{public_id}/": Case("categories.change", "category", {"do": "archive"}),
    "GET /api/v1/notifications/": Case("notifications.own", lists="notification"),
    "POST /api/v1/notifications/{public_id}/read/": Case("notifications.own", "notification", {}),
    "POST /api/v1/notifications/read/": Case("notifications.own", body={}),
    "GET /api/v1/notification-preferences/": Case("notifications.own"),
    "PATCH /api/v1/notification-preferences/": Case("notifications.own", body={"comment": {"mail": "daily"}}),
    "GET /notifications/": Case("notifications.own", lists="notification"),
    "POST /notifications/{public_id}/open/": Case("notifications.own", "notification", {}),
    "POST /notifications/read/": Case("notifications.own", body={}),
    "GET /notifications/preferences/": Case("notifications.own"),
    "POST /notifications/preferences/": Case("notifications.own", body=lambda: PREFERENCES),
    "GET /account/": Case("profile.own"),
    "POST /account/": Case("profile.own", body={"rename": "1", "name": "N"}),
    "POST /account/switch/": Case("profile.own", body=lambda: {"company": Company.objects.get(name="Acme").public_id}),
    "POST /account/sessions/revoke-others/": Case("profile.own", body={}),
    "POST /account/sessions/{public_id}/revoke/": Case("profile.own", "session", {}),
    "POST /confirm-address/resend/": Case("profile.own", body={}),
    "GET /companies/new/": Case("profile.own"),
    "POST /companies/new/": Case("profile.own", body=FOUND),
}  # fmt: skip
# Whoever has events sent somewhere reads them.
ALSO_NEEDS |= {route: "events:read" for route in CASES if "/api/v1/webhook-" in route}
BOSS = lambda: Membership.across_companies.get(user__name="Boss").public_id  # noqa: E731 -- who is there later
PREFERENCES = {f"{kind.value}-mail": "daily" for kind in Kind}
PROFILE = {
    "name": "Acme Ltd", "country": "US", "currency": "USD", "time_zone": "America/New_York", "fiscal_year_start_month": "1",
}  # fmt: skip


def claim(member: Membership) -> Transaction:
    lines = [Split(share_minor=1_00, category=Category.objects.get(name="Meals"))]
    return claims.make(claims.Wish(NOON.date(), Money(1_00, "USD"), "Inn", "Trip", lines), actor=member, at=NOON)


def answer(purchase: Transaction, owner: Membership, outcome: str) -> None:
    """By the first of those whom it waits for."""
    coding.describe(purchase, {"no_receipt_reason": "Lost"}, actor=owner, at=NOON)
    approvals.submit(purchase, actor=owner, at=NOON)
    asked = Approval.objects.get(transaction=purchase)
    by = Assignment.objects.filter(step__approval=asked, open_key=OPEN_KEY).order_by("slot", "pk")[0].member
    approvals.decide(asked, approvals.Answer(Outcome(outcome), "Why"), actor=by, at=NOON)


@dataclass
class Somebody:
    """A member with one of everything that a member can have."""

    member: Membership
    ids: dict[str, str]
    api: Client
    pages: Client


class Cast:
    """Acme with somebody of each role, who each have a report; a stranger with a manager of their own; and Mallory's company."""

    def __init__(self) -> None:
        world = build_world()
        self.actors: dict[str, Somebody] = {}
        self.reports: dict[str, Somebody] = {}
        with company_scope(world.acme.pk):
            accounts.top_up(Money(100_000_00, "USD"), actor=world.alice, at=NOON)
            self.alice = world.alice
            self.companys = self._companys(world.alice)
            self.boss = self._hire("Boss", Role.EMPLOYEE, None)
            for role in Role.values:
                actor = self._hire(f"Actor {role}", role, None)
                self.actors[role] = self._equip(actor)
                self.reports[role] = self._equip(self._hire(f"Report {role}", Role.EMPLOYEE, actor))
            self.stranger = self._equip(self._hire("Stranger", Role.EMPLOYEE, self.boss))
        with company_scope(world.mallory.company_id):
            self.alice = world.mallory
            self.boss = self._hire("Foreign boss", Role.EMPLOYEE, None)
            self._hire("Foreign admin", Role.ADMIN, None)
            self.foreign = {**self._companys(world.mallory), **self._equip(world.mallory).ids}
        # Last, because a request ends with no company in scope.
        for actor in self.actors.values():
            assert actor.pages.post("/sign-in/", {"email": actor.member.user.email, "password": PASSWORD}).status_code == 302

    def _hire(self, name: str, role: str, manager: Membership | None) -> Membership:
        email = f"{name.lower().replace(' ', '-')}@acme.example"
        _, token = people.invite(email=email, role=role, manager=manager, actor=self.alice, at=NOON)
        return people.accept(token, name=name, password=PASSWORD, at=NOON).member

    def _equip(self, member: Membership) -> Somebody:
        card = cards.issue(member, name="Card", currency="USD", controls=cards.Controls(), actor=self.alice, at=NOON)
        purchase = authorize(card, swipe(20_00, network_id=f"n-{card.pk}")).transaction
        clear(purchase, Clearing("capture", f"c-{card.pk}", NOON, is_final=True), actor=None)
        grant = cards.grant(card, Money(5_00, "USD"), expires_at=NOON.replace(year=2099), reason="Fair", actor=self.alice, at=NOON)
        content = picture(size=(8, 8))
        stored_as = receipts.store(content, company=member.company)
        receipt = receipts.attach(purchase, inspect(content, "r.png"), stored_as, actor=member, at=NOON)
        approvals.submit(purchase, actor=member, at=NOON)
        budget = budgets.create(
            name=f"Budget {member.pk}", limit=Money(1, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=member, actor=self.alice,
            at=NOON,
        )  # fmt: skip
        owed = authorize(card, swipe(1_00, network_id=f"o-{card.pk}")).transaction
        clear(owed, Clearing("capture", f"oc-{card.pk}", NOON, is_final=True), actor=None)
        answer(owed, member, "rejected")
        tomorrow = date(2026, 3, 11)
        away = delegations.delegate(member, self.boss, starts_on=tomorrow, ends_on=tomorrow, actor=member, at=NOON)
        wish = requests.Wish(RequestKind.CARD, Money(1, "USD"), "Why", name="Card")
        session = Session.objects.create(
            membership=member, kind=SessionKind.API, created_at=NOON, expires_at=timezone.now().replace(year=2099)
        )
        ids = {
            "card": card.public_id,
            "grant": grant.public_id,
            "member": member.public_id,
            "transaction": purchase.public_id,
            "receipt": receipt.public_id,
            "approval": Approval.objects.get(transaction=purchase).public_id,
            "session": session.public_id,
            "budget": budget.public_id,
            "delegation": away.public_id,
            "claim": claim(member).public_id,
            "owed": owed.public_id,
            "repayment": Repayment.objects.get(transaction=owed).public_id,
            "notification": self._told(member),
            "export": exports.ask("transactions", "csv", {}, actor=member, at=NOON).public_id,
            "request": requests.ask(wish, actor=member, at=NOON).public_id,
        }
        return Somebody(member, ids, client_of(member), Client())

    def _told(self, member: Membership) -> str:
        event = events.record("card.closed", member, actor=None, at=NOON)
        told = {"kind": Kind.CARD, "about": About.CARD, "about_id": new_id("card"), "text": "Told", "at": NOON}
        return Notification.objects.create(membership=member, event=event, **told).public_id

    def _companys(self, owner: Membership) -> dict[str, str]:
        invitation, _ = people.invite(email="late@acme.example", role="employee", actor=owner, at=timezone.now())
        file = StatementFile(b"Date,Amount,Merchant\n2026-01-05,1.00,Bakery\n", "s.csv")
        payee = self._hire("Payee", Role.EMPLOYEE, owner)
        answer(claim(payee), payee, "approved")
        batch = reimbursements.gather("USD", actor=owner, at=NOON)
        policy = policies.write(DOCUMENT, actor=owner, at=NOON)
        return {
            "batch": self._exported(owner),
            "reimbursement": batch.public_id,
            "payout": Payout.objects.get(reimbursement=batch).public_id,
            "invitation": invitation.public_id,
            "category": Category.objects.get(name="Meals").public_id,
            "department": people.add_department(name="Sales", actor=owner, at=NOON).public_id,
            "tag": companies.add_tag(name="Trip", actor=owner, at=NOON).public_id,
            "event": self._sealed(owner),
            "key": people.create_key(name="Payroll", scopes=["cards:read"], actor=owner, at=NOON)[0].public_id,
            **self._sent(owner),
            "account": FundingAccount.objects.get().public_id,
            "import": import_statement(owner.company, file, actor=owner, at=NOON).public_id,
            "upload": read_upload(file.content.replace(b"1.00", b"2.00"), actor=owner, at=NOON).public_id,
            "policy": policy.public_id,
            "backtest": backtests.try_policy(policy, Days(NOON.date(), NOON.date()), actor=owner, at=NOON).public_id,
        }

    def _sent(self, owner: Membership) -> dict[str, str]:
        """An endpoint, and what is on its way there."""
        endpoint, _ = endpoints.create(url="https://erp.example/hooks", actor=owner, at=NOON)
        return {"webhook": endpoint.public_id, "sent": endpoints.test(endpoint, actor=owner, at=NOON).public_id}

    def _sealed(self, owner: Membership) -> str:
        """The first of the company's log."""
        events.seal_all()
        return Event.objects.get(sequence=1).public_id

    def _exported(self, owner: Membership) -> str:
        """The payee's claim, and nothing of anybody else's."""
        companies.change_category(Category.objects.get(name="Meals"), {"ledger_code": "6200"}, actor=owner, at=NOON)
        clearing = [{"currency": "USD", "side": "claims", "ledger_code": "2200"}]
        accounting.change_settings({"clearing": clearing}, actor=owner, at=NOON)
        return accounting.export("USD", actor=owner, at=NOON).public_id

    def program(self, scopes: Collection[str]) -> Somebody:
        """A program of Acme's with just these scopes."""
        alice = self.actors[Role.OWNER].member
        with company_scope(alice.company_id):
            key, secret = people.create_key(name="Program", scopes=scopes, actor=alice, at=NOON)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return Somebody(key.integration.membership, {}, client, Client())

    def object_ids(self, role: str, kind: str) -> dict[str, str]:
        """By whose it is, as seen by the actor of a role."""
        if kind in COMPANYS:
            return {STRANGER: self.companys[kind], FOREIGN: self.foreign[kind]}
        owners = {OWN: self.actors[role], REPORT: self.reports[role], STRANGER: self.stranger}
        return {whose: owner.ids[kind] for whose, owner in owners.items()} | {FOREIGN: self.foreign[kind]}


@pytest.fixture(scope="module")
def cast(django_db_setup, django_db_blocker, tmp_path_factory):
    from django.conf import settings

    with django_db_blocker.unblock(), transaction.atomic():
        kept, settings.MEDIA_ROOT = settings.MEDIA_ROOT, tmp_path_factory.mktemp("cast")
        yield Cast()
        settings.MEDIA_ROOT = kept
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _unblocked(cast, django_db_blocker):
    with django_db_blocker.unblock():
        yield


def may(role: str, rule: str, whose: str, kind: str = "") -> bool:
    """What the table says."""
    if whose == FOREIGN:
        return False
    if kind in {"session", "notification", "export"}:
        return whose == OWN
    if rule in NEVER_OWN and whose == OWN:
        return False
    grant = TABLE[rule]
    if grant.routed and not grant.below:
        # Of these, only the report's request waits for the actor: the actor's own never does, the stranger's waits for the boss.
        return (whose == REPORT and role != Role.AUDITOR) or (role in grant.roles and whose != OWN)
    return role in grant.roles or (grant.own and whose == OWN) or (grant.below and whose == REPORT)


def could_ever(role: str, rule: str) -> bool:
    return role in TABLE[rule].roles or TABLE[rule].could_be_anybodys


DONE = {200, 201, 204, 302, 409}


def expected(role: str, route: str, case: Case, whose: str) -> set[int]:
    """The statuses that the table allows for. What cannot be seen is not there; what can be seen but not done is forbidden."""
    is_there = may(role, SEEN_BY[case.kind], whose, case.kind)
    if not could_ever(role, case.rule):
        # Refused whatever the object, so that nothing is told of it. A page may look for the object first.
        return {403} if "/api/" in route or is_there else {403, 404}
    if not is_there:
        return {400} if case.names and "{public_id}" not in route else {404}
    if case.each:
        return {200}
    return DONE if may(role, case.rule, whose, case.kind) else {403}


def send(somebody: Somebody, route: str, case: Case, object_id: str = "") -> Any:
    """The request, and afterwards everything as it was."""
    method, path = route.split()
    client = somebody.api if path.startswith("/api/") else somebody.pages
    body = case.body() if isinstance(case.body, Callable) else case.body
    if case.names:
        body = {**body, **(case.names(object_id) if isinstance(case.names, Callable) else {case.names: object_id})}
    kind = {"format": "multipart"} if path.startswith("/api/") and body and "file" in body else {}
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        answer = getattr(client, method.lower())(path.replace("{public_id}", object_id), body, **kind)
        answer.text_ = b"".join(answer).decode(errors="replace")
        transaction.set_rollback(True)
    client.cookies = cookies
    assert "/sign-in/" not in answer.headers.get("Location", ""), "signed out: this would prove nothing"
    return answer


def test_every_route_has_a_row():
    assert {route.split("?")[0] for route in CASES} | OPEN == {str(route) for route in all_routes()}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("route", [route for route, case in CASES.items() if case.kind])
def test_what_is_done_to_an_object_is_what_the_table_says(cast, route, role):
    case = CASES[route]
    found = {whose: send(cast.actors[role], route, case, id_).status_code for whose, id_ in cast.object_ids(role, case.kind).items()}
    wanted = {whose: expected(role, route, case, whose) for whose in found}
    assert {whose: status for whose, status in found.items() if status not in wanted[whose]} == {}, wanted


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("route", [route for route, case in CASES.items() if not case.kind])
def test_what_is_done_to_nothing_in_particular_is_what_the_table_says(cast, route, role):
    case = CASES[route]
    answer = send(cast.actors[role], route, case)
    wanted = DONE if could_ever(role, case.rule) else {403}
    assert answer.status_code in wanted, answer.text_[:2000]


@pytest.mark.parametrize("route", [route for route in CASES if " /api/v1/" in route])
def test_a_key_does_what_its_scopes_say_to_everybodys_and_nothing_else(cast, route):
    """With the scope of the route alone it is done; with all the others it is refused. What has no scope, no key does."""
    case = CASES[route]
    scope = TABLE[case.rule].scope
    needs = {scope, TABLE[SEEN_BY[case.kind]].scope if case.kind else None, ALSO_NEEDS.get(route)} - {None}
    id_ = cast.object_ids(Role.OWNER, case.kind)[STRANGER] if case.kind else ""
    others = [other for other in SCOPES if scope is None or not covers([other], scope)]
    with transaction.atomic():
        refused = send(cast.program(others), route, case, id_)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        if scope is not None:
            assert refused.json()["message"] == f"This API key lacks the scope {scope}."
            program = cast.program(needs)
            done = send(program, route, case, id_)
            assert done.status_code in ({404} if case.kind in OWN_ALONE else DONE), done.text_
            if case.kind and not case.each:
                foreign = send(program, route, case, cast.foreign[case.kind])
                assert foreign.status_code in ({400, 404} if case.names else {404})
        transaction.set_rollback(True)


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("route", [route for route, case in CASES.items() if case.lists])
def test_what_is_listed_is_what_may_be_seen(cast, route, role):
    case = CASES[route]
    if not could_ever(role, case.rule):
        return
    told = send(cast.actors[role], route, case).text_
    listed = {whose: id_ in told for whose, id_ in cast.object_ids(role, case.lists).items()}
    assert listed == {whose: may(role, SEEN_BY[case.lists], whose, case.lists) for whose in listed}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("route", [route for route, case in CASES.items() if case.each])
def test_of_several_things_at_once_each_is_what_the_table_says(cast, route, role):
    case = CASES[route]
    ids = {whose: id_ for whose, id_ in cast.object_ids(role, case.kind).items() if may(role, SEEN_BY[case.kind], whose)}
    told = {whose: send(cast.actors[role], route, case, id_).json()["results"][0] for whose, id_ in ids.items()}
    assert {whose: result["done"] for whose, result in told.items()} == {whose: may(role, case.rule, whose) for whose in ids}
    assert {result["error"]["code"] for result in told.values() if not result["done"]} <= {"forbidden"}


@pytest.mark.parametrize("role", Role.values)
def test_ones_own_page_shows_ones_own_alone(cast, role):
    told = send(cast.actors[role], "GET /my-spend/", CASES["GET /my-spend/"]).text_
    assert {whose for whose, id_ in cast.object_ids(role, "transaction").items() if id_ in told} == {OWN}
    assert {whose for whose, id_ in cast.object_ids(role, "card").items() if id_ in told} == {OWN}


@pytest.mark.parametrize("route", [route for route in CASES if route.startswith("GET /api/v1/reports/spend/")])
def test_a_figure_adds_up_what_may_be_seen(cast, route):
    for role in Role.values:
        told = send(cast.actors[role], f"{route}&from=2026-03-01&to=2026-03-31", CASES[route]).json()
        seen = sum(row["measures"]["spend"]["minor"] for row in told["rows"])
        # A purchase and one that is to be repaid; the company's also has the payee's claim.
        assert seen == (21_00 * 11 + 1_00 if role in TABLE["reports.see"].roles else 21_00 * 2)


PAGES = [route for route in CASES if route.startswith("GET /") and "/api/" not in route]
MOST_QUESTIONS = 15


@pytest.mark.parametrize("role", Role.values)
def test_no_page_asks_more_than_fifteen_questions(cast, role):
    """Committed page by page in `test_query_counts` and elsewhere; here all of them, as everybody sees them, and a list with one open."""
    asked = {}
    for route in PAGES:
        case = CASES[route]
        for id_ in cast.object_ids(role, case.kind).values() if case.kind else [""]:
            asked[route] = max(asked.get(route, 0), questions(cast.actors[role], route, case, id_))
    for kind in ("transaction", "owed", "claim"):
        for whose, id_ in cast.object_ids(role, kind).items():
            asked[f"{kind} {whose}"] = questions(cast.actors[role], f"GET /transactions/?show={id_}", CASES["GET /transactions/"])
    assert {page: count for page, count in asked.items() if count > MOST_QUESTIONS} == {}


def questions(somebody: Somebody, route: str, case: Case, object_id: str = "") -> int:
    with CaptureQueriesContext(connection) as found:
        send(somebody, route, case, object_id)
    return sum("SAVEPOINT" not in query["sql"] for query in found)
