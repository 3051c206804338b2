"""Around every request: an id to find it by, and refusals that a page did not foresee."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware

from spendtrackr import views
from spendtrackr.errors import DomainError
from spendtrackr.ids import new_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Name the request; the same id stands in errors, logs and the X-Request-Id header."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.id = new_id("req")  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response


class RefusalMiddleware:
    """A domain error that leaves a page's view becomes a page with its status and sentence. The API answers its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        return views.refused(request, exception) if isinstance(exception, DomainError) else None


class SlashMiddleware(CommonMiddleware):
    """Pages without their last slash are led to it. The API is not: a redirected POST would come back as a GET and look like success."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return not request.path.startswith("/api/") and super().should_redirect_with_slash(request)
