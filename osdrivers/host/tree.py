# SPDX-License-Identifier: Apache-2.0
"""Files below a root, reached through directory descriptors.

Every path is walked component by component with ``O_NOFOLLOW``, and links are resolved as the
guest would resolve them: an absolute link starts at the root, ``..`` stops there.  So neither a
link inside an image nor one planted between two system calls leads out of it.
Source: path_resolution(7), openat(2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Optional

SYMLINK_LIMIT = 40  # the kernel's own bound, path_resolution(7)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)


@dataclass(frozen=True)
class FileStatus:
    """What lstat(2) says of a guest path.

    ``kind`` is one of ``file directory link block char fifo socket``; ``mode`` holds the twelve
    permission bits; ``target`` is a link's text; ``device`` is (major, minor) of a device node.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    target: str = ""
    device: tuple[int, int] = (0, 0)
    links: int = 1
    inode: int = 0


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFBLK: "block",
    stat.S_IFCHR: "char",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class Tree:
    """The file tree below ``root``.  Raises OSError only; the host gives errors their names."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)

    @contextlib.contextmanager
    def entrance(self) -> Iterator[int]:
        """The root's descriptor, to be opened before rights are given up: what lies above the
        root need not let a user of the guest pass."""
        descriptor = os.open(self.root, _DIRECTORY & ~os.O_NOFOLLOW)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def parent(
        self, path: str, *, follow: bool = False, beneath: str = "", entrance: Optional[int] = None
    ) -> Iterator[tuple[int, str]]:
        """Yield an open directory and the last component of ``path`` in it.

        :param follow: follow the last component too, where it is a link.
        :param beneath: below this guest directory no link at all is followed; ELOOP is raised.
            For directories that belong to a user, who may plant one.  The directory itself may
            be reached through links, as /home is one on some systems.
        :param entrance: from :meth:`entrance`; by default the root is opened now.
        """
        todo, links = _parts(path), 0
        inside = _inside(todo, beneath)
        if entrance is None:
            stack = [os.open(self.root, _DIRECTORY & ~os.O_NOFOLLOW)]
        else:
            stack = [os.dup(entrance)]
        try:
            while todo:
                name = todo.pop(0)
                if name == "..":
                    if len(stack) > 1:
                        os.close(stack.pop())
                    continue
                target = _link(stack[-1], name) if todo or follow else None
                if target is not None:
                    links += 1
                    if links > SYMLINK_LIMIT or len(todo) < inside:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    if target.startswith("/"):
                        while len(stack) > 1:
                            os.close(stack.pop())
                    todo = _parts(target) + todo
                    if not todo:
                        yield stack[-1], "."
                        return
                    continue
                if not todo:
                    yield stack[-1], name
                    return
                stack.append(os.open(name, _DIRECTORY, dir_fd=stack[-1]))
            yield stack[-1], "."
        finally:
            for descriptor in stack:
                os.close(descriptor)

    def locate(self, path: str, *, follow: bool = False) -> str:
        """The real path of a guest path, for a library that wants a file name."""
        todo, done, links = _parts(path), list[str](), 0
        while todo:
            name = todo.pop(0)
            if name == "..":
                done[-1:] = []
                continue
            real = os.path.join(self.root, *done, name)
            if os.path.islink(real) and (todo or follow):
                links += 1
                if links > SYMLINK_LIMIT:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = os.readlink(real)
                done = [] if target.startswith("/") else done
                todo = _parts(target) + todo
            else:
                done.append(name)
        return os.path.join(self.root, *done)

    def status(self, path: str, *, follow: bool = True) -> Optional[FileStatus]:
        """lstat(2) or stat(2) of a guest path; None when it does not exist."""
        try:
            with self.parent(path, follow=follow) as (directory, name):
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                linked = stat.S_ISLNK(found.st_mode)
                target = os.readlink(name, dir_fd=directory) if linked else ""
        except (FileNotFoundError, NotADirectoryError):
            return None
        device = (os.major(found.st_rdev), os.minor(found.st_rdev)) if found.st_rdev else (0, 0)
        return FileStatus(
            kind=_KINDS.get(stat.S_IFMT(found.st_mode), "other"),
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            target=target,
            device=device,
            links=found.st_nlink,
            inode=found.st_ino,
        )

    def read(self, path: str, limit_bytes: int, offset_bytes: int = 0) -> bytes:
        """Up to ``limit_bytes`` of a file, following links as the guest would."""
        with self.parent(path, follow=True) as (directory, name):
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
            descriptor = os.open(name, flags, dir_fd=directory)
        with open(descriptor, "rb", buffering=0) as stream:
            if offset_bytes:
                stream.seek(offset_bytes)
            return _all(stream.fileno(), limit_bytes)

    def pieces(self, path: str, windows: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """The bytes of each window (offset, size); EIO where one is cut short."""
        with self.parent(path, follow=True) as (directory, name):
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
            descriptor = os.open(name, flags, dir_fd=directory)
        with open(descriptor, "rb", buffering=0) as stream:
            for offset, size in windows:
                found = os.pread(stream.fileno(), size, offset)
                if len(found) != size:
                    raise OSError(errno.EIO, f"{len(found)} of {size} bytes read at {offset}")
                yield found

    def swaps_on(self, path: str) -> bool:
        """Whether the kernel refuses to map the file for shared writing; mmap(2), ETXTBSY."""
        import mmap

        with self.parent(path, follow=True) as (directory, name):
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
            try:
                descriptor = os.open(name, flags, dir_fd=directory)
            except OSError as cause:
                if cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                    return False
                raise
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            mmap.mmap(descriptor, mmap.PAGESIZE).close()  # MAP_SHARED, and no page is touched
            return False
        except ValueError:  # shorter than a page: holds no swap
            return False
        except OSError as cause:
            if cause.errno != errno.ETXTBSY:
                raise
            return True
        finally:
            os.close(descriptor)

    def mount(self, path: str) -> tuple[int, int]:
        """What is mounted at a directory: equal for two of the same mount; see mount_of."""
        with self.parent(path, follow=True) as (directory, name):
            descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            return mount_of(descriptor)
        finally:
            os.close(descriptor)

    def names(self, path: str) -> list[str]:
        """Sorted names in a directory."""
        with self.parent(path, follow=True) as (directory, name):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=directory)
        try:
            return sorted(os.listdir(descriptor))
        finally:
            os.close(descriptor)


def mount_of(descriptor: int) -> tuple[int, int]:
    """The file system's number, and where Linux tells it (proc_pid_fdinfo(5)) the mount's: of
    bind mounts the first is the same."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as stream:
            found = re.search(rb"^mnt_id:\s*(\d+)", stream.read(), re.MULTILINE)
    except OSError:
        found = None
    return os.fstat(descriptor).st_dev, int(found[1]) if found else 0


def _all(descriptor: int, limit_bytes: int) -> bytes:
    """read(2) until the end or the limit: files of /proc and /sys have no size to trust."""
    chunks, left = [], limit_bytes
    while left > 0:
        chunk = os.read(descriptor, min(left, 1 << 20))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _inside(path: list[str], beneath: str) -> int:
    """How many of the last components lie below that directory: all of them, if the path does
    not begin with it.  Links before them add components, and take none of them away."""
    fence = _parts(beneath)
    if not beneath:
        return 0
    return len(path) - (len(fence) if path[: len(fence)] == fence else 0)


def _link(directory: int, name: str) -> Optional[str]:
    """A link's text; None for anything else, there or not."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as cause:
        if cause.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
            return None
        raise
