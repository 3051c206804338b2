"""What was made once, made again as the rows that it left: a statement for each table, instead of all the operations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.db.models.sql import InsertQuery

Made = TypeVar("Made")
Statement = tuple[str, tuple[Any, ...]]


class Again(Generic[Made]):
    """Makes something, keeps its rows and takes them back; each call puts them where it is asked to, and answers with a copy."""

    def __init__(self, make: Callable[[], Made]) -> None:
        with transaction.atomic():
            before = {model: set(QuerySet(model).values_list("pk", flat=True)) for model in tables()}
            self._made = make()
            self._statements = [statement for model, pks in before.items() for statement in inserts(model, pks)]
            transaction.set_rollback(True)

    def __call__(self) -> Made:
        with transaction.atomic(), connection.constraint_checks_disabled(), connection.cursor() as cursor:
            for statement in self._statements:
                cursor.execute(*statement)
        return copy.deepcopy(self._made)


def again(make: Callable[[], Any], scope: str = "module") -> Any:
    """A fixture: what is made, as often as tests ask for it."""

    @pytest.fixture(scope=scope)
    def same(django_db_setup, django_db_blocker) -> Again[Any]:
        with django_db_blocker.unblock():
            return Again(make)

    return same


def tables() -> list[type[Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy]


def inserts(model: type[Model], but: set[Any]) -> list[Statement]:
    rows = [row for row in QuerySet(model).order_by("pk") if row.pk not in but]
    if not rows:
        return []
    query = InsertQuery(model)
    query.insert_values([field for field in model._meta.concrete_fields if not field.generated], rows, raw=True)
    return query.get_compiler(using="default").as_sql()
