# SPDX-License-Identifier: Apache-2.0
"""Fetching manifests and packages: from storage, or through the host where storage is out of reach.

Runs in the child only, as TLS and requests are large.  A cut transfer goes on where it stopped, if
storage says that it still has the same content (If-Range, RFC 9110, 13.1.5).
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Callable, Optional, Protocol

from agentcore.errors import Malformed, Refused, ServiceError, Throttled, Unreachable
from agentcore.redaction import redacted

#: What a cut transfer loses at most.
PIECE_BYTES = 1 << 16
MANIFEST_LIMIT_BYTES = 8 << 20
PACKAGE_LIMIT_BYTES = 1 << 30
#: For one artifact, all URIs and channels together.
BUDGET_S = 300.0
ROUNDS, PAUSES_S = 3, (2.0, 5.0)


class Partial:
    """A file that grows until it is whole; ``tag`` is the ETag of what was begun, "" unknown."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        self.path, self._limit = path, limit_bytes
        self.tag = self.digest = ""
        self.size = 0
        self.restart()

    def restart(self) -> None:
        """Begin with nothing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self.path, flags, 0o600))
        self.size, self.tag, self.digest = 0, "", ""

    def write(self, piece: bytes) -> None:
        """:raises Malformed: it is larger than anything reasonable."""
        if self.size + len(piece) > self._limit:
            raise Malformed(f"the download is larger than {self._limit} bytes")
        with open(self.path, "ab") as stream:
            stream.write(piece)
        self.size += len(piece)

    def check(self) -> None:
        """Compare with the digest that came along, if one did.  :raises Unreachable: damaged."""
        if not self.digest:
            return
        found = hashlib.md5(usedforsecurity=False)  # what storage offers; against damage only
        with open(self.path, "rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                found.update(piece)
        if base64.b64encode(found.digest()).decode() != self.digest:
            self.restart()
            raise Unreachable("the download is damaged: its digest is another")


class Channel(Protocol):
    """A way to storage."""

    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        """Bring the content of ``uri`` to its end in ``into``.

        :param manifest: URI of the manifest that named a package; "" for a manifest.
        :raises ServiceError: it did not come, or not whole; what came stays in ``into``.
        """


class Direct:
    """Storage itself, with a proxy where one is configured."""

    def __init__(self, proxies: Mapping[str, str]) -> None:
        import requests  # 112 ms, 18 MiB: the reason for the child

        self._errors = requests.RequestException
        self._session = requests.Session()
        self._session.trust_env = False  # the proxy is the configuration's affair
        self._session.headers["Connection"] = "close"  # one package, then this process ends
        self._session.proxies = dict(proxies)

    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        headers = {"Accept-Encoding": "identity"}
        if into.size and into.tag:
            headers.update({"Range": f"bytes={into.size}-", "If-Range": into.tag})
        timeout_s = max(min(deadline_s, 30.0), 1.0)
        what = f"GET {shown(uri)}"
        try:
            with self._session.get(
                uri, headers=headers, timeout=timeout_s, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code == 416:
                    into.restart()
                    raise Unreachable(f"{what}: it has become shorter")
                self._judge(answer.status_code, what)
                if answer.status_code != 206 or not _continues(answer.headers, into):
                    if answer.status_code == 206:
                        into.restart()
                        raise Unreachable(f"{what}: another part than was asked for")
                    into.restart()
                into.tag = answer.headers.get("ETag", "")
                length = answer.headers.get("Content-Length", "")
                end = into.size + int(length) if length.isdigit() else None
                for piece in answer.iter_content(PIECE_BYTES):
                    into.write(piece)
        except self._errors as broken:
            # Without the cause: its text has the whole URI.
            raise Unreachable(f"{what}: {type(broken).__name__}") from None
        if end is not None and into.size != end:
            raise Unreachable(f"{what}: the answer ended after {into.size} of {end} bytes")
        whole = answer.headers.get("x-ms-blob-content-md5", "")
        own = answer.headers.get("Content-MD5", "") if answer.status_code == 200 else ""
        into.digest = whole or own
        into.check()

    def _judge(self, status: int, what: str) -> None:
        if status in (429, 503):
            raise Throttled(f"{what}: HTTP {status}, come back later")
        if status >= 500:
            raise Unreachable(f"{what}: HTTP {status}")
        if status not in (200, 206):
            raise Refused(f"{what}: HTTP {status}", status)


def _continues(headers: Mapping[str, str], into: Partial) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {into.size}-")


class Artifacts(Protocol):
    """What is used of the host's plugin."""

    def artifact(
        self, uri: str, *, write: Optional[Callable[[bytes], object]], manifest: str,
        from_blob: bool, deadline_s: float,
    ) -> bytes: ...  # fmt: skip


class ThroughHost:
    """The host's plugin fetches it; always from the beginning."""

    def __init__(self, plugin: Artifacts, *, from_blob: bool = False) -> None:
        self._plugin, self._from_blob = plugin, from_blob

    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        into.restart()
        self._plugin.artifact(
            uri,
            write=into.write,
            manifest=manifest,
            from_blob=self._from_blob,
            deadline_s=deadline_s,
        )


class Fetcher:
    """Tries each URI by each channel, a few rounds, within one budget of time.

    What worked is tried first the next time; the lists it is given stay as they are.
    """

    def __init__(
        self,
        channels: tuple[Channel, ...],
        now: Callable[[], float],
        wait: Callable[[float], object],
    ) -> None:
        self._channels, self._now, self._wait = list(channels), now, wait

    def fetch(self, uris: Iterable[str], into: Partial, manifest: str = "") -> str:
        """The URI that brought it.  :raises ServiceError: none did; the last reason."""
        listed, end = tuple(uris), self._now() + BUDGET_S
        last: ServiceError = Refused("there is no URI to fetch it from")
        for turn in range(ROUNDS):
            if turn:
                self._wait(PAUSES_S[turn - 1])
            for uri in listed:
                for channel in tuple(self._channels):
                    if self._now() >= end:
                        raise Unreachable(f"no success in {BUDGET_S:g} s; at last: {last}")
                    try:
                        channel.fetch(uri, into, manifest, end - self._now())
                    except ServiceError as failed:
                        last = failed
                        continue
                    self._channels.sort(key=lambda one: one is not channel)
                    return uri
            if not last.retryable and turn:
                break
        raise last


def shown(uri: str) -> str:
    """A URI without its query, which signs."""
    return redacted(uri.partition("?")[0])[:300]
