# SPDX-License-Identifier: Apache-2.0
"""The same commands on a pretend machine and, in a disposable copy of this one, on the real tools.

Both begin with the account files of the captured Debian; then statuses and files are compared.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from osdrivers.conformance.box import TODAY
from osdrivers.conformance.machines import attach, set_up
from osdrivers.host import Host, Secret

MACHINE = Path(__file__).parents[1] / "machines" / "debian-12"
ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
#: Where a captured machine is allowed to differ from what runs the tests: never compared.
_HASH = re.compile(r"\$\w+\$[^:]+")


class Pair:
    """A real machine and a pretended one in the same state."""

    def __init__(self, real: Host, machine: Path = MACHINE) -> None:
        root = "/tmp/pretended"
        shutil.rmtree(root, ignore_errors=True)
        set_up(os.fspath(machine), root)
        self.real, self.pretended = real, attach(root)
        for name in (*ACCOUNTS, "login.defs", "default/useradd"):
            self._same(f"/etc/{name}")
        for place in ("", root):
            shutil.rmtree(f"{place}/etc/skel")
            os.mkdir(f"{place}/etc/skel")
            Path(f"{place}/etc/skel/.profile").write_text("# one\n")
            for directory in ("home", "srv", "var/mail"):
                shutil.rmtree(f"{place}/{directory}", ignore_errors=True)
                Path(f"{place}/{directory}").mkdir(0o755, parents=True)

    def _same(self, path: str) -> None:
        source = self.pretended.root + path
        Path(path).unlink(missing_ok=True)
        if os.path.exists(source):
            shutil.copy2(source, path)
            found = os.stat(source)
            os.chown(path, found.st_uid, found.st_gid)

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        """The same file on both."""
        for host in (self.real, self.pretended):
            real = Path(host.root + path)
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_text(text)
            real.chmod(mode)

    def run(self, *argv: str, stdin: bytes = b"") -> tuple[str, str]:
        """Both standard outputs; the statuses must be equal."""
        real = self.real.commands(argv, Secret(stdin), 60)
        pretended = self.pretended.commands(argv, Secret(stdin), 60)
        assert pretended.status == real.status, f"{argv}: {pretended} / {real}"
        return real.stdout, pretended.stdout

    def same_output(self, *argv: str, stdin: bytes = b"") -> str:
        real, pretended = self.run(*argv, stdin=stdin)
        assert pretended == real, argv
        return real

    def compare(self, paths: Iterable[str], homes: Iterable[str] = ()) -> None:
        """These files, and these directories with all below them, are the same."""
        for path in paths:
            assert _content(self.pretended, path) == _content(self.real, path), path
        for home in homes:
            assert _tree(self.pretended, home) == _tree(self.real, home), home


def _content(host: Host, path: str) -> object:
    real = Path(host.root + path)
    if not real.exists():
        return None
    found = real.stat()
    lines = [_HASH.sub("<hash>", line) for line in real.read_text().splitlines()]
    if path.startswith("/etc/shadow"):
        lines = [_dated(line) for line in lines]
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, lines


def _dated(line: str) -> str:
    """A change of today: the pretended clock stands still, the real one does not."""
    import time

    fields = line.split(":")
    if fields[2] in (str(TODAY), str(int(time.time()) // 86400)):
        fields[2] = "today"
    return ":".join(fields)


def _tree(host: Host, top: str) -> dict[str, object]:
    real = Path(host.root + top)
    if not real.exists():
        return {}
    found = {}
    for path in (real, *sorted(real.rglob("*"))):
        status = path.lstat()
        name = os.path.relpath(path, host.root)
        content = path.read_bytes() if path.is_file() else b""
        found[name] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content)
    return found
