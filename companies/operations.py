"""What can be done to a company. Founding one is part of signing up (`users.operations.sign_up`)."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime

from babel import Locale

from companies.merchant_categories import STARTERS
from companies.models import Category, CategoryCodes, Company, CompanyStatus
from spendtrackr import errors, events
from spendtrackr.money import CURRENCIES
from spendtrackr.periods import TIME_ZONES
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
    if country not in COUNTRIES:
        raise errors.Invalid("This is not an ISO 3166 country code.", field="country")
    if currency not in CURRENCIES:
        raise errors.Invalid("This is not a current ISO 4217 currency.", field="currency")
    if time_zone not in TIME_ZONES:
        raise errors.Invalid("This is not a time zone of the IANA database, such as Europe/Berlin.", field="time_zone")
    company = Company.objects.create(
        name=name.strip(), slug=free_slug(name), country=country, currency=currency, time_zone=time_zone, founded_at=at
    )
    with company_scope(company.pk):
        _add_starting_categories(at)
        events.record("company.founded", company, actor=None, at=at)
    return company


def free_slug(name: str) -> str:
    """A readable address part. Always with a few random characters, so that it does not tell whether a name was taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:50] or "company"
    return f"{stem}-{secrets.token_hex(3)}"


def category_key(name: str) -> str:
    """How names of categories compare: case and width do not matter, accents do."""
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
