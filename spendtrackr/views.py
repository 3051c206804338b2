"""Answers that belong to no app: errors in the right shape for who asked, and the health check."""

from __future__ import annotations

import sys

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from spendtrackr import errors


def _answer(request: HttpRequest, *, status: int, code: str, title: str, message: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(errors.body(code, message, request_id=getattr(request, "id", "")), status=status)
    context = {"title": title, "message": message, "request_id": getattr(request, "id", "")}
    # Rendered without the request, whose context processors may query a database that is away.
    return HttpResponse(render_to_string("error.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request, status=400, code="bad_request", title="That request made no sense", message="The request could not be understood."
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, status=403, code="forbidden", title="Not for you", message=errors.Forbidden.message)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    hint = "" if request.path.endswith("/") else f" Addresses end with a slash: {request.path}/."
    return _answer(request, status=404, code="not_found", title="Nothing here", message=f"There is no such page.{hint}")


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort, called while the exception is being handled: a database that is away is no fault of ours to hide."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return unavailable(request)
    message = "Something broke on our side, and it was logged. Nothing was changed."
    return _answer(request, status=500, code="server_error", title="Something broke", message=message)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = "The form was open for too long. Go back, reload the page and send it again."
    return _answer(request, status=403, code="csrf", title="Please send that again", message=message)


def refused(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    """A refusal that a page did not answer itself, such as too many attempts to sign in."""
    title = "Nothing here" if error.status == 404 else "That was refused"
    response = _answer(request, status=error.status, code=error.code, title=title, message=error.message)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response


def unavailable(request: HttpRequest) -> HttpResponse:
    response = _answer(request, status=503, code="unavailable", title="Back in a moment", message=errors.Unavailable.message)
    response["Retry-After"] = "1"
    return response


def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers. For load balancers and `docker compose`."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database away"}, status=503, headers={"Retry-After": "1"})
    return JsonResponse({"status": "ok"})
