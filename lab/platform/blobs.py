# SPDX-License-Identifier: Apache-2.0
"""A blob store: block and page blobs behind URLs that look signed."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from . import exchange
from .exchange import Reply, Request

NAME = "blobs"

_RANGE = re.compile(r"bytes=(\d+)-(\d+)$")
_PAGE_BYTES = 512
_PAGE_WRITE_LIMIT_BYTES = 4 * 1024 * 1024
_BLOB_LIMIT_BYTES = 64 * 1024 * 1024

Make = Callable[[Request], bytes]
"""Makes a document at each request, e.g. a manifest with URLs as this client needs them."""


@dataclass(frozen=True)
class Blob:
    """One stored blob.  ``kind`` is ``BlockBlob`` or ``PageBlob``."""

    content: bytes
    kind: str = "BlockBlob"


class BlobStore:
    """Blobs by path (no query), and documents made on demand.

    What a client puts is also written below ``directory``, where given.
    """

    def __init__(self, lock: threading.Condition, directory: Path | None = None) -> None:
        self._lock, self._directory = lock, directory
        self._blobs: dict[str, Blob] = {}
        self._made: dict[str, Make] = {}

    def put(self, path: str, content: bytes, kind: str = "BlockBlob") -> None:
        """Store a blob; ``path`` is that of its URL."""
        with self._lock:
            self._blobs[_name(path)] = Blob(content, kind)

    def make(self, path: str, make: Make) -> None:
        """Serve a document made at each request."""
        with self._lock:
            self._made[_name(path)] = make

    def get(self, path: str) -> Blob | None:
        """The blob at a path or URL, None if there is none."""
        with self._lock:
            return self._blobs.get(_name(path))

    @property
    def blobs(self) -> Mapping[str, Blob]:
        """All stored blobs by path."""
        with self._lock:
            return dict(self._blobs)

    def answer(self, request: Request) -> Reply:
        """The reply to one request of a storage client."""
        if request.method in ("GET", "HEAD"):
            return self.read(request, request.path)
        if request.method == "PUT":
            reply = self.write(request.path, request.headers, request.body)
            declared = request.header("content-length")
            missing = () if declared else ("Content-Length is missing",)
            return reply.with_violations(missing)
        if request.method == "DELETE":
            with self._lock:
                gone = self._blobs.pop(_name(request.path), None)
            return Reply(202) if gone else _absent(request.path)
        return exchange.refusal(405, "no such operation", f"{request.method} on a blob")

    def read(self, request: Request, path: str) -> Reply:
        """A blob or a document made for this request."""
        with self._lock:
            make, blob = self._made.get(_name(path)), self._blobs.get(_name(path))
        if make is not None:
            return exchange.xml(make(request))
        if blob is None:
            return _absent(path)
        tag = hashlib.md5(blob.content).hexdigest()
        sort = ("Content-Type", "application/octet-stream")
        return Reply(200, blob.content, (sort, ("x-ms-blob-type", blob.kind), ("ETag", f'"{tag}"')))

    def write(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """A PUT as a storage client or the host plugin in its name makes it.

        ``headers`` has lower-case names.
        """
        found = [
            f"{name} is missing" for name in ("x-ms-version", "x-ms-date") if not headers.get(name)
        ]
        if "comp=page" in urlsplit(path).query.split("&"):
            return self._write_page(path, headers, body, found)
        kind = headers.get("x-ms-blob-type", "")
        if kind == "PageBlob":
            return self._create_pages(path, headers, body, found)
        if kind != "BlockBlob":
            found.append(f"x-ms-blob-type is {kind or 'missing'}")
            return exchange.refusal(400, "MissingRequiredHeader", *found)
        return self._keep(path, Blob(body), found)

    def _create_pages(
        self, path: str, headers: Mapping[str, str], body: bytes, found: list[str]
    ) -> Reply:
        size = headers.get("x-ms-blob-content-length", "")
        if not size.isdigit() or int(size) % _PAGE_BYTES or int(size) > _BLOB_LIMIT_BYTES:
            found.append(f"x-ms-blob-content-length is {size or 'missing'}: not whole pages")
            return exchange.refusal(400, "InvalidHeaderValue", *found)
        if body:
            found.append("the body of a page blob's creation is not empty")
            return exchange.refusal(400, "InvalidInput", *found)
        return self._keep(path, Blob(bytes(int(size)), "PageBlob"), found)

    def _write_page(
        self, path: str, headers: Mapping[str, str], body: bytes, found: list[str]
    ) -> Reply:
        blob = self.get(path)
        if blob is None or blob.kind != "PageBlob":
            found.append("a page is written to no page blob")
            return exchange.refusal(404, "BlobNotFound", *found)
        if headers.get("x-ms-page-write") != "update":
            found.append("x-ms-page-write is not update")
        span = _RANGE.match(headers.get("x-ms-range", ""))
        if not span:
            found.append("x-ms-range is missing or malformed")
            return exchange.refusal(400, "InvalidHeaderValue", *found)
        first, last = int(span[1]), int(span[2])
        whole = first % _PAGE_BYTES == 0 and (last + 1) % _PAGE_BYTES == 0
        fits = len(body) == last + 1 - first <= _PAGE_WRITE_LIMIT_BYTES
        if not (whole and fits and last < len(blob.content)):
            found.append(f"x-ms-range {first}-{last} does not fit {len(body)} bytes or the blob")
            return exchange.refusal(416, "InvalidPageRange", *found)
        content = blob.content[:first] + body + blob.content[last + 1 :]
        return self._keep(path, Blob(content, "PageBlob"), found)

    def _keep(self, path: str, blob: Blob, found: list[str]) -> Reply:
        name = _name(path)
        with self._lock:
            self._blobs[name] = blob
            if self._directory is not None:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                target = self._directory / re.sub(r"[^\w.$-]+", "_", name.strip("/"))
                target.write_bytes(blob.content)
        return Reply(201, violations=tuple(found))


def _name(path: str) -> str:
    """Storage compares the decoded path; host and query (the signature) are not part of it."""
    return unquote(urlsplit(path).path)


def _absent(path: str) -> Reply:
    body = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code></Error>'
    headers = (("Content-Type", "application/xml"), ("x-ms-error-code", "BlobNotFound"))
    return Reply(404, body, headers)
