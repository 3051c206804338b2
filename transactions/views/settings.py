"""The settings of a company: its profile, its departments, categories and tags, where no card may be used.

Here and not in `companies`, because the currency is fixed once money was posted, and departments have heads.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cards.forms import BlockListForm, as_typed
from cards.queries import block_list
from companies import operations as companies
from companies.forms import CategoryForm, CompanyForm, DepartmentForm, TagForm
from companies.models import Category, Company, Department, Tag
from companies.queries import department_choices, department_tree
from spendtrackr import errors
from spendtrackr.forms import show_refusal
from spendtrackr.permissions import find, require
from transactions.operations import accounts
from users import operations as people
from users import queries
from users.models import Membership
from users.views import form_page


@form_page
def settings(request: HttpRequest, member: Membership) -> HttpResponse:
    """Everybody sees how the company is organised; who may change it does it here."""
    form = CompanyForm.of(member.company)
    if request.method == "POST":
        require("company.change", member)
        form = CompanyForm(request.POST)
        if form.is_valid() and _done(
            form, lambda: accounts.change_company(member.company, form.cleaned_data, actor=member, at=timezone.now())
        ):
            messages.success(request, "The company’s profile is saved.")
            return redirect("settings")
    return _shown(request, member, form)


@form_page
def blocks(request: HttpRequest, member: Membership) -> HttpResponse:
    """Where no card of the company may be used."""
    require("blocks.change", member)
    form = BlockListForm.of(_blocked(), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        changes = form.changes()
        if not changes or _done(form, lambda: accounts.block(member.company, changes, actor=member, at=timezone.now())):
            messages.success(request, "The block list is saved." if changes else "Nothing was different, so nothing was changed.")
            return redirect("settings")
    return _shown(request, member, CompanyForm.of(member.company), form)


def _blocked() -> dict[str, list[str]]:
    """By the names that operations take."""
    row = block_list()
    return {f"blocked_{name}": row.texts(column) for name, column in _COLUMNS.items()}


_COLUMNS = {"merchant_categories": "codes", "merchants": "merchants", "countries": "countries"}


def _shown(request: HttpRequest, member: Membership, form: CompanyForm, blocks_form: BlockListForm | None = None) -> HttpResponse:
    departments = department_tree(list(queries.departments()))
    blocked = _blocked()
    blocks_form = blocks_form or BlockListForm.of(blocked)
    categories = list(Category.objects.with_codes().order_by("name"))
    tags = list(Tag.objects.order_by("name"))
    context = {
        "nav": "settings",
        "company": member.company,
        "time_zone_from": member.company.time_zone_from(timezone.now()),
        "facts": _facts(member.company),
        "form": form if member.may("company.change") else None,
        "departments": [row for row in departments if not row.department.is_archived],
        "archived_departments": [row.department for row in departments if row.department.is_archived],
        "categories": [category for category in categories if not category.is_archived],
        "archived_categories": [category for category in categories if category.is_archived],
        "sees_blocks": member.may("blocks.see"),
        "blocks_form": blocks_form if member.may("blocks.change") else None,
        "blocked": [(label, as_typed(name, blocked[name]).replace("\n", ", ")) for label, name in _BLOCKED],
        "may_change_departments": member.may("departments.change"),
        "may_change_categories": member.may("categories.change"),
        "tags": [row for row in tags if not row.is_archived],
        "archived_tags": [row for row in tags if row.is_archived],
        "may_change_tags": member.may("tags.change"),
    }
    return render(request, "companies/settings.html", context, status=400 if form.errors or blocks_form.errors else 200)


_BLOCKED = [
    ("Merchant categories", "blocked_merchant_categories"), ("Merchants", "blocked_merchants"), ("Countries", "blocked_countries"),
]  # fmt: skip


def _facts(company: Company) -> list[tuple[str, str]]:
    """The profile as sentences, for those who may not change them."""
    form = CompanyForm.of(company)
    choices = {name: dict(form.fields[name].choices) for name in ("country", "fiscal_year_start_month")}  # type: ignore[attr-defined]
    return [
        ("Country", choices["country"].get(company.country, company.country)),
        ("Currency", company.currency),
        ("Time zone", company.chosen_time_zone.replace("_", " ")),
        ("Fiscal year begins in", choices["fiscal_year_start_month"][company.fiscal_year_start_month]),
    ]


def _done(form: Form, work: Any) -> bool:
    """Whether the operation did it; else its refusal stands beside the field."""
    try:
        work()
    except errors.DomainError as error:
        show_refusal(form, error)
        return False
    return True


def _archive_button(request: HttpRequest) -> dict[str, bool] | None:
    """What the archive form asks for; None for the other one."""
    return {"archive": {"is_archived": True}, "restore": {"is_archived": False}}.get(request.POST.get("do", ""))


_DONE = {True: "archived", False: "back in use", None: "saved"}


def _said(changes: dict[str, Any], row: Any) -> str:
    return f"{changes.get('name') or row.name} is {_DONE[changes.get('is_archived')]}."


@form_page
def department(request: HttpRequest, member: Membership, public_id: str = "") -> HttpResponse:
    """One department, or with no id a new one."""
    require("departments.change", member)
    row = _found(queries.departments(), public_id)
    form = _department_form(row, member, request.POST if request.method == "POST" and "do" not in request.POST else None)
    if request.method == "POST":
        changes = _archive_button(request) if row else None
        if changes is None and form.is_valid():
            changes = _with_rows(form.cleaned_data)
        if changes is not None and _done(_bound(form), lambda: _save_department(row, changes, member)):
            messages.success(request, _said(changes, row))
            return redirect("settings")
    return _edit(request, "department", row, form)


def _save_department(row: Any, changes: dict[str, Any], member: Membership) -> None:
    if row is None:
        people.add_department(**changes, actor=member, at=timezone.now())
    else:
        people.change_department(row, changes, actor=member, at=timezone.now())


def _department_form(row: Any, member: Membership, data: Any) -> DepartmentForm:
    """Offers every place but those inside itself, and also what it has now where that could not be chosen anew."""
    tree = department_tree(list(Department.objects.filter(archived_at=None)))
    inside = {row.pk} if row else set()
    for branch in tree:
        if branch.department.parent_id in inside:
            inside.add(branch.department.pk)
    parents = department_choices([branch.department for branch in tree if branch.department.pk not in inside])
    heads = list(Membership.objects.active().order_by("user__name", "pk").values_list("public_id", "user__name"))
    if row and row.parent and row.parent.is_archived:
        parents.append((row.parent.public_id, f"{row.parent.name} (archived)"))
    if row and row.head and row.head not in dict(heads):
        heads.append((row.head, f"{row.head_name} (not active)"))
    now = {"name": row.name, "parent": row.parent.public_id if row.parent else "", "head": row.head or ""} if row else {}
    now |= {"cost_centre": row.cost_centre} if row else {}
    return DepartmentForm(data, initial=now, parents=parents, heads=heads)


def _with_rows(chosen: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": chosen["name"],
        "parent": Department.objects.filter(public_id=chosen["parent"]).first(),
        "head": Membership.objects.filter(public_id=chosen["head"]).first(),
        "cost_centre": chosen["cost_centre"],
    }


@form_page
def category(request: HttpRequest, member: Membership, public_id: str = "") -> HttpResponse:
    """One category, or with no id a new one."""
    require("categories.change", member)
    row = _found(Category.objects.with_codes(), public_id)
    form = CategoryForm.of(row) if row else CategoryForm()
    if request.method == "POST":
        changes = _archive_button(request) if row else None
        if changes is None:
            form = CategoryForm(request.POST)
            changes = form.cleaned_data if form.is_valid() else None
        if changes is not None and _done(_bound(form), lambda: _save_category(row, changes, member)):
            messages.success(request, _said(changes, row))
            return redirect("settings")
    return _edit(request, "category", row, form)


@form_page
def tag(request: HttpRequest, member: Membership, public_id: str = "") -> HttpResponse:
    """One tag, or with no id a new one."""
    require("tags.change", member)
    row = _found(Tag.objects.all(), public_id)
    form = TagForm(initial={"name": row.name if row else ""})
    if request.method == "POST":
        changes = _archive_button(request) if row else None
        if changes is None:
            form = TagForm(request.POST)
            changes = form.cleaned_data if form.is_valid() else None
        if changes is not None and _done(_bound(form), lambda: _save_tag(row, changes, member)):
            messages.success(request, _said(changes, row))
            return redirect("settings")
    return _edit(request, "tag", row, form)


def _save_tag(row: Any, changes: dict[str, Any], member: Membership) -> None:
    if row is None:
        companies.add_tag(**changes, actor=member, at=timezone.now())
    else:
        companies.change_tag(row, changes, actor=member, at=timezone.now())


def _save_category(row: Any, changes: dict[str, Any], member: Membership) -> None:
    if row is None:
        companies.add_category(**changes, actor=member, at=timezone.now())
    else:
        companies.change_category(row, changes, actor=member, at=timezone.now())


def _found(rows: Any, public_id: str) -> Any:
    """The row with this id, or None for a new one."""
    return find(rows, public_id) if public_id else None


def _bound(form: Any) -> Any:
    """A form that can show a refusal, also where only its archive button was pressed."""
    if not form.is_bound:
        form.data, form.is_bound = form.initial, True
        form.full_clean()
    return form


def _edit(request: HttpRequest, kind: str, row: Any, form: Form) -> HttpResponse:
    context = {"nav": "settings", "kind": kind, "row": row, "form": form}
    return render(request, "companies/edit.html", context, status=400 if form.errors else 200)
