# SPDX-License-Identifier: Apache-2.0
"""Packages on their way: resumed, checked, bounded, and from the host where storage is silent."""

from __future__ import annotations

import base64
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentcore.errors import Malformed, ServiceError, Unreachable
from agentcore.extensions.fetching import Direct, Fetcher, Partial, ThroughHost


class Storage(BaseHTTPRequestHandler):
    """Blobs; those named ``cut`` end early at first."""

    blobs: dict[str, bytes]
    seen: list[tuple[str, str]]
    cut: set[str]

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.seen.append((self.path, asked))
        blob = self.blobs.get(self.path)
        if blob is None:
            self.send_error(404)
            return
        start = int(asked[6:-1]) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(blob) - 1}/{len(blob)}")
        digest = hashlib.md5(self.blobs.get(f"digest{self.path}", blob)).digest()
        self.send_header("x-ms-blob-content-md5", base64.b64encode(digest).decode())
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(blob) - start))
        self.end_headers()
        if self.path in self.cut:
            self.cut.discard(self.path)
            self.wfile.write(blob[start : start + 70000])
        else:
            self.wfile.write(blob[start:])

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def storage() -> Any:
    kind = type("Here", (Storage,), {"blobs": {}, "seen": [], "cut": set()})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    kind.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield kind
    server.shutdown()
    thread.join()
    server.server_close()


def direct() -> Fetcher:
    return Fetcher((Direct({}),), lambda: 0.0, lambda pause: None)


def test_a_cut_download_goes_on_where_it_stopped(storage: Any, tmp_path: Path) -> None:
    storage.blobs["/p"], storage.cut = bytes(200000), {"/p"}
    into = Partial(str(tmp_path / "p"), 300000)
    assert direct().fetch([f"{storage.url}/p"], into) == f"{storage.url}/p"
    (first, whole), (second, rest) = storage.seen
    assert (first, whole, second) == ("/p", "", "/p")
    # What arrived before the cut is kept; how much of it the library hands out is its affair.
    assert 0 < int(rest[len("bytes=") : -1]) <= 100000
    assert (tmp_path / "p").read_bytes() == bytes(200000)


def test_a_download_with_another_digest_is_refused(storage: Any, tmp_path: Path) -> None:
    storage.blobs.update({"/p": b"abc", "digest/p": b"abd"})
    with pytest.raises(Unreachable, match="digest"):
        direct().fetch([f"{storage.url}/p"], Partial(str(tmp_path / "p"), 5000))


def test_a_download_beyond_the_limit_is_refused(storage: Any, tmp_path: Path) -> None:
    storage.blobs["/p"] = bytes(6000)
    with pytest.raises(Malformed, match="larger"):
        direct().fetch([f"{storage.url}/p"], Partial(str(tmp_path / "p"), 5000))


def test_errors_never_show_the_signature(storage: Any, tmp_path: Path) -> None:
    for uri in (f"{storage.url}/none?sig=hidden", "http://127.0.0.1:1/p?sig=hidden"):
        with pytest.raises(ServiceError) as caught:
            direct().fetch([uri], Partial(str(tmp_path / "p"), 5000))
        assert "hidden" not in str(caught.value)


class Plugin:
    def __init__(self, data: bytes) -> None:
        self.data, self.asked = data, list[tuple[str, str]]()

    def artifact(self, uri: str, *, write: Any, manifest: str, **_: object) -> bytes:
        self.asked.append((uri, manifest))
        write(self.data)
        return b""


class Broken:
    tries = 0

    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        self.tries += 1
        into.write(b"rubbish")
        raise Unreachable("no way out")


def test_what_storage_does_not_give_the_host_does_and_is_asked_first_then(tmp_path: Path) -> None:
    plugin, broken, uris = Plugin(b"abc"), Broken(), ["https://a/p"]
    fetcher = Fetcher((broken, ThroughHost(plugin)), lambda: 0.0, lambda pause: None)
    for name in ("p", "q"):
        fetcher.fetch(uris, Partial(str(tmp_path / name), 50), "https://a/m")
        assert (tmp_path / name).read_bytes() == b"abc"
    assert plugin.asked == [("https://a/p", "https://a/m")] * 2
    assert broken.tries == 1 and uris == ["https://a/p"]


def test_all_tries_together_have_one_budget(tmp_path: Path) -> None:
    times, pauses = iter([0.0, 0.0, 0.0, *[301.0] * 9]), list[float]()
    fetcher = Fetcher((Broken(),), lambda: next(times), pauses.append)
    with pytest.raises(Unreachable, match="300 s"):
        fetcher.fetch(["https://a/p", "https://a/q"], Partial(str(tmp_path / "p"), 5000))
