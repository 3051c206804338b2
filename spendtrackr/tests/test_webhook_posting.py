"""One message to one server: what comes of it, whatever the server does."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from ipaddress import ip_network

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from spendtrackr.models import AttemptOutcome
from spendtrackr.webhooks import posting, signing
from spendtrackr.webhooks.posting import Line
from tests.receivers import answers, drips, in_turn, receiving


@pytest.fixture(autouse=True)
def at_home(settings):
    """One address of this machine is allowed, and no other."""
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1/32")]


def post(url: str, body: bytes = b"{}") -> posting.Answer:
    line = Line(url)
    try:
        return line.post(body, {"webhook-id": "evt_1"})
    finally:
        line.close()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, AttemptOutcome.DELIVERED), (201, AttemptOutcome.DELIVERED), (204, AttemptOutcome.DELIVERED), (400, AttemptOutcome.REFUSED),
        (401, AttemptOutcome.REFUSED), (404, AttemptOutcome.REFUSED), (410, AttemptOutcome.GONE), (429, AttemptOutcome.REFUSED),
        (500, AttemptOutcome.REFUSED), (503, AttemptOutcome.REFUSED), (301, AttemptOutcome.REDIRECTED), (307, AttemptOutcome.REDIRECTED),
    ],
)  # fmt: skip
def test_an_answer_is_judged_by_its_status(status, outcome):
    with receiving(answers(status, b"" if status == 204 else b"said")) as receiver:
        answer = post(receiver.url)
    assert (answer.outcome, answer.status, answer.address) == (outcome, status, "127.0.0.1")
    assert len(receiver.got) == 1


def test_the_whole_message_arrives_with_its_headers_and_at_its_address():
    with receiving() as receiver:
        post(receiver.url + "?key=a%20b", '{"a":"ü"}'.encode())
    got = receiver.got[0]
    assert got.body == '{"a":"ü"}'.encode()
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"].startswith("SpendTrackr")
    assert got.headers["Host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_not_followed():
    with receiving(host="127.0.0.2") as inside, receiving(answers(302, b"", Location=inside.url)) as receiver:
        assert post(receiver.url).outcome == AttemptOutcome.REDIRECTED
    assert inside.got == []
    assert inside.connections == 0


def test_what_is_connected_to_is_what_was_checked(monkeypatch):
    """The name leads to a good address when it is looked up, and inside whenever it is looked up again."""
    real, looks = socket.getaddrinfo, []

    def rebinds(host, port, **kwargs):
        if host != "rebinds.example":
            return real(host, port, **kwargs)
        looks.append(host)
        return real("127.0.0.1" if len(looks) % 2 else "127.0.0.2", port, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinds)
    with receiving() as good, receiving(host="127.0.0.2") as inside:
        url = f"http://rebinds.example:{good.port}/hooks"
        assert [post(url).outcome for _ in range(4)] == [AttemptOutcome.DELIVERED, AttemptOutcome.BLOCKED] * 2
        assert post(f"http://rebinds.example:{inside.port}/").outcome == AttemptOutcome.UNREACHABLE
    assert (len(good.got), inside.connections) == (2, 0)
    assert good.got[0].headers["Host"] == f"rebinds.example:{good.port}"


def test_nobody_at_the_door_and_no_such_name(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/").outcome == AttemptOutcome.UNREACHABLE
    assert post("http://no-such-name.invalid/").outcome == AttemptOutcome.UNREACHABLE
    assert post("http://" + "a" * 70 + ".example/").outcome == AttemptOutcome.UNREACHABLE


@pytest.mark.parametrize(
    ("begins", "outcome"),
    [
        (b"", AttemptOutcome.TIMED_OUT),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", AttemptOutcome.TIMED_OUT),
        # It has said yes: what it says besides is its own affair.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", AttemptOutcome.DELIVERED),
        (b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", AttemptOutcome.REFUSED),
    ],
)
def test_an_answer_that_drips_is_cut_off_in_time(monkeypatch, begins, outcome):
    monkeypatch.setattr(posting, "ANSWERS_WITHIN", 0.4)
    with receiving(drips(begins)) as receiver:
        began = time.monotonic()
        assert post(receiver.url).outcome == outcome
        assert time.monotonic() - began < 2


def test_an_answer_that_never_comes_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(posting, "ANSWERS_WITHIN", 0.3)
    with receiving(answers(after=1.5)) as receiver:
        answer = post(receiver.url)
    assert answer.outcome == AttemptOutcome.TIMED_OUT
    assert 300 <= answer.took_ms < 1_400


def test_of_a_long_answer_little_is_read_and_less_is_kept():
    with receiving(answers(body=b"x" * 3_000_000)) as receiver:
        answer = post(receiver.url)
    assert (answer.outcome, answer.text) == (AttemptOutcome.DELIVERED, "x" * posting.MOST_KEPT)


def test_what_cannot_be_read_is_shown_as_such():
    with receiving(answers(body=b"a\x00b\xff\n\x1b[31mc")) as receiver:
        assert post(receiver.url).text == "a�b�\n�[31mc"


@pytest.mark.parametrize("says", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200])
def test_who_does_not_speak_http_is_no_trouble(says):
    def say(receiver, handler):
        handler.wfile.write(says)
        handler.close_connection = True

    with receiving(say) as receiver:
        assert post(receiver.url).outcome == AttemptOutcome.UNREACHABLE


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, monkeypatch):
    """And nothing is said to whoever showed it."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def hello():
        with listener.accept()[0] as client:
            heard.append(client.recv(100))

    thread = threading.Thread(target=hello)
    thread.start()
    context = ssl.create_default_context()

    def never(*args, **kwargs):
        raise ssl.SSLCertVerificationError("self-signed")

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", never)
    monkeypatch.setattr(posting, "_encryption", lambda: context)
    assert post(f"https://127.0.0.1:{listener.getsockname()[1]}/").outcome == AttemptOutcome.INSECURE
    thread.join()
    listener.close()
    assert heard == [b""]


def test_certificates_and_names_are_checked():
    context = posting._encryption()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_line_is_kept_open_and_opened_again_when_it_was_closed():
    with receiving() as receiver:
        line = Line(receiver.url)
        assert {line.post(b"{}", {}).outcome for _ in range(5)} == {AttemptOutcome.DELIVERED}
        assert receiver.connections == 1
        line._connection.sock.shutdown(socket.SHUT_RDWR)
        assert line.post(b"{}", {}).outcome == AttemptOutcome.DELIVERED
        assert receiver.connections == 2
        line.close()


def test_what_asks_for_rest_is_heard():
    says = in_turn(
        answers(429, Retry_After="30"), answers(503, Retry_After="999999"), answers(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
        answers(500, Retry_After="30"), answers(429, Retry_After="-1"), answers(429),
    )  # fmt: skip
    with receiving(says) as receiver:
        assert [post(receiver.url).rest_seconds for _ in range(6)] == [30, posting.LONGEST_REST, 0, 0, 0, 0]


def test_signatures_are_those_of_standard_webhooks():
    salt, before = signing.new_salt(), signing.new_salt()
    at = timezone.now()
    body = '{"type":"card.frozen","data":{"x":"ü"}}'.encode()
    sent = signing.headers("evt_1", body, salts=[salt, before], at=at)
    for one in (salt, before):
        assert Webhook(signing.secret(one)).verify(body, sent)["type"] == "card.frozen"
    for wrong in ({**sent, "webhook-id": "evt_2"}, {**sent, "webhook-timestamp": str(int(at.timestamp()) + 1)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(signing.secret(salt)).verify(body, wrong)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.secret(signing.new_salt())).verify(body, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.secret(salt)).verify(body + b" ", sent)


def test_a_secret_has_as_many_bytes_as_the_standard_asks_for_and_another_installation_has_others(settings):
    salt = signing.new_salt()
    secret = signing.secret(salt)
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    settings.WEBHOOK_KEY = "another"
    assert signing.secret(salt) != secret


def test_the_time_counts_from_the_lookup_on_whatever_comes_late(monkeypatch):
    """A name that is known late, and an answer that drips: together no longer than one of them may take."""
    real = socket.getaddrinfo

    def late(*args, **kwargs):
        time.sleep(0.5)
        return real(*args, **kwargs)

    monkeypatch.setattr(posting, "ANSWERS_WITHIN", 0.8)
    monkeypatch.setattr(socket, "getaddrinfo", late)
    with receiving(drips(b"")) as receiver:
        began = time.monotonic()
        assert post(receiver.url).outcome == AttemptOutcome.TIMED_OUT
        assert time.monotonic() - began < 1.5


def test_one_that_is_connected_too_late_is_cut_off_before_anything_is_said(monkeypatch):
    """The watch has run out while there was no socket to cut."""
    real = posting.open_socket

    def late(*args, **kwargs):
        time.sleep(0.5)
        return real(*args, **kwargs | {"until": time.monotonic() + 5})

    monkeypatch.setattr(posting, "ANSWERS_WITHIN", 0.2)
    monkeypatch.setattr(posting, "open_socket", late)
    with receiving() as receiver:
        assert post(receiver.url).outcome == AttemptOutcome.TIMED_OUT
    assert receiver.got == []


def test_headers_without_end_are_not_read(monkeypatch):
    def say(receiver, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(95):
            handler.wfile.write(f"X-{number}: {'x' * 60_000}\r\n".encode())
        handler.wfile.write(b"Content-Length: 0\r\n\r\n")

    with receiving(say) as receiver:
        assert post(receiver.url).outcome == AttemptOutcome.UNREACHABLE


def test_answers_that_say_wait_for_ever_are_not_waited_for(monkeypatch):
    with receiving(lambda receiver, handler: handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000)) as receiver:
        assert post(receiver.url).outcome == AttemptOutcome.UNREACHABLE


@pytest.mark.parametrize("rest", [b"\r\n\r\nok", b"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\r\nContent-Length: 50\r\n\r\nok"])
def test_a_yes_is_a_yes_whatever_its_body_does(monkeypatch, rest):
    """Without a length, broken, or too short, and left open: what counts is said."""
    monkeypatch.setattr(posting, "BODY_WITHIN", 0.2)

    def say(receiver, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK" + rest)
        time.sleep(1)

    with receiving(say) as receiver:
        answer = post(receiver.url)
    assert (answer.outcome, answer.status) == (AttemptOutcome.DELIVERED, 200)
    assert answer.took_ms < 800


@pytest.mark.parametrize(("host", "leads"), [("[2606:4700::6810:85e5]", "2606:4700::6810:85e5"), ("[2606:4700::1111]", "2606:4700::1111")])
def test_an_address_of_ipv6_is_one_and_its_end_no_port(monkeypatch, host, leads):
    asked = []

    def look(name, port, **kwargs):
        asked.append((name, port))
        raise socket.gaierror("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", look)
    assert post(f"https://{host}/hooks").outcome == AttemptOutcome.UNREACHABLE
    assert asked == [(leads, 443)]
