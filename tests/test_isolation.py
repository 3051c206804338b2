"""Mallory asks for everything of Acme's, on every route there is. She learns nothing, not even that it exists."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from cards import operations as cards
from cards.models import BlockList, Budget, BudgetInterval, CardRequest, LimitGrant, RequestKind
from cards.operations import budgets, requests
from companies import operations as companies
from companies.models import Category, Company, Department, Tag
from conftest import build_world
from reports import operations as exports
from reports.catalogue import REPORTS
from reports.models import Export
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import endpoints
from tests.factories import swipe
from tests.papers import picture, read_upload
from tests.routes import all_routes
from tests.rules import adopt, decide, document, rule, try_out
from transactions import tasks
from transactions.documents import inspect
from transactions.models import (
    AccountingBatch,
    AccountingSettings,
    Approval,
    Backtest,
    Books,
    Delegation,
    FundingAccount,
    Payout,
    Policy,
    Repayment,
    Split,
    StatementImport,
    Transaction,
)
from transactions.operations import accounting, accounts, approvals, books, claims, coding, delegations, receipts, reimbursements
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations
from users.models import Invitation, Notification, NotificationPreference, Session
from users.roles import SCOPES

AT = datetime(2026, 1, 10, 15, tzinfo=UTC)
MONEY = {"minor": 1_00, "currency": "USD"}

LATER = "2099-01-01T00:00:00Z"
CLAIM = {"spent_on": "2026-01-08", "amount": MONEY, "merchant_name": "Hers"}
WANTED = {"kind": "card", "name": "Hers", "amount": MONEY, "reason": "Hers"}

# For each route that names an object: what Mallory sends. The object is Acme's, then one that never existed.
BY_ID = {
    "GET /api/v1/claims/{public_id}/": ("claim", None),
    "PATCH /api/v1/claims/{public_id}/": ("claim", {"memo": "Mine"}),
    "POST /api/v1/claims/{public_id}/cancel/": ("claim", {}),
    "GET /api/v1/reimbursements/{public_id}/": ("reimbursement", None),
    "GET /api/v1/reimbursements/{public_id}/export/": ("reimbursement", None),
    "POST /api/v1/reimbursements/{public_id}/pay/": ("reimbursement", {"paid_from": "bank", "reference": "Mine"}),
    "POST /api/v1/reimbursements/{public_id}/cancel/": ("reimbursement", {}),
    "GET /api/v1/accounting-items/{public_id}/": ("transaction", None),
    "GET /api/v1/accounting-batches/{public_id}/": ("batch", None),
    "GET /api/v1/accounting-batches/{public_id}/rows/": ("batch", None),
    "GET /api/v1/accounting-batches/{public_id}/export/": ("batch", None),
    "POST /api/v1/accounting-batches/{public_id}/fail/": ("batch", {"reason": "Mine"}),
    "GET /api/v1/payouts/{public_id}/": ("payout", None),
    "POST /api/v1/payouts/{public_id}/remove/": ("payout", {}),
    "POST /api/v1/payouts/{public_id}/fail/": ("payout", {"reason": "Mine"}),
    "GET /api/v1/repayments/{public_id}/": ("repayment", None),
    "POST /api/v1/repayments/{public_id}/receive/": ("repayment", {"amount": {"minor": 1, "currency": "USD"}}),
    "POST /api/v1/repayments/{public_id}/waive/": ("repayment", {"reason": "Mine"}),
    "GET /api/v1/transactions/{public_id}/comments/": ("transaction", None),
    "POST /api/v1/transactions/{public_id}/comments/": ("transaction", {"text": "Mine"}),
    "GET /api/v1/transactions/{public_id}/history/": ("transaction", None),
    "GET /api/v1/card-requests/{public_id}/comments/": ("request", None),
    "POST /api/v1/card-requests/{public_id}/comments/": ("request", {"text": "Mine"}),
    "GET /claims/{public_id}/change/": ("claim", None),
    "POST /claims/{public_id}/change/": ("claim", {"do": "add"}),
    "GET /api/v1/cards/{public_id}/": ("card", None),
    "PATCH /api/v1/cards/{public_id}/": ("card", {"name": "Mine"}),
    "POST /api/v1/cards/{public_id}/freeze/": ("card", {}),
    "POST /api/v1/cards/{public_id}/unfreeze/": ("card", {}),
    "POST /api/v1/cards/{public_id}/close/": ("card", {}),
    "POST /api/v1/cards/{public_id}/replace/": ("card", {}),
    "POST /api/v1/cards/{public_id}/authorizations/preview/": (
        "card",
        {"amount": MONEY, "merchant_name": "x", "merchant_code": "5812", "country": "US"},
    ),
    "GET /api/v1/transactions/{public_id}/decision/": ("transaction", None),
    "POST /api/v1/simulator/authorizations/{public_id}/increment/": ("transaction", {"amount": MONEY}),
    "POST /api/v1/simulator/authorizations/{public_id}/expire/": ("transaction", {}),
    "GET /api/v1/cards/{public_id}/grants/": ("card", None),
    "POST /api/v1/cards/{public_id}/grants/": ("card", {"amount": MONEY, "expires_at": LATER}),
    "POST /api/v1/grants/{public_id}/revoke/": ("grant", {}),
    "GET /api/v1/budgets/{public_id}/": ("budget", None),
    "PATCH /api/v1/budgets/{public_id}/": ("budget", {"name": "Mine"}),
    "POST /api/v1/budgets/{public_id}/close/": ("budget", {}),
    "GET /api/v1/card-requests/{public_id}/": ("request", None),
    "POST /api/v1/card-requests/{public_id}/approve/": ("request", {}),
    "POST /api/v1/card-requests/{public_id}/reject/": ("request", {"answer": "Mine"}),
    "POST /api/v1/card-requests/{public_id}/withdraw/": ("own_request", {}),
    "GET /api/v1/members/{public_id}/": ("member", None),
    "PATCH /api/v1/members/{public_id}/": ("member", {"role": "employee"}),
    "POST /api/v1/members/{public_id}/suspend/": ("member", {}),
    "POST /api/v1/members/{public_id}/deactivate/": ("member", {}),
    "POST /api/v1/members/{public_id}/reactivate/": ("member", {}),
    "GET /api/v1/invitations/{public_id}/": ("invitation", None),
    "POST /api/v1/invitations/{public_id}/resend/": ("invitation", {}),
    "POST /api/v1/invitations/{public_id}/revoke/": ("invitation", {}),
    "POST /api/v1/auth/sessions/{public_id}/revoke/": ("session", {}),
    "GET /api/v1/categories/{public_id}/": ("category", None),
    "PATCH /api/v1/categories/{public_id}/": ("category", {"ledger_code": "1"}),
    "GET /api/v1/events/{public_id}/": ("event", None),
    "GET /api/v1/api-keys/{public_id}/": ("key", None),
    "PATCH /api/v1/api-keys/{public_id}/": ("key", {"name": "Mine"}),
    "POST /api/v1/api-keys/{public_id}/rotate/": ("key", {}),
    "POST /api/v1/api-keys/{public_id}/revoke/": ("key", {}),
    "GET /api/v1/webhook-endpoints/{public_id}/": ("webhook", None),
    "PATCH /api/v1/webhook-endpoints/{public_id}/": ("webhook", {"description": "Mine"}),
    "DELETE /api/v1/webhook-endpoints/{public_id}/": ("webhook", None),
    "POST /api/v1/webhook-endpoints/{public_id}/rotate/": ("webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/test/": ("webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/switch-off/": ("webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/switch-on/": ("webhook", {}),
    "POST /api/v1/webhook-endpoints/{public_id}/replay/": ("webhook", {"after": 0}),
    "GET /api/v1/webhook-deliveries/{public_id}/": ("sent", None),
    "POST /api/v1/webhook-deliveries/{public_id}/replay/": ("sent", {}),
    "GET /webhooks/{public_id}/": ("webhook", None),
    "POST /webhooks/{public_id}/": ("webhook", {"do": "remove"}),
    "GET /webhook-deliveries/{public_id}/": ("sent", None),
    "POST /webhook-deliveries/{public_id}/": ("sent", {}),
    "GET /api-keys/{public_id}/": ("key", None),
    "POST /api-keys/{public_id}/": ("key", {"do": "revoke"}),
    "GET /api/v1/tags/{public_id}/": ("tag", None),
    "PATCH /api/v1/tags/{public_id}/": ("tag", {"name": "Mine"}),
    "GET /settings/tags/{public_id}/": ("tag", None),
    "POST /settings/tags/{public_id}/": ("tag", {"do": "archive"}),
    "GET /transactions/{public_id}/split/": ("transaction", None),
    "POST /transactions/{public_id}/split/": ("transaction", {"do": "add"}),
    "GET /api/v1/departments/{public_id}/": ("department", None),
    "PATCH /api/v1/departments/{public_id}/": ("department", {"name": "Mine"}),
    "GET /people/{public_id}/": ("member", None),
    "POST /people/{public_id}/": ("member", {"do": "suspend"}),
    "GET /settings/departments/{public_id}/": ("department", None),
    "POST /settings/departments/{public_id}/": ("department", {"do": "archive"}),
    "GET /settings/categories/{public_id}/": ("category", None),
    "POST /settings/categories/{public_id}/": ("category", {"do": "archive"}),
    "GET /api/v1/transactions/{public_id}/": ("transaction", None),
    "GET /api/v1/receipts/{public_id}/": ("receipt", None),
    "PATCH /api/v1/transactions/{public_id}/": ("transaction", {"memo": "Mine"}),
    "POST /api/v1/transactions/{public_id}/submit/": ("transaction", {}),
    "GET /api/v1/policies/{public_id}/": ("policy", None),
    "POST /api/v1/policies/{public_id}/activate/": ("policy", {}),
    "POST /api/v1/policies/{public_id}/backtest/": ("policy", {}),
    "POST /api/v1/cards/{public_id}/controls/backtest/": ("card", {}),
    "GET /api/v1/backtests/{public_id}/": ("backtest", None),
    "GET /api/v1/backtests/{public_id}/rows/": ("backtest", None),
    "GET /api/v1/delegations/{public_id}/": ("delegation", None),
    "POST /api/v1/delegations/{public_id}/end/": ("delegation", {}),
    "POST /api/v1/transactions/{public_id}/withdraw/": ("transaction", {}),
    "POST /api/v1/approvals/{public_id}/request-changes/": ("approval", {"reason": "Mine"}),
    "GET /api/v1/approvals/{public_id}/": ("approval", None),
    "POST /api/v1/approvals/{public_id}/approve/": ("approval", {}),
    "POST /api/v1/approvals/{public_id}/reject/": ("approval", {"reason": "Mine"}),
    "GET /api/v1/receipts/{public_id}/file/": ("receipt", None),
    "PATCH /api/v1/receipts/{public_id}/": ("receipt", {"merchant_name": "Mine"}),
    "GET /api/v1/receipts/{public_id}/suggestions/": ("receipt", None),
    "POST /api/v1/receipts/{public_id}/attach/": ("receipt", lambda acme: {"transaction": acme["transaction"]}),
    "POST /api/v1/receipts/{public_id}/detach/": ("receipt", lambda acme: {"transaction": acme["transaction"]}),
    "DELETE /api/v1/receipts/{public_id}/": ("receipt", None),
    "GET /api/v1/accounts/{public_id}/": ("account", None),
    "GET /api/v1/accounts/{public_id}/balance/": ("account", None),
    "GET /api/v1/accounts/{public_id}/statement/": ("account", None),
    "GET /api/v1/accounts/{public_id}/entries/": ("account", None),
    "GET /api/v1/imports/{public_id}/": ("import", None),
    "GET /api/v1/imports/{public_id}/issues/": ("import", None),
    "GET /api/v1/statement-uploads/{public_id}/": ("upload", None),
    "PATCH /api/v1/statement-uploads/{public_id}/": ("upload", {"source": "Other"}),
    "DELETE /api/v1/statement-uploads/{public_id}/": ("upload", None),
    "POST /api/v1/statement-uploads/{public_id}/book/": ("upload", {}),
    "GET /imports/{public_id}/": ("import", None),
    "GET /imports/uploads/{public_id}/": ("upload", None),
    "POST /imports/uploads/{public_id}/": ("upload", {"do": "book"}),
    "GET /api/v1/exports/{public_id}/": ("export", None),
    "GET /api/v1/exports/{public_id}/file/": ("export", None),
    "POST /api/v1/notifications/{public_id}/read/": ("notification", {}),
    "POST /api/v1/simulator/authorizations/{public_id}/capture/": ("transaction", {}),
    "POST /api/v1/simulator/authorizations/{public_id}/reverse/": ("transaction", {}),
    "POST /api/v1/simulator/authorizations/{public_id}/refund/": ("transaction", {}),
}
# The same for pages.
PAGES_BY_ID = {
    "POST /claims/{public_id}/cancel/": ("claim", {}),
    "GET /reimbursements/{public_id}/": ("reimbursement", None),
    "GET /reimbursements/{public_id}/export/": ("reimbursement", None),
    "POST /reimbursements/{public_id}/pay/": ("reimbursement", {"paid_from": "bank", "reference": "Mine"}),
    "POST /reimbursements/{public_id}/cancel/": ("reimbursement", {}),
    "GET /accounting/batches/{public_id}/": ("batch", None),
    "GET /accounting/batches/{public_id}/export/": ("batch", None),
    "POST /accounting/batches/{public_id}/fail/": ("batch", {"reason": "Mine"}),
    "POST /payouts/{public_id}/remove/": ("payout", {}),
    "POST /payouts/{public_id}/fail/": ("payout", {"reason": "Mine"}),
    "POST /repayments/{public_id}/receive/": ("repayment", {"amount": "1"}),
    "POST /repayments/{public_id}/waive/": ("repayment", {"reason": "Mine"}),
    "POST /transactions/{public_id}/comments/": ("transaction", {"text": "Mine"}),
    "GET /requests/{public_id}/": ("request", None),
    "POST /requests/{public_id}/comments/": ("request", {"text": "Mine"}),
    "GET /receipts/{public_id}/": ("receipt", None),
    "POST /transactions/{public_id}/receipts/": ("transaction", {}),
    "POST /notifications/{public_id}/open/": ("notification", {}),
    "POST /account/sessions/{public_id}/revoke/": ("session", {}),
    "POST /receipts/{public_id}/remove/": ("receipt", {}),
    "POST /receipts/{public_id}/attach/": ("receipt", {}),
    "POST /receipts/{public_id}/describe/": ("receipt", {"merchant_name": "Mine"}),
    "POST /receipts/{public_id}/detach/": ("receipt", {}),
    "GET /transactions/{public_id}/history/": ("transaction", None),
    "GET /transactions/{public_id}/accounting/": ("transaction", None),
    "GET /transactions/{public_id}/": ("transaction", None),
    "POST /transactions/{public_id}/describe/": ("transaction", {"memo": "Mine"}),
    "POST /transactions/{public_id}/submit/": ("transaction", {}),
    "POST /transactions/{public_id}/withdraw/": ("transaction", {}),
    "POST /approvals/{public_id}/request-changes/": ("approval", {"reason": "Mine"}),
    "GET /policies/{public_id}/": ("policy", None),
    "GET /policies/{public_id}/backtest/": ("policy", None),
    "POST /policies/{public_id}/backtest/": ("policy", {}),
    "GET /cards/{public_id}/backtest/": ("card", None),
    "POST /cards/{public_id}/backtest/": ("card", {"name": "Mine"}),
    "GET /exports/{public_id}/": ("export", None),
    "GET /backtests/{public_id}/": ("backtest", None),
    "GET /backtests/{public_id}/rows/": ("backtest", None),
    "POST /policies/{public_id}/activate/": ("policy", {}),
    "POST /delegations/{public_id}/end/": ("delegation", {}),
    "POST /approvals/{public_id}/approve/": ("approval", {}),
    "POST /approvals/{public_id}/reject/": ("approval", {"reason": "Mine"}),
    "GET /budgets/{public_id}/": ("budget", None),
    "POST /budgets/{public_id}/": ("budget", {"name": "Mine"}),
    "POST /budgets/{public_id}/close/": ("budget", {}),
    "POST /requests/{public_id}/approve/": ("request", {}),
    "POST /requests/{public_id}/reject/": ("request", {"answer": "Mine"}),
    "POST /requests/{public_id}/withdraw/": ("own_request", {}),
    "GET /cards/{public_id}/": ("card", None),
    "GET /cards/{public_id}/change/": ("card", None),
    "POST /cards/{public_id}/change/": ("card", {"name": "Mine"}),
    "POST /cards/{public_id}/freeze/": ("card", {}),
    "POST /cards/{public_id}/unfreeze/": ("card", {}),
    "POST /cards/{public_id}/close/": ("card", {}),
    "GET /cards/{public_id}/grant/": ("card", None),
    "POST /cards/{public_id}/grant/": ("card", {"amount": "1", "expires_at": "2099-12-31", "reason": "Mine"}),
    "POST /grants/{public_id}/revoke/": ("grant", {}),
    "GET /cards/{public_id}/replace/": ("card", None),
    "POST /cards/{public_id}/replace/": ("card", {}),
}


def asked_of(report) -> str:
    """The address of a report of the year, with all that it cannot do without."""
    asked = {"from": "2026-01-01", "to": "2026-12-31"} if "from" in report.takes else {}
    asked |= {"month": "2026-01"} if "month" in report.takes else {}
    return "?" + urlencode(asked | {name: choices[1] for name, choices in report.options.items()})


# Lists, reports and pages: none of Acme's ids, names or figures may be in the answer.
BY_READING = {
    "GET /api/v1/claims/": "",
    "GET /api/v1/reimbursements/": "",
    "GET /api/v1/reimbursements/owed/": "",
    "GET /api/v1/accounting-items/": "",
    "GET /api/v1/accounting-items/summary/": "",
    "GET /api/v1/accounting-batches/": "",
    "GET /api/v1/accounting-settings/": "",
    "GET /api/v1/books/late/": "",
    "GET /accounting/": "",
    "GET /accounting/closing/": "",
    "GET /accounting/settings/": "",
    "GET /api/v1/payouts/": "",
    "GET /api/v1/repayments/": "",
    "GET /claims/": "",
    "GET /reimbursements/": "",
    "GET /repayments/": "",
    "GET /api/v1/cards/": "",
    "GET /api/v1/budgets/": "",
    "GET /api/v1/card-requests/": "",
    "GET /api/v1/block-list/": "",
    "GET /budgets/": "",
    "GET /budgets/new/": "",
    "GET /requests/": "",
    "GET /requests/new/": "",
    "GET /api/v1/members/": "",
    "GET /api/v1/invitations/": "",
    "GET /api/v1/categories/": "?limit=200",
    "GET /api/v1/departments/": "",
    "GET /api/v1/events/": "?limit=200",
    "GET /api/v1/api-keys/": "",
    "GET /api-keys/": "",
    "GET /api/v1/webhook-endpoints/": "",
    "GET /api/v1/webhook-deliveries/": "",
    "GET /webhooks/": "",
    "GET /api/v1/tags/": "",
    "GET /api/v1/company/": "",
    "GET /people/": "",
    "GET /people/import/": "",
    "GET /settings/": "",
    "GET /settings/blocks/": "",
    "GET /settings/departments/new/": "",
    "GET /api/v1/transactions/": "",
    "GET /api/v1/receipts/": "",
    "GET /api/v1/approvals/": "",
    "GET /api/v1/approvals/mine/": "",
    "GET /api/v1/policies/": "",
    "GET /api/v1/policies/current/": "",
    "GET /api/v1/backtests/": "",
    "GET /backtests/": "",
    "GET /api/v1/delegations/": "",
    "GET /approvals/delegate/": "",
    "GET /policies/": "",
    "GET /policies/new/": "",
    "GET /approvals/": "",
    "GET /receipts/": "",
    "GET /funding/": "?month=2026-01",
    "GET /cards/": "",
    "GET /my-spend/": "",
    "GET /activity/": "",
    "GET /api/v1/accounts/": "",
    "GET /api/v1/imports/": "",
    "GET /api/v1/statement-uploads/": "",
    "GET /imports/": "",
    "GET /api/v1/exports/": "",
    "GET /exports/": "",
    "GET /api/v1/auth/me/": "",
    "GET /api/v1/auth/sessions/": "",
    "GET /account/": "",
    "GET /api/v1/notifications/": "",
    "GET /notifications/": "",
    "GET /api/v1/reports/": "",
    "GET /reports/": "",
    **{f"GET /api/v1/reports/{name}/": asked_of(report) for name, report in REPORTS.items()},
    **{f"GET /reports/{name}/": asked_of(report) for name, report in REPORTS.items()},
    "GET /": "?from=2026-01-01&to=2026-12-31",
    "GET /transactions/": "",
}
# Routes that take ids in their body, or act for the whole company.
BY_BODY = {
    "POST /api/v1/claims/": lambda acme: {**CLAIM, "lines": [{"amount": MONEY, "category": acme["category"]}]},
    "GET /claims/new/": lambda acme: {},
    "POST /claims/new/": lambda acme: {
        "merchant_name": "Hers", "spent_on": "2026-03-08", "currency": "USD", "part-0-amount": "1", "part-0-category": acme["category"],
    },
    "POST /api/v1/exports/": lambda acme: {"what": "transactions", "format": "csv", "filters": {"card": acme["card"]}},
    "POST /exports/": lambda acme: {"what": "receipt-files", "format": "zip", "month": "2026-01"},
    "POST /api/v1/reimbursements/": lambda acme: {"claims": [acme["unpaid"]]},
    "POST /reimbursements/gather/": lambda acme: {"claim": acme["unpaid"]},
    "POST /api/v1/accounting-batches/": lambda acme: {},
    "PATCH /api/v1/accounting-settings/": lambda acme: {"tracking_name": "Hers"},
    "GET /api/v1/books/": lambda acme: {},
    "PATCH /api/v1/books/": lambda acme: {"closed_through": "2026-01-31"},
    "POST /accounting/batches/": lambda acme: {"currency": "USD"},
    "POST /accounting/settings/": lambda acme: {"untaxed_as": "Hers", "exports_unapproved": "no", "tracking_name": "Hers"},
    "POST /accounting/close/": lambda acme: {"closed_through": "2026-01-31"},
    "POST /api/v1/cards/": lambda acme: {"holder": acme["member"]},
    "POST /api/v1/budgets/": lambda acme: {
        "name": "Hers", "limit": MONEY, "interval": "month", "is_hard": True, "parent": acme["budget"],
    },
    "POST /api/v1/card-requests/": lambda acme: {**WANTED, "budget": acme["budget"]},
    "PATCH /api/v1/block-list/": lambda acme: {"blocked_countries": ["US"]},
    "POST /budgets/new/": lambda acme: {
        "name": "Hers", "limit": "1", "interval": "month", "hardness": "hard", "owner": acme["member"], "parent": acme["budget"],
    },
    "POST /requests/new/": lambda acme: {"name": "Hers", "amount": "1", "interval": "month", "reason": "x", "budget": acme["budget"]},
    "POST /api/v1/simulator/authorizations/": lambda acme: {
        "card": acme["card"], "amount": MONEY, "merchant_name": "x", "merchant_code": "5812", "country": "US",
    },
    "POST /api/v1/simulator/messages/": lambda acme: {
        "card": acme["card"], "amount": MONEY, "kind": "capture", "ref": "r1", "network_id": "f1",
    },
    "POST /api/v1/approvals/decide/": lambda acme: {"decisions": [{"approval": acme["approval"], "outcome": "approved"}]},
    "POST /policies/new/": lambda acme: {"do": "save", "policy-name": "Hers", "rules-0-name": "x", "rules-0-members": acme["member"]},
    "POST /approvals/approve/": lambda acme: {"approval": acme["approval"]},
    "POST /api/v1/policies/": lambda acme: {"document": document(rule("Hers", members=[acme["member"]]))},
    "POST /api/v1/delegations/": lambda acme: {"to": acme["member"], "starts_on": "2099-01-01", "ends_on": "2099-01-02"},
    "POST /approvals/delegate/": lambda acme: {"to": acme["member"], "starts_on": "2099-01-01", "ends_on": "2099-01-02"},
    "POST /api/v1/invitations/": lambda acme: {"email": "bob@acme.example", "role": "employee"},
    "POST /api/v1/api-keys/": lambda acme: {"name": "Hers", "scopes": ["cards:read"]},
    "POST /api-keys/": lambda acme: {"name": "Hers", "scopes": ["cards:read"]},
    "POST /api/v1/webhook-endpoints/": lambda acme: {"url": "https://hers.example/"},
    "POST /webhooks/": lambda acme: {"url": "https://hers.example/"},
    "POST /api/v1/tags/": lambda acme: {"name": "Hers"},
    "GET /settings/tags/new/": lambda acme: {},
    "POST /settings/tags/new/": lambda acme: {"name": "Hers"},
    "POST /api/v1/transactions/describe/": lambda acme: {"transactions": [acme["transaction"]], "memo": "Hers"},
    "POST /transactions/describe/": lambda acme: {"transaction": acme["transaction"], "add_tags": acme["tag"]},
    "POST /api/v1/categories/": lambda acme: {"name": "Hers"},
    "POST /api/v1/departments/": lambda acme: {"name": "Hers", "parent": acme["department"]},
    "PATCH /api/v1/company/": lambda acme: {"name": "Malice Ltd"},
    "POST /api/v1/people-imports/": lambda acme: {"file": _people(acme)},
    "POST /api/v1/people-imports/preview/": lambda acme: {"file": _people(acme)},
    "POST /api/v1/department-imports/": lambda acme: {"file": _people(acme, "Name,Parent")},
    "POST /api/v1/department-imports/preview/": lambda acme: {"file": _people(acme, "Name,Parent")},
    "POST /people/import/": lambda acme: {"file": _people(acme)},
    "POST /people/": lambda acme: {"do": "revoke", "invitation": acme["invitation"]},
    "POST /settings/": lambda acme: {"name": "Malice Ltd"},
    "POST /settings/blocks/": lambda acme: {"blocked_merchants": "Hers"},
    "POST /settings/departments/new/": lambda acme: {"name": "Hers", "parent": acme["department"], "head": ""},
    "GET /settings/categories/new/": lambda acme: {},
    "POST /settings/categories/new/": lambda acme: {"name": "Hers"},
    "POST /api/v1/simulator/topups/": lambda acme: {"amount": MONEY},
    "POST /api/v1/simulator/withdrawals/": lambda acme: {"amount": MONEY},
    "POST /api/v1/receipts/": lambda acme: {"transaction": acme["transaction"], "file": _file()},
    "POST /receipts/": lambda acme: {},
    "POST /api/v1/imports/": lambda acme: {"file": _file()},
    "POST /api/v1/statement-uploads/": lambda acme: {"file": _file()},
    "POST /imports/": lambda acme: {"file": _file()},
    "GET /cards/new/": lambda acme: {},
    "POST /cards/new/": lambda acme: {"holder": acme["member"], "name": "Hers"},
    "POST /api/v1/imports/propose/": lambda acme: {"file": _file()},
    "POST /api/v1/imports/preview/": lambda acme: {"file": _file()},
    "POST /api/v1/auth/logout/": lambda acme: {},
    "POST /api/v1/auth/password/": lambda acme: {"current": "x", "new": "x"},
    "POST /api/v1/auth/switch/": lambda acme: {"company": acme["company"]},
    "POST /api/v1/auth/confirm-address/resend/": lambda acme: {},
    "POST /api/v1/auth/sessions/revoke-others/": lambda acme: {},
    "PATCH /api/v1/auth/me/": lambda acme: {"name": "Mallory"},
    "POST /api/v1/companies/": lambda acme: {"company_name": "x", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin"},
    "POST /account/": lambda acme: {"rename": "1", "name": "Mallory"},
    "POST /api/v1/notifications/read/": lambda acme: {},
    "GET /api/v1/notification-preferences/": lambda acme: {},
    "PATCH /api/v1/notification-preferences/": lambda acme: {"comment": {"mail": "never"}},
    "POST /notifications/read/": lambda acme: {},
    "GET /notifications/preferences/": lambda acme: {},
    "POST /notifications/preferences/": lambda acme: {},
    "POST /account/switch/": lambda acme: {"company": acme["company"]},
    "POST /account/sessions/revoke-others/": lambda acme: {},
    "POST /confirm-address/resend/": lambda acme: {},
    "GET /companies/new/": lambda acme: {},
    "POST /companies/new/": lambda acme: {"company_name": "x"},
}  # fmt: skip
# Routes without a credential: they open one, or show what is no company's.
OPEN = {
    "POST /api/v1/auth/signup/",
    "POST /api/v1/auth/login/",
    "POST /api/v1/auth/refresh/",
    "POST /api/v1/auth/accept-invitation/",
    "POST /api/v1/auth/password-reset/",
    "POST /api/v1/auth/password-reset/confirm/",
    "POST /api/v1/auth/confirm-address/",
    "GET /api/v1/schema/",
    "GET /api/v1/docs/",
    "GET /health/",
    "GET /sign-in/",
    "POST /sign-in/",
    "POST /sign-out/",
    "GET /sign-up/",
    "POST /sign-up/",
    "GET /forgot-password/",
    "POST /forgot-password/",
    "GET /reset-password/",
    "POST /reset-password/",
    "GET /confirm-address/",
    "POST /confirm-address/",
    "GET /accept-invitation/",
    "POST /accept-invitation/",
}
FILTERS = {
    "/api/v1/claims/": {"member": "member"},
    "/api/v1/payouts/": {"member": "member", "claim": "unpaid", "reimbursement": "reimbursement"},
    "/api/v1/repayments/": {"member": "member", "transaction": "transaction"},
    "/api/v1/cards/": {"holder": "member", "budget": "budget"},
    "/api/v1/webhook-deliveries/": {"endpoint": "webhook", "event": "event"},
    "/api/v1/budgets/": {"parent": "budget", "owner": "member"},
    "/api/v1/card-requests/": {"requester": "member"},
    "/api/v1/transactions/": {
        "card": "card",
        "counts_with": "card",
        "grant": "grant",
        "budget": "budget",
        "drawn_from": "budget",
        "member": "member",
        "category": "category",
        "department": "department",
        "merchant": "merchant",
        "tag": "tag",
        "statement_import": "import",
        "waits_for": "member",
        "ids": "transaction",
    },
    "/api/v1/receipts/": {"transaction": "transaction"},
    "/api/v1/members/": {"department": "department", "manager": "member"},
    "/people/": {"department": "department", "manager": "member"},
    "/api/v1/approvals/": {"transaction": "transaction"},
    "/transactions/": {
        "card": "card",
        "counts_with": "card",
        "grant": "grant",
        "budget": "budget",
        "drawn_from": "budget",
        "member": "member",
        "category": "category",
        "department": "department",
        "merchant": "merchant",
        "tag": "tag",
        "statement_import": "import",
        "waits_for": "member",
        "ids": "transaction",
        "show": "transaction",
    },
}


def _wish() -> claims.Wish:
    lines = [Split(share_minor=678_90, category=Category.objects.get(name="Meals"))]
    return claims.Wish(AT.date(), Money(678_90, "USD"), "Acme inn", "Acme trip", lines)


def _approved_claim(world) -> Transaction:
    claim = claims.make(_wish(), actor=world.bob, at=AT)
    decide(_submitted(world, claim), world.alice, at=AT)
    return claim


def _exported(world) -> AccountingBatch:
    """Everything that has a category; and a closed month, with something that came to it late."""
    companies.change_category(Category.objects.get(name="Acme Category"), {"ledger_code": "Acme 6200"}, actor=world.alice, at=AT)
    clearing = [{"currency": "USD", "side": side, "ledger_code": "Acme 2100"} for side in ("statements", "claims")]
    accounting.change_settings({"clearing": clearing, "tracking_name": "Acme team"}, actor=world.alice, at=AT)
    batch = accounting.export("USD", actor=world.alice, at=AT)
    books.close(AT.date(), actor=world.alice, at=AT + timedelta(days=1))
    late = StatementFile(b"Date,Amount,Merchant,Category\n2026-01-06,123.45,Acme late,Acme Category\n", "late.csv")
    import_statement(world.acme, late, actor=world.alice, at=AT)
    return batch


def _submitted(world, purchase: Transaction) -> Approval:
    """Of Bob's, without a receipt."""
    coding.describe(purchase, {"no_receipt_reason": "Acme lost it"}, actor=world.bob, at=AT)
    approvals.submit(purchase, actor=world.bob, at=AT)
    return Approval.objects.get(transaction=purchase)


def _file() -> SimpleUploadedFile:
    return SimpleUploadedFile("s.csv", b"Date,Amount,Merchant\n2026-01-05,1.00,Shop\n")


def _people(acme: dict[str, str], header: str = "E-mail,Manager") -> SimpleUploadedFile:
    """Of hers, and of Bob with a manager and a department of Acme's."""
    hers = "hers@malice.example," if "mail" in header else "Hers,"
    return SimpleUploadedFile("p.csv", f"{header}\n{hers}\nbob@acme.example,{acme['member']}\nx@malice.example,Acme Sales\n".encode())


def _subscribed(world) -> None:
    """Charged each month up to today."""
    days = [timezone.now().date() - timedelta(days=30 * month) for month in range(3)]
    lines = "".join(f"{day},9.00,Acme Rent\n" for day in days)
    import_statement(world.acme, StatementFile(f"Date,Amount,Merchant\n{lines}".encode(), "rent.csv"), actor=world.alice, at=timezone.now())


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory):
    """Both companies and all of Acme's, made once for all tests of this module: each of them takes back what it did."""
    with django_db_blocker.unblock(), transaction.atomic(), override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("theirs")):
        world = build_world()
        yield world, everything_of(world)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _as_it_was(made, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def world(made):
    return copy.deepcopy(made[0])


@pytest.fixture
def theirs(made) -> dict[str, str]:
    return dict(made[1])


def everything_of(world) -> dict[str, str]:
    """One of each of Acme's objects, by its public id."""
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(123_45, at=AT, merchant_name="Acme Secret Supplier")).transaction
        clear(purchase, Clearing("capture", "c", AT, is_final=True), actor=None)
        invitation, _ = operations.invite(email="eve@acme.example", role="employee", actor=world.alice, at=timezone.now())
        file = StatementFile(
            b"Date,Amount,Merchant,Category\n2026-01-05,678.90,Acme Import,Acme Category\n", "acme-file.csv", attribution="Acme licence"
        )
        record = import_statement(world.acme, file, actor=world.alice, at=AT)
        content = picture()
        stored_as = receipts.store(content, company=world.acme)
        receipt = receipts.attach(purchase, inspect(content, "Acme dinner.png"), stored_as, actor=world.bob, at=AT)
        approvals.submit(purchase, actor=world.bob, at=AT)
        paid, unpaid = (_approved_claim(world) for _ in range(2))
        batch = reimbursements.gather("USD", [paid], actor=world.alice, at=AT)
        owed = authorize(world.card, swipe(1_00, at=AT, merchant_name="Acme private", network_id="owed")).transaction
        clear(owed, Clearing("capture", "owed-c", AT, is_final=True), actor=None)
        decide(_submitted(world, owed), world.alice, outcome="rejected", reason="Acme private", at=AT)
        budget = budgets.create(
            name="Acme Budget", limit=Money(678_90, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=world.bob,
            members=[world.bob], actor=world.alice, at=AT,
        )  # fmt: skip
        wish = requests.Wish(RequestKind.CARD, Money(123_45, "USD"), "Acme fair", name="Acme travel", budget=budget)
        accounts.block(world.acme, {"blocked_merchants": ["id:Acme-77", "Acme rival"]}, actor=world.alice, at=AT)
        grant = cards.grant(
            world.card, Money(5_00, "USD"), expires_at=datetime.fromisoformat(LATER), reason="Acme fair", actor=world.alice, at=AT
        )
        requested = requests.ask(wish, actor=world.bob, at=AT).public_id
        _subscribed(world)
        limited = cards.Controls(limits=cards.monthly(Money(678_90, "USD")))
        second = cards.issue(world.bob, name="Acme limited", currency="USD", controls=limited, actor=world.alice, at=AT)
        authorize(second, swipe(678_91, at=AT, merchant_name="Acme declined", network_id="declined"))
        endpoint, _ = endpoints.create(url="https://acme.example/hooks", description="Acme books", actor=world.alice, at=AT)
        events.seal_all()
        tasks.notify(AT)
        return {
            "notification": Notification.objects.filter(membership=world.alice).latest("pk").public_id,
            "budget": budget.public_id,
            "request": requested,
            "own_request": requests.ask(wish, actor=world.alice, at=AT).public_id,
            "grant": grant.public_id,
            "card": world.card.public_id,
            "member": world.bob.public_id,
            "invitation": invitation.public_id,
            "category": Category.objects.get(name="Acme Category").public_id,
            "event": Event.objects.filter(sequence__isnull=False).latest("pk").public_id,
            "key": operations.create_key(name="Acme payroll", scopes=["cards:read"], actor=world.alice, at=AT)[0].public_id,
            "webhook": endpoint.public_id,
            "sent": endpoints.test(endpoint, actor=world.alice, at=AT).public_id,
            "tag": companies.add_tag(name="Acme project", actor=world.alice, at=AT).public_id,
            "department": operations.add_department(name="Acme Sales", actor=world.alice, at=AT).public_id,
            "transaction": purchase.public_id,
            "receipt": receipt.public_id,
            "approval": Approval.objects.get(transaction=purchase).public_id,
            "claim": claims.make(_wish(), actor=world.alice, at=AT).public_id,
            "unpaid": unpaid.public_id,
            "reimbursement": batch.public_id,
            "batch": _exported(world).public_id,
            "payout": Payout.objects.get().public_id,
            "repayment": Repayment.objects.get().public_id,
            "policy": adopt(world, rule("Acme rule", merchants=[purchase.merchant.public_id], flag="Acme secret")).public_id,
            "backtest": try_out(world, at=AT).public_id,
            "delegation": delegations.delegate(
                world.bob, world.alice, starts_on=AT.date(), ends_on=AT.date(), actor=world.bob, at=AT
            ).public_id,
            "export": exports.ask("transactions", "csv", {"member": world.bob.public_id}, actor=world.alice, at=AT).public_id,
            "merchant": purchase.merchant.public_id,
            "account": FundingAccount.objects.get().public_id,
            "import": record.public_id,
            "upload": read_upload(b"Date,Amount,Merchant\n2026-01-06,678.90,Acme Draft\n", actor=world.alice, at=AT).public_id,
            "company": world.acme.public_id,
            "session": Session.objects.create(
                membership=world.alice, kind="api", created_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1)
            ).public_id,
        }


SECRETS = ["Acme", "acme.example", "Bob", "123.45", "12345", "678.90", "67890"]
_RANDOM = re.compile(r"[A-Za-z0-9_-]{20,}")


def secrets_of_acme(told: str, theirs: dict[str, str]) -> list[str]:
    """What of Acme's is told. One-time tokens and ids are no words: one page in some thousands has a token with `Bob` in it."""
    words = _RANDOM.sub("", told)
    return [*(secret for secret in SECRETS if secret in words), *(id_ for id_ in theirs.values() if id_ in told)]


@pytest.fixture
def browse(api, pages):
    """`browse(world.alice, "/people/")`: a client for that address, of the API or of the pages."""
    return lambda member, path: api(member) if path.startswith("/api/") else pages(member)


def ask(browse, world, route: str, object_id: str = "", body=None, who: str = "mallory"):
    method, path = route.split()
    client = browse(getattr(world, who), path)
    kind = {"format": "multipart"} if body and "file" in body else {}
    return getattr(client, method.lower())(path.replace("{public_id}", object_id), body, **kind)


def by_id(route: str, theirs: dict[str, str]):
    """The kind of object, and what is sent: some bodies name another of Acme's objects."""
    kind, body = BY_ID[route]
    return kind, body(theirs) if callable(body) else body


def test_every_route_has_its_isolation_case():
    """A new route without a case fails here."""
    covered = {*BY_ID, *PAGES_BY_ID, *BY_READING, *BY_BODY, *OPEN}
    assert {str(route) for route in all_routes()} == covered


@pytest.mark.parametrize("route", BY_ID)
def test_another_companys_object_answers_like_one_that_never_existed(world, theirs, browse, route):
    kind, body = by_id(route, theirs)
    prefix = theirs[kind].split("_")[0]
    foreign = ask(browse, world, route, theirs[kind], body)
    unknown = ask(browse, world, route, f"{prefix}_00000000000000000000000000", body)

    assert foreign.status_code == unknown.status_code == 404
    answers = [answer.content.decode().replace(answer["X-Request-Id"], "") for answer in (foreign, unknown)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("route", BY_ID)
def test_the_owner_gets_past_it(world, theirs, browse, route):
    """The case above proves nothing if the route answers 404 to everybody."""
    kind, body = by_id(route, theirs)
    answer = ask(browse, world, route, theirs[kind], body, who="alice")
    assert answer.status_code in {200, 201, 204, 302, 409}, answer.content


@pytest.mark.parametrize("route", [route for route in BY_ID if "/api/v1/" in route])
def test_another_companys_program_knows_no_more_than_its_people(world, theirs, route):
    """A key of Mallory's with every scope that there is. What no key does is refused alike, whatever the object."""
    kind, body = by_id(route, theirs)
    client, (method, path) = _program_of(world.mallory), route.split()
    more = {"format": "multipart"} if body and "file" in body else {}
    ids = (theirs[kind], f"{theirs[kind].split('_')[0]}_00000000000000000000000000")
    foreign, unknown = (getattr(client, method.lower())(path.replace("{public_id}", id_), body, **more) for id_ in ids)
    assert foreign.status_code == unknown.status_code
    assert foreign.status_code == 404 or foreign.json()["code"] == "scope_missing"
    answers = [answer.content.decode().replace(answer["X-Request-Id"], "") for answer in (foreign, unknown)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("route", [route for route in BY_READING if "/api/v1/" in route])
def test_what_her_program_reads_holds_nothing_of_acmes(world, theirs, route):
    answer = _program_of(world.mallory).get(route.split()[1] + BY_READING[route])
    assert answer.status_code == 200 or answer.json()["code"] == "scope_missing"
    told = answer.content.decode()
    assert not secrets_of_acme(told, theirs)


def _program_of(member) -> APIClient:
    with company_scope(member.company_id):
        _, secret = operations.create_key(name="Hers", scopes=SCOPES, actor=member, at=timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.mark.parametrize("route", PAGES_BY_ID)
def test_another_companys_page_answers_like_one_that_never_existed(world, theirs, pages, route):
    kind, body = PAGES_BY_ID[route]
    method, path = route.split()
    prefix = theirs[kind].split("_")[0]
    for who, foreign_status in ((world.mallory, 404), (world.alice, 302)):
        send = getattr(pages(who), method.lower())
        foreign, unknown = (send(path.replace("{public_id}", id_), body) for id_ in (theirs[kind], f"{prefix}_00000000000000000000000000"))
        assert (foreign.status_code == 404, unknown.status_code) == (foreign_status == 404, 404)
        told = [re.sub(rb"req_\w+", b"", b"".join(answer)) for answer in (foreign, unknown)]
        assert (told[0] == told[1]) is (who is world.mallory)


@pytest.mark.parametrize("route", BY_READING)
def test_what_mallory_reads_holds_nothing_of_acmes(world, theirs, api, pages, route):
    path = route.split()[1] + BY_READING[route]
    answer = api(world.mallory).get(path) if path.startswith("/api/") else pages(world.mallory).get(path)
    assert answer.status_code == 200
    told = answer.content.decode()
    assert not secrets_of_acme(told, theirs)


# The list of reports is the same for every company.
OF_NOBODY = {"GET /api/v1/auth/me/", "GET /api/v1/reports/"}


@pytest.mark.parametrize("route", [route for route in BY_READING if route not in OF_NOBODY])
def test_what_alice_reads_there_holds_something_of_acmes(world, theirs, api, pages, route):
    """Data that could have leaked is there."""
    path = route.split()[1] + BY_READING[route]
    answer = api(world.alice).get(path) if path.startswith("/api/") else pages(world.alice).get(path)
    told = answer.content.decode()
    assert secrets_of_acme(told, theirs)


@pytest.mark.parametrize(("path", "name", "kind"), [(path, name, kind) for path, names in FILTERS.items() for name, kind in names.items()])
def test_filtering_by_another_companys_id_finds_what_an_unknown_id_finds(world, theirs, api, pages, path, name, kind):
    client = api(world.mallory) if path.startswith("/api/") else pages(world.mallory)
    foreign, unknown = (client.get(path, {name: value}) for value in (theirs[kind], f"{kind}_unknown"))
    assert foreign.status_code == unknown.status_code == 200
    assert comparable(foreign, theirs[kind]) == comparable(unknown, f"{kind}_unknown")


def comparable(answer, asked_for: str) -> str:
    """The answer without what was asked for and without the form's one-time token."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode()).replace(asked_for, "")


@pytest.mark.parametrize(
    "route",
    [
        "POST /api/v1/cards/",
        "POST /api/v1/simulator/authorizations/",
        "POST /api/v1/receipts/",
        "POST /api/v1/departments/",
        "POST /api/v1/auth/switch/",
        "POST /api/v1/budgets/",
        "POST /api/v1/card-requests/",
        "POST /api/v1/delegations/",
    ],
)
def test_another_companys_id_in_a_body_is_unknown(world, theirs, browse, route):
    body = BY_BODY[route](theirs)
    name = next(name for name in ("holder", "card", "transaction", "company", "parent", "budget", "to") if name in body)
    foreign = ask(browse, world, route, body=body)
    unknown = ask(browse, world, route, body={**body, name: "mem_unknown"})
    assert foreign.status_code == unknown.status_code == 400
    assert (foreign.json()["field"], foreign.json()["message"]) == (unknown.json()["field"], unknown.json()["message"])


DOING = [
    "POST /api/v1/notifications/read/", "POST /notifications/read/", "PATCH /api/v1/notification-preferences/",
    "PATCH /api/v1/block-list/", "POST /budgets/new/", "POST /requests/new/",
    "POST /cards/new/",
    "POST /api/v1/invitations/", "POST /api/v1/simulator/topups/", "POST /api/v1/simulator/withdrawals/", "POST /api/v1/imports/",
    "POST /api/v1/statement-uploads/", "POST /imports/",
    "POST /api/v1/categories/", "POST /api/v1/tags/", "POST /transactions/describe/",
    "POST /settings/tags/new/", "POST /approvals/approve/", "POST /approvals/delegate/",
    "POST /policies/new/", "POST /api/v1/exports/", "POST /exports/",
    "PATCH /api/v1/company/", "POST /people/", "POST /settings/", "POST /settings/blocks/",
    "PATCH /api/v1/books/", "PATCH /api/v1/accounting-settings/", "POST /accounting/settings/", "POST /accounting/close/",
    "POST /settings/departments/new/", "POST /settings/categories/new/",
    "POST /api/v1/people-imports/", "POST /api/v1/department-imports/",
]  # fmt: skip


@pytest.mark.parametrize("route", DOING)
def test_what_mallory_does_changes_nothing_of_acmes(world, theirs, browse, route):
    def acme():
        with company_scope(world.acme.pk):
            return (
                list(Company.objects.filter(pk=world.acme.pk).values()), list(Category.objects.values()), list(Department.objects.values()),
                list(FundingAccount.objects.values()), list(Transaction.objects.values()), list(StatementImport.objects.values()),
                list(Invitation.objects.values()), list(Budget.objects.values()), list(BlockList.objects.values()),
                list(CardRequest.objects.values()), list(LimitGrant.objects.values()), list(Approval.objects.values()),
                list(Delegation.objects.values()), list(Policy.objects.values()), list(Tag.objects.values()),
                list(Notification.objects.values()), list(NotificationPreference.objects.values()),
                list(Backtest.objects.values()), list(Export.objects.values()),
                list(Backtest.objects.values()), list(Books.objects.values()), list(AccountingSettings.objects.values()),
                list(AccountingBatch.objects.values()),
            )  # fmt: skip

    before = acme()
    # On a page, an id of Acme's or a form half filled in is refused; the API's bodies are good.
    assert ask(browse, world, route, body=BY_BODY[route](theirs)).status_code in ({200, 201} if "/api/" in route else {302, 400, 404})
    assert acme() == before


@pytest.mark.parametrize("route", ["POST /api/v1/people-imports/preview/", "POST /api/v1/department-imports/preview/"])
def test_a_file_that_names_acmes_people_and_departments_names_nobody(world, theirs, browse, route):
    """Bob's address is as good as one that nobody has, and his id as one that never existed."""
    sent = BY_BODY[route](theirs)["file"].read()
    told = []
    for content in (sent, sent.replace(theirs["member"].encode(), b"mem_00000000000000000000000000").replace(b"Acme Sales", b"Nowhere")):
        rows = ask(browse, world, route, body={"file": SimpleUploadedFile("p.csv", content)}).json()["rows"]
        told.append([(row["verdict"], row["field"]) for row in rows])
    assert told[0] == told[1]
    assert [verdict for verdict, _ in told[0]][1:] == ["rejected", "rejected"]


def test_proposing_a_mapping_does_not_use_another_companys(world, api, browse):
    text = b"Date,Value Date,Amount,Merchant\n2026-01-05,2026-01-09,1.00,Shop\n"
    mapping = {"columns": {"transaction_date": "Value Date", "amount": "Amount"}}
    import_statement(world.acme, StatementFile(text, "s.csv"), actor=None, at=AT, mapping=mapping)
    told = ask(browse, world, "POST /api/v1/imports/propose/", body={"file": SimpleUploadedFile("s.csv", text)}).json()
    assert (told["is_kept"], told["mapping"]["columns"]["transaction_date"]) == (False, "Date")


@pytest.mark.parametrize("route", [*BY_ID, *PAGES_BY_ID, *BY_READING, *BY_BODY])
def test_without_a_credential_there_is_nothing(world, theirs, api, client, route):
    method, path = route.split()
    path = path.replace("{public_id}", "x_1")
    if path.startswith("/api/"):
        assert getattr(api(None), method.lower())(path).status_code == 401
    else:
        assert getattr(client, method.lower())(path)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("of", ["decisions.0.approval", "document.rules.0.when.members.0", "transactions.0"])
def test_another_companys_id_deep_in_a_body_is_unknown(world, theirs, browse, of):
    routes = {
        "decisions": ("approvals/decide/", "approval"),
        "document": ("policies/", "member"),
        "transactions": ("transactions/describe/", "transaction"),
    }
    path, kind = routes[of.partition(".")[0]]
    route = f"POST /api/v1/{path}"
    foreign, unknown = (ask(browse, world, route, body=BY_BODY[route]({**theirs, kind: id_})) for id_ in (theirs[kind], "x_unknown"))
    assert foreign.status_code == unknown.status_code == 400
    assert (foreign.json()["field"], foreign.json()["message"]) == (unknown.json()["field"], unknown.json()["message"])
    assert foreign.json()["field"] == of
