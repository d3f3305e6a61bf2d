# SPDX-License-Identifier: Apache-2.0
"""Packages are zip files made by strangers: everything is judged before anything is written.

Source: APPNOTE.TXT of the zip format, 4.4.4 (flags) and 4.4.15 (external attributes); what a name
can do to whoever unpacks it: CWE-22, CWE-59, CWE-409.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osdrivers.errors import InvalidInput

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """How much a package may become.  ``ratio`` counts for members over 1 MiB only."""

    entries: int = 50_000
    file_bytes: int = 1 << 30
    total_bytes: int = 2 << 30
    ratio: int = 1000
    depth: int = 40


def judge(archive: ZipFile, bounds: Bounds = Bounds()) -> None:
    """Refuse a package that could write elsewhere, make links, or fill the disk.

    :raises InvalidInput: naming the first member that is wrong.
    """
    members = archive.infolist()
    if len(members) > bounds.entries:
        raise InvalidInput(f"the package has {len(members)} members, {bounds.entries} are allowed")
    kinds: dict[str, bool] = {}  # name in lower case: whether it is a directory
    total = 0
    for member in members:
        parts = _parts(member, bounds)
        _judge_kind(member)
        _judge_size(member, bounds)
        total += member.file_size
        if total > bounds.total_bytes:
            raise InvalidInput(f"the package is larger than {bounds.total_bytes} bytes")
        _claim(kinds, parts, member)


def _parts(member: ZipInfo, bounds: Bounds) -> list[str]:
    # orig_filename: what is in the package; zipfile itself cuts names at a NUL.
    name = member.orig_filename
    shown = f"{name[:80]!r} in the package"
    if name.startswith("/") or "\\" in name or (len(name) > 1 and name[1] == ":"):
        raise InvalidInput(f"{shown} is not a relative path")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise InvalidInput(f"{shown} has a control character")
    parts = name.rstrip("/").split("/")
    if name.endswith("//") or any(part in ("", ".", "..") for part in parts):
        raise InvalidInput(f"{shown} leads elsewhere")
    if len(parts) > bounds.depth or any(len(os.fsencode(part)) > 255 for part in parts):
        raise InvalidInput(f"{shown} is too long or too deep")
    return parts


def _judge_kind(member: ZipInfo) -> None:
    shown = f"{member.filename[:80]!r} in the package"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidInput(f"{shown} is a link or a device, only files and directories are taken")
    if (kind == stat.S_IFDIR) != member.is_dir() and kind:
        raise InvalidInput(f"{shown} says it is a directory, and its name says otherwise")
    if member.flag_bits & _ENCRYPTED:
        raise InvalidInput(f"{shown} is encrypted")
    if member.compress_type not in (0, 8):
        raise InvalidInput(f"{shown} is neither stored nor deflated")


def _judge_size(member: ZipInfo, bounds: Bounds) -> None:
    shown = f"{member.filename[:80]!r} in the package"
    if member.file_size > bounds.file_bytes:
        raise InvalidInput(f"{shown} has {member.file_size} bytes, {bounds.file_bytes} are allowed")
    large = member.file_size > 1 << 20
    if large and member.file_size > bounds.ratio * max(member.compress_size, 1):
        raise InvalidInput(f"{shown} is packed more than {bounds.ratio} times: a bomb")


def _claim(kinds: dict[str, bool], parts: list[str], member: ZipInfo) -> None:
    """No two members of one name, letters' case left aside, and no file that is a directory too."""
    shown = f"{member.filename[:80]!r}"
    for depth in range(1, len(parts)):
        if not kinds.setdefault("/".join(parts[:depth]).lower(), True):
            raise InvalidInput(f"{shown} lies below what is a file in the package")
    whole = "/".join(parts).lower()
    if whole in kinds and not (member.is_dir() and kinds[whole]):
        raise InvalidInput(f"{shown} is twice in the package, or differs only in case")
    kinds[whole] = member.is_dir()


def unpack(package: str, directory: str, bounds: Bounds = Bounds()) -> None:
    """Unpack into a new directory; files are 0700 (handlers expect to be executable).

    Nobody but root may be able to write where ``directory`` is made.
    :raises InvalidInput: not a zip, hostile, or damaged; the directory is then incomplete.
    :raises OSError: the disk is full, and the like.
    """
    import zipfile  # 8 ms; only the child that fetches packages comes here
    import zlib

    try:
        with zipfile.ZipFile(package) as archive:
            judge(archive, bounds)
            os.mkdir(directory, 0o700)
            for member in archive.infolist():
                path = os.path.join(directory, *member.filename.rstrip("/").split("/"))
                if member.is_dir():
                    os.makedirs(path, 0o700, exist_ok=True)
                else:
                    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
                    _write(archive, member, path)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as broken:
        raise InvalidInput(f"the package is not a zip, or damaged: {broken}"[:300]) from broken


def _write(archive: ZipFile, member: ZipInfo, path: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    written = 0
    with open(os.open(path, flags, 0o700), "wb") as target, archive.open(member) as source:
        while piece := source.read(_PIECE_BYTES):
            written += len(piece)
            if written > member.file_size:
                raise InvalidInput(f"{member.filename[:80]!r} is larger than the package says")
            target.write(piece)
