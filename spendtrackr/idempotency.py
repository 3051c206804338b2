"""A key takes effect once: the first answer is kept with the work, and every repetition gets it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import json

from spendtrackr import errors, retry
from spendtrackr.models import IdempotencyKey
from spendtrackr.tenancy import current_company

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=48)
_INSERT = """
INSERT INTO idempotency_keys (company_id, credential, key_hash, request_hash, status, body, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


def once(request: Request, credential: str, work: Callable[[], Response]) -> Response:
    """Do the work in one transaction together with its key. Without a key, just in one transaction.

    Raises `KeyReused` for another request under the same key, `StillRunning` when the first one holds it too long.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return retry.in_transaction(work)
    if not 1 <= len(key) <= 255:
        raise errors.Invalid("An idempotency key has 1 to 255 characters.", field=HEADER)
    fingerprint = _fingerprint(request)
    return retry.in_transaction(_once, _digest(key), fingerprint, credential, work)


def is_answered(request: Request, credential: str) -> bool:
    """Whether the key of a request has its answer: what is done before the transaction is then not done again."""
    key = request.headers.get(HEADER)
    return key is not None and IdempotencyKey.objects.filter(credential=credential, key_hash=_digest(key)).exclude(status=0).exists()


def _once(key_hash: str, fingerprint: str, credential: str, work: Callable[[], Response]) -> Response:
    row = _claim(key_hash, fingerprint, credential)
    if row.status:
        return _replay(row, fingerprint)
    response = work()
    said = {"status": response.status_code, "body": JSONRenderer().render(_masked(response)).decode()}
    IdempotencyKey.objects.filter(pk=row.pk).update(**said)
    return response


def _claim(key_hash: str, fingerprint: str, credential: str) -> IdempotencyKey:
    """Insert the key, or find who did. A twin waits here until the first one commits or gives up.

    By hand: a key that is taken spoils nothing of the transaction on our engines, and a savepoint around it would cost two statements more.
    """
    row = IdempotencyKey(
        company_id=current_company(), key_hash=key_hash, request_hash=fingerprint, credential=credential, created_at=timezone.now()
    )
    try:
        with connection.cursor() as cursor:
            made = connection.ops.adapt_datetimefield_value(row.created_at)
            cursor.execute(_INSERT, [row.company_id, credential, key_hash, fingerprint, row.status, row.body, made])
            row.pk = cursor.lastrowid
    except IntegrityError:
        return IdempotencyKey.objects.get(credential=credential, key_hash=key_hash)
    except OperationalError as error:
        if retry.is_lock_trouble(error) and error.args[0] == retry.LOCK_TIMEOUT:
            raise errors.StillRunning from error
        raise
    return row


def _replay(row: IdempotencyKey, fingerprint: str) -> Response:
    if row.request_hash != fingerprint:
        raise errors.KeyReused
    return Response(json.loads(row.body) if row.body else None, status=row.status, headers={REPLAYED: "true"})


def _masked(response: Response) -> Any:
    """What is shown once is not kept: a view names its secrets in `response.secrets`."""
    secrets: set[str] = getattr(response, "secrets", set())
    if not isinstance(response.data, dict):
        return response.data
    return {name: "********" if name in secrets else value for name, value in response.data.items()}


def _fingerprint(request: Request) -> str:
    """Method, address and body. An uploaded file counts by its content."""
    parts = [request.method or "", request.get_full_path()]
    for name in sorted(request.FILES):
        uploaded = request.FILES[name]
        uploaded.seek(0)
        parts += [name, hashlib.sha256(uploaded.read()).hexdigest()]
        uploaded.seek(0)
    given = (
        {name: value for name, value in request.data.items() if name not in request.FILES}
        if isinstance(request.data, dict)
        else request.data
    )
    parts.append(json.dumps(given, sort_keys=True, default=str))
    # Keyed, because a body may hold a password: a plain digest of one could be guessed at by whoever reads the table.
    return salted_hmac("spendtrackr.idempotency", "\n".join(parts), algorithm="sha256").hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def prune() -> int:
    """Forget answers older than we promise to keep them."""
    old = IdempotencyKey.across_companies.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return old.delete()[0]
