# SPDX-License-Identifier: Apache-2.0
"""The HTTP client against a server that misbehaves in every way the wire allows."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from agentcore.azure.http import Client, Endpoint, Request, Response, parse_endpoint
from agentcore.azure.http_message import BODY_LIMIT_BYTES
from agentcore.errors import Malformed, Refused, Throttled, Unreachable
from agentcore.version import VERSION
from osdrivers.errors import InvalidInput
from tests.azure.servers import Behaviour, Server, answers, ok, repeats, resets, silent, status

SHORT_S = 0.3


def get(
    server: Server,
    target: str = "/",
    headers: tuple[tuple[str, str], ...] = (),
    *,
    deadline_s: float = 60.0,
    limit_bytes: int = BODY_LIMIT_BYTES,
    accept: tuple[int, ...] = (200,),
) -> Response:
    with Client(server.endpoint, deadline_s=deadline_s) as client:
        return client.get(target, headers, limit_bytes=limit_bytes, accept=accept)


def test_a_body_with_a_length_arrives_whole() -> None:
    with Server(ok(b"\x00content\xff", headers=b"X-One:  two \r\n")) as server:
        found = get(server, "/path?query=1", (("x-ms-version", "2012-11-30"),))
    assert (found.status, found.body) == (200, b"\x00content\xff")
    assert found.headers["x-one"] == "two"
    head = server.requests[0].decode()
    assert head.startswith("GET /path?query=1 HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{server.endpoint.port}\r\n" in head
    assert f"\r\nUser-Agent: WALinuxAgent/{VERSION}\r\n" in head
    assert "\r\nx-ms-version: 2012-11-30\r\n" in head


def test_a_chunked_body_arrives_whole() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n00A;extension=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    )
    with Server(answers(raw, keep=True)) as server:
        assert get(server).body == b"abc0123456789"


def test_a_body_that_ends_with_the_connection_arrives_whole() -> None:
    with Server(answers(b"HTTP/1.0 200 OK\r\n\r\nall of it")) as server:
        assert get(server).body == b"all of it"


def test_interim_answers_are_passed_over() -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    with Server(answers(raw)) as server:
        assert get(server).body == b"x"


def test_a_post_carries_its_body_and_length() -> None:
    with Server(ok(status=b"202 Accepted")) as server, Client(server.endpoint) as client:
        assert client.post("/x", b"<a/>").status == 202
    assert b"\r\nContent-Length: 4\r\n" in server.requests[0]
    assert server.requests[0].endswith(b"\r\n\r\n<a/>")


def test_the_connection_is_used_again() -> None:
    with Server(ok(b"1")) as server, Client(server.endpoint) as client:
        assert [client.get("/").body for _ in range(3)] == [b"1", b"1", b"1"]
    assert server.connections == 1


def test_the_connection_is_not_kept_when_it_should_not_be() -> None:
    with Server(ok(b"1")) as server:
        client = Client(server.endpoint, keep_alive=False)
        assert [client.get("/").body for _ in range(2)] == [b"1", b"1"]
    assert server.connections == 2
    assert b"\r\nConnection: close\r\n" in server.requests[0]


@pytest.mark.parametrize(
    "first",
    [
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1"),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"),  # closes without a word
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 surplus", keep=True),
    ],
)
def test_a_connection_the_server_gave_up_is_replaced(first: Behaviour) -> None:
    with Server(first, ok(b"2")) as server, Client(server.endpoint) as client:
        assert client.get("/").body == b"1"
        await_end(client)
        assert client.get("/").body == b"2"
    assert server.connections == 2


def await_end(client: Client) -> None:
    """Wait until the end of a kept connection has arrived, if there is one."""
    kept = client.__dict__["_kept"]
    if kept is not None:
        select.select([kept], [], [], 10)


@pytest.mark.parametrize("code", [500, 502, 504, 599])
def test_a_server_error_is_unreachable(code: int) -> None:
    with Server(status(code)) as server, pytest.raises(Unreachable, match=str(code)):
        get(server)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"", 0),
        (b"Retry-After: 7\r\n", 7),
        (b"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", 0),
        (b"Retry-After: -3\r\n", 0),
        (b"Retry-After: 99999999999999999999\r\n", 0),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_throttling_says_how_long(code: int, header: bytes, seconds: float) -> None:
    with Server(status(code, header)) as server, pytest.raises(Throttled) as caught:
        get(server)
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("code", [204, 206, 301, 304, 400, 403, 404, 410, 418])
def test_any_other_status_is_refused_with_its_number(code: int) -> None:
    redirect = status(code, b"Location: http://192.0.2.1/\r\n")
    with Server(redirect) as server, pytest.raises(Refused) as caught:
        get(server)
    assert caught.value.status == code


def test_a_status_the_caller_knows_is_an_answer() -> None:
    with Server(answers(b"HTTP/1.1 304 Not Modified\r\nETag: 5\r\n\r\n", keep=True)) as server:
        found = get(server, accept=(200, 304))
    assert (found.status, found.headers["etag"]) == (304, "5")


@pytest.mark.parametrize(
    "behave",
    [
        resets,
        answers(b""),
        answers(b"HTTP/1.1 200"),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf"),
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n"),
    ],
    ids=["reset", "nothing", "status", "headers", "length", "chunk", "last-chunk"],
)
def test_an_answer_that_is_cut_is_unreachable(behave: Behaviour) -> None:
    with Server(behave) as server, pytest.raises(Unreachable):
        get(server)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 99,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 30_000,
    ],
)
def test_what_is_not_http_is_unreachable(raw: bytes) -> None:
    with Server(answers(raw)) as server, pytest.raises(Unreachable):
        get(server)


@pytest.mark.parametrize(
    "behave",
    [
        silent,
        repeats(b"HTTP/1.1 200 OK\r\n", b"A", 0.01),
        repeats(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", 0.01),
        repeats(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.01),
        repeats(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.01),
    ],
    ids=["silent", "headers", "length", "chunks", "endless"],
)
def test_an_answer_that_does_not_end_is_given_up_at_the_deadline(behave: Behaviour) -> None:
    with Server(behave) as server, pytest.raises(Unreachable, match="in time"):
        get(server, deadline_s=SHORT_S)


@pytest.mark.parametrize(
    "behave",
    [
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"),
        repeats(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        repeats(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nxyz\r\n"),
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n"),
    ],
    ids=["stated", "endless", "chunks", "chunk"],
)
def test_a_body_beyond_the_limit_is_malformed(behave: Behaviour) -> None:
    with Server(behave) as server, pytest.raises(Malformed, match="more than 100000 bytes"):
        get(server, limit_bytes=100_000)


def test_nobody_there_is_unreachable() -> None:
    with Server(ok()) as server:
        pass
    with pytest.raises(Unreachable, match="refused"):
        get(server)


def test_messages_never_show_the_query() -> None:
    with Server(status(404)) as server, pytest.raises(Refused) as caught:
        get(server, "/blob?sig=CANARY")
    assert "CANARY" not in str(caught.value)
    assert "/blob" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("http://elsewhere/", ()),
        ("/a b", ()),
        ("/a\r\nHost: evil", ()),
        ("", ()),
        ("/ü", ()),
        ("/", (("x", "a\r\nb: c"),)),
        ("/", (("x y", "a"),)),
        ("/", (("x", "ü"),)),
    ],
)
def test_a_request_that_would_smuggle_another_is_refused(
    target: str, headers: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(InvalidInput):
        Request("GET", target, headers)


@pytest.mark.parametrize(
    ("text", "endpoint", "shown"),
    [
        ("168.63.129.16", Endpoint("168.63.129.16"), "168.63.129.16"),
        ("127.0.0.1:8080", Endpoint("127.0.0.1", 8080), "127.0.0.1:8080"),
        ("http://localhost:81/", Endpoint("127.0.0.1", 81), "127.0.0.1:81"),
        ("[fe80::1]:80", Endpoint("fe80::1"), "[fe80::1]"),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(text: str, endpoint: Endpoint, shown: str) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == shown


@pytest.mark.parametrize(
    "text",
    ["", "example.org", "https://127.0.0.1", "1.2.3", "1.2.3.4:0", "1.2.3.4:70000", "1.2.3.4/x"],
)
def test_anything_else_is_no_endpoint(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_endpoint(text)


def test_a_proxy_in_the_environment_is_not_asked() -> None:
    code = (
        "from agentcore.azure.http import *; import sys\n"
        "print(Client(parse_endpoint(sys.argv[1])).get('/').body.decode())\n"
        "print(sorted({'ssl', 'http.client', 'email', 'requests'} & set(sys.modules)))"
    )
    with Server(ok(b"direct")) as server, Server(ok(b"proxied")) as proxy:
        named = {"http_proxy": f"http://{proxy.endpoint}", "HTTP_PROXY": f"http://{proxy.endpoint}"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(server.endpoint)],
            env={**os.environ, **named},
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
    assert done.stdout.splitlines() == ["direct", "[]"]
    assert proxy.requests == []
