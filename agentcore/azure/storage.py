# SPDX-License-Identifier: Apache-2.0
"""Writing to blob storage: which requests it takes, and how they are sent without the host.

The requests are values, so that the host's plugin can send the same ones.  Sending them directly
needs TLS and perhaps a proxy, which a short-lived process (``storage_child``) loads.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from osdrivers.host import Host

from . import children
from .desired import PAGE_BLOB, StatusBlob

VERSION = "2014-02-14"
PAGE_BYTES = 512
PAGE_WRITE_LIMIT_BYTES = 4 * 1024 * 1024
TIMEOUT_S = 60.0
CHILD = "agentcore.azure.storage_child"


@dataclass(frozen=True)
class Put:
    """One PUT.  The query of ``uri`` signs: it is never printed."""

    uri: str = field(repr=False)
    headers: tuple[tuple[str, str], ...]
    content: bytes = field(repr=False)


def puts(blob: StatusBlob, content: bytes, date: str) -> tuple[Put, ...]:
    """What replaces a blob's content: one PUT, or for pages one that makes it and some that fill.

    A page blob is padded with spaces to whole pages; JSON may end in them.

    :param date: of the requests, like ``2030-01-01T00:00:00Z``.
    """
    if blob.kind != PAGE_BLOB:
        headers = (
            ("Content-Length", str(len(content))),
            ("x-ms-blob-type", blob.kind),
            ("x-ms-date", date),
            ("x-ms-version", VERSION),
        )
        return (Put(blob.uri, headers, content),)
    padded = content + b" " * (-len(content) % PAGE_BYTES)
    made = (
        ("Content-Length", "0"),
        ("x-ms-blob-content-length", str(len(padded))),
        ("x-ms-blob-type", blob.kind),
        ("x-ms-date", date),
        ("x-ms-version", VERSION),
    )
    starts = range(0, len(padded), PAGE_WRITE_LIMIT_BYTES)
    return (Put(blob.uri, made, b""), *(_page(blob.uri, padded, at, date) for at in starts))


def _page(uri: str, padded: bytes, at: int, date: str) -> Put:
    piece = padded[at : at + PAGE_WRITE_LIMIT_BYTES]
    headers = (
        ("Content-Length", str(len(piece))),
        ("x-ms-date", date),
        ("x-ms-page-write", "update"),
        ("x-ms-range", f"bytes={at}-{at + len(piece) - 1}"),
        ("x-ms-version", VERSION),
    )
    return Put(f"{uri}{'&' if '?' in uri else '?'}comp=page", headers, piece)


def fetch(host: Host, uri: str, proxies: Mapping[str, str], limit_bytes: int) -> bytes:
    """What lies at a URI, fetched without the host's plugin, by a child process.

    For small documents only: the content passes through standard output.

    :raises ServiceError: not to be had, or longer than ``limit_bytes``.
    :raises OperationError: the child did not end as it should.
    """
    request = {
        "get": uri,
        "limit_bytes": limit_bytes,
        "proxies": dict(proxies),
        "timeout_s": TIMEOUT_S / 4,
    }
    return base64.b64decode(str(children.ask(host, CHILD, request, timeout_s=TIMEOUT_S)))


def send(host: Host, wanted: tuple[Put, ...], proxies: Mapping[str, str]) -> None:
    """Send them to storage, one after the other, from a child process.

    :param proxies: URL of the proxy for each scheme; {} for none.
    :raises ServiceError: storage did not take one; those after it are not sent.
    :raises OperationError: the child did not end as it should.
    """
    listed = [
        {
            "uri": one.uri,
            "headers": dict(one.headers),
            "content": base64.b64encode(one.content).decode(),
        }
        for one in wanted
    ]
    request = {"puts": listed, "proxies": dict(proxies), "timeout_s": TIMEOUT_S / 4}
    children.ask(host, CHILD, request, timeout_s=TIMEOUT_S)
