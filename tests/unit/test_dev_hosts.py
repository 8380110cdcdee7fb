"""Whose connection it is: hosts in HTTP requests and TLS handshakes, and who claims them."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storefront_dev.agent import hosts


def client_hello(server_name: str | None) -> bytes:
    """The first bytes that Python's own TLS client sends."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


HELLO = client_hello("shop.localhost")
REQUEST = b"GET /a?b HTTP/1.1\r\nUser-Agent: x\r\nHOST:  Shop.localhost:8080 \r\n\r\nbody"


def test_the_host_of_a_tls_handshake_is_its_server_name() -> None:
    assert hosts.tls_host(HELLO) == "shop.localhost"


def test_a_handshake_without_a_server_name_has_no_host() -> None:
    assert hosts.tls_host(client_hello(None)) is None


@given(st.integers(min_value=0, max_value=len(HELLO) - 1))
def test_a_part_of_a_handshake_asks_for_more(length: int) -> None:
    with pytest.raises(hosts.IncompleteError):
        hosts.tls_host(HELLO[:length])


def test_what_is_no_handshake_is_unreadable() -> None:
    with pytest.raises(hosts.UnreadableError):
        hosts.tls_host(REQUEST)


def test_many_handshakes_leave_nothing_behind() -> None:
    for _ in range(100):
        hosts.tls_host(HELLO)
    assert not hosts._HEARD


def test_the_host_of_a_request_has_no_port() -> None:
    assert hosts.http_host(REQUEST) == "Shop.localhost"
    assert hosts.http_host(b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n") == "::1"


@given(st.integers(min_value=0, max_value=REQUEST.index(b"\r\n\r\n") + 3))
def test_a_part_of_a_request_asks_for_more(length: int) -> None:
    with pytest.raises(hosts.IncompleteError):
        hosts.http_host(REQUEST[:length])


def test_a_request_without_a_host_names_none() -> None:
    assert hosts.http_host(b"GET / HTTP/1.0\r\n\r\n") is None


def test_what_is_no_request_is_unreadable() -> None:
    with pytest.raises(hosts.UnreadableError):
        hosts.http_host(b"EHLO mail\r\n")


CLAIMS = [
    ("shop.localhost", "shop"),
    ("*.shop.localhost", "subdomains"),
    ("*.localhost", "everything"),
    ("shop.localhost", "latecomer"),
]


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("shop.localhost", "shop"),
        ("SHOP.localhost.", "shop"),
        ("admin.shop.localhost", "subdomains"),
        ("a.b.shop.localhost", "subdomains"),
        ("other.localhost", "everything"),
        ("myshop.localhost", "everything"),
        ("localhost", None),
        (".localhost", None),
        ("example.com", None),
        ("", None),
    ],
)
def test_the_closest_claim_wins_and_the_first_of_equals(host: str, owner: str | None) -> None:
    assert hosts.match(host, CLAIMS) == owner


def test_an_annotation_holds_several_hosts() -> None:
    assert hosts.claimed(" Shop.localhost. ,, *.shop.localhost") == ["shop.localhost", "*.shop.localhost"]


def test_addresses_stay_and_new_services_get_free_ones() -> None:
    wanted = {"new": None, "kept": "10.0.0.2", "twice": "10.0.0.2", "foreign": "192.168.0.1"}
    pool = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
    assert hosts.assign(wanted, pool) == {
        "kept": "10.0.0.2",
        "new": "10.0.0.1",
        "twice": "10.0.0.3",
        "foreign": "10.0.0.4",
    }


def test_a_service_without_an_address_waits_when_the_pool_is_empty() -> None:
    assert hosts.assign({"first": None, "second": None}, ["10.0.0.1"]) == {"first": "10.0.0.1"}
