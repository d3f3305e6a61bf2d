# SPDX-License-Identifier: Apache-2.0
"""The release tarball: whole, the same each time, and with its bill of materials."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(place: Path, **environment: str) -> Path:
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging/dist.py"), str(place)],
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dist"))


def test_the_same_tree_gives_the_same_bytes(tarball: Path, tmp_path: Path) -> None:
    other = make(tmp_path, TZ="Asia/Tokyo", HOME=str(tmp_path))
    assert other.read_bytes() == tarball.read_bytes()


def test_the_time_of_its_files_can_be_given(tmp_path: Path) -> None:
    with tarfile.open(make(tmp_path, SOURCE_DATE_EPOCH="86400")) as archive:
        assert {each.mtime for each in archive} == {86400}


def test_everything_is_roots_with_one_of_two_modes(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        assert {(each.uid, each.gid) for each in archive} == {(0, 0)}
        assert {each.mode for each in archive if each.isreg()} == {0o644, 0o755}


def test_debian_finds_its_directory(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {each.name.partition("/")[2] for each in archive}
    ours = {path.name for path in (ROOT / "packaging/deb").iterdir() if path.is_file()}
    assert {f"debian/{name}" for name in ours} <= names
    assert not [name for name in names if name.startswith((".git/", ".venv", "dist/"))]


def test_the_bill_lists_each_file_with_its_digest(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        contents = {
            each.name.partition("/")[2]: archive.extractfile(each).read()  # type: ignore[union-attr]
            for each in archive
            if each.isreg()
        }
    bill = json.loads(contents.pop("sbom.spdx.json"))
    listed = {each["fileName"][2:]: each["checksums"][1]["checksumValue"] for each in bill["files"]}
    assert listed == {n: hashlib.sha256(content).hexdigest() for n, content in contents.items()}


def test_the_bill_names_what_is_needed_at_run_time(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        name = next(each for each in archive.getnames() if each.endswith("sbom.spdx.json"))
        bill = json.loads(archive.extractfile(name).read())  # type: ignore[union-attr]
    needed = {each["name"] for each in bill["packages"]} - {"agentcore", "python", "openssl"}
    setup = (ROOT / "setup.cfg").read_text().partition("install_requires =")[2]
    assert needed == set(re.findall(r"^    ([a-z]+)>=", setup.partition("\n[")[0], re.MULTILINE))
    known = {each["SPDXID"] for each in (*bill["packages"], *bill["files"])} | {"SPDXRef-DOCUMENT"}
    for each in bill["relationships"]:
        assert {each["spdxElementId"], each["relatedSpdxElement"]} <= known


@pytest.mark.parametrize("place", ["packaging/deb/changelog", "packaging/rpm/agentcore.spec"])
def test_each_packaging_has_the_version_of_the_code(place: str) -> None:
    from agentcore.version import VERSION

    found = re.search(r"^agentcore \((.+)\)|^Version: +(.+)$", (ROOT / place).read_text(), re.M)
    assert found is not None
    assert VERSION in found.groups()
