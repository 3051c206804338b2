"""Where webhooks may go: to the public internet, and to the networks that the operator names in `WEBHOOK_NETWORKS`.

Names are looked up once, when a connection is opened, and what is connected to is the very address that was checked: a name that leads
elsewhere a moment later changes nothing. Addresses are compared as numbers, so that no spelling of one passes by.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from spendtrackr import errors

MOST_CHARACTERS = 500
# Seconds until a name is known, and until somebody answers the door.
LOOKS_UP_WITHIN = CONNECTS_WITHIN = 5.0
# Of all that a name leads to: somebody could make it lead to thousands that keep us waiting.
MOST_TRIED = 4
# 6to4 relays (RFC 7526): withdrawn, and still called global.
_NOT_PUBLIC_4 = (IPv4Network("192.88.99.0/24"),)
# Of IPv6 only what IANA hands out as global unicast, and of that neither protocols, documentation nor tunnels of IPv4.
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


class Blocked(Exception):
    """Nothing that this name leads to may be connected to."""


def open_socket(host: str, port: int, *, is_encrypted: bool, until: float) -> socket.socket:
    """A connection to the first address of this name that answers, before `until` on the monotonic clock.

    Raises `Blocked`, TimeoutError, or OSError where none answers. Without encryption only to the operator's own networks: what a company
    tells its programs is not for everybody on the way.
    """
    failed: OSError | None = None
    found = _looked_up(host, port, until - time.monotonic())
    allowed = [one for one in found if may_connect(str(one[4][0]), is_encrypted=is_encrypted)]
    for family, kind, protocol, _, target in allowed[:MOST_TRIED]:
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        opened = socket.socket(family, kind, protocol)
        try:
            # Headers and body are written one after the other: without it, each would wait for the other side's acknowledgement.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(min(left, CONNECTS_WITHIN))
            opened.connect(target)
        except OSError as error:
            opened.close()
            failed = error
            continue
        return opened
    raise failed or Blocked


def _looked_up(host: str, port: int, seconds: float) -> list[Any]:
    """What a name leads to. A resolver cannot be told to hurry: one that is late is left to itself."""
    told: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            told.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 -- raised again where it is awaited
            told.put(error)

    threading.Thread(target=look, name="lookup", daemon=True).start()
    try:
        found = told.get(timeout=min(seconds, LOOKS_UP_WITHIN))
    except (queue.Empty, ValueError) as error:
        raise TimeoutError from error
    if isinstance(found, Exception):
        raise found
    return found


def may_connect(address: str, *, is_encrypted: bool) -> bool:
    """Whether an address such as `203.0.113.7` may be connected to."""
    found = _number(address)
    return is_ours(found) or (is_encrypted and is_public(found))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in block for block in _NOT_PUBLIC_4)
    return address in _PUBLIC_6 and not any(address in block for block in _NOT_PUBLIC_6)


def is_ours(address: IPv4Address | IPv6Address) -> bool:
    """Whether the operator allows it."""
    return any(address in network for network in settings.WEBHOOK_NETWORKS)


def _number(address: str) -> IPv4Address | IPv6Address:
    """Without its zone, and an IPv4 address in the spelling of IPv6 as what it is."""
    found = ip_address(address.partition("%")[0])
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


def checked_url(text: str) -> str:
    """An address as people give it. Raises `Invalid` for what could never be connected to; where a name leads is seen when it is used."""
    parts = _parts(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.WEBHOOK_NETWORKS):
        raise errors.Invalid("Write an address that begins with https://.", field="url")
    if parts.username is not None or parts.password is not None:
        raise errors.Invalid("Leave names and passwords out of the address: it is shown to people.", field="url")
    literal = _literal(parts.hostname or "")
    if literal and not may_connect(str(literal), is_encrypted=parts.scheme == "https"):
        raise errors.Invalid("Webhooks cannot be sent to this address: it is not one of the public internet.", field="url")
    return text


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        is_whole = False
    if (
        not is_whole
        or len(text) > MOST_CHARACTERS
        or not text.isascii()
        or any(not "!" <= letter <= "~" or letter == "\\" for letter in text)
    ):
        raise errors.Invalid("Write an address such as https://example.com/hooks.", field="url")
    return parts


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host spells out: also as one number, in octal or hexadecimal, or with parts left out."""
    try:
        return _number(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
