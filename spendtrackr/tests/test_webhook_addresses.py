"""Where webhooks may go: by number, whatever the spelling."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_network

import pytest

from spendtrackr import errors
from spendtrackr.webhooks.addresses import Blocked, checked_url, is_public, may_connect, open_socket

PUBLIC = ["8.8.8.8", "1.1.1.1", "203.0.114.1", "2606:4700:4700::1111", "2a00:1450:4001::8", "::ffff:8.8.8.8"]
NOT_PUBLIC = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip
SPELLINGS = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://0x7f000001/", "https://0177.0.0.1/",
    "https://017700000001/", "https://127.0.1/", "https://0/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:7f00:0001]/", "https://169.254.169.254/latest/", "https://0xa9fea9fe/",
    "https://[64:ff9b::a9fe:a9fe]/", "https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/", "https://10.0.0.1:8443/x?y=z",
]  # fmt: skip
NO_ADDRESS = [
    "", "example.com", "//example.com", "https://", "https:///x", "https://example.com:0/", "https://example.com:99999/",
    "https://example.com:x/", "https://exa mple.com/", "https://example.com/\\..", "https://example.com/a b", "https://example.com/\n",
    "https://example.com/#part", "https://[::1/", "https://exämple.com/", "https://example.com/" + "x" * 500, "ftp://example.com/",
    "file:///etc/passwd", "http://example.com/", "HTTP://example.com/", "javascript:alert(1)", "https://me@example.com/",
    "https://me:pw@example.com/", "https://:@example.com/", "gopher://example.com/",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_connected_to_with_encryption_alone(address):
    assert may_connect(address, is_encrypted=True)
    assert not may_connect(address, is_encrypted=False)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_may_not(address):
    assert not may_connect(address, is_encrypted=True)
    assert not may_connect(address, is_encrypted=False)


def test_what_the_operator_names_may_be_and_without_encryption_too(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("::1/128")]
    for address, allowed in [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("10.2.0.1", False), ("::1", True), ("127.0.0.1", False)]:
        assert (may_connect(address, is_encrypted=True), may_connect(address, is_encrypted=False)) == (allowed, allowed), address


@pytest.mark.parametrize("url", SPELLINGS)
def test_an_address_that_is_not_public_is_refused_however_it_is_spelled(url):
    with pytest.raises(errors.Invalid, match="public internet") as refused:
        checked_url(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_what_is_no_address_of_ours_is_refused_by_its_field(url):
    with pytest.raises(errors.Invalid) as refused:
        checked_url(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com:8443/a?b=c", "https://8.8.8.8/x", "https://localhost/", "https://x.internal/"]
)
def test_a_name_is_taken_as_it_is_and_judged_when_it_is_used(url):
    assert checked_url(url) == url


def test_without_encryption_only_where_the_operator_named_networks(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    assert checked_url("http://127.0.0.1:9000/hooks") == "http://127.0.0.1:9000/hooks"
    with pytest.raises(errors.Invalid, match="public internet"):
        checked_url("http://8.8.8.8/hooks")


def leads_to(monkeypatch, *addresses: str) -> list[str]:
    """Whatever is looked up leads to these; what is asked for is remembered."""
    asked: list[str] = []

    def look(host, port, **kwargs):
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port, 0, 0) if ":" in one else (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return asked


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_inside_is_blocked_before_anything_is_opened(monkeypatch, address):
    leads_to(monkeypatch, address.partition("%")[0])
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it was connected to"))
    with pytest.raises(Blocked):
        open_socket("innocent.example", 443, is_encrypted=True, until=time.monotonic() + 1)


def test_of_many_addresses_only_those_that_are_allowed_are_tried_and_only_a_few(monkeypatch):
    tried: list[str] = []

    def refuse(self, target):
        tried.append(target[0])
        raise ConnectionRefusedError

    asked = leads_to(monkeypatch, "10.0.0.1", "8.8.8.1", "::1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5", "8.8.8.6")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ConnectionRefusedError):
        open_socket("many.example", 443, is_encrypted=True, until=time.monotonic() + 1)
    assert asked == ["many.example"]
    assert tried == ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"]


def test_python_calls_some_of_them_public_and_we_do_not():
    """Why the list is our own: `is_global` of the oldest Python that we run on knows neither tunnels nor translators."""
    from ipaddress import ip_address

    assert not any(is_public(ip_address(one)) for one in ("64:ff9b::7f00:1", "2002:7f00:1::", "ff0e::1", "192.88.99.1"))


def test_a_name_that_is_not_known_in_time_is_given_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1) or [])
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        open_socket("slow.example", 443, is_encrypted=True, until=began + 0.2)
    assert time.monotonic() - began < 0.6


def test_no_door_is_knocked_at_when_the_time_is_over(monkeypatch):
    leads_to(monkeypatch, *["8.8.8.8"] * 4)
    knocks: list[float] = []

    def nobody(self, target):
        knocks.append(self.gettimeout())
        time.sleep(self.gettimeout())
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", nobody)
    with pytest.raises(TimeoutError):
        open_socket("many.example", 443, is_encrypted=True, until=time.monotonic() + 0.3)
    assert len(knocks) == 1
