# SPDX-License-Identifier: Apache-2.0
"""What the guest's file trees hold, to be compared."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lab.sandbox import Sandbox
from osdrivers.errors import OperationError

#: Larger files (swap) are told by their times alone: hashing them takes longer than the run.
_DIGEST_LIMIT_BYTES = 16 << 20
# Path last: it may hold white space.
_FIND_FORMAT = r"%m %U:%G %y %s %T@ %C@ %l\t%p\0"


@dataclass(frozen=True)
class Entry:
    """A file: its kind, permission bits, owner, and a word that changes with its content."""

    kind: str
    mode: int
    owner: str
    content: str

    def __str__(self) -> str:
        return f"{self.kind} {self.mode:04o} {self.owner}"


Snapshot = Mapping[str, Entry]


def changed_tree(made: Sandbox) -> Snapshot:
    """Every file in which the guest's tree differs from the one it is a copy of."""
    overlays = made.bed.upper.items()
    return {at + path: entry for at, top in overlays for path, entry in _below(top, top)}


def mounted_trees(made: Sandbox, directories: Iterable[str]) -> Snapshot:
    """Files of file systems that are mounted in the guest, as its own find(1) sees them."""
    argv = ("find", *directories, "-xdev", "-printf", _FIND_FORMAT)
    ended = made.bed.guest.run(argv)
    if ended.status != 0:
        raise OperationError(f"find in the guest: {ended.stderr.strip()}")
    return dict(_found(record) for record in ended.stdout.split("\0") if record)


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Paths of files that were made, changed or removed."""
    return [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]


def described(made: Sandbox, before: Snapshot, after: Snapshot) -> list[str]:
    """A line for each file of the guest's tree that was made, changed or removed.

    A directory that the tree has too is left out: the overlay copies it when a file in it changes.
    """
    return [
        f"{_word(made, path, after):8}{path}"
        for path in differences(before, after)
        if not (path in after and after[path].kind == "directory" and _had(made, path))
    ]


def files_that_hold(made: Sandbox, words: Iterable[bytes]) -> list[str]:
    """Paths of changed files with one of these byte strings in them."""
    sought = tuple(words)
    found = []
    for at, top in made.bed.upper.items():
        for path, _ in _below(top, top):
            real = top + path
            if stat.S_ISREG(os.lstat(real).st_mode):
                with open(real, "rb") as stream:
                    content = stream.read(_DIGEST_LIMIT_BYTES)
                if any(word in content for word in sought):
                    found.append(at + path)
    return sorted(found)


def _word(made: Sandbox, path: str, after: Snapshot) -> str:
    if path not in after or after[path].kind == "removed":
        return "removed"
    return "changed" if _had(made, path) else "new"


def _had(made: Sandbox, path: str) -> bool:
    return os.path.lexists(made.root + path)


def _below(top: str, directory: str) -> Iterator[tuple[str, Entry]]:
    with os.scandir(directory) as entries:
        for each in sorted(entries, key=lambda entry: entry.name):
            found = each.stat(follow_symlinks=False)
            yield each.path[len(top) :], _entry(each.path, found)
            if each.is_dir(follow_symlinks=False):
                yield from _below(top, each.path)


def _entry(path: str, found: os.stat_result) -> Entry:
    mode, owner = stat.S_IMODE(found.st_mode), f"{found.st_uid}:{found.st_gid}"
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
        return Entry("removed", 0, "", "")  # a whiteout: overlayfs.rst
    if stat.S_ISLNK(found.st_mode):
        return Entry("link", mode, owner, os.readlink(path))
    times = f"{found.st_mtime_ns}"
    if stat.S_ISREG(found.st_mode) and found.st_size <= _DIGEST_LIMIT_BYTES:
        with open(path, "rb") as stream:
            return Entry("file", mode, owner, f"{times} {_digest(stream.read())}")
    kind = "directory" if stat.S_ISDIR(found.st_mode) else "other"
    return Entry(kind, mode, owner, times)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _found(record: str) -> tuple[str, Entry]:
    facts, _, path = record.partition("\t")
    mode, owner, kind, content = facts.split(" ", 3)
    return path, Entry(kind, int(mode, 8), owner, content)
