"""A company itself: found it, change its profile, suspend it. Founding is part of signing up (`users.operations.sign_up`)."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from babel import Locale

from companies.models import Company, CompanyStatus
from companies.operations.categories import add_starting_categories
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
        add_starting_categories(at)
        events.record("company.founded", company, actor=None, at=at)
    return company


def _must_be_known(*, country: str | None = None, currency: str | None = None, time_zone: str | None = None) -> None:
    """Raise `Invalid` for the first of them that no standard lists."""
    if country is not None and country not in COUNTRIES:
        raise errors.Invalid("This is not an ISO 3166 country code.", field="country")
    if currency is not None and currency not in CURRENCIES:
        raise errors.NoCurrency(field="currency")
    if time_zone is not None and time_zone not in TIME_ZONES:
        raise errors.Invalid("This is not a time zone of the IANA database, such as Europe/Berlin.", field="time_zone")


def free_slug(name: str) -> str:
    """A readable address part. Always with a few random characters, so that it does not tell whether a name was taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:50] or "company"
    return f"{stem}-{secrets.token_hex(3)}"


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
