"""Read the credential of a request, and put its company in scope. One query for session, member, user and company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from spendtrackr import errors, tenancy, throttles
from users import operations, tokens
from users.models import ApiKey, Membership, Session, User, email_key
from users.roles import SCOPES, TABLE, covers

PAGE_SESSION_KEY = "sid"


class AddressNotAllowed(errors.Forbidden):
    code = "address_not_allowed"
    message = "This API key may not be used from this address."


def membership_of(public_id: str | None) -> tuple[Session, Membership] | None:
    """The session and its member, if every link in the chain still holds: session open, member and user active."""
    if not public_id:
        return None
    session = Session.across_companies.select_related("membership__user", "membership__company").filter(public_id=public_id).first()
    if session is None or not session.is_open(timezone.now()):
        return None
    member: Membership = session.membership
    return (session, member) if member.is_active and member.user.is_active else None


def integration_of(secret: str, address: str) -> tuple[ApiKey, Membership] | None:
    """The key and the program in whose name it acts, if it is open. Raises `AddressNotAllowed`."""
    keys = ApiKey.across_companies.select_related("integration__membership__user", "integration__membership__company")
    key = next(iter(keys.filter(secret_hash=tokens.digest(secret))), None)
    if key is None or not key.is_open(timezone.now()):
        return None
    member = key.integration.membership
    if not (member.is_active and member.user.is_active):
        return None
    if not key.integration.admits(address):
        raise AddressNotAllowed
    return key, member


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`, or an API key."""

    def authenticate(self, request: Request) -> tuple[User, Session | ApiKey] | None:
        kind, _, raw = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return None
        found = self._found(request, raw.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise errors.Unauthenticated
        credential, member = found
        request.membership = member  # type: ignore[attr-defined]
        tenancy.enter(member.company_id)
        if isinstance(credential, ApiKey):
            operations.note_use(credential, at=timezone.now())
        return member.user, credential

    def _found(self, request: Request, raw: str) -> tuple[Session | ApiKey, Membership] | None:
        if raw.startswith(tokens.KEY_PREFIX):
            return integration_of(raw, throttles.client_address(request))
        found = membership_of(tokens.session_id(raw))
        if found:
            request.session = found[0]  # type: ignore[assignment]  # ours, not the cookie's
        return found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "users.authentication.TokenAuthentication"
    name = ["accessToken", "apiKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Of a person, from `POST /api/v1/auth/login/`."}
        key = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sk_live_…",
            "description": "Of a program, with the scopes that it was given.",
        }
        return [token, key]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """A person's token, or a key with the scope of the route's line of the table; where there is none, people alone."""
        view = auto_schema.view
        rules = getattr(view, "rules", None)
        if rules is None:
            return [{"accessToken": []}, {"apiKey": []}]
        asked = [TABLE[rule].scope for rule in (rules[view.action], view.asked_besides.get(view.action)) if rule]
        # Whoever may write may read: of one resource the larger scope is enough.
        needed = [one for one in SCOPES if one in asked and not covers([other for other in asked if other and other != one], one)]
        return [{"accessToken": []}] if None in asked else [{"accessToken": []}, {"apiKey": needed}]


class MembershipMiddleware:
    """For pages: `request.membership` from the session cookie, or None."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith("/api/") or request.path == reverse("docs"):
            found = membership_of(request.session.get(PAGE_SESSION_KEY))
            request.membership = found[1] if found else None  # type: ignore[attr-defined]
            request.page_session = found[0] if found else None  # type: ignore[attr-defined]
            if found:
                tenancy.enter(found[1].company_id)
        return self.get_response(request)


def throttle_guesses(request: HttpRequest | Request, subject: str) -> None:
    """Ten guesses at one account, sixty from one address, in five minutes; pages and API count together."""
    throttles.hit("guess", subject, limit=10, seconds=300)
    throttles.hit("guess-from", throttles.client_address(request), limit=60, seconds=300)


def throttle_mails(request: HttpRequest | Request, subject: str) -> None:
    """Five mails to one address, thirty asked for from one place, in an hour; pages and API count together."""
    throttles.hit("mail", subject, limit=5, seconds=3600)
    throttles.hit("mail-from", throttles.client_address(request), limit=30, seconds=3600)


def throttle_invitations(member: Membership, subject: str) -> None:
    """Every invitation is a mail to somebody who did not ask for it: 500 of a company, and five mails to one address, in an hour."""
    throttles.hit("invite", member.company.public_id, limit=500, seconds=3600)
    throttle_mails_to(subject)


def throttle_mails_to(subject: str) -> None:
    """Five mails to one address in an hour."""
    throttles.hit("mail", subject, limit=5, seconds=3600)


def client_name(request: HttpRequest | Request) -> str:
    """What the browser or program calls itself, as far as it can be shown."""
    return "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())[:200]


class OperatorBackend(ModelBackend):
    """Sign-in to the Django admin: platform staff only, and not more than ten guesses in five minutes."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username:
            return None
        throttles.hit("operator", email_key(username), limit=10, seconds=300)
        user = super().authenticate(request, username=email_key(username), password=password, **kwargs)
        return user if isinstance(user, User) and user.is_staff else None
