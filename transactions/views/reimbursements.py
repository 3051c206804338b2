"""Pay people back, in the browser: who is owed what, batches, their payment, what came back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.forms import day_from, line_from
from spendtrackr.money import Money
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.forms.claims import PayForm
from transactions.models import PaidFrom, Payout, Reimbursement, ReimbursementStatus, Transaction
from transactions.operations import reimbursements as operations
from transactions.views.exports import payouts_file
from users.models import Membership
from users.views import action, page

MOST, LATELY = 200, 30


@dataclass
class Theirs:
    """What one person is paid, or is to be paid, and for which claims."""

    member: Membership
    amount: Money
    rows: list[Transaction | Payout] = field(default_factory=list)

    def add(self, row: Transaction | Payout, *, counts: bool = True) -> None:
        self.rows.append(row)
        self.amount = Money(self.amount.minor + (row.amount_minor if counts else 0), self.amount.currency)


@page
def reimbursements(request: HttpRequest, member: Membership) -> HttpResponse:
    """What waits to be paid, by person; and the batches, those first that wait."""
    require("reimbursements.see", member)
    waiting = list(queries.payable().select_related("member__user", "merchant", "category")[:MOST])
    batches = queries.reimbursements()
    context = {
        "nav": "claims",
        "tab": "reimbursements",
        "people": _by_person(waiting),
        "totals": _totals(queries.owed()),
        "is_cut": len(waiting) == MOST,
        "open": list(batches.filter(status=ReimbursementStatus.OPEN).order_by("pk")[:MOST]),
        "ended": list(batches.exclude(status=ReimbursementStatus.OPEN).order_by("-ended_at", "-pk")[:LATELY]),
        "may_pay": member.may("reimbursements.pay"),
    }
    return render(request, "transactions/reimbursements.html", context)


def _by_person(claims: list[Transaction]) -> list[Theirs]:
    found: dict[tuple[int, str], Theirs] = {}
    for claim in claims:
        assert claim.member is not None
        found.setdefault((claim.member.pk, claim.currency), Theirs(claim.member, Money(0, claim.currency))).add(claim)
    return sorted(found.values(), key=lambda theirs: (theirs.member.user.name, theirs.amount.currency))


def _totals(owed: list[queries.Owed]) -> list[Money]:
    sums: dict[str, int] = defaultdict(int)
    for row in owed:
        sums[row.amount.currency] += row.amount.minor
    return [Money(minor, currency) for currency, minor in sorted(sums.items())]


@action
def gather(request: HttpRequest, member: Membership) -> str:
    """What is ticked; or with `all`, everything that waits in a currency, up to a day."""
    require("reimbursements.pay", member)
    until = day_from(request.POST, "until")
    if request.POST.get("all"):
        batch = operations.gather(request.POST.get("currency") or member.company.currency, until=until, actor=member, at=timezone.now())
    else:
        ticked = request.POST.getlist("claim")[: operations.MOST_PAYOUTS]
        rows = list(queries.claims(member).filter(public_id__in=ticked).order_by("pk"))
        if not rows:
            raise errors.Invalid("Tick what you want to pay first.")
        if len({row.currency for row in rows}) > 1:
            raise errors.Invalid("A batch is in one currency: tick claims of one only.")
        batch = operations.gather(rows[0].currency, rows, actor=member, at=timezone.now())
    count = queries.reimbursements().get(pk=batch.pk).count  # type: ignore[attr-defined]  # by the query
    what, them = ("1 claim", "it") if count == 1 else (f"{count} claims", "them")
    return f"{what} gathered: pay {them} by your bank, then mark the batch paid."


@page
def reimbursement(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One batch, by person."""
    require("reimbursements.see", member)
    return _shown(request, member, _named(public_id), PayForm())


def _named(public_id: str) -> Reimbursement:
    found: Reimbursement = find(queries.reimbursements(), public_id)
    return found


def _shown(request: HttpRequest, member: Membership, batch: Reimbursement, form: PayForm) -> HttpResponse:
    people: dict[int, Theirs] = {}
    for payout in queries.payouts(batch):
        people.setdefault(payout.member_id, Theirs(payout.member, Money(0, batch.currency))).add(payout, counts=payout.stands)
    context = {
        "nav": "claims",
        "tab": "reimbursements",
        "batch": batch,
        "people": list(people.values()),
        "form": form,
        "may_pay": member.may("reimbursements.pay"),
    }
    return render(request, "transactions/reimbursement.html", context, status=400 if form.errors else 200)


@action
def pay(request: HttpRequest, member: Membership, public_id: str) -> str:
    require("reimbursements.pay", member)
    batch, form = _named(public_id), PayForm(request.POST)
    if not form.is_valid():
        name, problems = next(iter(form.errors.items()))
        raise errors.Invalid(f"{form.fields[name].label}: {problems[0]}", field=name)
    given = form.cleaned_data
    paid_from = PaidFrom(given["paid_from"])
    operations.pay(batch, paid_from=paid_from, reference=given["reference"], actor=member, at=timezone.now())
    return "Marked paid."


@action
def cancel(request: HttpRequest, member: Membership, public_id: str) -> str:
    require("reimbursements.pay", member)
    operations.cancel(_named(public_id), actor=member, at=timezone.now())
    return "Cancelled: its claims wait to be paid again."


@page
def export(request: HttpRequest, member: Membership, public_id: str) -> HttpResponseBase:
    require("reimbursements.see", member)
    return payouts_file(_named(public_id), request.GET.get("per", "claim"))


def _payout(member: Membership, public_id: str) -> Payout:
    require("reimbursements.pay", member)
    found: Payout = find(Payout.objects.select_related("reimbursement", "transaction", "member__user"), public_id)
    return found


@action
def remove(request: HttpRequest, member: Membership, public_id: str) -> str:
    payout = _payout(member, public_id)
    operations.remove(payout, actor=member, at=timezone.now())
    return f"Taken out: {payout.amount.written()} for {payout.member.user.name} waits to be paid again."


@action
def fail(request: HttpRequest, member: Membership, public_id: str) -> str:
    payout = _payout(member, public_id)
    operations.fail(payout, reason=line_from(request.POST, "reason", 300), actor=member, at=timezone.now())
    return f"Noted: {payout.amount.written()} for {payout.member.user.name} came back, and waits to be paid again."
