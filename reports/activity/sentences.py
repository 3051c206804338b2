"""What each event is in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spendtrackr.events import SYSTEM
from spendtrackr.models import Event

KINDS = {
    "account": "Balances",
    "accounting": "Accounting",
    "accounting_settings": "Accounting settings",
    "address": "Addresses",
    "approval": "Approvals",
    "backtest": "Drafts tried on the past",
    "books": "Books",
    "budget": "Budgets",
    "card": "Cards",
    "category": "Categories",
    "claim": "Claims",
    "comment": "Comments",
    "company": "Company",
    "delegation": "Stand-ins",
    "department": "Departments",
    "export": "Exports",
    "invitation": "Invitations",
    "items": "Missing items",
    "key": "API keys",
    "member": "People",
    "notifications": "Notifications",
    "operator": "Operators",
    "password": "Passwords",
    "payout": "Payouts",
    "policy": "Policies",
    "profile": "Profiles",
    "receipt": "Receipts",
    "reimbursement": "Batches of payouts",
    "repayment": "Repayments",
    "request": "Requests",
    "session": "Sign-ins",
    "statement": "Statements",
    "tag": "Tags",
    "transaction": "Transactions",
    "webhook": "Webhooks",
}

# What happened, in a sentence. A name in braces is who did it, what it is about, or what the event says under that name.
# Behind a colon: where the event says so, by what it is caused or that something was archived.
SENTENCES = {
    "account.credit_changed": "An operator set the credit of {subject} to {amount}",
    "account.topped_up": "{actor} topped up {subject} by {amount}",
    "account.withdrawn": "{actor} sent {amount} from {subject} back to the bank",
    "accounting.exported": "{actor} exported {amount} to accounting",
    "accounting.failed": "{actor} said that accounting did not take {subject}",
    "accounting_settings.changed": "{actor} changed the settings of the accounting export",
    "address.confirmation_requested": "{actor} asked for a link to confirm their address",
    "address.confirmed": "{actor} confirmed their address",
    "approval.agreed": "{actor} agreed to {transaction}; others still have to",
    "approval.approved": "{actor} approved {transaction}",
    "approval.approved:policy": "The policy approved {transaction} by itself",
    "approval.assigned": "{transaction} waits for {members}",
    "approval.changes_requested": "{actor} sent {transaction} back",
    "approval.escalated": "{transaction} waited for too long: the next above is asked as well",
    "approval.nobody_eligible": "{transaction} waits, and nobody may approve it",
    "approval.rejected": "{actor} rejected {transaction}",
    "approval.reminded": "{members} heard again that {transaction} waits",
    "approval.requested": "{actor} submitted {transaction} for approval",
    "approval.voided": "{actor} changed {transaction}, which takes its request for approval back",
    "approval.voided:amount_raised": "{transaction} became more than what was approved: it needs another yes",
    "approval.voided:cancelled": "{actor} took {transaction} back",
    "approval.voided:reversed": "{transaction} came to nothing: nobody has to approve it any more",
    "approval.voided:withdrawn": "{actor} took back the request to approve {transaction}",
    "backtest.asked": "{actor} tried {subject}",
    "backtest.failed": "{subject} came to no end",
    "backtest.finished": "{subject} is done: {rows} rows",
    "books.closed": "{actor} closed the books through {through}",
    "books.reopened": "{actor} opened closed days of the books again",
    "budget.changed": "{actor} changed {subject}",
    "budget.closed": "{actor} closed {subject}",
    "budget.created": "{actor} made {subject}, {amount}",
    "budget.threshold_reached": "{subject} is used to {percent} %",
    "card.closed": "{actor} closed {subject}",
    "card.controls_changed": "{actor} changed what {subject} may be spent on",
    "card.failed": "{subject} could not be issued",
    "card.frozen": "{actor} froze {subject}",
    "card.frozen:receipts": "{subject} is frozen until what is missing arrives",
    "card.grant_revoked": "{actor} took back what was granted to {subject}",
    "card.granted": "{actor} granted {subject} {amount} more for once",
    "card.issued": "{subject} is ready",
    "card.requested": "{actor} issued {subject} to {holder}",
    "card.unfrozen": "{actor} lifted a freeze of {subject}",
    "category.added": "{actor} added the category {subject}",
    "category.changed": "{actor} changed the category {subject}",
    "category.changed:archived": "{actor} archived the category {subject}",
    "claim.cancelled": "{actor} cancelled the claim {subject}",
    "claim.changed": "{actor} changed the claim {subject}",
    "claim.made": "{actor} claimed {subject}",
    "comment.added": "{actor} commented on {about}",
    "company.block_list_changed": "{actor} changed where no card may be used",
    "company.changed": "{actor} changed the company’s profile: {changed}",
    "company.closed": "An operator closed the company",
    "company.founded": "{subject} was founded",
    "company.reactivated": "An operator let the company go on",
    "company.suspended": "An operator suspended the company",
    "delegation.ended": "{to} no longer decides in place of {member}",
    "delegation.made": "{actor} let {to} decide in place of {member}",
    "delegation.started": "{to} decides in place of {member} from now on",
    "department.added": "{actor} added the department {subject}",
    "department.changed": "{actor} changed the department {subject}",
    "department.changed:archived": "{actor} archived the department {subject}",
    "department.head_changed": "{actor} gave the department {subject} another head: {after}",
    "export.asked": "{actor} asked for {subject} of {what} as {format}",
    "export.downloaded": "{actor} downloaded {subject}",
    "export.failed": "{subject} came to no end",
    "export.finished": "{subject} is ready",
    "export.streamed": "{actor} downloaded {what} as {format}",
    "invitation.changed": "{actor} changed where somebody who is invited will stand",
    "invitation.resent": "{actor} made a new link for an invitation",
    "invitation.revoked": "{actor} revoked an invitation",
    "items.overdue": "Overdue for {subject}: {items}",
    "items.reminded": "{member} was reminded of {items} for {subject}",
    "key.changed": "{actor} changed {subject}",
    "key.created": "{actor} made {subject}",
    "key.revoked": "{actor} revoked {subject}",
    "key.rotated": "{actor} rotated {subject}",
    "member.deactivated": "{actor} deactivated {subject}",
    "member.department_changed": "{actor} moved {subject} to the department {after}",
    "member.invited": "{actor} invited somebody as {role}",
    "member.joined": "{subject} joined as {role}",
    "member.manager_changed": "{actor} let {subject} report to {after}",
    "member.reactivated": "{actor} brought {subject} back",
    "member.role_changed": "{actor} made {subject} {after}; before {before}",
    "member.suspended": "{actor} suspended {subject}",
    "notifications.chosen": "{actor} chose how to be told of what happens",
    "operator.listed": "An operator looked through a list: {model}",
    "operator.looked": "An operator looked at {subject}",
    "password.changed": "{actor} changed their password",
    "password.reset": "{actor} set a new password by a link",
    "payout.failed": "{actor} said that the transfer for {transaction} came back",
    "payout.removed": "{actor} took {transaction} out of {reimbursement}",
    "policy.activated": "{actor} brought {subject} into force",
    "policy.written": "{actor} wrote {subject}",
    "profile.changed": "{actor} changed their profile",
    "receipt.added": "{actor} added a receipt to {transaction}",
    "receipt.described": "{actor} wrote on a receipt: {changed}",
    "receipt.discarded": "{actor} removed a receipt from their inbox",
    "receipt.removed": "{actor} took a receipt off {transaction}",
    "receipt.uploaded": "{actor} uploaded a receipt",
    "reimbursement.cancelled": "{actor} cancelled {subject}",
    "reimbursement.gathered": "{actor} gathered {subject}: {payouts} claims, {amount}",
    "reimbursement.paid": "{actor} said that {subject} is paid: {amount} to {members}",
    "repayment.opened": "{member} is asked to repay {transaction}",
    "repayment.repaid": "{actor} recorded that {member} repaid {amount} for {transaction}",
    "repayment.repaid:given_back": "Nothing is owed any more for {transaction}",
    "repayment.waived": "{actor} waived what {member} owes for {transaction}",
    "repayment.waived:given_back": "Nothing is owed any more for {transaction}",
    "request.approved": "{actor} approved {subject}",
    "request.asked": "{actor} asks for {subject}",
    "request.carried_over": "{subject} goes on with {card}",
    "request.rejected": "{actor} rejected {subject}",
    "request.withdrawn": "{actor} withdrew {subject}",
    "session.ended": "A session of {actor} ended",
    "session.opened": "{actor} signed in",
    "statement.imported": "{actor} imported a statement: {booked} lines booked, {rejected} rejected",
    "tag.added": "{actor} added the tag {subject}",
    "tag.changed": "{actor} changed the tag {subject}",
    "tag.changed:archived": "{actor} archived the tag {subject}",
    "transaction.advised": "The network approved {subject} in our stead",
    "transaction.approved": "{subject} was approved on {card}",
    "transaction.captured": "The merchant collected {subject}",
    "transaction.charged_back": "{subject} came back by a dispute",
    "transaction.chargeback_reversed": "The dispute about {subject} was lost",
    "transaction.declined": "{subject} was declined on {card}: {reason}",
    "transaction.described": "{actor} wrote on {subject}: {changed}",
    "transaction.expired": "Nobody collected {subject} in time",
    "transaction.force_posted": "The merchant collected {subject} without asking",
    "transaction.refund_reversed": "The refund of {subject} was taken back",
    "transaction.refunded": "The merchant gave {subject} back",
    "transaction.reversed": "The merchant let {subject} go",
    "webhook.changed": "{actor} changed {subject}",
    "webhook.created": "{actor} has events sent to {subject}",
    "webhook.failed": "{subject} was switched off: nothing could be delivered for three days",
    "webhook.failed:gone": "{subject} was switched off: it answered that it is gone",
    "webhook.removed": "{actor} removed {subject}",
    "webhook.replayed": "{actor} had events sent to {subject} again",
    "webhook.rotated": "{actor} gave {subject} another secret",
    "webhook.switched_off": "{actor} switched {subject} off",
    "webhook.switched_on": "{actor} switched {subject} on",
    "webhook.tested": "{actor} sent a test to {subject}",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event and what it says."""

    event: Event
    details: Mapping[str, Any]

    @classmethod
    def by(cls, event: Event) -> Told:
        return cls(event, json.loads(event.details))

    @property
    def sentence(self) -> str:
        given_back = "given_back" if self.event.actor_id == SYSTEM else ""
        archived = "archived" if self.details.get("is_archived") else ""
        type_ = str(self.event.type)
        for variant in (self.details.get("because"), self.details.get("source"), given_back, archived):
            if variant and (found := SENTENCES.get(f"{type_}:{variant}")):
                return found
        # Never silent: what has no words yet is told by its name.
        return SENTENCES.get(type_, "{actor}: " + type_.replace("_", " ").replace(".", ", "))

    @property
    def ids(self) -> Iterator[str]:
        """All that it names."""
        for value in (self.event.subject_id, self.event.actor_id, *self.details.values()):
            yield from (one for one in (value if isinstance(value, list) else [value]) if is_id(one))


def is_id(said: Any) -> bool:
    return isinstance(said, str) and bool(_ID.fullmatch(said))


# Not a code such as `card_frozen`.
_ID = re.compile(r"[a-z]+_[0-9a-z]{26}")
