"""The contract: what drf-spectacular cannot see by itself, such as the errors that every route may answer."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import AllowAny

from spendtrackr.idempotency import HEADER
from spendtrackr.serializers import ErrorSerializer
from spendtrackr.tenancy import company_scope
from spendtrackr.viewsets import IF_MATCH, MOST_VERSIONS, is_conditional

_MEANING = {
    "400": "A value, field or parameter cannot be accepted; `field` names it.",
    "401": "No credential, or one that is no longer valid.",
    "403": "Your role does not allow this, or the company is suspended.",
    "404": "No such object for you.",
    "409": "The object's state does not allow this, or a twin of this request is still running.",
    "412": "What is decided about changed since it was read.",
    "413": "The body is too large.",
    "415": "The body's media type is not accepted.",
    "422": "The idempotency key was used for another request.",
    "429": "Too many requests or attempts; see Retry-After.",
    "503": "Nothing was changed; see Retry-After.",
}


def _scope_of(operation: dict[str, Any]) -> str:
    """What an API key needs, in a sentence; the same stands in the operation's `security`."""
    scopes = next((one["apiKey"] for one in operation.get("security", []) if "apiKey" in one), None)
    if scopes is None:
        return "People do this with a token of their own: no API key may."
    return f"An API key needs {' and '.join(f'`{scope}`' for scope in scopes)}." if scopes else ""


class ContractGenerator(SchemaGenerator):
    """Describes the routes from inside a company that does not exist: filters build querysets, and none of them may find a row."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        with company_scope(0):
            return super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]


class KeptContract(ContractGenerator):
    """The contract as it is served: made once in each process, since it says the same to everybody."""

    _made: ClassVar[Any] = None

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        if KeptContract._made is None:
            KeptContract._made = super().get_schema(*args, **kwargs)
        return KeptContract._made


class ContractSchema(AutoSchema):
    """Adds the documented refusals, and the idempotency header of every POST that is signed in."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        for status in {*self._refusals(), *(set(operation["responses"]) & set(_MEANING))}:
            if not operation["responses"].get(status, {}).get("description"):
                operation["responses"][status] = self._refusal(status)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        if self.method == "GET" and getattr(self.view, "action", None) == "retrieve":
            operation["responses"]["200"]["headers"] = {"ETag": {"description": "Give it as `If-Match`.", "schema": {"type": "string"}}}
        for schema in (one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"):
            if schema.get("type") == "string" and not {"enum", "format", "pattern"} & set(schema):
                schema["minLength"] = 1
        if not self._is_open():
            operation["description"] = " ".join([operation.get("description", ""), _scope_of(operation)]).strip()
        return operation

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        if self.method == "POST" and not self._is_open():
            parameters = [
                *parameters,
                OpenApiParameter(
                    HEADER,
                    {"type": "string", "minLength": 1, "maxLength": 255},
                    OpenApiParameter.HEADER,
                    description="Repeat a request with the same key and it takes effect once; the first answer comes again.",
                ),
            ]
        if self._is_conditional():
            parameters = [
                *parameters,
                OpenApiParameter(
                    IF_MATCH,
                    {"type": "string", "minLength": 1, "maxLength": MOST_VERSIONS},
                    OpenApiParameter.HEADER,
                    description="The `ETag` of what was read: 412 when it is another by now, and nothing is changed.",
                ),
            ]
        return parameters

    def _is_conditional(self) -> bool:
        return not self._is_open() and is_conditional(self.view, self.method, is_detail="{" in self.path)

    def _is_open(self) -> bool:
        return any(permission is AllowAny for permission in getattr(self.view, "permission_classes", []))

    def _refusals(self) -> list[str]:
        statuses = ["400", "503"]
        statuses += ["401", "429"] if self._is_open() else ["401", "403", "429"]
        if self._is_open() and self.method == "POST":
            statuses += ["403", "409"]
        if "{" in self.path or "/simulator/" in self.path:
            statuses.append("404")
        if self.method in {"POST", "PATCH", "PUT"}:
            statuses += ["409", "413", "415"]
        if self.method == "DELETE":
            statuses.append("409")
        if self._is_conditional():
            statuses.append("412")
        if self.method == "POST" and not self._is_open():
            statuses.append("422")
        return statuses

    def _refusal(self, status: str) -> dict[str, Any]:
        component = self.resolve_serializer(ErrorSerializer, "response")
        return {"description": _MEANING[status], "content": {"application/json": {"schema": component.ref}}}
