"""Who may enter at all, and how a viewset asks its rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from spendtrackr import errors

if TYPE_CHECKING:  # REST framework loads this module while it is loading its views
    from rest_framework.views import APIView

# A rule answers for one object, or for the whole kind when the object is None: "could this member ever?"
Rule = Callable[[Any, Any], bool]


class HasMembership(BasePermission):
    """The credential names an active membership. Its company is in scope from here on."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if getattr(request, "membership", None) is None:
            raise errors.Unauthenticated
        return True


def require(rule: Rule, member: Any, subject: Any = None) -> None:
    """Raise `Forbidden` unless the rule says yes."""
    if not rule(member, subject):
        raise errors.Forbidden
