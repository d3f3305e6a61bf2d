# SPDX-License-Identifier: Apache-2.0
"""Repositories in a directory, made with dpkg-deb(1) or rpmbuild(8), for a disposable machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

WHERE = Path("/opt/repository")
NAME, VERSION = "tree", "2.1.0-1"  # as the repositories of the pretend machines have it
_SPEC = """Name: {name}
Version: {version}
Release: {release}
Summary: Tried
License: none
BuildArch: noarch
%description
Tried.
%files
"""


def needs(*tools: str) -> pytest.MarkDecorator:
    """A test for which one of these is not installed here is skipped."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")


def debian(name: str = NAME, version: str = VERSION) -> None:
    """The only repository that apt knows has this package; its lists are not fetched yet."""
    _empty()
    tree = Path("/tmp/package")
    (tree / "DEBIAN").mkdir(parents=True)
    about = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\n"
    )
    (tree / "DEBIAN" / "control").write_text(f"{about}Description: Tried\n")
    for path in (tree, tree / "DEBIAN"):
        path.chmod(0o755)
    file = WHERE / "package.deb"
    _run("dpkg-deb", "--build", "--root-owner-group", str(tree), str(file))
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    where = f"Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {sha}\n"
    (WHERE / "Packages").write_text(f"{about}{where}Description: Tried\n")
    for path in WHERE.iterdir():
        path.chmod(0o644)
    _only("/etc/apt/sources.list.d")
    Path("/etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{WHERE} ./\n")
    shutil.rmtree("/var/lib/apt/lists")
    os.makedirs("/var/lib/apt/lists/partial", mode=0o755)
    for cache in Path("/var/cache/apt").glob("*.bin"):
        cache.unlink()


def rpm(name: str = NAME, version: str = VERSION) -> None:
    """The only repository that dnf and zypper know has this package."""
    _empty()
    built = Path("/tmp/built")
    built.mkdir()
    spec = built / "tried.spec"
    number, _, release = version.partition("-")
    spec.write_text(_SPEC.format(name=name, version=number, release=release))
    _run("rpmbuild", "--define", f"_topdir {built}", "-bb", str(spec))
    for package in built.glob("RPMS/noarch/*.rpm"):
        shutil.move(str(package), WHERE)
    _run("createrepo_c", "-q", str(WHERE))
    os.makedirs("/etc/rpm", exist_ok=True)
    Path("/etc/rpm/macros").write_text("%_dbpath /var/lib/rpm\n")  # not in root's home
    text = f"[local]\nname=local\nbaseurl=file://{WHERE}\nenabled=1\ngpgcheck=0\nautorefresh=1\n"
    for directory in ("/etc/yum.repos.d", "/etc/zypp/repos.d"):
        _only(directory)
        Path(f"{directory}/local.repo").write_text(text)
    os.makedirs("/var/lib/rpm", exist_ok=True)


def _empty() -> None:
    shutil.rmtree(WHERE, ignore_errors=True)
    WHERE.mkdir(parents=True)
    WHERE.chmod(0o755)


def _only(directory: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    os.chmod(directory, 0o755)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "HOME": "/"})
