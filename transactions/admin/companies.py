"""The company's own page. Here and not in `companies/admin.py`, because suspending a company blocks its funding accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join

from cards.models import Card
from companies.models import Category, Company, Department
from spendtrackr import errors
from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, page_of, table
from spendtrackr.models import Event
from transactions import models
from transactions.operations import accounts as operations
from users.models import Invitation, Membership, Session
from users.roles import INTEGRATION

# What a company's page leads to: its rows of each.
_LISTS: list[type[Model]] = [
    Membership, Invitation, Session, Department, Category, Card, models.Transaction, models.Approval, models.Receipt, models.Policy,
    models.Delegation, models.Merchant,
    models.Message, models.FundingAccount, models.Entry, models.SpendLine, models.StatementImport, Event,
]  # fmt: skip


@admin.register(Company)
class CompanyAdmin(ReadOnlyAdmin[Company]):
    list_display = ["public_id", "name", "slug", "country", "currency", "time_zone", "status", "founded_at"]
    list_display_links = ["public_id", "name"]
    list_filter = ["status", "currency"]
    search_fields = ["public_id", "name", "slug"]
    actions = ["suspend", "reactivate"]
    panels = ["people", "balances", "rows"]
    # The directory of companies shows nothing that is inside of them; opening one is a look.
    list_is_a_look = False

    def companies_of(self, rows: Iterable[Company]) -> dict[int, str]:
        return {company.pk: company.public_id for company in rows}

    def people(self, company: Company) -> Any:
        people = everywhere(Membership).filter(company=company).exclude(role=INTEGRATION)
        counted = people.values_list("status").annotate(people=Count("pk")).order_by("status")
        return table("Status", "People", rows=counted)

    def balances(self, company: Company) -> Any:
        found = everywhere(models.FundingAccount).filter(company=company).order_by("currency")
        heads = [str(name.label) for name in models.Account]
        return table("Account", *heads, "Blocked", rows=[(link(a), *(a.balance(n) for n in models.Account), a.is_blocked) for a in found])

    @admin.display(description="its rows")
    def rows(self, company: Company) -> Any:
        lists = ((page_of(model, "changelist", company=company.pk), str(model._meta.verbose_name_plural)) for model in _LISTS)
        return format_html_join(" · ", '<a href="{}">{}</a>', lists)

    @admin.action(description="Suspend: reads go on, writes and swipes stop")
    def suspend(self, request: HttpRequest, companies: QuerySet[Company]) -> None:
        self._for_each(request, companies, operations.suspend_company, "suspended")

    @admin.action(description="Reactivate")
    def reactivate(self, request: HttpRequest, companies: QuerySet[Company]) -> None:
        self._for_each(request, companies, operations.reactivate_company, "reactivated")

    def _for_each(self, request: HttpRequest, companies: QuerySet[Company], work: Callable[..., Any], done: str) -> None:
        for company in companies:
            try:
                work(company, actor=request.user, at=timezone.now())
            except errors.DomainError as error:
                self.message_user(request, f"{company.name}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{company.name} was {done}.", messages.SUCCESS)
