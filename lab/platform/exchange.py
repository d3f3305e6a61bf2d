# SPDX-License-Identifier: Apache-2.0
"""One request, its reply, and the record kept of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client sent.

    ``path`` includes the query; ``headers`` has lower-case names; ``base`` is the URL by which
    the client reached the service, ``http://host:port``, for URLs inside documents.  ``twist``
    names the fault that the document itself is to show, if any.
    """

    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    base: str = ""
    client: str = ""
    twist: str = ""

    @property
    def route(self) -> str:
        """The path without its query."""
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, str]:
        """The query, the last value of each name, names in lower case."""
        asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name.lower(): values[-1] for name, values in asked.items()}

    def header(self, name: str) -> str:
        """A header's value, empty if absent."""
        return self.headers.get(name.lower(), "")

    @property
    def host(self) -> str:
        """The name or address by which the client reached the service, without port."""
        return urlsplit(self.base).hostname or ""


@dataclass(frozen=True)
class Reply:
    """What the service answers.  ``violations`` says how the client broke the protocol."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    violations: tuple[str, ...] = ()

    def with_violations(self, more: tuple[str, ...]) -> Reply:
        """The same reply with further violations, first in the list."""
        return Reply(self.status, self.body, self.headers, (*more, *self.violations))


def xml(body: bytes, *violations: str) -> Reply:
    """An XML document."""
    return Reply(200, body, (("Content-Type", "text/xml; charset=utf-8"),), violations)


def json(body: bytes, *extra: tuple[str, str]) -> Reply:
    """A JSON document."""
    return Reply(200, body, (("Content-Type", "application/json; charset=utf-8"), *extra))


def refusal(status: int, text: str, *violations: str) -> Reply:
    """An error with a line of text."""
    return Reply(status, text.encode() + b"\n", (("Content-Type", "text/plain"),), violations)


class Service(Protocol):
    """What a listener asks for replies."""

    def answer(self, request: Request) -> Reply:
        """The reply to one request; called from many threads."""
        ...  # pragma: no cover


@dataclass(frozen=True)
class Record:
    """One exchange as kept in ``requests.jsonl``.

    ``time`` is seconds since the epoch; ``bytes`` the size of the reply's body as the service made
    it; ``body`` the text that the client sent (empty if binary, then ``sent_bytes`` tells).
    ``fault`` is the name or kind of the fault applied.  For DHCP, ``method`` is the message type
    and ``details`` holds what the packet said.
    """

    seq: int
    time: float
    service: str
    method: str
    path: str
    status: int = 0
    bytes: int = 0
    sent_bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    violations: tuple[str, ...] = ()
    fault: str = ""
    seconds: float = 0.0
    client: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data, in the order of the fields."""
        return asdict(self)
