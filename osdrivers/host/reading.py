# SPDX-License-Identifier: Apache-2.0
"""Asking about the files of a machine.  Nothing here changes anything."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Optional

from ..errors import FileFailed, NoSpace, NotFound, NotPermitted, ReadOnlyTarget
from .places import Places
from .tree import FileStatus, Tree

TEXT_LIMIT_BYTES = 16 * 1024 * 1024

#: ESRCH: a file of /proc whose process ended between open(2) and read(2).
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ESRCH)


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Give an OSError of a guest path its class of errors.py."""
    try:
        yield
    except OSError as cause:
        raise file_failed(path, cause) from cause


def file_failed(path: str, cause: OSError) -> FileFailed:
    """The narrowest FileFailed for an OSError."""
    if cause.errno == errno.EROFS:
        return ReadOnlyTarget(path, cause, hint="make it writable, or provision another root")
    if cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(path, cause, hint="free space or inodes on that file system")
    if cause.errno in (errno.EACCES, errno.EPERM):
        return NotPermitted(path, cause, hint="run as root; check lsattr and the security policy")
    return FileFailed(path, cause)


class Reading:
    """The asking half of a :class:`~osdrivers.host.Host`."""

    tree: Tree
    places: Places

    def locate(self, path: str, *, follow: bool = False) -> str:
        """The real path of a guest path, for a library that wants a file name."""
        with naming(path):
            return self.tree.locate(path, follow=follow)

    def status(self, path: str, *, follow: bool = True) -> Optional[FileStatus]:
        """Kind, mode, owner, size of a file; None when it does not exist."""
        with naming(path):
            return self.tree.status(path, follow=follow)

    def exists(self, path: str) -> bool:
        """Whether something is there, a dangling link excluded."""
        return self.status(path) is not None

    def is_directory(self, path: str) -> bool:
        found = self.status(path)
        return found is not None and found.kind == "directory"

    def read_bytes(
        self, path: str, default: Optional[bytes] = None, limit_bytes: int = TEXT_LIMIT_BYTES
    ) -> bytes:
        """A file's bytes (at most ``limit_bytes``), or ``default`` if there is no such file.

        :raises FileFailed: it cannot be read, or is missing and no default was given.
        """
        try:
            with naming(path):
                return self.tree.read(path, limit_bytes)
        except FileFailed as failure:
            if default is not None and failure.errno in _NOT_THERE:
                return default
            raise

    def pieces(self, path: str, windows: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """The bytes of each window (offset, size) of a file or device, opened once, read-only.

        :raises FileFailed: it cannot be read, or a window is not there in full.
        """
        with naming(path):
            yield from self.tree.pieces(path, windows)

    def swaps_on(self, path: str) -> bool:
        """Whether the kernel itself says that it swaps on this file, whatever name it has there.

        Since Linux 5.3 it refuses to map such a file for shared writing (ETXTBSY).  An older one,
        and another kernel, never refuses, nor can who may not write ask: False is no proof.
        Nothing is written.
        """
        with naming(path):
            return self.tree.swaps_on(path)

    def read(self, path: str, default: Optional[str] = None) -> str:
        """A file's text; bytes that are not UTF-8 become U+FFFD.  See :meth:`read_bytes`."""
        fallback = None if default is None else default.encode()
        return self.read_bytes(path, fallback).decode("utf-8", errors="replace")

    def mount(self, path: str) -> tuple[int, int]:
        """Which mount a directory lies on: two that differ are on different ones, offline too.

        :raises FileFailed: there is no such directory.
        """
        with naming(path):
            return self.tree.mount(path)

    def names(self, path: str) -> tuple[str, ...]:
        """Sorted names in a directory; none if there is no such directory."""
        try:
            with naming(path):
                return tuple(self.tree.names(path))
        except FileFailed as failure:
            if failure.errno in _NOT_THERE:
                return ()
            raise

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Sorted guest paths that match; ``*``, ``?`` and ``[]`` within one component each."""
        found = [""]
        for part in pattern.strip("/").split("/"):
            if any(mark in part for mark in "*?["):
                found = [
                    f"{base}/{name}"
                    for base in found
                    for name in self.names(base or "/")
                    if fnmatchcase(name, part) and (part[0] == "." or name[0] != ".")
                ]
            else:
                found = [f"{base}/{part}" for base in found]
        return tuple(path for path in found if self.status(path, follow=False) is not None)

    def space(self, path: str) -> os.statvfs_result:
        """statvfs(3) of the file system that holds ``path``."""
        with naming(path):
            return os.statvfs(self.tree.locate(path, follow=True))

    def read_only(self, path: str) -> bool:
        """Whether ``path`` (or its nearest existing parent) lies on a read-only file system."""
        while path != "/" and not self.exists(path):
            path = os.path.dirname(path)
        return bool(self.space(path).f_flag & os.ST_RDONLY)

    def owner(self, name: str) -> tuple[int, int]:
        """Numeric user and primary group of an account of *this* machine.

        :raises NotFound: no such account in its passwd file.
        """
        for line in self.read(self.places.passwd, "").splitlines():
            columns = line.split(":")
            if columns[0] == name and len(columns) > 3:
                return int(columns[2]), int(columns[3])
        raise NotFound(f"no account {name} in {self.places.passwd}")

    def owner_of(self, owner: str) -> tuple[int, int]:
        """``user``, ``user:group`` (names or numbers) as numbers; the group defaults to the user's.

        :raises NotFound: one of them is not in this machine's files.
        """
        user, _, group = owner.partition(":")
        uid, gid = (int(user), int(user)) if user.isdigit() else self.owner(user)
        if group.isdigit():
            gid = int(group)
        elif group:
            gid = self._group(group)
        return uid, gid

    def _group(self, name: str) -> int:
        for line in self.read(self.places.group, "").splitlines():
            columns = line.split(":")
            if columns[0] == name and len(columns) > 2:
                return int(columns[2])
        raise NotFound(f"no group {name} in {self.places.group}")
