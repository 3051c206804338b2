"""Claims, the batches that pay them, and what people owe for purchases that were rejected."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.filters import CurrencyFilter
from spendtrackr.money import CURRENCIES
from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
from transactions import queries
from transactions.filters import ClaimFilter
from transactions.forms.claims import Wished
from transactions.locks import lock_purchase
from transactions.models import PaidFrom, Payout, PayoutStatus, Reimbursement, ReimbursementStatus, Repayment, RepaymentStatus, Transaction
from transactions.operations import claims, reimbursements, repayments
from transactions.serializers import claims as shapes
from transactions.views.exports import PER, payouts_file


@extend_schema_view(
    list=extend_schema(
        summary="List claims", description="The company's for those who see it, else your own and those of the people below. Newest first."
    ),
    retrieve=extend_schema(summary="Show a claim"),
    create=extend_schema(
        summary="Claim money",
        description="That you paid yourself. Add receipts and submit it as the transaction that it is: it has the same id there.",
        request=shapes.ClaimBody,
        responses={201: shapes.ClaimSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a claim",
        description="Before it is approved; what asked for a yes is taken back, to be submitted again.",
        request=shapes.ClaimChange,
        responses={200: shapes.ClaimSerializer},
    ),
    cancel=extend_schema(
        summary="Take a claim back",
        description="Altogether, also after it was approved, but not once it is being paid (409 `being_paid`).",
        request=None,
        responses={200: shapes.ClaimSerializer},
    ),
)
@extend_schema(tags=["claims"])
class ClaimViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.ClaimSerializer
    filterset_class = ClaimFilter
    model = Transaction
    orderings = ordered(spent_on="occurred_on")  # transactions_by_source
    rules = {
        "list": "transactions.see",
        "retrieve": "transactions.see",
        "create": "claims.make",
        "partial_update": "claims.change",
        "cancel": "claims.change",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.claims(self.request.membership, to_read=self.action != "list")

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_claim(rows)

    def create(self, request: APIRequest) -> Response:
        me = request.membership
        claim = claims.make(Wished(me).wish(self.body(shapes.ClaimBody)), actor=me, at=timezone.now())
        return self.reply_anew(claim, status=201)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        claim, me = self.get_object(), request.membership
        if body := self.body(shapes.ClaimChange):
            # What is not named stays as it is by then, and not as it was when somebody else began to change it.
            claim = lock_purchase(claim)
            claim = claims.change(claim, Wished(me, claim).wish(body), actor=me, at=timezone.now())
        return self.reply_anew(claim)

    @action(detail=True, methods=["post"], takes_body=False)
    def cancel(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(claims.cancel(self.get_object(), actor=request.membership, at=timezone.now()))


class ReimbursementFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=ReimbursementStatus.choices)
    currency = CurrencyFilter()


@extend_schema_view(
    list=extend_schema(summary="List batches of payouts", description="Newest first."),
    retrieve=extend_schema(summary="Show a batch of payouts", description="What is in it: `GET /payouts/?reimbursement=` with its id."),
    create=extend_schema(
        summary="Gather approved claims",
        description="Into a batch that is paid together: those named, or all that wait, at most 500. A claim is in one batch at a time.",
        request=shapes.GatherBody,
        responses={201: shapes.ReimbursementSerializer},
    ),
    pay=extend_schema(
        summary="Mark a batch paid",
        description="Once, with the reference of the transfer. Send the money by your bank and say so here, or pay from the balance: "
        "400 `insufficient_funds` where it is not enough.",
        request=shapes.PayBody,
        responses={200: shapes.ReimbursementSerializer},
    ),
    cancel=extend_schema(
        summary="Cancel a batch",
        description="Before it is paid; its claims may be gathered again.",
        request=None,
        responses={200: shapes.ReimbursementSerializer},
    ),
    owed=extend_schema(
        summary="Show who is owed what",
        description="By person and currency, for approved claims that are in no batch; the largest first.",
        responses={200: shapes.OwedAllSerializer},
    ),
)
@extend_schema(tags=["reimbursements"])
class ReimbursementViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.ReimbursementSerializer
    filterset_class = ReimbursementFilter
    model = Reimbursement
    rules = {
        "list": "reimbursements.see",
        "retrieve": "reimbursements.see",
        "owed": "reimbursements.see",
        "export": "reimbursements.see",
        "create": "reimbursements.pay",
        "pay": "reimbursements.pay",
        "cancel": "reimbursements.pay",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.reimbursements()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 -- as REST framework calls it
        """Whoever asks for a file as a file gets it: JSON is only for refusals there."""
        return super().perform_content_negotiation(request, force=force or self.action == "export")

    def create(self, request: APIRequest) -> Response:
        body, me = self.body(shapes.GatherBody), request.membership
        wanted = body["claims"]
        if wanted is not None and body["until"]:
            raise errors.Invalid("Name the claims, or a day, not both.", field="until")
        if body.get("currency") and body["currency"] not in CURRENCIES:
            raise errors.NoCurrency(field="currency")
        rows = None if wanted is None else self._named_claims(wanted)
        currency = body.get("currency") or (rows[0].currency if rows else me.company.currency)
        batch = reimbursements.gather(currency, rows, until=body["until"], actor=me, at=timezone.now())
        return self.reply_anew(batch, status=201)

    def _named_claims(self, wanted: list[str]) -> list[Transaction]:
        found = {claim.public_id: claim for claim in queries.claims(self.request.membership).filter(public_id__in=wanted)}
        for place, public_id in enumerate(wanted):
            if public_id not in found:
                raise errors.Invalid("There is nothing with this id.", field=f"claims.{place}", code="does_not_exist")
            if public_id in wanted[:place]:
                raise errors.Invalid("This one stands here already.", field=f"claims.{place}")
        return [found[public_id] for public_id in wanted]

    @action(detail=True, methods=["post"])
    def pay(self, request: APIRequest, public_id: str) -> Response:
        body = self.body(shapes.PayBody)
        paid_from = PaidFrom(body["paid_from"])
        paid = reimbursements.pay(
            self.get_object(), paid_from=paid_from, reference=body["reference"], actor=request.membership, at=timezone.now()
        )
        return self.reply_anew(paid)

    @action(detail=True, methods=["post"], takes_body=False)
    def cancel(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(reimbursements.cancel(self.get_object(), actor=request.membership, at=timezone.now()))

    @action(detail=False, methods=["get"])
    def owed(self, request: APIRequest) -> Response:
        return Response(shapes.OwedAllSerializer({"owed": queries.owed()}).data)

    @extend_schema(
        summary="Export a batch",
        description="As CSV: a row for each claim, or for each person what they get altogether. Cells that a spreadsheet would compute "
        "begin with an apostrophe.",
        parameters=[OpenApiParameter("per", {"type": "string", "enum": list(PER), "default": "claim"})],
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    @action(detail=True, methods=["get"], query_parameters=("per",))
    def export(self, request: APIRequest, public_id: str) -> HttpResponseBase:
        return payouts_file(self.get_object(), request.query_params.get("per", "claim"))


class PayoutFilter(filters.FilterSet):  # type: ignore[misc]
    reimbursement = filters.CharFilter("reimbursement__public_id", max_length=40)
    claim = filters.CharFilter("transaction__public_id", max_length=40)
    member = filters.CharFilter("member__public_id", max_length=40)
    status = filters.ChoiceFilter(choices=PayoutStatus.choices)


@extend_schema_view(
    list=extend_schema(summary="List payouts", description="Newest first."),
    retrieve=extend_schema(summary="Show a payout"),
    remove=extend_schema(
        summary="Take a payout out",
        description="Of a batch that is not paid yet; its claim may be gathered again.",
        request=None,
        responses={200: shapes.PayoutSerializer},
    ),
    fail=extend_schema(
        summary="Say that a payout failed",
        description="The transfer came back: the money is where it was, and the claim may be gathered again.",
        request=shapes.FailBody,
        responses={200: shapes.PayoutSerializer},
    ),
)
@extend_schema(tags=["reimbursements"])
class PayoutViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.PayoutSerializer
    filterset_class = PayoutFilter
    model = Payout
    rules = {
        "list": "reimbursements.see",
        "retrieve": "reimbursements.see",
        "remove": "reimbursements.pay",
        "fail": "reimbursements.pay",
    }

    def rows(self) -> QuerySet[Any]:
        return Payout.objects.select_related("member__user", "transaction", "reimbursement")

    @action(detail=True, methods=["post"], takes_body=False)
    def remove(self, request: APIRequest, public_id: str) -> Response:
        payout = self.get_object()
        reimbursements.remove(payout, actor=request.membership, at=timezone.now())
        return self.reply_anew(payout)

    @action(detail=True, methods=["post"])
    def fail(self, request: APIRequest, public_id: str) -> Response:
        payout, body = self.get_object(), self.body(shapes.FailBody)
        reimbursements.fail(payout, reason=body["reason"], actor=request.membership, at=timezone.now())
        return self.reply_anew(payout)


class RepaymentFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=RepaymentStatus.choices)
    member = filters.CharFilter("member__public_id", max_length=40)
    transaction = filters.CharFilter("transaction__public_id", max_length=40)


@extend_schema_view(
    list=extend_schema(
        summary="List repayments", description="The company's for those who see it, else your own and those of the people below."
    ),
    retrieve=extend_schema(summary="Show a repayment"),
    receive=extend_schema(
        summary="Record what came back",
        description="All of it, or a part. Nobody records their own.",
        request=shapes.ReceiveBody,
        responses={200: shapes.RepaymentSerializer},
    ),
    waive=extend_schema(
        summary="Waive a repayment",
        description="The company does without the rest of it. Nobody waives their own.",
        request=shapes.WaiveBody,
        responses={200: shapes.RepaymentSerializer},
    ),
)
@extend_schema(tags=["repayments"])
class RepaymentViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.RepaymentSerializer
    filterset_class = RepaymentFilter
    model = Repayment
    rules = {
        "list": "repayments.see",
        "retrieve": "repayments.see",
        "receive": "repayments.settle",
        "waive": "repayments.settle",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.repayments(self.request.membership)

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_outstanding(rows)

    @action(detail=True, methods=["post"])
    def receive(self, request: APIRequest, public_id: str) -> Response:
        repayment, body, me = self.get_object(), self.body(shapes.ReceiveBody), request.membership
        return self.reply_anew(repayments.receive(repayment, body["amount"], reference=body["reference"], actor=me, at=timezone.now()))

    @action(detail=True, methods=["post"])
    def waive(self, request: APIRequest, public_id: str) -> Response:
        repayment, body = self.get_object(), self.body(shapes.WaiveBody)
        return self.reply_anew(repayments.waive(repayment, reason=body["reason"], actor=request.membership, at=timezone.now()))
