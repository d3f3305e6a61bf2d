# SPDX-License-Identifier: Apache-2.0
"""Runs in a booted tree with pacman: makes a repository of one package; the driver installs it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

from osdrivers import loader
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host

CONFIGURATION = "[options]\nArchitecture=auto\nSigLevel=Never\n[try]\nServer=file:///srv/try\n"
FILE = "tree-1.0-1-any.pkg.tar.gz"
PACKAGE = "pkgname = tree\npkgver = 1.0-1\npkgdesc = try\narch = any\nsize = 4\n"
RECORD = f"%FILENAME%\n{FILE}\n\n%NAME%\ntree\n\n%VERSION%\n1.0-1\n\n%ARCH%\nany\n"


def archive(path: Path, members: dict[str, str]) -> None:
    with tarfile.open(path, "w:gz") as made:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            made.addfile(member, io.BytesIO(text.encode()))


def main() -> None:
    repository = Path("/srv/try")
    repository.mkdir()
    archive(repository / FILE, {".PKGINFO": PACKAGE, "opt/tree": "tree"})
    archive(repository / "try.db", {"tree-1.0-1/desc": RECORD})
    Path("/etc/pacman.conf").write_text(CONFIGURATION)
    subprocess.run(("pacman", "-Sy"), check=True, capture_output=True)
    host = Host()
    driver = loader.load(host).driver
    packages = driver.packages
    assert packages is not None

    def installed(name: str) -> str:
        outcome = carry_out(
            [Task("try", lambda: packages.ensure_installed([name]))], host, lambda *_: None
        )[0]
        return "" if outcome.error is None else type(outcome.error).__name__

    lock = Path("/var/lib/pacman/db.lck")
    found: dict[str, object] = {"before": packages.installed("tree"), "none": installed("no-such")}
    lock.touch()
    found["locked"] = installed("tree")
    lock.unlink()
    found["install"], found["after"] = installed("tree"), packages.installed("tree")
    found["again"] = [str(each) for each in packages.ensure_installed(["tree"])]
    found["file"] = Path("/opt/tree").exists()
    Path("/lab/result.json").write_text(json.dumps(found))


main()
