"""Relations: every row belongs to a company that is there, and points at rows of the same one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection

from companies.models import Company
from reports.verification.walking import NOBODY, PART, Told
from spendtrackr.tenancy import TenantModel, tenant_relations


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


@dataclass(frozen=True, slots=True)
class Relation:
    """Where a column of a table leads to; an outer join, since not every relation has a constraint in the database."""

    column: str
    target: str
    is_company: bool
    alias: str

    @property
    def join(self) -> str:
        inside = "" if self.is_company else f" AND {self.alias}.company_id = t.company_id"
        return f"LEFT JOIN {self.target} {self.alias} ON {self.alias}.id = t.{self.column}{inside}"

    @property
    def is_broken(self) -> str:
        return f"(t.{self.column} IS NOT NULL AND {self.alias}.id IS NULL)"

    def sentence(self, table: str, pk: int, target: int) -> str:
        if self.is_company:
            return f"{table} row {pk} belongs to company row {target}, which is not there"
        return f"{table} row {pk} points at {self.target} row {target} outside its company"


def relations(told: Told = NOBODY) -> Iterator[str]:
    """Every relation between two tenant rows exists and stays inside one company. Looks at all companies at once."""
    told.expect(lambda: sum(model.across_companies.count() for model in tenant_models()))
    for model in tenant_models():
        yield from _strays(model, told)


def _relations(model: type[TenantModel]) -> list[Relation]:
    found = [Relation("company_id", Company._meta.db_table, is_company=True, alias="r0")]
    for number, field in enumerate(tenant_relations(model), start=1):
        related: Any = field.related_model
        found.append(Relation(field.column, related._meta.db_table, is_company=False, alias=f"r{number}"))
    return found


def _strays(model: type[TenantModel], told: Told) -> Iterator[str]:
    """The first row of each relation that leads astray. A part of the table is asked about all relations at once."""
    unbroken = _relations(model)
    for part in _parts(model, told):
        if not unbroken or _first(model, part, unbroken) is None:
            continue
        for relation in list(unbroken):
            if found := _first(model, part, [relation]):
                unbroken.remove(relation)
                yield relation.sentence(model._meta.db_table, *found)


def _parts(model: type[TenantModel], told: Told) -> Iterator[tuple[int, int]]:
    """Spans of ids, whatever company they are of; where there is a gap, the next begins behind it."""
    end = 0
    while (last := model.across_companies.filter(pk__gt=end).order_by("pk").values_list("pk", flat=True).first()) is not None:
        end = last - 1 + PART
        yield last - 1, end
        if told.listens:
            told.done(model.across_companies.filter(pk__gte=last, pk__lte=end).count())


def _first(model: type[TenantModel], part: tuple[int, int], relations: list[Relation]) -> tuple[int, int] | None:
    """The first row of the part that breaks one of the relations, and where its first relation leads. Names are the models' own."""
    joins = " ".join(relation.join for relation in relations)
    broken = " OR ".join(relation.is_broken for relation in relations)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.id, t.{relations[0].column} FROM {model._meta.db_table} t {joins} "  # noqa: S608
            f"WHERE t.id > %s AND t.id <= %s AND ({broken}) ORDER BY t.id LIMIT 1",
            part,
        )
        found: tuple[int, int] | None = cursor.fetchone()
    return found
