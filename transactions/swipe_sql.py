"""The statements of a decision, written by hand: what a swipe needs to know in two reads, and its rows in one insert each.

The ORM's objects and compilers cost more than the database here (measured: `benchmarks/`). Everything goes through the same tables,
constraints and tests; rows that are inserted here point only at rows that were read here, for the company in scope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models

from cards.controls import merchant_key
from cards.models import Card
from companies.models import Company
from spendtrackr.tenancy import current_company
from transactions.models import Account, FundingAccount, Merchant
from users.models import MembershipStatus

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Situation:
    """What stands around a locked card: one consistent look, for one company."""

    card: Card
    company: Company
    member_active: bool
    department_id: int | None
    role: str
    controls: dict[str, Any]
    frozen_by: list[str]
    block_list: dict[str, str]
    block_version: int
    merchant: Merchant | None
    category_id: int | None
    account: FundingAccount | None
    seen_message_id: int | None
    purchase_id: int | None
    budget_chain: str
    # The public id of the policy in force; None for the standard one.
    policy_id: str | None
    granted_minor: int


_CARD = ("id", "public_id", "status", "card_usage", "merchant_key", "currency", "issuer", "last4", "expires_on", "holder_id", "controls_id",
         "counts_with_id", "budget_id")  # fmt: skip
_COMPANY = ("status", "currency", "time_zone", "next_time_zone", "next_time_zone_on")
_CONTROLS = ("mode", "per_transaction_cap_minor", "limits", "blocked_codes", "allowed_codes", "blocked_merchants", "allowed_merchants",
             "blocked_countries", "allowed_countries", "valid_from", "locks_on")  # fmt: skip

_LOOK = f"""SELECT {", ".join(f"c.{name}" for name in _COMPANY)},
  m.status, m.department_id, m.role,
  {", ".join(f"k.{name}" for name in _CONTROLS)},
  (SELECT GROUP_CONCAT(f.source) FROM freezes f WHERE f.card_id = %s AND f.open_source IS NOT NULL),
  b.version, b.codes, b.merchants, b.countries,
  mer.id, mer.public_id, mer.name,
  CASE WHEN own.id IS NOT NULL AND own.archived_at IS NULL THEN own.id ELSE
    (SELECT cc.category_id FROM category_codes cc JOIN categories cat ON cat.id = cc.category_id
      WHERE cc.company_id = c.id AND cat.archived_at IS NULL AND cc.first <= %s AND cc.last >= %s
      ORDER BY cc.first DESC LIMIT 1) END,
  a.id, a.public_id, a.available_minor, a.credit_minor, a.is_blocked, a.rules_version,
  seen.id, t.id, leaf.chain,
  (SELECT p.public_id FROM policy_activations pa JOIN policies p ON p.id = pa.policy_id
    WHERE pa.company_id = c.id ORDER BY pa.at DESC, pa.id DESC LIMIT 1),
  (SELECT COALESCE(SUM(g.amount_minor), 0) FROM limit_grants g
    WHERE g.card_id = %s AND g.revoked_at IS NULL AND g.granted_at <= %s AND g.expires_at > %s)
FROM companies c
  JOIN memberships m ON m.id = %s
  JOIN card_controls k ON k.id = %s
  LEFT JOIN block_lists b ON b.company_id = c.id
  LEFT JOIN merchants mer ON mer.company_id = c.id AND mer.`key` = %s
  LEFT JOIN categories own ON own.id = mer.category_id
  LEFT JOIN funding_accounts a ON a.company_id = c.id AND a.currency = %s
  LEFT JOIN messages seen ON seen.company_id = c.id AND seen.connection = %s AND seen.network_id = %s
  LEFT JOIN transactions t ON t.company_id = c.id AND t.connection = %s AND t.network_ref = %s
  LEFT JOIN budgets leaf ON leaf.id = %s
WHERE c.id = %s
"""  # noqa: S608 -- names of our own columns


def look(card: Card, *, lock: bool, merchant_name: str, merchant_id: str, code: str, currency: str, network_id: str, ref: str,
         at: datetime) -> Situation:  # fmt: skip
    """Lock the card (and the first of its row of replacements), then read everything that a decision asks about."""
    company_id = current_company()
    locked = _read_card(card, company_id, lock=lock)
    now = connection.ops.adapt_datetimefield_value(at)
    given = [
        locked.pk, code, code, locked.counting_id, now, now, locked.holder_id, locked.controls_id,
        merchant_key(merchant_name, merchant_id), currency, locked.issuer, network_id, locked.issuer, ref, locked.budget_id, company_id,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, given)
        row = iter(cursor.fetchone())
    company = _row(Company, {"id": company_id} | {name: next(row) for name in _COMPANY})
    member_active, department_id, role = next(row) == MembershipStatus.ACTIVE, next(row), next(row)
    controls = {name: next(row) for name in _CONTROLS}
    frozen = next(row)
    version, codes, merchants, countries = next(row), next(row), next(row), next(row)
    merchant_row, category_id = (next(row), next(row), next(row)), next(row)
    account_row = [next(row) for _ in range(6)]
    return Situation(
        card=locked,
        company=company,
        member_active=member_active,
        department_id=department_id,
        role=role,
        controls=controls | {"valid_from": _date(controls["valid_from"]), "locks_on": _date(controls["locks_on"])},
        frozen_by=sorted(frozen.split(",")) if frozen else [],
        block_list={"codes": codes or "[]", "merchants": merchants or "[]", "countries": countries or "[]"},
        block_version=version or 0,
        merchant=_merchant(merchant_row, company_id),
        category_id=category_id,
        account=_account(account_row, company_id, currency),
        seen_message_id=next(row),
        purchase_id=next(row),
        budget_chain=next(row) or "",
        policy_id=next(row),
        granted_minor=int(next(row)),
    )


def _read_card(card: Card, company_id: int, *, lock: bool) -> Card:
    ids = sorted({card.pk, card.counting_id})
    slots = ", ".join(["%s"] * len(ids))
    for_update = " FOR UPDATE" if lock and connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(_CARD)} FROM cards WHERE company_id = %s AND id IN ({slots}) ORDER BY id{for_update}",  # noqa: S608
            [company_id, *ids],
        )
        values = next(dict(zip(_CARD, row, strict=True)) for row in cursor.fetchall() if row[0] == card.pk)
    values["usage"] = values.pop("card_usage")
    return _row(Card, values | {"company_id": company_id})


def _merchant(row: tuple[Any, ...], company_id: int) -> Merchant | None:
    pk, public_id, name = row
    return _row(Merchant, {"id": pk, "public_id": public_id, "name": name, "company_id": company_id}) if pk else None


def _account(row: list[Any], company_id: int, currency: str) -> FundingAccount | None:
    names = ("id", "public_id", "available_minor", "credit_minor", "is_blocked", "rules_version")
    values = dict(zip(names, row, strict=True)) | {"company_id": company_id, "currency": currency}
    return _row(FundingAccount, values | {"is_blocked": bool(values["is_blocked"])}) if values["id"] else None


def _row(model: type[M], values: dict[str, Any]) -> M:
    """A row with some of its columns; the others are read when they are asked for."""
    names = [field.attname for field in model._meta.concrete_fields if field.attname in values]
    return model.from_db(connection.alias, names, [_date(values[name]) if name.endswith("_on") else values[name] for name in names])


def _date(value: Any) -> date | None:
    """SQLite has no dates of its own."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def last_category_id(merchant: Merchant) -> int | None:
    """The category of the merchant's latest purchase. Asked by the merchant alone: with the company beside it, servers sort its history."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT category_id FROM transactions WHERE merchant_id = %s ORDER BY id DESC LIMIT 1", [merchant.pk])
        row = cursor.fetchone()
    return row[0] if row else None


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model in one statement, as they are. A single row learns its database id."""
    statement, fields = _insertion(type(rows[0]), connection.vendor)
    slots = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    company_id = current_company()
    values = []
    for row in rows:
        row.company_id = company_id  # type: ignore[attr-defined]
        values += [prepare(getattr(row, name)) if prepare else getattr(row, name) for name, prepare in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement + slots, values)
        if len(rows) == 1:
            rows[0].pk = cursor.lastrowid
    for row in rows:
        row._state.adding = False


Prepare = Callable[[Any], Any]


@lru_cache
def _insertion(model: type[models.Model], vendor: str) -> tuple[str, list[tuple[str, Prepare | None]]]:
    """The beginning of the statement, and for each column the attribute and what makes it a value of this engine, if anything must."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    quote, ops = connection.ops.quote_name, connection.ops
    columns = ", ".join(quote(str(field.column)) for field in fields)
    prepared: dict[type, Prepare] = {models.DateTimeField: ops.adapt_datetimefield_value, models.DateField: ops.adapt_datefield_value}
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ",  # noqa: S608 -- names of our own columns
        [(str(field.attname), prepared.get(type(field))) for field in fields],
    )


def move(
    account: FundingAccount, change: dict[Account, int], *, must_be_covered: bool, on_credit: bool, version: int | None = None
) -> bool:
    """Change balances in one UPDATE that takes the row's lock, tests it and writes it. False: nothing was changed.

    What must be covered is so by what is available, `on_credit` by the credit besides, on an account that is not blocked, and where a
    `version` of the company's block list is given, only while that one is in force.
    """
    changes = ", ".join(f"{name}_minor = {name}_minor + %s" for name in change) or "held_minor = held_minor"
    given: list[Any] = [*change.values(), account.pk, current_company()]
    tests = "id = %s AND company_id = %s"
    if must_be_covered:
        tests += f" AND is_blocked = %s AND available_minor + {'credit_minor' if on_credit else '0'} >= %s"
        given += [False, -change.get(Account.AVAILABLE, 0)]
    if version is not None:
        tests += " AND rules_version = %s"
        given.append(version)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE funding_accounts SET {changes} WHERE {tests}", given)  # noqa: S608 -- names of our own columns
        return bool(cursor.rowcount == 1)
