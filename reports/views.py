"""Pages that add up, and the pages of the contract."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from reports import activity, overview, queries, spending
from reports.forms import period_from, wanted_from
from spendtrackr import errors
from spendtrackr.events import SYSTEM
from spendtrackr.money import KNOWN_CURRENCIES
from spendtrackr.periods import Period, add_months, month_of
from spendtrackr.permissions import HasMembership, require
from transactions import queries as transactions
from users.authentication import TokenAuthentication
from users.models import Membership
from users.views import page


@page
def overview_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Spend of a period by month and category, and the latest transactions."""
    only = queries.reader(member)
    today = member.company.day_of(timezone.now())
    usual = queries.usual_period(today, only=only)
    problem = None
    try:
        period = period_from(request.GET, lambda: usual)
    except errors.Invalid as error:
        period, problem = usual, error
    currency = request.GET.get("currency", member.company.currency)
    if currency not in KNOWN_CURRENCIES:
        currency = member.company.currency
    shown = overview.build(period, currency, only=only, today=today)
    waiting = list(transactions.waiting_for(member)[:_MOST])
    latest, more = transactions.page(transactions.visible(member), cursor=None, limit=10)
    context = {
        "nav": "overview",
        "title": "Spend" if only is None else "Your spend" if only == [member.pk] else "Your team's spend",
        "month": spending.month_against_last(today, currency, only=only),
        "waits": {
            "approvals": waiting,
            "approval_totals": transactions.totals_of(waiting),
            "to_do": transactions.to_do(member).count(),
            "company": transactions.backlog() if only is None else None,
        },
        "overview": shown,
        "presets": presets(usual, period, currency),
        "accounts": transactions.accounts() if only is None else [],
        "latest": latest,
        "is_new": not latest and only is None,
        "may_invite": member.may("people.invite"),
        "has_more": bool(more),
        "attributions": transactions.attributions(latest),
        "problem": problem,
        "company_currency": member.company.currency,
    }
    return render(request, "reports/overview.html", context, status=400 if problem else 200)


@page
def my_spend(request: HttpRequest, member: Membership) -> HttpResponse:
    """One's own purchases, what they still need, and one's cards: the page to have on a phone."""
    shown = spending.my_spend(member, at=timezone.now())
    return render(
        request,
        "reports/my_spend.html",
        {"nav": "my-spend", "mine": shown, "me": member, "may_issue": member.may("cards.issue"), "may_claim": member.may("claims.make")},
    )


@page
def activity_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Who did what, newest first: all of it, or of one kind, by one person, on one day."""
    require("activity.see", member)
    problem, shown = None, None
    try:
        shown = activity.page(member, wanted_from(request.GET))
    except errors.Invalid as error:
        problem = error
    given = {name: request.GET[name] for name in ("kind", "person", "day") if request.GET.get(name)}
    people = Membership.objects.select_related("user").order_by("user__name", "pk")
    context = {
        "nav": "activity",
        "activity": shown,
        "given": given,
        "kinds": activity.KINDS.items(),
        "people": [(person.public_id, person.user.name) for person in people],
        "system": SYSTEM,
        "is_first_page": not request.GET.get("before"),
        "first_href": "?" + urlencode(given),
        "older_href": "?" + urlencode({**given, "before": shown.before}) if shown and shown.before else "",
        "problem": problem,
    }
    return render(request, "reports/activity.html", context, status=400 if problem else 200)


_MOST = 100


def presets(usual: Period, chosen: Period, currency: str) -> list[dict[str, Any]]:
    """Periods that people ask for most, as links."""
    month = month_of(usual.last)
    spans = {
        "Month": month,
        "3 months": Period(add_months(month.start, -2), month.end),
        "12 months": usual,
        "Year before": usual.before(),
    }
    return [
        {
            "label": label,
            "href": "?" + urlencode({"from": span.start, "to": span.last, "currency": currency}),
            "is_chosen": span == chosen,
        }
        for label, span in spans.items()
    ]


class SchemaView(SpectacularAPIView):
    """The contract itself: open in the demo, for members elsewhere."""

    authentication_classes = [TokenAuthentication]
    permission_classes = [HasMembership]

    @extend_schema(summary="The contract", tags=["contract"], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]

    def get_permissions(self) -> list[Any]:
        return [] if settings.DOCS_OPEN else list(super().get_permissions())


# Swagger UI sets style attributes. It shows nothing but the contract, so styles alone are let through, on this page alone.
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
@extend_schema(exclude=True)
class DocsView(SpectacularSwaggerSplitView):
    """The contract to browse, from our own origin."""

    url_name = "schema"
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not settings.DOCS_OPEN and getattr(request._request, "membership", None) is None:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}")
        return super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
