"""Errors as classes with a stable code: clients match the code, people read the sentence.

Every answer of the API that is not a success has one shape:
`{"code", "message", "field", "errors": [{"code", "message", "field"}], "request_id"}`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

log = logging.getLogger(__name__)


class DomainError(Exception):
    """A refusal that the caller can understand. Subclasses say which HTTP status it travels as."""

    status: int = 400
    code = "invalid"
    message = "The request is not valid."
    retry_after: int | None = None

    def __init__(self, message: str = "", *, field: str | None = None, code: str = "") -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.field = field
        super().__init__(self.message)


class Invalid(DomainError):
    """A value that cannot be accepted; `field` names it."""


class NoCurrency(Invalid):
    message = "This is not a current ISO 4217 currency."


class Unauthenticated(DomainError):
    status, code = 401, "unauthenticated"
    message = "Sign in: there is no valid credential in this request."


class Forbidden(DomainError):
    status, code = 403, "forbidden"
    message = "Your role does not allow this."


class CompanySuspended(DomainError):
    status, code = 403, "company_suspended"
    message = "This company is suspended: it can be read but not changed."


class Missing(DomainError):
    """Unknown, another company's, or hidden from this member: one answer for all three."""

    status, code, message = 404, "not_found", "There is no such object."


class InvalidState(DomainError):
    status, code = 409, "invalid_state"
    message = "The object's state does not allow this."


class Stale(DomainError):
    """What somebody decides about is another by now than what they read."""

    status, code = 412, "stale"
    message = "This has changed since you read it. Read it again, and decide anew."


class StillRunning(DomainError):
    status, code, retry_after = 409, "still_running", 1
    message = "A request with this idempotency key is still running."


class KeyReused(DomainError):
    status, code = 422, "idempotency_key_reused"
    message = "This idempotency key was used for another request."


class TooMany(DomainError):
    status, code = 429, "too_many_requests"
    message = "Too many attempts. Wait a while, then try again."

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class TooLarge(DomainError):
    status, code = 413, "too_large"
    message = "The body is larger than we accept."


class Unavailable(DomainError):
    status, code, retry_after = 503, "unavailable", 1
    message = "The service cannot answer right now. Nothing was changed; try again."


class OutcomeUnknown(DomainError):
    """The connection broke while the database was at work, perhaps after it had committed."""

    status, code, retry_after = 503, "outcome_unknown", 1
    message = (
        "The connection to the database broke. Whether this took effect is not known: look before you repeat it, "
        "or repeat it with the same Idempotency-Key."
    )


def one_of(name: str | None, choices: Iterable[object]) -> str:
    """What to say to a word that is none of those that there are."""
    return f"{name or 'This'} is one of {', '.join(str(choice) for choice in choices if choice != '')}."


def body(
    code: str, message: str, *, field: str | None = None, request_id: str = "", errors: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The one shape of an error."""
    field = _printable(field)
    listed = [{"code": code, "message": message, "field": field}] if errors is None else errors
    return {"code": code, "message": message, "field": field, "errors": listed, "request_id": request_id}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Translate what a view raised. What is not foreseen becomes a 500 through Django's own handler."""
    request_id = getattr(context["request"], "id", "")
    error = _domain_error(exc)
    if error is None:
        return _framework_answer(exc, request_id)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body(error.code, error.message, field=error.field, request_id=request_id), status=error.status, headers=headers)


def _domain_error(exc: Exception) -> DomainError | None:
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, OperationalError | InterfaceError):
        log.warning("database unavailable: %s", exc)
        return OutcomeUnknown() if exc.args and exc.args[0] in _LOST_CONNECTION else Unavailable()
    if isinstance(exc, IntegrityError):
        log.error("constraint violated: %s", exc)
        return InvalidState("Somebody changed this at the same moment. Read it again.", code="conflict")
    return next((refusal() for kinds, refusal in _TRANSLATED if isinstance(exc, kinds)), None)


# Gone away, lost connection during query, lost connection at: MySQL's own numbers.
_LOST_CONNECTION = {2006, 2013, 2055}
_TRANSLATED: list[tuple[tuple[type[Exception], ...], type[DomainError]]] = [
    ((Http404,), Missing),
    ((RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent), TooLarge),
    ((DataError, RecursionError), Invalid),
    ((PermissionDenied, exceptions.PermissionDenied), Forbidden),
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), Unauthenticated),
]


def _framework_answer(exc: Exception, request_id: str) -> Response | None:
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_flatten(exc.get_full_details()))
        first = errors[0]
        return Response(
            body(first["code"], first["message"], field=first["field"], errors=errors, request_id=request_id), status=exc.status_code
        )
    if isinstance(exc, exceptions.APIException):
        code = str(exc.get_codes())
        return Response(body(code, str(exc.detail), request_id=request_id), status=exc.status_code)
    return None


def _printable(name: str | None) -> str | None:
    """A field's name as the caller wrote it, without the half characters that no answer could carry."""
    return name.encode("utf-8", "replace").decode() if name else None


def _flatten(details: Any, path: str = "") -> list[dict[str, Any]]:
    """DRF's nested details as rows of code, message and dotted field."""
    if _is_leaf(details):
        return [{"code": details["code"], "message": str(details["message"]), "field": _printable(path)}]
    rows: list[dict[str, Any]] = []
    if isinstance(details, dict):
        for key, value in details.items():
            here = path if key == "non_field_errors" else f"{path}.{key}" if path else str(key)
            rows += _flatten(value, here)
    else:
        for index, value in enumerate(details):
            nested = isinstance(value, dict) and not _is_leaf(value)
            rows += _flatten(value, f"{path}.{index}" if nested and value else path)
    return rows


def _is_leaf(details: Any) -> bool:
    """One error, and not a body whose fields happen to be called `message` and `code`."""
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["message"], str)
