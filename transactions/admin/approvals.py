"""Permission: policies, and who was asked for a yes and said what."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from spendtrackr.money import Money
from transactions import models
from users.admin import member_link


@admin.register(models.Approval)
class ApprovalAdmin(ReadOnlyAdmin[models.Approval]):
    list_display = ["public_id", "company_link", "transaction", "status", "amount", "asked_by", "asked_at", "decided_by", "decided_at"]
    list_filter = ["status"]
    search_fields = ["public_id", "transaction__public_id", "asked_by__public_id", "decided_by__public_id"]
    panels = ["steps", "decisions"]

    def amount(self, approval: models.Approval) -> Money:
        return Money(approval.amount_minor, approval.transaction.currency)

    def steps(self, approval: models.Approval) -> Any:
        found = everywhere(models.ApprovalStep).filter(approval=approval).order_by("position")
        return table(
            "Step", "Status", "Since", "Escalated", rows=[(link(s, s.position), s.status, s.opened_at, s.escalations) for s in found]
        )

    def decisions(self, approval: models.Approval) -> Any:
        found = everywhere(models.ApprovalDecision).filter(approval=approval).select_related("actor__user").order_by("pk")
        rows = [(link(d, d.public_id), member_link(d.actor), d.outcome, d.reason or None, d.at) for d in found]
        return table("Decision", "By", "Outcome", "Reason", "At", rows=rows)


@admin.register(models.ApprovalStep)
class ApprovalStepAdmin(ReadOnlyAdmin[models.ApprovalStep]):
    list_display = ["id", "company_link", "approval", "position", "status", "needs_all", "opened_at", "escalations"]
    list_filter = ["status"]
    search_fields = ["approval__public_id", "approval__transaction__public_id"]
    panels = ["assignments"]

    def assignments(self, step: models.ApprovalStep) -> Any:
        found = everywhere(models.Assignment).filter(step=step).select_related("member__user", "instead_of__user").order_by("pk")
        rows = [(link(a, a.pk), member_link(a.member), a.because, member_link(a.instead_of), a.assigned_at, a.ended_at) for a in found]
        return table("Row", "With", "Because", "Instead of", "Since", "Until", rows=rows)


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnlyAdmin[models.Assignment]):
    list_display = ["id", "company_link", "step", "slot", "member", "because", "instead_of", "has_answered", "assigned_at", "ended_at"]
    list_filter = ["because"]
    search_fields = ["member__public_id", "step__approval__public_id"]


@admin.register(models.ApprovalDecision)
class ApprovalDecisionAdmin(ReadOnlyAdmin[models.ApprovalDecision]):
    list_display = ["public_id", "company_link", "approval", "step", "actor", "instead_of", "outcome", "at"]
    list_filter = ["outcome"]
    search_fields = ["public_id", "approval__public_id", "actor__public_id"]


@admin.register(models.Delegation)
class DelegationAdmin(ReadOnlyAdmin[models.Delegation]):
    list_display = ["public_id", "company_link", "member", "to", "starts_on", "ends_on", "state"]
    list_filter = ["state"]
    search_fields = ["public_id", "member__public_id", "to__public_id"]


@admin.register(models.Policy)
class PolicyAdmin(ReadOnlyAdmin[models.Policy]):
    list_display = ["public_id", "company_link", "version", "name", "created_by", "created_at"]
    search_fields = ["public_id", "name"]
    panels = ["activations"]

    def activations(self, policy: models.Policy) -> Any:
        found = everywhere(models.PolicyActivation).filter(policy=policy).select_related("activated_by__user").order_by("pk")
        return table("Row", "From", "By", rows=[(link(a, a.pk), a.at, member_link(a.activated_by)) for a in found])


@admin.register(models.PolicyActivation)
class PolicyActivationAdmin(ReadOnlyAdmin[models.PolicyActivation]):
    list_display = ["id", "company_link", "policy", "activated_by", "at"]
    search_fields = ["policy__public_id"]
