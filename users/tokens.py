"""The credentials that leave the house: access tokens (signed, short-lived), refresh and invitation tokens (random)."""

from __future__ import annotations

import hashlib
import secrets
import string
from datetime import datetime

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from users.models import Session


def new_secret(prefix: str) -> str:
    """256 random bits. The prefix tells a leaked one apart."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


# What stands before every API key, so that scanners of leaked secrets know it.
KEY_PREFIX = "sk_live_"
_BASE62 = string.digits + string.ascii_letters


def new_key() -> str:
    """190 random bits in letters and digits, so that a double click marks all of it."""
    return KEY_PREFIX + "".join(secrets.choice(_BASE62) for _ in range(32))


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def access_token(session: Session, *, at: datetime) -> str:
    """A token that names a session; what it may do is read from the database at each request."""
    token = AccessToken()
    token.set_iat(at_time=at)
    token.set_exp(from_time=at)
    token["sid"] = session.public_id
    return str(token)


def session_id(raw: str) -> str | None:
    """The session that a token names, or None when the token is not ours, not an access token, or has expired."""
    try:
        claimed = AccessToken(raw).get("sid")  # type: ignore[arg-type]  # the stubs know no text
    except (TokenError, UnicodeError):
        return None
    return claimed if isinstance(claimed, str) else None
