"""Send one message: to a checked address, once, within a time, reading little of the answer, following nowhere."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from spendtrackr.models import AttemptOutcome
from spendtrackr.webhooks.addresses import Blocked, open_socket

# Seconds from the lookup of the name to the answer's headers; and of its body, which nothing depends on.
ANSWERS_WITHIN, BODY_WITHIN = 10.0, 2.0
# Of an answer so much is read of its headers and of its body, and so much of that kept for people to look at: bytes.
MOST_HEADERS, MOST_READ, MOST_KEPT = 64 * 1024, 16 * 1024, 1_000
# Longest that an endpoint may ask us to stay away, in seconds.
LONGEST_REST = 3_600
_SENT = {"Content-Type": "application/json", "User-Agent": "SpendTrackr-Webhooks/1"}
_GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. `rest_seconds` is what the endpoint asked for with 429 or 503."""

    outcome: AttemptOutcome
    status: int | None = None
    text: str = ""
    address: str = ""
    took_ms: int = 0
    rest_seconds: int = 0


@cache
def _encryption() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Capped(io.BufferedReader):
    """What is read line by line, such as headers, comes to an end."""

    left = MOST_HEADERS

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(self.left if size is None or size < 0 else min(size, self.left))
        self.left -= len(line)
        if self.left <= 0:
            raise http.client.HTTPException("there is no end to its headers")
        return line


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = _Capped(self.fp.detach())


class _Connection(http.client.HTTPConnection):
    """One that connects to a checked address, and that another thread can cut off at any moment, before there is a socket, too."""

    response_class = _Response

    def __init__(self, host: str, port: int, *, is_encrypted: bool) -> None:
        self.default_port = 443 if is_encrypted else 80
        super().__init__(host, port)
        self.is_encrypted = is_encrypted
        self.address = ""
        self.until = 0.0
        self.is_late = False
        self.raw: socket.socket | None = None
        self._lock = threading.Lock()

    def connect(self) -> None:
        opened = open_socket(self.host, self.port, is_encrypted=self.is_encrypted, until=self.until)
        self.address = str(opened.getpeername()[0])
        opened.settimeout(ANSWERS_WITHIN)
        self._hold(opened)
        if self.is_encrypted:
            # The handshake is begun when there is something to cut off.
            encrypted = _encryption().wrap_socket(opened, server_hostname=self.host, do_handshake_on_connect=False)
            self._hold(encrypted)
            encrypted.do_handshake()

    def _hold(self, opened: socket.socket) -> None:
        with self._lock:
            self.sock = self.raw = opened
            if self.is_late:
                raise TimeoutError

    def cut(self) -> None:
        with self._lock:
            self.is_late = True
            if self.raw:
                with suppress(OSError):
                    self.raw.shutdown(socket.SHUT_RDWR)


class Line:
    """A connection to one endpoint, kept open from message to message. For one thread at a time."""

    def __init__(self, url: str) -> None:
        self.parts = urlsplit(url)
        self._connection: _Connection | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it. Whatever goes wrong is an answer, too."""
        began = time.monotonic()
        is_old = self._connection is not None
        answer = self._try(body, headers)
        if is_old and answer.outcome == AttemptOutcome.UNREACHABLE:
            # It was closed since the last message, which is no fault of this one.
            answer = self._try(body, headers)
        return replace(answer, took_ms=int((time.monotonic() - began) * 1000))

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _try(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connection = self._connection or self._opened()
        connection.until, connection.is_late = time.monotonic() + ANSWERS_WITHIN, False
        watch = threading.Timer(ANSWERS_WITHIN, connection.cut)
        watch.daemon = True
        try:
            watch.start()
            return self._exchange(connection, body, headers)
        except Exception as error:  # noqa: BLE001 -- a stranger's server may do anything
            self.close()
            return Answer(AttemptOutcome.TIMED_OUT if connection.is_late else _outcome(error), address=connection.address)
        finally:
            watch.cancel()

    def _opened(self) -> _Connection:
        is_encrypted = self.parts.scheme == "https"
        # With its port said, since it would look for one in an address of IPv6.
        return _Connection(str(self.parts.hostname), self.parts.port or (443 if is_encrypted else 80), is_encrypted=is_encrypted)

    def _exchange(self, connection: _Connection, body: bytes, headers: Mapping[str, str]) -> Answer:
        target = (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")
        connection.request("POST", target, body, {**_SENT, **headers})
        response = connection.getresponse()
        if connection.is_late:
            raise TimeoutError
        text = self._body(connection, response)
        return Answer(_judged(response.status), response.status, text, connection.address, rest_seconds=_asked_rest(response))

    def _body(self, connection: _Connection, response: http.client.HTTPResponse) -> str:
        """How it begins. By its status it has answered already: whatever becomes of the rest costs the connection alone."""
        read = b""
        try:
            if connection.raw:
                connection.raw.settimeout(BODY_WITHIN)
            read = response.read(MOST_READ)
            is_whole = response.isclosed() and not response.will_close
            if connection.raw:
                connection.raw.settimeout(ANSWERS_WITHIN)
        except (OSError, ValueError, http.client.HTTPException):
            is_whole = False
        if not is_whole:
            response.close()
            self.close()
        return _readable(read)


def _judged(status: int) -> AttemptOutcome:
    if 200 <= status < 300:
        return AttemptOutcome.DELIVERED
    if 300 <= status < 400:
        return AttemptOutcome.REDIRECTED
    return AttemptOutcome.GONE if status == _GONE else AttemptOutcome.REFUSED


def _asked_rest(response: http.client.HTTPResponse) -> int:
    """Retry-After of 429 and 503, in seconds. As a date it is rare, and not worth trusting their clock."""
    said = response.getheader("Retry-After", "") if response.status in {429, 503} else ""
    return min(int(said), LONGEST_REST) if said.isascii() and said.isdecimal() and len(said) < 10 else 0


def _readable(read: bytes) -> str:
    """For people to look at, and for every database to store."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in read[:MOST_KEPT].decode("utf-8", "replace"))


def _outcome(error: Exception) -> AttemptOutcome:
    match error:
        case Blocked():
            return AttemptOutcome.BLOCKED
        case ssl.SSLError():
            return AttemptOutcome.INSECURE
        case TimeoutError():
            return AttemptOutcome.TIMED_OUT
        case _:
            return AttemptOutcome.UNREACHABLE
