"""Files to open in a spreadsheet or to hand to a bank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse

from spendtrackr import errors
from spendtrackr.exports import Value, csv_download, csv_lines
from spendtrackr.money import Money
from transactions import queries
from transactions.models import Payout, Reimbursement
from users.models import Membership

PER = ("claim", "person")
_WHO_AND_WHAT = ["person", "e-mail", "amount", "currency"]
_BY_CLAIM = ["payout", "claim", *_WHO_AND_WHAT, "spent on", "merchant", "memo", "status", "reference"]
_BY_PERSON = [*_WHO_AND_WHAT, "claims", "reference"]


def payouts_file(batch: Reimbursement, per: str) -> StreamingHttpResponse:
    """What stands of a batch as CSV, a row for each claim or each person. Raises `Invalid` naming the parameter."""
    if per not in PER:
        raise errors.Invalid(errors.one_of("per", PER), field="per")
    payouts = [payout for payout in queries.payouts(batch) if payout.stands]
    head, rows = (_BY_CLAIM, _by_claim(payouts)) if per == "claim" else (_BY_PERSON, _by_person(payouts, batch))
    return csv_download(f"payouts-{batch.public_id}-{per}.csv", csv_lines(head, rows))


def _by_claim(payouts: Iterable[Payout]) -> Iterator[list[Value]]:
    for payout in payouts:
        claim, batch = payout.transaction, payout.reimbursement
        bought: list[Value] = [claim.occurred_on, claim.descriptor, claim.memo]
        ended = [str(payout.status), batch.reference]
        yield [payout.public_id, claim.public_id, *_who(payout.member), payout.amount.decimal, batch.currency, *bought, *ended]


def _who(member: Membership) -> list[Value]:
    return [member.user.name, member.user.email]


def _by_person(payouts: Iterable[Payout], batch: Reimbursement) -> Iterator[list[Value]]:
    of: dict[Membership, list[Payout]] = defaultdict(list)
    for payout in payouts:
        of[payout.member].append(payout)
    for member, theirs in of.items():
        total = Money(sum(payout.amount_minor for payout in theirs), batch.currency)
        yield [*_who(member), total.decimal, batch.currency, len(theirs), batch.reference]
