"""The base of every tenant route: a credential, a rule for each verb, one transaction for each write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet, ViewSet

from spendtrackr import errors, idempotency
from spendtrackr.filters import refuse_unknown_parameters
from spendtrackr.pagination import ordered
from spendtrackr.permissions import Rule, require
from spendtrackr.serializers import StrictSerializer, represent, validated
from spendtrackr.tenancy import TenantModel
from spendtrackr.throttles import Allowance, allow

_SAFE = {"GET", "HEAD", "OPTIONS"}


class APIRequest(Request):
    """A request whose credential was read: for annotations only."""

    id: str
    membership: Any
    session: Any
    auth: Any


class NoBody(StrictSerializer):
    """Of a route that takes no fields: whatever is sent is refused by its name."""


class TenantViewSet(GenericViewSet[Any]):
    """Says who, which, and one verb. A verb without a rule is refused, so that forgetting one is harmless."""

    request: APIRequest
    lookup_field = "public_id"
    lookup_value_regex = "[a-z0-9_]+"
    model: ClassVar[type[Model]]
    rules: ClassVar[Mapping[str, Rule]] = {}
    # What operations ask besides, object by object: whoever could never do it is refused at once, and a key by its scope.
    asked_besides: ClassVar[Mapping[str, Rule]] = {}
    # True where somebody looks after their own sign-in, which a suspended company does not stop.
    always_writable: ClassVar[bool] = False
    # False on an action that needs no more than its address: then a field is a mistake, and not ignored.
    takes_body: ClassVar[bool] = True
    # What its list may be ordered by: every table has an index of its company's rows by age.
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = ordered()
    query_parameters: ClassVar[tuple[str, ...]] = ()

    # What the credential of the request at hand may still ask; None before it is known, and where nothing is limited.
    allowance: Allowance | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._count()
        if not self.action:
            return
        refuse_unknown_parameters(request, self)
        require(self._rule(), self.request.membership)
        if self.action in self.asked_besides:
            require(self.asked_besides[self.action], self.request.membership)
        if request.method not in _SAFE:
            if not self.always_writable:
                self.request.membership.require_writable()
            if not self.takes_body and self.request.data:
                self.body(NoBody)
            self._write_once(str(request.method).lower())

    def _count(self) -> None:
        """Count the request against its credential's allowance. Raises `TooMany`."""
        if settings.API_REQUESTS_PER_MINUTE:
            self.allowance = allow(self.request.auth.public_id, limit=settings.API_REQUESTS_PER_MINUTE)
            if self.allowance.left < 0:
                raise errors.TooMany(self.allowance.seconds)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.action == "retrieve" and response.status_code == 200:
            response["ETag"] = version_of(response.data)
        for name, value in (self.allowance.headers if self.allowance else {}).items():
            response[name] = value
        return response

    def rows(self) -> QuerySet[Any]:
        """The rows that this member may see, of the company in scope."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        # The contract is generated without a request, and so without a company.
        return self.model._base_manager.none() if getattr(self, "swagger_fake_view", False) else self.rows()

    def _rule(self) -> Rule:
        rule = self.rules.get(self.action or "")
        if rule is None:
            raise errors.Forbidden
        return rule

    def _write_once(self, method: str) -> None:
        """Replace the handler by one that runs in a single transaction, honouring the idempotency key of a POST."""
        handler: Callable[..., Response] = getattr(self, method)

        def run(request: APIRequest, *args: Any, **kwargs: Any) -> Response:
            self.before_transaction()
            return idempotency.once(request, request.membership.public_id, lambda: self._as_read(handler, request, *args, **kwargs))

        setattr(self, method, run)

    def _as_read(self, handler: Callable[..., Response], request: APIRequest, *args: Any, **kwargs: Any) -> Response:
        """Do it, under the condition of `If-Match` if there is one. Raises `Stale`, and `Invalid` where there is no version to compare."""
        wanted = request.headers.get(IF_MATCH)
        if wanted is not None:
            if not is_conditional(self, str(request.method), is_detail=bool(kwargs)):
                raise errors.Invalid("This route changes nothing that has a version.", field=IF_MATCH)
            if not 1 <= len(wanted) <= MOST_VERSIONS:
                raise errors.Invalid(f"A condition has 1 to {MOST_VERSIONS} characters.", field=IF_MATCH)
            self._lock()
            if self._version() not in (known := [one.strip() for one in wanted.split(",")]) and "*" not in known:
                raise errors.Stale
        return handler(request, *args, **kwargs)

    def _lock(self) -> None:
        """The row, before it is read: of two that read the same version, one finds another. A single one is all of its company's."""
        rows: QuerySet[Any] = self.model.objects.all()  # type: ignore[attr-defined]  # as every model of ours has
        if self.kwargs:
            rows = rows.filter(public_id=self.kwargs[self.lookup_field])
        elif not issubclass(self.model, TenantModel):
            rows = rows.filter(pk=self.request.membership.company_id)
        list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))

    def _version(self) -> str:
        """Of what `GET` of the same address would answer now."""
        if hasattr(self, "as_shown"):
            return version_of(self.as_shown().data)
        asked, self.action = self.action, "retrieve"
        try:
            shown: Response = self.retrieve(self.request, **self.kwargs)  # type: ignore[attr-defined]  # of views that are conditional
        finally:
            self.action = asked
        return version_of(shown.data)

    def before_transaction(self) -> None:
        """For work that must not wait in the transaction, or keep others waiting for it. Runs once, whatever is retried."""

    def get_object(self) -> Any:
        found = super().get_object()
        require(self._rule(), self.request.membership, found)
        return found

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Filters belong to lists; a detail route finds its object by id alone.
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def filled(self, rows: list[Any]) -> list[Any]:
        """The rows with whatever their shape shows besides their columns: read for all of them together."""
        return rows

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        return None if page is None else self.filled(page)

    def body(self, serializer_class: type[BaseSerializer[Any]], **kwargs: Any) -> dict[str, Any]:
        """The validated body of this request."""
        if not kwargs:
            return validated(serializer_class, self.request.data)
        serializer = serializer_class(data=self.request.data, **kwargs)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def named(self, rows: QuerySet[Any], public_id: str | None, field: str) -> Any:
        """The row that a body names by its id, or None for null. Raises `Invalid` where this member knows no such row."""
        if public_id is None:
            return None
        found = rows.filter(public_id=public_id).first()
        if found is None:
            raise errors.Invalid("There is nothing with this id.", field=field, code="does_not_exist")
        return found

    def reply_filled(self, row: Any, *, status: int = 200) -> Response:
        """One row as a list of them would show it."""
        return self.reply(self.filled([row])[0], status=status)

    def reply_anew(self, row: Any, *, status: int = 200) -> Response:
        """The same of a row that was just written, read again with all that `rows` joins to it."""
        return self.reply_filled(self.rows().get(pk=row.pk), status=status)

    def reply(self, result: Any, *, status: int = 200, secrets: set[str] | None = None) -> Response:
        """The result in the viewset's own shape. `secrets` are fields that a replay shows masked."""
        response = Response(represent(self.get_serializer_class(), result, self.get_serializer_context()), status=status)
        response.secrets = secrets or set()  # type: ignore[attr-defined]
        return response


# How long a condition may be: more than two dozen versions.
IF_MATCH, MOST_VERSIONS = "If-Match", 1000


def is_conditional(view: Any, method: str, *, is_detail: bool) -> bool:
    """Whether a write changes something that has a version: what `GET` shows at the same place.

    A view whose things another one shows says as what, in `as_shown`.
    """
    makes_anew = method == "POST" and not is_detail
    return method not in _SAFE and not makes_anew and (hasattr(view, "retrieve") or hasattr(view, "as_shown"))


def version_of(shown: Any) -> str:
    """The entity tag (RFC 9110) of an answer: another as soon as anything in it is."""
    return f'"{hashlib.sha256(JSONRenderer().render(shown)).hexdigest()[:32]}"'


def with_secrets(shown: dict[str, Any], *secrets: str, status: int = 200) -> Response:
    """An answer whose secrets are shown once: a replay masks them."""
    response = Response(shown, status=status)
    response.secrets = set(secrets)  # type: ignore[attr-defined]
    return response


class ShowMixin(TenantViewSet):
    """`GET` of one row, as a list of them would show it."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.reply_filled(self.get_object())


class UploadMixin(TenantViewSet):
    """What is made is made of a form with a file in it; everything else is JSON."""

    def get_parsers(self) -> list[Any]:
        # The contract asks without an action; its bodies say what they are themselves.
        method = str(getattr(self.request, "method", "")).lower()
        is_upload = self.action_map.get(method) == "create" if getattr(self, "action_map", None) else False
        return [MultiPartParser() if is_upload else JSONParser()]


class OpenViewSet(ViewSet):
    """A route without a credential: it only opens, renews or ends one."""

    request: APIRequest
    authentication_classes: ClassVar[list[Any]] = []  # type: ignore[misc]
    permission_classes: ClassVar[list[Any]] = [AllowAny]  # type: ignore[misc]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action:
            refuse_unknown_parameters(request, self)

    def body(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
