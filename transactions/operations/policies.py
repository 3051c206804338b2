"""Policies: write the next version, and bring one into force. Versions are never changed."""

from __future__ import annotations

import json
from datetime import datetime

from django.db.models import Max

from spendtrackr import errors, events
from spendtrackr.retry import again_if_taken, operation
from transactions import chasing, policies, queries
from transactions.models import Policy, PolicyActivation, Transaction
from transactions.policies import Document
from users.models import Membership


def write(document: Document, *, actor: Membership, at: datetime) -> Policy:
    """The next version, as a draft. Its shape was checked; raises `Invalid` naming the place of an id that is nobody's."""
    if place := queries.unknown_ids(document):
        raise errors.Invalid("There is nothing with this id.", field=f"document.{place}", code="does_not_exist")
    for place, currency in policies.currencies_in(document):
        if currency != actor.company.currency:
            raise errors.Invalid(f"The company's currency is {actor.company.currency}.", field=f"document.{place}.currency")
    # Two who write at the same moment take two version numbers.
    return again_if_taken(_write, document, actor=actor, at=at)


def _write(document: Document, *, actor: Membership, at: datetime) -> Policy:
    version = (Policy.objects.aggregate(last=Max("version"))["last"] or 0) + 1
    said = {name: value for name, value in document.items() if name != "name"}
    policy = Policy.objects.create(version=version, name=document["name"], written=json.dumps(said), created_by=actor, created_at=at)
    events.record("policy.written", policy, actor=actor, at=at, version=version)
    return policy


@operation
def activate(policy: Policy, *, actor: Membership, at: datetime) -> Policy:
    """From this commit on it is asked; what was decided stays. What is not approved yet is put into the queue of the worker, which
    looks anew at what each purchase misses.

    Raises `InvalidState` for the version that is in force already.
    """
    if queries.in_force() == policy:
        raise errors.InvalidState("This version is in force already.")
    PolicyActivation.objects.create(policy=policy, activated_by=actor, at=at)
    Transaction.objects.filter(approval__in=chasing.UNFINISHED).update(chase_at=at)
    events.record("policy.activated", policy, actor=actor, at=at, version=policy.version)
    return policy
