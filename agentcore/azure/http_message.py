# SPDX-License-Identifier: Apache-2.0
"""Reading one HTTP/1.1 answer from a function that receives bytes; bounded everywhere.

Source: RFC 9112 sections 4 to 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable

BODY_LIMIT_BYTES = 64 * 1024 * 1024
HEAD_LIMIT_BYTES = 64 * 1024
CHUNK_LINE_LIMIT_BYTES = 1024
INTERIM_LIMIT = 8
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_NO_BODY = (204, 304)

Receive = Callable[[int], bytes]


class Cut(Exception):
    """The connection ended before the answer did."""


class Broken(Exception):
    """What came is not HTTP/1.1."""


@dataclass(frozen=True)
class Head:
    """Status line and headers; ``rest`` is what had come of the body already."""

    status: int
    headers: Mapping[str, str]
    reusable: bool
    rest: bytes = field(repr=False)


@dataclass(frozen=True)
class Body:
    """The content; ``surplus`` says that more bytes came than the answer has."""

    data: bytes = field(repr=False)
    surplus: bool = False


def read_head(receive: Receive) -> Head:
    """Status and headers; interim answers (1xx) are passed over.

    :raises Cut: the connection ended.  :raises Broken: not HTTP, or headers without end.
    """
    rest = b""
    for _ in range(INTERIM_LIMIT):
        while b"\r\n\r\n" not in rest:
            if len(rest) > HEAD_LIMIT_BYTES:
                raise Broken(f"headers of more than {HEAD_LIMIT_BYTES} bytes")
            more = receive(16384)
            if not more:
                raise Cut("before an answer" if not rest else "within the headers")
            rest += more
        lines, _, rest = rest.partition(b"\r\n\r\n")
        head = _head(lines.split(b"\r\n"), rest)
        if head.status >= 200:
            return head
    raise Broken("interim answers without end")


def _head(lines: list[bytes], rest: bytes) -> Head:
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None:
        raise Broken("no status line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise Broken("a header that is none")
        name, value = header.group(1).decode("ascii").lower(), header.group(2).decode("latin-1")
        if name in ("content-length", "transfer-encoding") and headers.get(name, value) != value:
            raise Broken(f"two different headers {name}")  # RFC 9112 6.3: request smuggling
        headers[name] = value
    tokens = headers.get("connection", "").lower()
    reusable = "keep-alive" in tokens if match.group(1) == b"0" else "close" not in tokens
    status = int(match.group(2))
    return Head(status, headers, reusable and _delimited(status, headers), rest)


def _delimited(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the end of the body can be known without the end of the connection."""
    named = "content-length" in headers or "transfer-encoding" in headers
    return named or status in _NO_BODY


def read_body(head: Head, method: str, receive: Receive, limit_bytes: int) -> Body:
    """The content.

    :raises Cut: it ended early.  :raises Broken: its framing makes no sense.
    :raises OverflowError: it is longer than ``limit_bytes``; known before it is read, if stated.
    """
    reader = _Reader(head.rest, receive, limit_bytes)
    if method == "HEAD" or head.status in _NO_BODY:
        return Body(b"", bool(head.rest))
    encoding = head.headers.get("transfer-encoding", "").lower()
    if encoding not in ("", "chunked"):
        raise Broken(f"the transfer encoding {encoding[:40]!r}")
    if encoding:
        data = _chunked(reader, limit_bytes)
    elif "content-length" in head.headers:
        data = reader.exactly(_length(head.headers["content-length"], limit_bytes))
    else:
        data = reader.until_end()
    return Body(data, bool(reader.rest))


def copy_body(
    head: Head, receive: Receive, limit_bytes: int, write: Callable[[bytes], object]
) -> Body:
    """As :func:`read_body` for GET, but each piece is given to ``write`` as it comes.

    Only a body with a stated length is passed on in pieces; another comes in one.
    """
    if "content-length" not in head.headers or head.status in _NO_BODY:
        body = read_body(head, "GET", receive, limit_bytes)
        write(body.data)
        return Body(b"", body.surplus)
    size = _length(head.headers["content-length"], limit_bytes)
    have = min(len(head.rest), size)
    write(head.rest[:size])
    while have < size:
        more = receive(min(size - have, 1 << 18))
        if not more:
            raise Cut(f"after {have} of {size} bytes")
        write(more)
        have += len(more)
    return Body(b"", len(head.rest) > size)


def _length(stated: str, limit_bytes: int) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", stated):
        raise Broken("a length that is no number")
    if int(stated) > limit_bytes:
        raise OverflowError
    return int(stated)


def _chunked(reader: _Reader, limit_bytes: int) -> bytes:
    chunks, size = [], 0
    while True:
        stated = reader.line().partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", stated):
            raise Broken("a chunk without a size")
        chunk_bytes = int(stated, 16)
        size += chunk_bytes
        if size > limit_bytes:
            raise OverflowError
        if not chunk_bytes:
            break
        chunks.append(reader.exactly(chunk_bytes))
        if reader.exactly(2) != b"\r\n":
            raise Broken("a chunk that is longer than its size")
    for _ in range(64):  # trailers
        if not reader.line():
            return b"".join(chunks)
    raise Broken("trailers without end")


class _Reader:
    """Bytes that have come, and more on demand."""

    def __init__(self, rest: bytes, receive: Receive, limit_bytes: int) -> None:
        self.rest = rest
        self._receive = receive
        self._limit_bytes = limit_bytes

    def exactly(self, size: int) -> bytes:
        parts, have = [self.rest], len(self.rest)
        while have < size:
            more = self._receive(min(size - have, 1 << 20))
            if not more:
                raise Cut(f"after {have} of {size} bytes")
            parts.append(more)
            have += len(more)
        data = b"".join(parts)
        self.rest = data[size:]
        return data[:size]

    def line(self) -> bytes:
        while b"\r\n" not in self.rest:
            if len(self.rest) > CHUNK_LINE_LIMIT_BYTES:
                raise Broken("a line without end")
            more = self._receive(4096)
            if not more:
                raise Cut("between chunks")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line

    def until_end(self) -> bytes:
        parts, have = [self.rest], len(self.rest)
        while True:
            if have > self._limit_bytes:
                raise OverflowError
            more = self._receive(1 << 16)
            if not more:
                self.rest = b""
                return b"".join(parts)
            parts.append(more)
            have += len(more)
