# SPDX-License-Identifier: Apache-2.0
"""Changes to files below a root: whole or not at all.

A file is replaced by writing a neighbour, fsync(2), and rename(2), so a crash at any point leaves
the old content or the new one.  The neighbour has a fixed name: what a killed run left behind is
overwritten by the next.  Raises OSError only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, Optional

from .tree import Tree, mount_of

NEW_SUFFIX = ".agentcore-new"
WRITER_WAIT_S, WRITER_LOOK_S = 5.0, 0.02


@dataclass(frozen=True)
class Manner:
    """How a file is to be replaced.

    ``mode`` None keeps the present mode (0644 for a new file); ``owner`` None keeps the present
    owner; ``beneath`` forbids links below that guest directory and makes the change with the
    owner's own rights, so that root never writes through what a user prepared; ``check`` is
    called with the guest path of the finished neighbour before it takes the name.
    """

    mode: Optional[int] = None
    owner: Optional[tuple[int, int]] = None
    beneath: str = ""
    check: Optional[Callable[[str], None]] = None


def replace(tree: Tree, path: str, data: bytes, manner: Manner) -> None:
    """Give ``path`` the content ``data``; a link is followed and stays, unless ``beneath``."""
    follow = not manner.beneath
    with (
        tree.entrance() as door,
        acting_as(manner.owner if manner.beneath else None),
        tree.parent(path, follow=follow, beneath=manner.beneath, entrance=door) as found,
    ):
        directory, name = found
        present = _present(directory, name)
        if present is not None and not stat.S_ISREG(present.st_mode):
            number = errno.ELOOP if stat.S_ISLNK(present.st_mode) else errno.EISDIR
            raise OSError(number, os.strerror(number))
        if present is not None and present.st_nlink > 1 and not manner.beneath:
            _overwrite(directory, name, data)  # other names of the file must stay its names
            return
        fresh = f".{name}{NEW_SUFFIX}"
        descriptor = _create(directory, fresh)
        with open(descriptor, "wb", buffering=0):  # closing it ends the lock: after the rename
            try:
                _write(descriptor, data)
                _dress(descriptor, directory, name, present, manner)
                os.fsync(descriptor)
                if manner.check is not None:
                    manner.check(os.path.join(os.path.dirname(path), fresh))
                os.rename(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=directory)
                raise
        sync_directory(directory)


def _present(directory: int, name: str) -> Optional[os.stat_result]:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _create(directory: int, name: str) -> int:
    """The neighbour, ours alone: its lock (flock(2)) tells one that is being written from one
    that a killed run left behind.  EBUSY when another writer keeps it for longer than 5 s."""
    for _ in range(int(WRITER_WAIT_S / WRITER_LOOK_S)):
        with contextlib.suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fresh = os.open(name, flags, 0o600, dir_fd=directory)
            if _is_ours(fresh, directory, name):
                return fresh
            os.close(fresh)
            continue
        if not _remove_stale(directory, name):
            select.select([], [], [], WRITER_LOOK_S)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _is_ours(descriptor: int, directory: int, name: str) -> bool:
    """Whether we hold the lock of the file that has the name: another may have come between."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        named = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (BlockingIOError, FileNotFoundError):
        return False
    return named.st_ino == os.fstat(descriptor).st_ino


def _remove_stale(directory: int, name: str) -> bool:
    """Delete a neighbour that nobody is writing; False when somebody is."""
    try:
        left = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except FileNotFoundError:
        return True
    except OSError:  # a link, a directory, somebody else's: not made by us
        os.unlink(name, dir_fd=directory)
        return True
    try:
        if not _is_ours(left, directory, name):
            return False
        os.unlink(name, dir_fd=directory)
        return True
    finally:
        os.close(left)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _dress(
    descriptor: int,
    directory: int,
    name: str,
    present: Optional[os.stat_result],
    manner: Manner,
) -> None:
    """Owner, mode and extended attributes (SELinux label, ACL) of the file to be replaced."""
    owner = manner.owner or ((present.st_uid, present.st_gid) if present else None)
    if owner is not None and os.geteuid() == 0:
        os.fchown(descriptor, *owner)
    mode = manner.mode
    if mode is None:
        mode = stat.S_IMODE(present.st_mode) if present else 0o644
    os.fchmod(descriptor, mode)
    if present is not None and hasattr(os, "listxattr"):
        _copy_attributes(descriptor, directory, name)


def _copy_attributes(descriptor: int, directory: int, name: str) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        for attribute in os.listxattr(source):
            try:
                os.setxattr(descriptor, attribute, os.getxattr(source, attribute))
            except OSError as cause:
                if cause.errno not in (errno.ENOTSUP, errno.EPERM):
                    raise
    except OSError as cause:
        if cause.errno != errno.ENOTSUP:
            raise
    finally:
        os.close(source)


def _overwrite(directory: int, name: str, data: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    with open(descriptor, "wb", buffering=0) as stream:
        _write(stream.fileno(), data)
        os.ftruncate(stream.fileno(), len(data))
        os.fsync(stream.fileno())


def sync_directory(directory: int) -> None:
    """Make a rename or unlink durable."""
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.fsync(readable)
    except OSError as cause:
        if cause.errno not in (errno.EINVAL, errno.ENOTSUP):  # some FUSE and 9p mounts cannot
            raise
    finally:
        os.close(readable)


@contextlib.contextmanager
def acting_as(owner: Optional[tuple[int, int]]) -> Iterator[None]:
    """Do something with the file rights of a user; only root can, others act as themselves."""
    if owner is None or owner[0] == 0 or os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    try:
        os.setgroups([owner[1]])
        os.setegid(owner[1])
        os.seteuid(owner[0])
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def fill(tree: Tree, path: str, size_bytes: int, *, allocate: bool) -> None:
    """Make a file of exactly ``size_bytes`` without holes, 0600 from the first byte.

    ``allocate`` reserves blocks (posix_fallocate(3p)); otherwise zeros are written.  A file that
    a killed run left partly filled is made anew.
    """
    with tree.parent(path) as (directory, name):
        present = _present(directory, name)
        if present is not None and _whole(present, size_bytes):
            os.chmod(name, 0o600, dir_fd=directory)
            return
        descriptor = _create(directory, name)
        try:
            with open(descriptor, "wb", buffering=0) as stream:
                if allocate:
                    os.posix_fallocate(stream.fileno(), 0, size_bytes)
                else:
                    _zeros(stream.fileno(), size_bytes)
                os.fsync(stream.fileno())
        except BaseException:
            os.unlink(name, dir_fd=directory)
            raise


def _whole(present: os.stat_result, size_bytes: int) -> bool:
    whole = stat.S_ISREG(present.st_mode) and present.st_size == size_bytes
    return whole and present.st_blocks * 512 >= size_bytes and present.st_nlink == 1


def _zeros(descriptor: int, size_bytes: int) -> None:
    block = bytes(1 << 20)
    left = size_bytes
    while left > 0:
        left -= os.write(descriptor, block[: min(left, len(block))])


def empty(tree: Tree, path: str, *, beneath: str = "") -> None:
    """Cut a file to no bytes in its place, for whoever holds it open; absence is fine.

    ELOOP for a link, EMLINK for a file with other names: those may be anywhere.
    """
    with contextlib.suppress(FileNotFoundError), tree.parent(path, beneath=beneath) as found:
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(found[1], flags, dir_fd=found[0])
        try:
            present = os.fstat(descriptor)
            if not stat.S_ISREG(present.st_mode) or present.st_nlink > 1:
                raise OSError(errno.EMLINK, "not a file of this name alone")
            if present.st_size:
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)


def remove(tree: Tree, path: str, *, recursive: bool, beneath: str = "") -> None:
    """Delete a file, a link, or a directory; absence is fine, also when it comes meanwhile.

    Never follows a link below ``beneath``, nor the last one, and never crosses into what is
    mounted there (EXDEV).
    """
    with contextlib.suppress(FileNotFoundError), tree.parent(path, beneath=beneath) as found:
        directory, name = found
        present = _present(directory, name)
        if present is None:
            return
        _delete(directory, name, present, recursive=recursive)
        sync_directory(directory)


def _delete(directory: int, name: str, found: os.stat_result, *, recursive: bool) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=directory)
            return
        if recursive:
            _clear(directory, name)
        os.rmdir(name, dir_fd=directory)


def _clear(directory: int, name: str) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    inner = os.open(name, flags, dir_fd=directory)
    try:
        if mount_of(inner) != mount_of(directory):
            raise OSError(errno.EXDEV, "another file system is mounted there")
        for entry in os.listdir(inner):
            found = _present(inner, entry)
            if found is not None:
                _delete(inner, entry, found, recursive=True)
    finally:
        os.close(inner)
