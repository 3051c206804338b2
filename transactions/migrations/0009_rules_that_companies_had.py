"""The amounts that companies had as rules become their first policy; what was decided gets the step that it went through.

May run again: what is there already is left alone.
"""

import json
from datetime import timedelta

from django.db import migrations
from django.utils import timezone

import spendtrackr.ids

BLOCK = 1000
_MANAGER = [["manager", "", None, None]]
_NO_CONDITIONS = {
    "amount_from": None, "amount_below": None, "categories": [], "departments": [], "merchants": [], "members": [],
    "merchant_categories": [], "roles": [], "sources": [],
}
_REMINDERS = {"missing_items_after_days": [2, 7, 14], "freeze_after_days": None, "approvals_after_days": 2, "escalate_after_days": 7}


def _required(minor, currency):
    if minor is None:
        return None
    return {"when": "always", "amount": None} if minor == 0 else {"when": "from", "amount": {"minor": minor, "currency": currency}}


def _document(company):
    require = {
        "receipt": _required(company.receipt_required_from_minor, company.currency),
        "memo": _required(company.memo_required_from_minor, company.currency),
        "category": {"when": "always", "amount": None},
    }
    small = {
        "name": "Small purchases",
        "when": {**_NO_CONDITIONS, "amount_below": {"minor": company.auto_approve_below_minor, "currency": company.currency}},
        "require": {"receipt": None, "memo": None, "category": None},
        "approval": {"automatic": True, "steps": []},
        "flag": "",
    }
    approval = {"automatic": False, "steps": [{"mode": "any", "approvers": [{"kind": "manager", "role": None, "member": None}]}]}
    return {
        "rules": [] if company.auto_approve_below_minor is None else [small],
        "otherwise": {"require": require, "approval": approval},
        "reminders": _REMINDERS,
    }


def write_policies(apps, schema_editor):
    Company, Policy, PolicyActivation = (
        apps.get_model("companies", "Company"), apps.get_model("transactions", "Policy"), apps.get_model("transactions", "PolicyActivation"),
    )
    for company in Company.objects.all():
        had = (company.auto_approve_below_minor, company.receipt_required_from_minor, company.memo_required_from_minor)
        if had == (None, 0, None) or Policy._base_manager.filter(company=company).exists():
            continue
        policy = Policy._base_manager.create(
            company=company, public_id=spendtrackr.ids.new_id("pol"), version=1, name="House rules", written=json.dumps(_document(company)),
            created_at=company.founded_at,
        )
        PolicyActivation._base_manager.create(company=company, policy=policy, at=company.founded_at)


def add_steps(apps, schema_editor):
    """Each request that was decided, or waits, went to one step: the manager. With whom it is now, the worker works out in its first round."""
    Approval, Step, Decision, Transaction = (
        apps.get_model("transactions", name)._base_manager for name in ("Approval", "ApprovalStep", "ApprovalDecision", "Transaction")
    )
    Approval.filter(status="rejected").update(status="changes_requested")
    Transaction.filter(approval="rejected").update(approval="changes_requested")
    done = set(Step.values_list("approval_id", flat=True))
    for approval in Approval.exclude(decided_by=None, open_key=None).order_by("pk").iterator(chunk_size=BLOCK):
        if approval.pk in done:
            continue
        waits = approval.open_key is not None
        is_yes = not approval.reason and approval.status != "changes_requested"
        step = Step.create(
            company_id=approval.company_id, approval=approval, position=1, approvers=json.dumps(_MANAGER), needs_all=False,
            status="waiting" if waits else "approved" if is_yes else "ended", opened_at=approval.asked_at,
            open_key="open" if waits else None, remind_at=timezone.now() + timedelta(days=2) if waits else None,
        )
        if approval.decided_by_id:
            Decision.create(
                company_id=approval.company_id, public_id=spendtrackr.ids.new_id("dec"), approval=approval, step=step,
                actor_id=approval.decided_by_id, outcome="approved" if is_yes else "changes_requested", reason=approval.reason,
                seen=approval.seen, at=approval.decided_at,
            )


def look_for_what_is_missing(apps, schema_editor):
    """The worker looks at each purchase that is not approved yet, and writes down what it misses."""
    apps.get_model("transactions", "Transaction")._base_manager.filter(
        approval__in=["open", "waiting", "changes_requested"], missing=""
    ).update(chase_at=timezone.now())


class Migration(migrations.Migration):

    dependencies = [("companies", "0002_people_and_paper"), ("transactions", "0008_policies_as_data")]

    operations = [
        migrations.RunPython(write_policies, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(add_steps, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(look_for_what_is_missing, migrations.RunPython.noop, elidable=True),
    ]
