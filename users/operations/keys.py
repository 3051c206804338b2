"""API keys: secrets of programs, which act in their own name. One is made, changed, replaced with an overlap, and revoked at once."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import OperationalError

from companies.models import Company
from spendtrackr import errors, events
from spendtrackr.ids import new_id
from spendtrackr.retry import operation, without_waiting
from spendtrackr.rotation import require_overlap
from users import tokens
from users.models import ApiKey, Integration, Membership, User
from users.roles import INTEGRATION, SCOPES, rules_of

# A program's address: nobody reads it, and no mail goes there. The domain is RFC 2606's.
_DOMAIN = "integrations.invalid"
MOST_OPEN, MOST_NETWORKS = 100, 20
# What a company sees of the last use is this old at most.
USED_EVERY = timedelta(minutes=1)
# As far as instants of requests go.
_LATEST = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)


@operation
def create_key(
    *,
    name: str,
    scopes: Collection[str],
    networks: Collection[str] = (),
    expires_at: datetime | None = None,
    actor: Membership,
    at: datetime,
) -> tuple[ApiKey, str]:
    """A new integration with its first key, and the key's secret, in clear for this once.

    Raises `Invalid` naming `name`, `scopes`, `networks` or `expires_at`, and `InvalidState` with `MOST_OPEN` open keys.
    """
    granted, allowed = _scopes(scopes, actor), _networks(networks)
    _expiry(expires_at, at=at)
    _room(at)
    member = _program(_name(name), actor.company, at=at)
    integration = Integration.objects.create(membership=member, granted=" ".join(granted), allowed=" ".join(allowed))
    key, secret = _new_key(integration, expires_at, actor=actor, at=at)
    told = {"integration": member.public_id, "scopes": granted, "networks": allowed, "expires_at": _iso(expires_at)}
    events.record("key.created", key, actor=actor, at=at, **told)
    return key, secret


@operation
def change_key(key: ApiKey, changes: dict[str, Any], *, actor: Membership, at: datetime) -> ApiKey:
    """Another name, other scopes or networks, for all keys of the integration; another end for this one. At once."""
    key = _locked(key, at=at)
    integration = key.integration
    told: dict[str, Any] = {}
    if "name" in changes:
        integration.membership.user.name = _name(changes["name"])
        integration.membership.user.save(update_fields=["name"])
        told["name"] = "changed"
    if "scopes" in changes:
        told["scopes"] = _scopes(changes["scopes"], actor)
        integration.granted = " ".join(told["scopes"])
    if "networks" in changes:
        told["networks"] = _networks(changes["networks"])
        integration.allowed = " ".join(told["networks"])
    if "expires_at" in changes and changes["expires_at"] != key.expires_at:
        if key.rotated_at:
            raise errors.InvalidState("This key was rotated, and ends by itself. Revoke it to end it at once.")
        key.expires_at = changes["expires_at"]
        _expiry(key.expires_at, at=at)
        told["expires_at"] = _iso(key.expires_at)
    integration.save(update_fields=["granted", "allowed"])
    key.save(update_fields=["expires_at"])
    if told:
        events.record("key.changed", key, actor=actor, at=at, integration=integration.membership.public_id, **told)
    return key


@operation
def rotate_key(key: ApiKey, *, overlap: timedelta = timedelta(days=1), actor: Membership, at: datetime) -> tuple[ApiKey, str]:
    """Another secret of the same integration. The one before goes on working for the overlap, and no longer than it would have.

    The new one lives as long as the one before did from when it was made. Raises `Invalid` for an overlap beyond `LONGEST_OVERLAP`, and
    `InvalidState` for a key that was rotated already: of two that replace it one would be forgotten.
    """
    require_overlap(overlap)
    key = _locked(key, at=at)
    if key.rotated_at:
        raise errors.InvalidState("This key was rotated already: rotate the one that replaces it.")
    _room(at)
    expires_at = min(at + (key.expires_at - key.created_at), _LATEST) if key.expires_at else None
    replacement, secret = _new_key(key.integration, expires_at, actor=actor, at=at)
    key.expires_at, key.rotated_at = min(key.expires_at or at + overlap, at + overlap), at
    key.save(update_fields=["expires_at", "rotated_at"])
    told = {"integration": key.integration.membership.public_id, "replaces": key.public_id, "until": _iso(key.expires_at)}
    events.record("key.rotated", replacement, actor=actor, at=at, **told)
    return replacement, secret


@operation
def revoke_key(key: ApiKey, *, actor: Membership, at: datetime) -> ApiKey:
    """It is refused from the next request on. Raises `InvalidState` for one that is revoked already."""
    key = _locked(key, at=at, is_open=False)
    if key.revoked_at:
        raise errors.InvalidState("This key is revoked already.")
    key.revoked_at, key.revoked_by = at, actor
    key.save(update_fields=["revoked_at", "revoked_by"])
    events.record("key.revoked", key, actor=actor, at=at, integration=key.integration.membership.public_id)
    return key


def note_use(key: ApiKey, *, at: datetime) -> None:
    """Once a minute at most, by whichever request comes first. Not worth an answer of its own when the database is busy."""
    if key.last_used_at and at < key.last_used_at + USED_EVERY:
        return
    with suppress(OperationalError), without_waiting():
        ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at).update(last_used_at=at)


def _program(name: str, company: Company, *, at: datetime) -> Membership:
    """Somebody who cannot sign in, is mailed to by nobody, and stands by themselves in the tree of people."""
    email = f"{new_id('prg')}@{_DOMAIN}"
    user = User.objects.create(email=email, email_key=email, name=name, joined_at=at, confirmed_at=at, password=make_password(None))
    member = Membership.objects.create(company=company, user=user, role=INTEGRATION, joined_at=at)
    member.chain = f"{member.pk}."
    member.save(update_fields=["chain"])
    return member


def _new_key(integration: Integration, expires_at: datetime | None, *, actor: Membership, at: datetime) -> tuple[ApiKey, str]:
    secret = tokens.new_key()
    key = ApiKey.objects.create(
        integration=integration, prefix=tokens.KEY_PREFIX, last4=secret[-4:], secret_hash=tokens.digest(secret), created_by=actor,
        created_at=at, expires_at=expires_at,
    )  # fmt: skip
    return key, secret


def _locked(key: ApiKey, *, at: datetime, is_open: bool = True) -> ApiKey:
    """The integration's row is the lock of all its keys."""
    Integration.objects.select_for_update().get(pk=key.integration_id)
    found: ApiKey = ApiKey.objects.select_related("integration__membership__user", "created_by__user").get(pk=key.pk)
    if is_open and not found.is_open(at):
        raise errors.InvalidState("This key is revoked or has expired: make another one.")
    return found


def _room(at: datetime) -> None:
    if ApiKey.objects.open_at(at).count() >= MOST_OPEN:
        raise errors.InvalidState(f"There are {MOST_OPEN} open keys, and no company has more: revoke one first.")


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise errors.Invalid("Say what the key is for: its name stands beside whatever is done with it.", field="name")
    return name


def _scopes(wanted: Collection[str], actor: Membership) -> list[str]:
    """In the order of the table. Nobody hands out more than they have."""
    if unknown := sorted(set(wanted) - set(SCOPES)):
        raise errors.Invalid(f"There is no scope {unknown[0]}.", field="scopes")
    if not wanted:
        raise errors.Invalid("A key without a scope can do nothing: choose one or more.", field="scopes")
    for scope in wanted:
        if not all(actor.may(rule) for rule in rules_of(scope)):
            raise errors.Invalid(f"You may not do all that {scope} allows.", field="scopes")
    return [scope for scope in SCOPES if scope in wanted]


def _networks(given: Collection[str]) -> list[str]:
    if len(given) > MOST_NETWORKS:
        raise errors.Invalid(f"At most {MOST_NETWORKS} networks.", field="networks")
    try:
        return list(dict.fromkeys(str(_network(one.strip())) for one in given))
    except ValueError as error:
        raise errors.Invalid("Networks are written as 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7.", field="networks") from error


def _network(text: str) -> IPv4Network | IPv6Network:
    """An IPv4 network in the spelling of IPv6 is one of IPv4, as addresses are. Raises ValueError, for a zone of one machine too."""
    if "%" in text:
        raise ValueError("a zone means something on one machine alone")
    found = ip_network(text)
    if isinstance(found, IPv6Network) and found.prefixlen >= 96 and (mapped := found.network_address.ipv4_mapped):
        return IPv4Network(f"{mapped}/{found.prefixlen - 96}")
    return found


def _expiry(expires_at: datetime | None, *, at: datetime) -> None:
    if expires_at and not at < expires_at <= _LATEST:
        raise errors.Invalid("This instant is past, or too far away.", field="expires_at")


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
