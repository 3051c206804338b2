"""What can be done to a company. Founding one is part of signing up (`users.operations.sign_up`)."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from babel import Locale
from django.db import IntegrityError, transaction

from companies.merchant_categories import STARTERS, parse_range, parse_ranges, range_text
from companies.models import Category, CategoryCodes, Company, CompanyStatus, Department
from spendtrackr import errors, events
from spendtrackr.money import CURRENCIES
from spendtrackr.periods import TIME_ZONES, local_day
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope

# ISO 3166-1 alpha-2, as CLDR lists them, without its groupings and private codes.
COUNTRIES: frozenset[str] = frozenset(
    code
    for code in map(str, Locale("en").territories)
    if re.fullmatch(r"[A-Z]{2}", code) and code not in {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
)


@operation
def found(*, name: str, country: str, currency: str, time_zone: str, at: datetime) -> Company:
    """A new company with its starting categories. Raises `Invalid` naming the field."""
    if not name.strip():
        raise errors.Invalid("A company needs a name.", field="company_name")
    _must_be_known(country=country, currency=currency, time_zone=time_zone)
    company = Company.objects.create(
        name=name.strip(), slug=free_slug(name), country=country, currency=currency, time_zone=time_zone, founded_at=at
    )
    with company_scope(company.pk):
        _add_starting_categories(at)
        events.record("company.founded", company, actor=None, at=at)
    return company


def _must_be_known(*, country: str | None = None, currency: str | None = None, time_zone: str | None = None) -> None:
    """Raise `Invalid` for the first of them that no standard lists."""
    if country is not None and country not in COUNTRIES:
        raise errors.Invalid("This is not an ISO 3166 country code.", field="country")
    if currency is not None and currency not in CURRENCIES:
        raise errors.Invalid("This is not a current ISO 4217 currency.", field="currency")
    if time_zone is not None and time_zone not in TIME_ZONES:
        raise errors.Invalid("This is not a time zone of the IANA database, such as Europe/Berlin.", field="time_zone")


def free_slug(name: str) -> str:
    """A readable address part. Always with a few random characters, so that it does not tell whether a name was taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:50] or "company"
    return f"{stem}-{secrets.token_hex(3)}"


def category_key(name: str) -> str:
    """How names of categories and departments compare: case and width do not matter, accents do."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:80]


def _add_starting_categories(at: datetime) -> None:
    categories = Category.objects.insert_all(
        [Category(name=s.name, name_key=category_key(s.name), ledger_code=s.ledger_code, created_at=at) for s in STARTERS]
    )
    CategoryCodes.objects.bulk_create(
        [
            CategoryCodes(category=category, first=first, last=last)
            for category, starter in zip(categories, STARTERS, strict=True)
            for first, last in starter.codes
        ]
    )


@operation
def change(company: Company, changes: dict[str, Any], *, actor: events.HasPublicId, at: datetime) -> Company:
    """Change what `changes` names.

    Callers see to it that nothing was posted before the currency changes: `transactions.operations.accounts.change_company`.
    A new time zone applies from the next day, so that days never step back.
    """
    company = Company.objects.select_for_update().get(pk=company.pk)
    _must_be_known(**{name: changes[name] for name in ("country", "currency", "time_zone") if name in changes})
    before = _profile(company)
    for name in set(_PLAIN) & changes.keys():
        setattr(company, name, changes[name])
    if changes.get("time_zone", company.chosen_time_zone) != company.chosen_time_zone:
        _change_time_zone(company, changes["time_zone"], at=at)
    changed = [name for name, value in _profile(company).items() if value != before[name]]
    if changed:
        company.save()
        with company_scope(company.pk):
            events.record("company.changed", company, actor=actor, at=at, changed=sorted(changed))
    return company


_PLAIN = ("name", "country", "currency", "fiscal_year_start_month")


def _profile(company: Company) -> dict[str, Any]:
    """What `change` may change, as people name it."""
    return {**{name: getattr(company, name) for name in _PLAIN}, "time_zone": company.chosen_time_zone}


def _change_time_zone(company: Company, time_zone: str, *, at: datetime) -> None:
    """Let the zone chosen before take effect for good where its first day has come; then let the new one wait for tomorrow."""
    tomorrow = company.day_of(at) + timedelta(days=1)
    begun = company.next_time_zone_on
    # West of the old zone its first day may have to come yet: then the old one keeps the day from stepping back.
    if begun and company.time_zone_from(at) is None and local_day(at, company.next_time_zone) >= begun:
        company.time_zone = company.next_time_zone
    company.next_time_zone, company.next_time_zone_on = "", None
    if time_zone != company.time_zone:
        company.next_time_zone, company.next_time_zone_on = time_zone, tomorrow


class NameTaken(errors.Invalid):
    code = "taken"
    message = "There is one of this name already."


def save_named(row: Any) -> None:
    """Save a row whose name is to be unique. Raises `NameTaken`, also when somebody else took it a moment ago."""
    row.name = " ".join(row.name.split())
    row.name_key = category_key(row.name)
    if not row.name_key:
        raise errors.Invalid("Write a name.", field="name")
    if type(row).objects.filter(name_key=row.name_key).exclude(pk=row.pk).exists():
        raise NameTaken(field="name")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken(field="name") from error


MOST_LEVELS = 8
Tree = dict[int, Department]


@operation
def add_department(*, name: str, parent: Department | None = None, actor: events.HasPublicId, at: datetime) -> Department:
    """A new department, at the top or inside another."""
    department = Department(name=name, parent=parent, created_at=at)
    _must_fit(department, parent, _locked_tree())
    save_named(department)
    events.record("department.added", department, actor=actor, at=at)
    return department


@operation
def change_department(department: Department, changes: dict[str, Any], *, actor: events.HasPublicId, at: datetime) -> Department:
    """Change `name`, `parent` (a department or None) or `is_archived`. Raises `Invalid` for a parent that lies inside the department.

    Callers see to it that nobody is left in an archived one: `users.operations.change_department`.
    """
    tree = _locked_tree()
    department = tree[department.pk]
    before = (department.name, department.parent_id, department.is_archived)
    department.name = changes.get("name", department.name)
    if "parent" in changes:
        _must_fit(department, changes["parent"], tree)
        department.parent = changes["parent"]
    if changes.get("is_archived", department.is_archived) != department.is_archived:
        _archive(department, tree, at=None if department.is_archived else at)
    save_named(department)
    after = (department.name, department.parent_id, department.is_archived)
    changed = [name for name, old, new in zip(("name", "parent", "is_archived"), before, after, strict=True) if old != new]
    if changed:
        events.record("department.changed", department, actor=actor, at=at, changed=changed, is_archived=department.is_archived)
    return department


def _locked_tree() -> Tree:
    """All departments, locked in one order: what one move may do depends on where the others are."""
    return {department.pk: department for department in Department.objects.order_by("pk").select_for_update()}


def _must_fit(department: Department, parent: Department | None, tree: Tree) -> None:
    above = _path(tree[parent.pk], tree) if parent else []
    if department.pk in above:
        raise errors.Invalid("A department cannot lie inside itself.", field="parent")
    if parent and tree[parent.pk].is_archived:
        raise errors.Invalid("That department is archived.", field="parent")
    if len(above) + _height(department, tree) > MOST_LEVELS:
        raise errors.Invalid(f"Departments go {MOST_LEVELS} levels deep.", field="parent")


def _path(department: Department, tree: Tree) -> list[int]:
    """The database ids from a department up to the top."""
    return [department.pk, *(_path(tree[department.parent_id], tree) if department.parent_id else [])]


def _height(department: Department, tree: Tree) -> int:
    """How many levels it spans, itself included."""
    inside = [other for other in tree.values() if department.pk and other.parent_id == department.pk]
    return 1 + max((_height(other, tree) for other in inside), default=0)


def _archive(department: Department, tree: Tree, *, at: datetime | None) -> None:
    """Archive at an instant, or with None bring back."""
    if at and any(other.parent_id == department.pk and not other.is_archived for other in tree.values()):
        raise errors.InvalidState("Archive or move the departments inside it first.")
    if at is None and department.parent_id and tree[department.parent_id].is_archived:
        raise errors.InvalidState("It lies inside an archived department. Bring that one back first, or move this one.")
    department.archived_at = at


@operation
def add_category(
    *, name: str, ledger_code: str = "", merchant_categories: list[str] | None = None, actor: events.HasPublicId, at: datetime
) -> Category:
    """A new category, with the codes whose purchases default to it."""
    _lock_categories()
    category = Category(name=name, ledger_code=ledger_code, created_at=at)
    save_named(category)
    _set_codes(category, merchant_categories or [])
    events.record("category.added", category, actor=actor, at=at)
    return category


@operation
def change_category(category: Category, changes: dict[str, Any], *, actor: events.HasPublicId, at: datetime) -> Category:
    """Change `name`, `ledger_code`, `merchant_categories` (all of them, anew) or `is_archived`.

    An archived category keeps its past and its codes, and is not proposed for anything new.
    """
    category = _lock_categories()[category.pk]
    before = _described(category)
    category.name, category.ledger_code = changes.get("name", category.name), changes.get("ledger_code", category.ledger_code)
    if changes.get("is_archived", category.is_archived) != category.is_archived:
        category.archived_at = None if category.is_archived else at
    save_named(category)
    if "merchant_categories" in changes:
        _set_codes(category, changes["merchant_categories"])
    changed = [name for name, value in _described(category).items() if value != before[name]]
    if changed:
        events.record("category.changed", category, actor=actor, at=at, changed=sorted(changed), is_archived=category.is_archived)
    return category


def _lock_categories() -> dict[int, Category]:
    """All categories, locked in one order: no two of them may claim the same code."""
    return {category.pk: category for category in Category.objects.order_by("pk").select_for_update()}


def _described(category: Category) -> dict[str, Any]:
    return {
        "name": category.name,
        "ledger_code": category.ledger_code,
        "merchant_categories": sorted(category.merchant_categories),
        "is_archived": category.is_archived,
    }


def _set_codes(category: Category, texts: list[str]) -> None:
    """Replace the category's ranges. Raises `Invalid` naming the field and the place in it, or the category that has a code already."""
    for place, text in enumerate(texts):
        try:
            parse_range(text)
        except ValueError as error:
            raise errors.Invalid(f"{error}.", field=f"merchant_categories.{place}") from error
    try:
        ranges = parse_ranges(texts)
    except ValueError as error:
        raise errors.Invalid(f"{error}.", field="merchant_categories") from error
    others = CategoryCodes.objects.exclude(category=category).select_related("category").order_by("first")
    for other in others if ranges else ():
        for first, last in ranges:
            if first <= other.last and other.first <= last:
                raise errors.Invalid(_belongs_to(range_text(first, last), other), field="merchant_categories", code="overlap")
    CategoryCodes.objects.filter(category=category).delete()
    CategoryCodes.objects.bulk_create([CategoryCodes(category=category, first=first, last=last) for first, last in ranges])


def _belongs_to(text: str, other: CategoryCodes) -> str:
    archived = ", which is archived" if other.category.is_archived else ""
    return f"{text} overlaps {other}, which belongs to {other.category.name}{archived}. Take it out of there first."


@operation
def set_status(company: Company, status: CompanyStatus, *, at: datetime, actor: events.HasPublicId | None) -> Company:
    """Suspend, reactivate or close. Callers block the money first: `transactions.operations.accounts.suspend_company`."""
    company = Company.objects.select_for_update().get(pk=company.pk)
    if company.status == status:
        raise errors.InvalidState(f"The company is {status} already.")
    if company.status == CompanyStatus.CLOSED:
        raise errors.InvalidState("A closed company stays closed.")
    company.status = status
    company.save(update_fields=["status"])
    with company_scope(company.pk):
        events.record(f"company.{'reactivated' if status == CompanyStatus.ACTIVE else status}", company, actor=actor, at=at)
    return company
