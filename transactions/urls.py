"""Addresses of transactions and of what moves money."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from transactions.views import (
    accounting,
    approvals,
    backtests,
    claims,
    coding,
    comments,
    funding,
    policies,
    purchases,
    receipts,
    reimbursements,
    repayments,
    settings,
    statements,
)
from transactions.viewsets.accounting import (
    AccountingBatchViewSet,
    AccountingItemViewSet,
    AccountingRowViewSet,
    AccountingSettingsViewSet,
    BooksViewSet,
    LateViewSet,
)
from transactions.viewsets.approvals import ApprovalViewSet, DelegationViewSet
from transactions.viewsets.backtests import BacktestRowViewSet, BacktestViewSet, ControlsBacktestViewSet
from transactions.viewsets.cards import PreviewViewSet
from transactions.viewsets.claims import ClaimViewSet, PayoutViewSet, ReimbursementViewSet, RepaymentViewSet
from transactions.viewsets.comments import RequestCommentViewSet, TransactionCommentViewSet
from transactions.viewsets.company import BlockListViewSet, CompanyViewSet
from transactions.viewsets.funding import FundingAccountViewSet
from transactions.viewsets.policies import PolicyViewSet
from transactions.viewsets.purchases import TransactionViewSet
from transactions.viewsets.receipts import ReceiptViewSet
from transactions.viewsets.simulator import AuthorizationViewSet, MessageViewSet, TopUpViewSet, WithdrawalViewSet
from transactions.viewsets.statements import ImportIssueViewSet, ImportViewSet, StatementUploadViewSet

router = SimpleRouter()
router.register("transactions", TransactionViewSet, basename="transaction")
router.register("approvals", ApprovalViewSet, basename="approval")
router.register("delegations", DelegationViewSet, basename="delegation")
router.register("policies", PolicyViewSet, basename="policy")
router.register("claims", ClaimViewSet, basename="claim")
router.register("reimbursements", ReimbursementViewSet, basename="reimbursement")
router.register("payouts", PayoutViewSet, basename="payout")
router.register("repayments", RepaymentViewSet, basename="repayment")
router.register("accounting-items", AccountingItemViewSet, basename="accounting-item")
router.register("accounting-batches", AccountingBatchViewSet, basename="accounting-batch")
router.register("backtests", BacktestViewSet, basename="backtest")
router.register("receipts", ReceiptViewSet, basename="receipt")
router.register("accounts", FundingAccountViewSet, basename="account")
router.register("imports", ImportViewSet, basename="import")
router.register("statement-uploads", StatementUploadViewSet, basename="statement-upload")
router.register("simulator/topups", TopUpViewSet, basename="simulator-topup")
router.register("simulator/messages", MessageViewSet, basename="simulator-message")
router.register("simulator/withdrawals", WithdrawalViewSet, basename="simulator-withdrawal")
router.register("simulator/authorizations", AuthorizationViewSet, basename="simulator-authorization")

api = [
    *router.urls,
    path("cards/<slug:public_id>/authorizations/preview/", PreviewViewSet.as_view({"post": "preview"}), name="authorization-preview"),
    path(
        "transactions/<slug:public_id>/comments/",
        TransactionCommentViewSet.as_view({"get": "list", "post": "create"}),
        name="transaction-comments",
    ),
    path(
        "card-requests/<slug:public_id>/comments/",
        RequestCommentViewSet.as_view({"get": "list", "post": "create"}),
        name="request-comments",
    ),
    path("cards/<slug:public_id>/controls/backtest/", ControlsBacktestViewSet.as_view({"post": "backtest"}), name="controls-backtest"),
    path("backtests/<slug:public_id>/rows/", BacktestRowViewSet.as_view({"get": "list"}), name="backtest-rows"),
    path("imports/<slug:public_id>/issues/", ImportIssueViewSet.as_view({"get": "list"}), name="import-issues"),
    path("accounting-batches/<slug:public_id>/rows/", AccountingRowViewSet.as_view({"get": "list"}), name="accounting-rows"),
    path(
        "accounting-settings/",
        AccountingSettingsViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="accounting-settings-api",
    ),
    path("books/", BooksViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="books"),
    path("books/late/", LateViewSet.as_view({"get": "list"}), name="books-late"),
    path("company/", CompanyViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="company"),
    path("block-list/", BlockListViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="block-list"),
]
pages = [
    path("transactions/", purchases.transactions, name="transactions"),
    path("transactions/describe/", coding.describe_all, name="transactions-describe"),
    path("transactions/<slug:public_id>/split/", coding.split, name="transaction-split"),
    path("transactions/<slug:public_id>/", purchases.transaction, name="transaction"),
    path("transactions/<slug:public_id>/history/", purchases.history, name="transaction-history"),
    path("transactions/<slug:public_id>/accounting/", accounting.transaction, name="transaction-books"),
    path("transactions/<slug:public_id>/comments/", comments.say_of_transaction, name="transaction-comment"),
    path("transactions/<slug:public_id>/describe/", purchases.describe, name="transaction-describe"),
    path("transactions/<slug:public_id>/submit/", purchases.submit, name="transaction-submit"),
    path("transactions/<slug:public_id>/withdraw/", purchases.withdraw, name="transaction-withdraw"),
    path("claims/", claims.claims, name="claims"),
    path("claims/new/", claims.new, name="claim-new"),
    path("claims/<slug:public_id>/change/", claims.change, name="claim-change"),
    path("claims/<slug:public_id>/cancel/", claims.cancel, name="claim-cancel"),
    path("reimbursements/", reimbursements.reimbursements, name="reimbursements"),
    path("reimbursements/gather/", reimbursements.gather, name="reimbursement-new"),
    path("reimbursements/<slug:public_id>/", reimbursements.reimbursement, name="reimbursement"),
    path("reimbursements/<slug:public_id>/pay/", reimbursements.pay, name="reimbursement-pay"),
    path("reimbursements/<slug:public_id>/cancel/", reimbursements.cancel, name="reimbursement-cancel"),
    path("reimbursements/<slug:public_id>/export/", reimbursements.export, name="reimbursement-export"),
    path("payouts/<slug:public_id>/remove/", reimbursements.remove, name="payout-remove"),
    path("payouts/<slug:public_id>/fail/", reimbursements.fail, name="payout-fail"),
    path("repayments/", repayments.repayments, name="repayments"),
    path("repayments/<slug:public_id>/receive/", repayments.receive, name="repayment-receive"),
    path("repayments/<slug:public_id>/waive/", repayments.waive, name="repayment-waive"),
    path("requests/<slug:public_id>/", comments.card_request, name="request"),
    path("requests/<slug:public_id>/comments/", comments.say_of_request, name="request-comment"),
    path("funding/", funding.funding, name="funding"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<slug:public_id>/approve/", approvals.approve, name="approval-approve"),
    path("approvals/approve/", approvals.approve_all, name="approvals-approve"),
    path("approvals/delegate/", approvals.delegate, name="delegate"),
    path("approvals/<slug:public_id>/request-changes/", approvals.request_changes, name="approval-request-changes"),
    path("approvals/<slug:public_id>/reject/", approvals.reject, name="approval-reject"),
    path("accounting/", accounting.accounting, name="accounting"),
    path("accounting/closing/", accounting.closing, name="closing"),
    path("accounting/close/", accounting.close, name="books-close"),
    path("accounting/settings/", accounting.settings, name="accounting-settings"),
    path("accounting/batches/", accounting.export, name="accounting-export"),
    path("accounting/batches/<slug:public_id>/", accounting.batch, name="accounting-batch"),
    path("accounting/batches/<slug:public_id>/export/", accounting.download, name="accounting-download"),
    path("accounting/batches/<slug:public_id>/fail/", accounting.fail, name="accounting-fail"),
    path("policies/", policies.policies, name="policies"),
    path("policies/new/", policies.new, name="policy-new"),
    path("policies/<slug:public_id>/", policies.policy, name="policy"),
    path("policies/<slug:public_id>/activate/", policies.activate, name="policy-activate"),
    path("policies/<slug:public_id>/backtest/", backtests.try_policy, name="policy-backtest"),
    path("cards/<slug:public_id>/backtest/", backtests.try_controls, name="card-backtest"),
    path("backtests/", backtests.backtests, name="backtests"),
    path("backtests/<slug:public_id>/", backtests.backtest, name="backtest"),
    path("backtests/<slug:public_id>/rows/", backtests.rows, name="backtest-rows-page"),
    path("delegations/<slug:public_id>/end/", approvals.end_delegation, name="delegation-end"),
    path("transactions/<slug:public_id>/receipts/", receipts.upload, name="receipt-upload"),
    path("receipts/", receipts.inbox, name="receipts"),
    path("receipts/<slug:public_id>/", receipts.file, name="receipt-file"),
    path("receipts/<slug:public_id>/describe/", receipts.describe, name="receipt-describe"),
    path("receipts/<slug:public_id>/attach/", receipts.attach, name="receipt-attach"),
    path("receipts/<slug:public_id>/detach/", receipts.detach, name="receipt-detach"),
    path("receipts/<slug:public_id>/remove/", receipts.remove, name="receipt-remove"),
    path("imports/", statements.imports, name="imports"),
    path("imports/uploads/<slug:public_id>/", statements.upload, name="statement-upload"),
    path("imports/<slug:public_id>/", statements.record, name="import"),
    path("settings/", settings.settings, name="settings"),
    path("settings/blocks/", settings.blocks, name="block-list"),
    path("settings/departments/new/", settings.department, name="new-department"),
    path("settings/departments/<slug:public_id>/", settings.department, name="department"),
    path("settings/tags/new/", settings.tag, name="new-tag"),
    path("settings/tags/<slug:public_id>/", settings.tag, name="tag"),
    path("settings/categories/new/", settings.category, name="new-category"),
    path("settings/categories/<slug:public_id>/", settings.category, name="category"),
]
