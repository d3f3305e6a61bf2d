# SPDX-License-Identifier: Apache-2.0
"""What becomes of a good package, and signatures."""

from __future__ import annotations

import base64
import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentcore.extensions import layout
from agentcore.extensions.errors import ExtensionError
from agentcore.extensions.fetching import Fetcher, Partial
from agentcore.extensions.layout import Installation, Layout
from agentcore.extensions.order import Order
from agentcore.extensions.package import Placed, Placing
from osdrivers.host import Host
from tests.extensions.package_bed import MANIFEST, NAME, OFFERED, good, packed


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


def test_what_is_half_removed_is_still_known_and_goes_whole(bed: Bed) -> None:
    bed.place()
    present = Installation(bed.host, bed.layout, NAME, "1.0.2")
    present.set_state("Enabled")
    bed.host.remove(present.directory, recursive=True)  # as a killed run leaves it
    assert layout.installations(bed.host, bed.layout) == (present,)
    assert layout.installed(bed.host, bed.layout, NAME) is None
    present.remove()
    assert layout.installations(bed.host, bed.layout) == ()
    assert list((bed.state / "extensions").iterdir()) == []


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


class NoRoom(Bed):
    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), into.path)


def test_a_full_disk_is_named_and_may_pass(tmp_path: Path) -> None:
    bed = NoRoom(tmp_path)
    with pytest.raises(ExtensionError, match="manifest: No space left on device") as caught:
        bed.place()
    assert caught.value.retryable
    assert list((bed.state / "extensions").iterdir()) == []


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
