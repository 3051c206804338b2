"""One database, many companies: rows are reachable only inside the scope of the company that owns them.

Guaranteed: `Model.objects` raises without a company in scope and filters with one; `save` and `bulk_create` refuse a row,
or a relation, of another company. Not guaranteed: raw SQL, and joins that begin at a global model. The one way out is
`Model.across_companies`, for sign-in, sweeps and operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, TypeVar

from django.db import connection, models
from django.http import HttpRequest
from django.http.response import HttpResponseBase

M = TypeVar("M", bound=models.Model)

_company: ContextVar[int | None] = ContextVar("company", default=None)


class NoCompany(Exception):
    """Tenant rows were touched outside a company's scope, or inside another company's."""


class AppendOnly(Exception):
    """Somebody tried to change or delete a row that is written once. A correction is another row."""


def current_company() -> int:
    if (company_id := _company.get()) is None:
        raise NoCompany("wrap this code in company_scope(company_id)")
    return company_id


@contextmanager
def company_scope(company_id: int) -> Iterator[None]:
    """Everything inside sees one company's rows."""
    token = _company.set(company_id)
    try:
        yield
    finally:
        _company.reset(token)


def enter(company_id: int) -> None:
    """Set the scope for the rest of the request. Only authenticators call it; the middleware clears it."""
    _company.set(company_id)


class TenancyMiddleware:
    """Begin and end every request with no company: threads are reused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _company.set(None)
        try:
            return self.get_response(request)
        finally:
            _company.set(None)


class TenantQuerySet(models.QuerySet[M]):
    """A queryset whose bulk writes are checked like single ones."""

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        rows = list(objs)
        for row in rows:
            row.claim()  # type: ignore[attr-defined]
        return super().bulk_create(rows, *args, **kwargs)

    def insert_all(self, rows: list[M]) -> list[M]:
        """Bulk insert of rows with public ids, each left with its database id, on engines that do not return them too."""
        self.bulk_create(rows)
        if rows and not connection.features.can_return_rows_from_bulk_insert:
            ids = dict(self.filter(public_id__in=[row.public_id for row in rows]).values_list("public_id", "pk"))  # type: ignore[attr-defined]
            for row in rows:
                row.pk = ids[row.public_id]  # type: ignore[attr-defined]
        return rows


class AppendOnlyQuerySet(TenantQuerySet[M]):
    """Rows that are written once."""

    def update(self, **kwargs: Any) -> int:
        raise AppendOnly(f"{self.model.__name__} rows are never updated")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        raise AppendOnly(f"{self.model.__name__} rows are never updated")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly(f"{self.model.__name__} rows are never deleted")


_Manager = models.Manager.from_queryset(TenantQuerySet)


class TenantManager(_Manager[M]):
    """The default manager: filters by the company in scope, raises when there is none."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(company_id=current_company())


AppendOnlyManager = TenantManager.from_queryset(AppendOnlyQuerySet)


class TenantModel(models.Model):
    """A row that belongs to one company."""

    # No constraint in the database: each insert would take a shared lock on the company's row, and suspending the company, which
    # writes that row, would wait for them all or deadlock. Companies are never deleted; `verify` checks the relation.
    company = models.ForeignKey("companies.Company", models.PROTECT, db_constraint=False, editable=False, related_name="+")

    # The relation whose row has been checked already, and whose relations a new row may share without another look.
    vouched_for_by: ClassVar[str] = ""

    objects = TenantManager()
    # For sign-in, sweeps and operators. Long on purpose: easy to see, easy to grep.
    across_companies = models.Manager.from_queryset(TenantQuerySet)()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.claim(kwargs.get("update_fields"))
        super().save(*args, **kwargs)

    def claim(self, written: Iterable[str] | None = None) -> None:
        """Take the company in scope, and refuse to be another's or to point at another's rows.

        Of an existing row only the relations that are `written` are looked at: the others were, when they were.
        """
        company_id: int | None = self.company_id
        if company_id is None:
            self.company_id = current_company()
        elif company_id != current_company():
            raise NoCompany(f"{self!r} belongs to another company")
        names = None if written is None else set(written)
        for field in tenant_relations(type(self)):
            if names is None or field.name in names or field.attname in names:
                self._check_relation(field)

    def _check_relation(self, field: models.ForeignKey[Any, Any]) -> None:
        related_id = getattr(self, field.attname)
        if related_id is None or self._is_vouched_for(field, related_id):
            return
        model: Any = field.related_model
        if field.is_cached(self):
            inside = getattr(self, field.name).company_id == self.company_id
        else:
            inside = model.across_companies.filter(pk=related_id, company_id=self.company_id).exists()
        if not inside:
            raise NoCompany(f"{type(self).__name__}.{field.name} points at another company's row")

    def _is_vouched_for(self, field: models.ForeignKey[Any, Any], related_id: int) -> bool:
        """Whether the row that vouches for this one points at the same: a row of this company, that was checked itself."""
        name = self.vouched_for_by
        if not name or field.name == name or not type(self)._meta.get_field(name).is_cached(self):  # type: ignore[union-attr]
            return False
        source = getattr(self, name)
        same: bool = source.company_id == self.company_id and getattr(source, field.attname, None) == related_id
        return same


class AppendOnlyModel(TenantModel):
    """A tenant row that is written once and never changed or deleted."""

    objects = AppendOnlyManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(AppendOnlyQuerySet)()  # type: ignore[misc]

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(f"{type(self).__name__} rows are never updated")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly(f"{type(self).__name__} rows are never deleted")


def tenant_relations(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """The foreign keys of a tenant model that lead to other tenant models: each must stay inside one company."""
    cached: list[models.ForeignKey[Any, Any]] | None = model.__dict__.get("_tenant_relations")
    if cached is None:
        cached = [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, models.ForeignKey)
            and isinstance(field.related_model, type)
            and issubclass(field.related_model, TenantModel)
        ]
        model._tenant_relations = cached  # type: ignore[attr-defined]  # noqa: SLF001 -- a cache of our own
    return cached
