"""Send one message: to a checked address, once, within a time, reading little of the answer, following nowhere."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlsplit

from spendtrackr.models import AttemptOutcome
from spendtrackr.webhooks.addresses import Blocked, open_socket

# Seconds: until somebody answers the door, and until all is said.
CONNECTS_WITHIN, ANSWERS_WITHIN = 5.0, 10.0
# Of an answer so much is read, and so much of it kept for people to look at: bytes.
MOST_READ = 16 * 1024
MOST_KEPT = 1_000
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


class _Connection(http.client.HTTPConnection):
    """One that connects to a checked address, and can be cut off by another thread at any moment."""

    def __init__(self, host: str, port: int | None, *, is_encrypted: bool) -> None:
        self.default_port = 443 if is_encrypted else 80
        super().__init__(host, port)
        self.is_encrypted = is_encrypted
        self.address = ""

    def connect(self) -> None:
        self.sock = open_socket(self.host, self.port, is_encrypted=self.is_encrypted, timeout=CONNECTS_WITHIN)
        self.address = str(self.sock.getpeername()[0])
        self.sock.settimeout(ANSWERS_WITHIN)
        if self.is_encrypted:
            # The handshake is begun when there is something to cut off.
            self.sock = _encryption().wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def cut(self) -> None:
        if self.sock:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


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
        connection = self._connection or _Connection(str(self.parts.hostname), self.parts.port, is_encrypted=self.parts.scheme == "https")
        self._connection = connection
        is_late = threading.Event()
        watch = threading.Timer(ANSWERS_WITHIN, _cut, (connection, is_late))
        watch.daemon = True
        watch.start()
        try:
            answer = self._exchange(connection, body, headers, is_late)
        except Exception as error:  # noqa: BLE001 -- a stranger's server may do anything
            self.close()
            answer = Answer(AttemptOutcome.TIMED_OUT if is_late.is_set() else _outcome(error), address=connection.address)
        finally:
            watch.cancel()
        return answer

    def _exchange(self, connection: _Connection, body: bytes, headers: Mapping[str, str], is_late: threading.Event) -> Answer:
        target = (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")
        connection.request("POST", target, body, {**_SENT, **headers})
        response = connection.getresponse()
        if is_late.is_set():
            raise TimeoutError
        read = response.read(MOST_READ)
        answer = Answer(_judged(response.status), response.status, _readable(read), connection.address, rest_seconds=_asked_rest(response))
        if not response.isclosed() or response.will_close:
            self.close()
        return answer


def _cut(connection: _Connection, is_late: threading.Event) -> None:
    is_late.set()
    connection.cut()


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
