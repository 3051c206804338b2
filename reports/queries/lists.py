"""Addresses of our own pages that list the rows behind a figure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlencode

from django.urls import reverse


def transactions(**query: object) -> str:
    return _listed("transactions", query)


def claims(**query: object) -> str:
    return _listed("claims", query)


def _listed(page: str, query: dict[str, object]) -> str:
    """What is not said is left out. Days of purchase are `from_` and `to`."""
    return address(page, {name.rstrip("_"): value for name, value in query.items() if value not in {None, ""}})


def address(page: str, query: Mapping[str, object]) -> str:
    return f"{_path(page)}?{urlencode(query)}"


@lru_cache
def _path(page: str) -> str:
    """A chart and its table lead to a hundred lists at the same place."""
    return reverse(page)
