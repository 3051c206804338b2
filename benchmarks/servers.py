"""Servers as in production, and clients that keep their connection: HTTP by hand, so that the client is not what is measured."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.clients import Call, Make

PRODUCT = "spendtrackr.wsgi"
PLAIN = "benchmarks.plain.wsgi"
EMPTY = "benchmarks.servers:empty"


def empty(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """An application that does nothing: what server and client cost by themselves."""
    body = b'{"approved":true}'
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def serving(application: str, **told: str) -> Iterator[int]:
    """Gunicorn as the image starts it, on a free port; answers the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "4"]
    command += ["--threads", "4", "--keep-alive", "30", "--no-control-socket"]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, env={**os.environ, **told}, stdout=log, stderr=log)  # noqa: S603 -- our own program
        try:
            _wait(server, port)
            yield port
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode()[-2000:])
            raise
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit("The server did not start.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The server did not listen within 20 seconds.")


class Wire:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, head: bytes, body: bytes) -> bytes:
        """The whole answer: status line, headers and body."""
        return self.ask(head + str(len(body)).encode() + b"\r\n\r\n" + body)

    def ask(self, request: bytes) -> bytes:
        """The same of any request."""
        self.socket.sendall(request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        headers = answer[:end].lower()
        length = int(headers.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(answer) < end + 4 + length:
            answer += self._more()
        return answer

    def _more(self) -> bytes:
        if not (part := self.socket.recv(65536)):
            raise ConnectionError("closed by the server")
        return part


def by_http(port: int, path: str, tokens: list[str], bodies: Callable[[int, int], bytes], answers: Mapping[str, bytes]) -> Make:
    """Clients that POST; `bodies` makes a body from the numbers of client and turn, `answers` must all be in what comes back."""

    def make(number: int) -> Call:
        wire = Wire(port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {tokens[number % len(tokens)]}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: "
        ).encode()

        def call(turn: int) -> None:
            answer = wire.post(head, bodies(number, turn))
            for name, wanted in answers.items():
                if wanted not in answer:
                    raise RuntimeError(f"no {name} in {answer[:15]!r} … {answer[-120:]!r}")

        return call

    return make


def by_reading(port: int, path: str, cookies: list[str]) -> Make:
    """Clients that GET a page, each with a session of its own."""

    def make(number: int) -> Call:
        wire, cookie = Wire(port), cookies[number % len(cookies)]
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n".encode()

        def call(turn: int) -> bytes:
            answer = wire.ask(request)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{path}: {answer[:120]!r}")
            return answer.partition(b"\r\n\r\n")[2]

        return call

    return make
