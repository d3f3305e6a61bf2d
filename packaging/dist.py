# SPDX-License-Identifier: Apache-2.0
"""Writes the release tarball: ``make dist``.  The same tree gives the same bytes.

``debian/`` stands in it as a copy of ``packaging/deb``: dpkg-buildpackage(1) works as it is.
Times are ``SOURCE_DATE_EPOCH``, or the date of the Debian changelog's first entry.
"""

from __future__ import annotations

import email.utils
import gzip
import io
import os
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sbom

ROOT = Path(__file__).resolve().parents[1]
#: Made by tools, or another tree's.
NOT_SOURCE = frozenset(
    ("__pycache__", "build", "dist", "debian", ".git", ".venv", ".tox", ".cache", ".mypy_cache",
     ".ruff_cache", ".pytest_cache")
)  # fmt: skip


def sources() -> Iterator[Path]:
    """Every file of the tree that is not made by a tool, in a fixed order."""
    for place, names, found in os.walk(ROOT):
        names[:] = sorted(n for n in names if n not in NOT_SOURCE and not n.endswith(".egg-info"))
        links = [name for name in names if Path(place, name).is_symlink()]
        for name in sorted([*found, *links]):
            if not name.endswith((".pyc", ".swp")) and name != sbom.NAME:
                yield Path(place, name)


def placed() -> Iterator[tuple[str, Path]]:
    """(name in the tarball, file)."""
    for path in sources():
        inside = path.relative_to(ROOT).as_posix()
        yield inside, path
        if inside.startswith("packaging/deb/"):
            yield "debian/" + inside[len("packaging/deb/") :], path


def directories(names: Iterable[str]) -> list[str]:
    """Those that the files are in: unpacked without an entry of its own, one has a mode by the
    umask, and dpkg-source(1) packs that again."""
    found = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    return sorted(found - {"."})


def version() -> str:
    """The version, read and not imported."""
    text = (ROOT / "agentcore/version.py").read_text(encoding="utf-8")
    return re.findall(r'^VERSION = "([0-9.]+)"$', text, re.MULTILINE)[0]


def moment() -> int:
    """Seconds since the epoch for every file; reproducible-builds.org, SOURCE_DATE_EPOCH."""
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return int(os.environ["SOURCE_DATE_EPOCH"])
    text = (ROOT / "packaging/deb/changelog").read_text(encoding="utf-8")
    date = re.findall(r"^ -- .*>  (.*)$", text, re.MULTILINE)[0]
    return int(email.utils.parsedate_to_datetime(date).timestamp())


def member(name: str, path: Path, when: int) -> tuple[tarfile.TarInfo, bytes]:
    """A file as it stands in the tarball: root's, with one of two modes."""
    info = tarfile.TarInfo(name)
    info.mtime = when
    if path.is_symlink():
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        return info, b""
    content = path.read_bytes()
    info.size = len(content)
    info.mode = 0o755 if os.stat(path).st_mode & 0o100 else 0o644
    return info, content


def tarball() -> tuple[str, bytes]:
    """Its name and its bytes."""
    name, when = f"agentcore-{version()}", moment()
    made, files = io.BytesIO(), []
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for place in directories(f"{name}/{inside}" for inside, _ in placed()):
            entry = tarfile.TarInfo(place)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, when
            archive.addfile(entry)
        for inside, path in placed():
            info, content = member(f"{name}/{inside}", path, when)
            archive.addfile(info, io.BytesIO(content))
            if info.isreg():
                files.append((inside, content))
        bill = tarfile.TarInfo(f"{name}/{sbom.NAME}")
        content = sbom.document(ROOT, version(), when, files)
        bill.mtime, bill.size, bill.mode = when, len(content), 0o644
        archive.addfile(bill, io.BytesIO(content))
    return f"{name}.tar.gz", gzip.compress(made.getvalue(), 9, mtime=when)


def main(words: list[str]) -> int:
    """Write it into the directory given, ``dist`` without one."""
    place = Path(words[0] if words else ROOT / "dist")
    place.mkdir(parents=True, exist_ok=True)
    name, content = tarball()
    (place / name).write_bytes(content)
    print(place / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
