# SPDX-License-Identifier: Apache-2.0
"""Versions, manifests, hostile packages, and what becomes of a good one."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import stat
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from agentcore.errors import Malformed, ServiceError, Unreachable
from agentcore.extensions import handlermanifest, offers, unpacking, versions
from agentcore.extensions.errors import ExtensionError
from agentcore.extensions.fetching import Direct, Fetcher, Partial, ThroughHost
from agentcore.extensions.layout import Installation, Layout
from agentcore.extensions.order import Order
from agentcore.extensions.package import Placed, Placing
from osdrivers.errors import InvalidInput
from osdrivers.host import Host

NAME = "Lab.Sample"
MANIFEST = {
    "handlerManifest": {
        f"{one}Command": f"bin/run {one}" for one in ("install", "uninstall", "enable", "disable")
    }
}
OFFERED = b"""<PluginVersionManifest><Plugins><Plugin><Version>1.0.0.1</Version>
<Uris><Uri>https://a/1?sig=x</Uri></Uris></Plugin></Plugins><InternalPlugins><Plugin>
<Version>1.0.2</Version><Uris><Uri>https://a/2</Uri><Uri>ftp://a/2</Uri></Uris></Plugin>
<Plugin><Version>1.01.9</Version></Plugin></InternalPlugins></PluginVersionManifest>"""


def packed(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def good(**more: bytes) -> bytes:
    manifest = json.dumps([MANIFEST]).encode()
    return packed(**{"HandlerManifest.json": manifest, "bin/run": b"#!/bin/sh\n", **more})


# ---- versions and manifests


def test_versions_are_numbers_and_early_ones_come_first() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-beta2", "1.0.0-rc1", "1.0", "1.0.0.1", "1.9", "1.10"]
    shuffled = [*ordered[3:], *ordered[:3]]
    assert sorted(shuffled, key=versions.key) == ordered
    assert versions.key("1") == versions.key("1.0.0")
    with pytest.raises(InvalidInput):
        versions.key("1..2")


@pytest.mark.parametrize(
    ("requested", "meant"),
    [("1.0", "1.0.2"), ("1", "1.01.9"), ("1.0.0.1", "1.0.0.1"), ("1.0.0.2", None), ("2", None)],
)
def test_the_highest_version_that_begins_as_requested(requested: str, meant: Optional[str]) -> None:
    listed = [one.version for one in offers.parse(OFFERED)]
    assert versions.matching(requested, listed) == meant


def test_a_version_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(Malformed, match=r"unable to find version 3.*1\.0\.2"):
        offers.chosen(offers.parse(OFFERED), "3")
    with pytest.raises(Malformed, match="where"):
        offers.chosen(offers.parse(OFFERED), "1.01")
    assert offers.chosen(offers.parse(OFFERED), "1.0.2").uris == ("https://a/2",)


def test_every_element_of_a_handler_manifest_is_read() -> None:
    said = {
        **MANIFEST["handlerManifest"],
        "updateCommand": "/up",
        "updateMode": "UpdateWithoutInstall",
        "reportHeartbeat": "True",
        "supportsMultipleExtensions": True,
        "continueOnUpdateFailure": "no",
    }
    whole = {
        "handlerManifest": said,
        "resourceLimits": {"cpuQuotaPercentage": 20, "memoryQuotaInMB": "x"},
        "signingInfo": {"publisher": "Lab", "type": "Sample", "version": "1.0"},
    }
    read = handlermanifest.parse(b"\xef\xbb\xbf" + json.dumps([whole]).encode())
    assert read.commands["update"] == "up"
    assert read.reports_heartbeat and read.multi_config and not read.install_after_update
    assert not read.continue_on_update_failure
    assert len(read.notes) == 2
    assert read.limits == handlermanifest.Limits(20, None)
    assert read.signed_as == ("Lab", "Sample", "1.0")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[1]", b'[{"handlerManifest": {}}]'])
def test_a_handler_manifest_of_another_shape_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        handlermanifest.parse(data)


# ---- hostile packages


def member(
    name: str, mode: int = 0, size: int = 1, flags: int = 0
) -> Callable[[zipfile.ZipFile], None]:
    def add(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, b"0" * size)
        entry.flag_bits |= flags

    return add


HOSTILE = {
    "parent": ([member("../evil")], "elsewhere"),
    "inner parent": ([member("a/../../evil")], "elsewhere"),
    "dot": ([member("./a")], "elsewhere"),
    "absolute": ([member("/etc/evil")], "relative"),
    "drive": ([member("c:evil")], "relative"),
    "backslash": ([member("..\\evil")], "relative"),
    "line feed": ([member("a\nb")], "control"),
    "empty part": ([member("a//b")], "elsewhere"),
    "link": ([member("a", stat.S_IFLNK | 0o777)], "link"),
    "device": ([member("a", stat.S_IFCHR | 0o666)], "link"),
    "fifo": ([member("a", stat.S_IFIFO | 0o666)], "link"),
    "encrypted": ([member("a", flags=1)], "encrypted"),
    "twice": ([member("a"), member("a")], "twice"),
    "case": ([member("Bin/a"), member("bin/A")], "twice"),
    "file and directory": ([member("a"), member("a/b")], "below"),
    "directory and file": ([member("a/b"), member("A")], "twice"),
    "bomb": ([member("a", size=3 << 20)], "bomb"),
    "too large": ([member("a", size=9 << 20)], "allowed"),
    "too many": ([member(str(one)) for one in range(20)], "20 members"),
    "too deep": ([member("/".join("a" * 50))], "deep"),
    "long name": ([member("a" * 300)], "long"),
}
BOUNDS = unpacking.Bounds(entries=15, file_bytes=8 << 20, ratio=100)


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_package_is_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    members, reason = HOSTILE[case]
    package, target = tmp_path / "p.zip", tmp_path / "out"
    with zipfile.ZipFile(package, "w") as archive:
        for add in members:
            add(archive)
    with pytest.raises(InvalidInput, match=reason):
        unpacking.unpack(str(package), str(target), BOUNDS)
    assert [path.name for path in tmp_path.iterdir()] == ["p.zip"]


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    package.write_bytes(packed(aXb=b"1").replace(b"aXb", b"a\0b"))
    with pytest.raises(InvalidInput):
        unpacking.unpack(str(package), str(tmp_path / "out"))


def test_a_package_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole, package = good(), tmp_path / "p.zip"
    for length in range(0, len(whole), 7):
        package.write_bytes(whole[:length])
        with pytest.raises(InvalidInput):
            unpacking.unpack(str(package), str(tmp_path / "out"))


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    whole, package = bytearray(packed(a=content)), tmp_path / "p.zip"
    whole[60] ^= 0xFF
    package.write_bytes(bytes(whole))
    with pytest.raises(InvalidInput, match="damaged"):
        unpacking.unpack(str(package), str(tmp_path / "out"))


def test_set_user_id_and_others_rights_are_not_taken_over(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        member("bin/a", stat.S_IFREG | 0o6777)(archive)
    unpacking.unpack(str(package), str(tmp_path / "out"))
    assert (tmp_path / "out/bin/a").stat().st_mode == stat.S_IFREG | 0o700


# ---- fetching


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


# ---- placing


class Bed:
    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        (self.state / "extensions").mkdir(parents=True)
        self.host = Host()
        self.layout = Layout(str(self.state), str(directory / "log"))
        self.blobs = {"https://a/m": OFFERED, "https://a/2": good()}
        self.fetched: list[str] = []

    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        self.fetched.append(uri)
        into.restart()
        into.write(self.blobs[uri])

    def place(self, **more: Any) -> Placed:
        wanted = {"handler": NAME, "requested": "1.0", "manifest_uris": ("https://a/m",), **more}
        fetcher = Fetcher((self,), lambda: 0.0, lambda pause: None)
        return Placing(self.host, self.layout, fetcher).place(Order(**wanted))

    def names(self) -> list[str]:
        return sorted(path.name for path in self.state.iterdir())


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def test_a_package_is_placed_whole_and_nothing_else_is_left(bed: Bed) -> None:
    assert bed.place() == Placed("1.0.2")
    assert bed.names() == [f"{NAME}-1.0.2", "extensions"]
    assert list((bed.state / "extensions").iterdir()) == []
    top = bed.state / f"{NAME}-1.0.2"
    assert sorted(path.name for path in top.iterdir()) == [
        "HandlerManifest.json", "bin", "config", "status",
    ]  # fmt: skip
    assert {path.stat().st_mode & 0o077 for path in top.rglob("*")} == {0}


def test_a_manifest_somewhere_in_the_package_is_brought_to_the_top(bed: Bed) -> None:
    manifest = b"\xef\xbb\xbf" + json.dumps(MANIFEST).encode()
    bed.blobs["https://a/2"] = packed(
        **{"x/HandlerManifest.json": manifest, "package_validated": b""}
    )
    bed.place()
    top = bed.state / f"{NAME}-1.0.2"
    assert (top / "HandlerManifest.json").read_bytes() == manifest[3:]
    assert not (top / "package_validated").exists()


def test_what_a_killed_run_left_is_no_hindrance(bed: Bed) -> None:
    left = bed.state / f".{NAME}-1.0.2.new/deep"
    left.mkdir(parents=True)
    (bed.state / f"{NAME}__1.0.2.zip").write_bytes(good()[:50])
    (bed.state / f"{NAME}__1.0.2.zip.part").write_bytes(b"x")
    placed = bed.place()
    assert "from before" in placed.notes[0]
    assert bed.names() == [f"{NAME}-1.0.2", "extensions"]


def test_a_package_that_is_there_already_is_not_fetched(bed: Bed) -> None:
    (bed.state / f"{NAME}__1.0.2.zip").write_bytes(good())
    bed.place()
    assert bed.fetched == ["https://a/m"]


def test_an_installed_version_is_left_alone(bed: Bed) -> None:
    bed.place()
    Installation(bed.host, bed.layout, NAME, "1.0.2").set_state("Enabled")
    (bed.state / f"{NAME}-1.0.2/mine").write_text("kept")
    assert bed.place() == Placed("1.0.2")
    assert (bed.state / f"{NAME}-1.0.2/mine").exists()
    assert bed.fetched == ["https://a/m", "https://a/2", "https://a/m"]


@pytest.mark.parametrize(
    ("package", "more", "code"),
    [
        (packed(a=b"1"), {}, 1002),
        (packed(**{"HandlerManifest.json": b"{"}), {}, 1003),
        (b"no zip", {}, 1005),
        (packed(**{"../a": b""}), {}, 1005),
        (good(), {"multi_config": True}, -1),
        (good(), {"requested": "7"}, 1001),
        (good(), {"must_be_signed": True}, 1001),
        (good(), {"must_be_signed": True, "encoded_signature": "c2ln"}, 1001),
    ],
    ids=["no-manifest", "broken-manifest", "no-zip", "escape", "one", "none", "bare", "signed"],
)
def test_a_failure_has_its_number_and_leaves_nothing(
    bed: Bed, package: bytes, more: dict[str, Any], code: int
) -> None:
    bed.blobs["https://a/2"] = package
    with pytest.raises(ExtensionError) as caught:
        bed.place(**more)
    assert caught.value.code == code
    assert [name for name in bed.names() if not name.endswith(".zip")] == ["extensions"]


# ---- signatures, made by the real tool


def tool(*argv: str, cwd: Path) -> None:
    subprocess.run(argv, cwd=cwd, check=True, capture_output=True, timeout=240)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("signer")
    for name in ("root", "other"):
        tool(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}",
            cwd=place,
        )  # fmt: skip
    return place


def signed(place: Path, package: bytes, by: str = "root") -> str:
    (place / "p").write_bytes(package)
    tool(
        "openssl", "cms", "-sign", "-binary", "-in", "p", "-signer", f"{by}.pem", "-inkey",
        f"{by}.key", "-outform", "der", "-out", "s", cwd=place,
    )  # fmt: skip
    return base64.b64encode((place / "s").read_bytes()).decode()


def claimed(version: str) -> bytes:
    info = {"publisher": "lab", "type": "sample", "version": version}
    return packed(
        **{"HandlerManifest.json": json.dumps([{**MANIFEST, "signingInfo": info}]).encode()}
    )


@pytest.mark.tools
@pytest.mark.parametrize(
    ("by", "version", "changed", "reason"),
    [
        ("root", "1.0.2", False, ""),
        ("other", "1.0.2", False, "does not verify"),
        ("root", "1.0.3", False, "signed as"),
        ("root", "1.0.2", True, "does not verify"),
    ],
)
def test_a_signature_must_be_by_whom_we_trust_over_what_it_claims(
    bed: Bed, signer: Path, by: str, version: str, changed: bool, reason: str
) -> None:
    package = claimed(version)
    signature = signed(signer, package, by)
    bed.blobs["https://a/2"] = good() if changed else claimed("1.0.2")
    if version != "1.0.2":
        bed.blobs["https://a/2"] = package
    wanted = {"encoded_signature": signature, "roots": str(signer / "root.pem")}
    if not reason:
        assert bed.place(must_be_signed=True, **wanted).verified
        assert (bed.state / f"{NAME}-1.0.2/package_validated").exists()
        return
    with pytest.raises(ExtensionError, match=reason):
        bed.place(must_be_signed=True, **wanted)
    assert not (bed.state / f"{NAME}-1.0.2").exists()
    lenient = bed.place(**wanted)
    assert not lenient.verified and lenient.notes
    assert not (bed.state / f"{NAME}-1.0.2/package_validated").exists()
