# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP/1.1 to the link-local services: no proxy, no TLS, no redirects, no names to resolve.

Written over a socket, because ``http.client`` imports ``ssl`` and ``email`` (9 MiB that an idle
daemon keeps), follows ``*_proxy`` in the modules above it, and limits each read but not the whole
request: a body that trickles would hold it for ever.
Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Callable, Optional

from agentcore.errors import Refused, Throttled, Unreachable
from agentcore.version import VERSION
from osdrivers.errors import InvalidInput

from .http_message import BODY_LIMIT_BYTES, Head, copy_body, read_body, read_head
from .http_stream import Dropped, Stream, naming, still_open

DEADLINE_S = 10.0
USER_AGENT = f"WALinuxAgent/{VERSION}"
SUCCESS = (200, 201, 202)
Write = Callable[[bytes], object]
_TARGET = re.compile(r"/[!-~]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[ -~]*")
_ENDPOINT = re.compile(r"(?:http://)?(\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost)(?::([0-9]{1,5}))?/?")


@dataclass(frozen=True)
class Endpoint:
    """Where a service listens: an address, never a name, and a port."""

    host: str
    port: int = 80

    def __str__(self) -> str:
        """``host[:port]``, as in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """``host[:port]`` or ``http://host[:port]/``; localhost is taken as 127.0.0.1.

    :raises InvalidInput: it is a name, has a path or another scheme.
    """
    match = _ENDPOINT.fullmatch(text.strip())
    port = int(match.group(2) or 80) if match else 0
    host = match.group(1).strip("[]") if match else ""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        host = socket.inet_ntop(
            family, socket.inet_pton(family, "127.0.0.1" if host == "localhost" else host)
        )
    except OSError:
        port = 0
    if not 0 < port < 65536:
        raise InvalidInput(
            f"{text[:80]!r} is not the address of a service", hint="give ADDRESS[:PORT]"
        )
    return Endpoint(host, port)


@dataclass(frozen=True)
class Response:
    """An answer of the classes the caller accepts.  Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One request.  ``target`` is the path with its query; messages never show the query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        sound = self.method in ("GET", "PUT", "POST", "HEAD") and _TARGET.fullmatch(self.target)
        if not sound:
            raise InvalidInput(f"{self.method} {self._path()!r} is not a request that can be sent")
        for name, value in self.headers:
            if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
                raise InvalidInput(f"the header {name[:40]!r} has characters that cannot be sent")

    def _path(self) -> str:
        return self.target.partition("?")[0][:200]

    def described(self, endpoint: Endpoint) -> str:
        return f"{self.method} http://{endpoint}{self._path()}"


class Client:
    """Requests to one endpoint, one after the other, over one connection where that is possible.

    :param deadline_s: the longest a request may take, from connecting to the last byte.
    :param keep_alive: offer to use the connection again; the service may close it all the same.
    :param now: monotonic seconds, for the deadline of sockets.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        deadline_s: float = DEADLINE_S,
        keep_alive: bool = True,
        user_agent: str = USER_AGENT,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self._deadline_s = deadline_s
        self._keep_alive = keep_alive
        self._user_agent = user_agent
        self._now = now
        self._kept: Optional[socket.socket] = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back; the next request opens another."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def get(
        self,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        limit_bytes: int = BODY_LIMIT_BYTES,
        accept: tuple[int, ...] = SUCCESS,
    ) -> Response:
        """GET.  Errors as :meth:`send`."""
        request = Request("GET", target, tuple(headers))
        return self.send(request, limit_bytes=limit_bytes, accept=accept)

    def post(
        self,
        target: str,
        body: bytes,
        headers: Iterable[tuple[str, str]] = (),
        *,
        accept: tuple[int, ...] = SUCCESS,
    ) -> Response:
        """POST.  Errors as :meth:`send`."""
        return self.send(Request("POST", target, tuple(headers), body), accept=accept)

    def send(
        self,
        request: Request,
        *,
        limit_bytes: int = BODY_LIMIT_BYTES,
        accept: tuple[int, ...] = SUCCESS,
        deadline_s: Optional[float] = None,
        write: Optional[Write] = None,
    ) -> Response:
        """Send a request and read its answer, all within the deadline.

        :param write: takes the body of a successful answer piece by piece; the answer's own is
            empty then.  A body that ends early has been given in part.
        :raises Unreachable: no connection, no answer in time, a cut body, not HTTP, or a 5xx.
        :raises Throttled: 429 or 503.  :raises Refused: any other status not in ``accept``.
        :raises Malformed: the body is longer than ``limit_bytes``.
        """
        what = request.described(self.endpoint)
        end = self._now() + (self._deadline_s if deadline_s is None else deadline_s)
        kept = self._kept is not None
        try:
            head, data = self._exchange(request, what, end, limit_bytes, write)
        except Dropped as dropped:
            # The service gave up the idle connection just now.  RFC 9110 9.2.2: what is
            # idempotent may be sent again.
            if not kept or request.method == "POST":
                raise Unreachable(str(dropped)) from dropped
            head, data = self._exchange(request, what, end, limit_bytes, write)
        _judge(head, what, accept)
        return Response(head.status, head.headers, data)

    def _exchange(
        self, request: Request, what: str, end: float, limit_bytes: int, write: Optional[Write]
    ) -> tuple[Head, bytes]:
        stream = Stream(self._connection(end, what, request.method), end, self._now)
        reusable = False
        try:
            with naming(what, limit_bytes, stream):
                stream.send(self._encoded(request))
                head = read_head(stream.receive)
                if write is not None and head.status in SUCCESS:
                    body = copy_body(head, stream.receive, limit_bytes, write)
                else:
                    body = read_body(head, request.method, stream.receive, limit_bytes)
            reusable = self._keep_alive and head.reusable and not body.surplus
        finally:
            if reusable:
                self._kept = stream.socket
            else:
                stream.socket.close()
        return head, body.data

    def _connection(self, end: float, what: str, method: str) -> socket.socket:
        """The kept connection if the other side has kept it too, else a new one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            if still_open(kept):
                return kept
            kept.close()
        try:
            return socket.create_connection(
                (self.endpoint.host, self.endpoint.port), max(end - self._now(), 0.001)
            )
        except socket.timeout as late:
            raise Unreachable(f"{what}: no connection in time") from late
        except OSError as refused:
            raise Unreachable(f"{what}: {refused.strerror or refused}") from refused

    def _encoded(self, request: Request) -> bytes:
        headers = [
            ("Host", str(self.endpoint)),
            ("User-Agent", self._user_agent),
            ("Connection", "keep-alive" if self._keep_alive else "close"),
            *request.headers,
        ]
        if request.body or request.method in ("POST", "PUT"):
            headers.append(("Content-Length", str(len(request.body))))
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + request.body


def _judge(head: Head, what: str, accept: tuple[int, ...]) -> None:
    status = head.status
    if status in accept:
        return
    if status in (429, 503):
        stated = head.headers.get("retry-after", "")
        seconds = float(stated) if re.fullmatch(r"[0-9]{1,6}", stated) else 0.0
        raise Throttled(f"{what}: HTTP {status}, come back later", seconds)
    if status >= 500:
        raise Unreachable(f"{what}: HTTP {status}")
    raise Refused(f"{what}: HTTP {status}", status)
