"""Every route of the product, read from the URL resolver, so that no list of them can fall behind."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _patterns(resolver, prefix="/"):
    for item in resolver.url_patterns:
        route = prefix + _readable(str(item.pattern))
        if isinstance(item, URLResolver):
            yield from _patterns(item, route)
        elif isinstance(item, URLPattern):
            yield route, item.callback


def _readable(pattern: str) -> str:
    import re

    pattern = re.sub(r"(?<!P)<(?:\w+:)?(\w+)>", r"{\1}", pattern)
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern).replace("^", "").replace("$", "").replace("\\Z", "")


def _methods(callback) -> set[str]:
    actions = getattr(callback, "actions", None)
    if actions:
        return {method.upper() for method in actions if method != "head"}
    if hasattr(callback, "view_class"):
        return {"GET"}
    if hasattr(callback, "methods"):
        return callback.methods
    return {"GET", "POST"} if callback.__name__ == "sign_in" else {"POST"} if callback.__name__ == "sign_out" else {"GET"}


def all_routes() -> set[Route]:
    """Everything but the Django admin, which has its own tests."""
    found = set()
    for path, callback in _patterns(get_resolver()):
        if not path.startswith("/operators/"):
            found |= {Route(method, path) for method in _methods(callback)}
    return found
