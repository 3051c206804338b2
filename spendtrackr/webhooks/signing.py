"""Secrets and signatures of webhooks, by Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, in base 64 behind `v1,`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

PREFIX = "whsec_"


def new_salt() -> str:
    return secrets.token_hex(32)


def secret(salt: str) -> str:
    """The secret that is derived from a row's salt and the installation's own key: the database alone tells nobody."""
    return PREFIX + base64.b64encode(_key(salt)).decode()


def _key(salt: str) -> bytes:
    return hmac.new(settings.WEBHOOK_KEY.encode(), salt.encode(), hashlib.sha256).digest()


def headers(message_id: str, body: bytes, *, salts: Sequence[str], at: datetime) -> dict[str, str]:
    """Those that a receiver checks: one signature for each secret, with a space between."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    signatures = [base64.b64encode(hmac.new(_key(salt), signed, hashlib.sha256).digest()).decode() for salt in salts]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(f"v1,{one}" for one in signatures)}
