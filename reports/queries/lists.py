"""Addresses of our own pages that list the rows behind a figure."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse


def transactions(**query: object) -> str:
    return _listed("transactions", query)


def claims(**query: object) -> str:
    return _listed("claims", query)


def _listed(page: str, query: dict[str, object]) -> str:
    """What is not said is left out. Days of purchase are `from_` and `to`."""
    told = {name.rstrip("_"): value for name, value in query.items() if value not in {None, ""}}
    return f"{reverse(page)}?{urlencode(told)}"
