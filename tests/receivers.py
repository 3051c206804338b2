"""Programs that webhooks are sent to: servers on this machine which answer as they are told, and remember what they got."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: bytes
    at: float


Says = Callable[["Receiver", BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """What a server at `url` got, in the order of arrival."""

    says: Says
    host: str = "127.0.0.1"
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.got]


def answers(status: int = 200, body: bytes = b"ok", *, after: float = 0.0, **headers: str) -> Says:
    """The same to everybody."""

    def say(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        time.sleep(after)
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler._headers_buffer.append(b"\r\n" + body)  # in one packet, as servers do
        handler.flush_headers()

    return say


def in_turn(*says: Says) -> Says:
    """One after the other, the last one again and again."""
    return lambda receiver, handler: says[min(len(receiver.got), len(says)) - 1](receiver, handler)


def drips(begins: bytes) -> Says:
    """A byte now and then, for ever: no single wait is long."""

    def say(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begins)
        for _ in range(600):
            handler.wfile.write(b".")
            handler.wfile.flush()
            time.sleep(0.05)

    return say


@contextmanager
def receiving(says: Says | None = None, *, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A server for as long as the block lasts."""
    receiver = Receiver(says or answers(), host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            receiver.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]):
                return  # whoever sent it is gone
            receiver.got.append(Got(dict(self.headers.items()), body, time.monotonic()))
            receiver.says(receiver, self)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """A client that goes away is no news."""

    server = Server((host, 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
