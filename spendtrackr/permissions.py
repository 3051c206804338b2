"""Who may enter at all, and how a viewset asks the table of permissions (`users/roles.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from django.db.models import Model, QuerySet
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from spendtrackr import errors

if TYPE_CHECKING:  # REST framework loads this module while it is loading its views
    from rest_framework.views import APIView

# A line of the table of permissions, such as `cards.freeze`.
Rule = str


class Member(Protocol):
    """Whoever asks. Without a subject the question is: could they ever?"""

    def may(self, name: Rule, subject: Any = None) -> bool: ...

    def refusal(self, name: Rule) -> errors.Forbidden: ...


class HasMembership(BasePermission):
    """The credential names an active membership. Its company is in scope from here on."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if getattr(request, "membership", None) is None:
            raise errors.Unauthenticated
        return True


def find(rows: QuerySet[Any], public_id: str) -> Any:
    """The row of a page's address. Raises `Missing` for one that is not among those this member may see."""
    found: Model | None = rows.filter(public_id=public_id).first()
    if found is None:
        raise errors.Missing
    return found


def require(rule: Rule, member: Member, subject: Any = None) -> None:
    """Raise `Forbidden` unless the table says yes."""
    if not member.may(rule, subject):
        raise member.refusal(rule)
