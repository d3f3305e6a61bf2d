# SPDX-License-Identifier: Apache-2.0
"""A machine, running or not: the only access to its files and commands."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from collections.abc import Iterator
from dataclasses import replace as changed
from typing import Callable, Optional

from ..errors import Busy, CommandFailed, CommandMissing
from . import changes
from .changes import Manner
from .commands import Commands, Completed, SystemCommands
from .places import Places
from .reading import Reading, naming
from .secret import Secret
from .tree import Tree

LOCK_WAIT_S = 5.0


class Host(Reading):
    """One machine.

    :param root: where its tree is: ``/`` or a directory with an unpacked or mounted image.
    :param commands: how its commands are run; processes (in a chroot below a foreign root) by
        default.  The one thing that tests replace.
    :param offline: the machine is not running, so actions marked ``booted`` are skipped; by
        default true below a foreign root.
    :param assume_tools: answer yes to ``has``: for showing a plan for a tree that is incomplete.
    """

    def __init__(
        self,
        root: str = "/",
        *,
        commands: Optional[Commands] = None,
        offline: Optional[bool] = None,
        places: Places = Places(),  # noqa: B008 - frozen
        assume_tools: bool = False,
    ) -> None:
        self.tree = Tree(root)
        self.root = self.tree.root
        self.offline = self.root != "/" if offline is None else offline
        self.commands: Commands = commands or SystemCommands(self.root)
        self.places = places
        self.assume_tools = assume_tools

    def with_places(self, **paths: str) -> Host:
        """The same machine with other places, e.g. for a system that keeps them elsewhere."""
        other = Host.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.places = changed(self.places, **paths)
        return other

    def with_default_places(self, **paths: str) -> Host:
        """The places of another system, but for those that the administrator has set already."""
        standard = Places()
        free = {
            name: path
            for name, path in paths.items()
            if getattr(self.places, name) == getattr(standard, name)
        }
        return self.with_places(**free)

    # ---- commands

    def run(
        self,
        *argv: str,
        stdin: Secret = Secret(),  # noqa: B008 - immutable
        timeout_s: float = 60.0,
        ok: tuple[int, ...] = (0,),
    ) -> str:
        """Run a command and return its standard output.

        :raises CommandFailed: its status is not in ``ok``.
        :raises CommandMissing: it is not installed.  :raises CommandTimeout: it was killed.
        """
        done = self.commands(argv, stdin, timeout_s)
        if done.status not in ok:
            raise CommandFailed(argv, done.status, done.stderr or done.stdout)
        return done.stdout

    def ask(self, *argv: str, timeout_s: float = 30.0) -> Completed:
        """Run a command that changes nothing; any exit status is an answer.

        :raises CommandMissing: it is not installed.  :raises CommandTimeout: it was killed.
        """
        return self.commands(argv, Secret(), timeout_s)

    def has(self, command: str) -> bool:
        """Whether a command is installed."""
        return self.assume_tools or bool(self.commands.find(command))

    def require(self, *commands: str, package: str = "") -> None:
        """Check, before the first change, for every tool a plan needs.

        :raises CommandMissing: naming the first that is not installed.
        """
        for command in commands:
            if not self.has(command):
                raise CommandMissing(command, package)

    # ---- changing files; called by actions only

    def write(
        self,
        path: str,
        data: bytes,
        *,
        mode: Optional[int] = None,
        owner: str = "",
        beneath: str = "",
        check: tuple[str, ...] = (),
    ) -> None:
        """Replace a file atomically; a crash leaves the old content or the new.

        :param check: a command that is given the finished new file as its last argument and must
            succeed before it takes the name, e.g. ``("visudo", "-cf")``.
        :raises FileFailed: ReadOnlyTarget, NoSpace, NotPermitted where that is the cause.
        :raises CommandFailed: the check refused; the old file stays.
        """

        def approve(fresh: str) -> None:
            self.run(*check, fresh)

        ids = self.owner_of(owner) if owner else None
        manner = Manner(mode, ids, beneath, approve if check else None)
        with naming(path):
            changes.replace(self.tree, path, data, manner)

    def edit(
        self,
        path: str,
        change: Callable[[bytes], bytes],
        *,
        mode: Optional[int] = None,
        owner: str = "",
        beneath: str = "",
        check: tuple[str, ...] = (),
    ) -> bool:
        """Read, change, and write back under the machine's lock; False if nothing changed.

        An absent file is read as empty.  Owner, mode, label and links of a present one stay.
        """
        with self.lock():
            present = self.status(path)
            before = self.read_bytes(path, b"")
            after = change(before)
            if present is not None and after == before:
                return False
            kept = mode if present is None or beneath else None
            self.write(path, after, mode=kept, owner=owner, beneath=beneath, check=check)
            return True

    def remove(self, path: str, *, recursive: bool = False, beneath: str = "") -> None:
        """Delete; absence is fine.  Never follows a link, never crosses a mount point.

        ``beneath``: on the way below that directory no link is followed either.
        """
        with naming(path):
            changes.remove(self.tree, path, recursive=recursive, beneath=beneath)

    def empty(self, path: str, *, beneath: str = "") -> None:
        """Cut a file to no bytes in its place; absence is fine.  No link is followed, and a
        file with a second name is refused: that may be anywhere."""
        with naming(path):
            changes.empty(self.tree, path, beneath=beneath)

    def make_directory(
        self, path: str, *, mode: int = 0o755, owner: str = "", beneath: str = ""
    ) -> None:
        """Create a directory with this mode and owner, or give them to a present one.

        Missing parents are made 0755; below ``beneath`` they get the owner, and no link is
        followed.
        """
        ids = self.owner_of(owner) if owner else None
        upper = os.path.dirname(path.rstrip("/"))
        if upper not in ("", "/", beneath.rstrip("/")) and not self.exists(upper):
            self.make_directory(upper, owner=owner if beneath else "", beneath=beneath)
        acting, parent = changes.acting_as(ids if beneath else None), self.tree.parent
        with (
            naming(path),
            self.tree.entrance() as door,
            acting,
            parent(path, beneath=beneath, entrance=door) as (directory, name),
        ):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=directory)  # no kill comes between name and mode
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=directory)
            try:
                if ids is not None and not beneath:
                    os.fchown(descriptor, *ids)
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)

    def change_mode(self, path: str, mode: int) -> None:
        """chmod(2) without following a link."""
        with naming(path), self.tree.parent(path) as (directory, name):
            os.chmod(name, mode, dir_fd=directory)

    def change_owner(self, path: str, owner: str) -> None:
        """lchown(2)."""
        ids = self.owner_of(owner)
        with naming(path), self.tree.parent(path) as (directory, name):
            os.chown(name, *ids, dir_fd=directory, follow_symlinks=False)

    def rename(self, old: str, new: str) -> None:
        """rename(2) within one directory tree; replaces ``new`` atomically."""
        parent = self.tree.parent
        with naming(old), parent(old) as (source, before), parent(new) as (target, after):
            os.rename(before, after, src_dir_fd=source, dst_dir_fd=target)
            changes.sync_directory(target)

    def link(self, path: str, target: str) -> None:
        """Make or replace a symbolic link."""
        with naming(path), self.tree.parent(path) as (directory, name):
            fresh = f".{name}{changes.NEW_SUFFIX}"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=directory)
            os.symlink(target, fresh, dir_fd=directory)
            os.rename(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)

    def fill(self, path: str, size_bytes: int, *, allocate: bool) -> None:
        """Make a file of exactly this size, 0600, without holes: for swap(8)."""
        with naming(path):
            changes.fill(self.tree, path, size_bytes, allocate=allocate)

    def append(self, path: str, data: bytes, *, limit_bytes: int) -> None:
        """Add a line to a private log (0600); past the limit, the present one becomes ``.1``."""
        with naming(path), self.tree.parent(path) as (directory, name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, 0o600, dir_fd=directory)
            with open(descriptor, "ab", buffering=0) as stream:
                stream.write(data)
                full = os.fstat(stream.fileno()).st_size >= limit_bytes
            if full:
                os.rename(name, f"{name}.1", src_dir_fd=directory, dst_dir_fd=directory)

    def write_into(self, path: str, data: bytes) -> None:
        """Write to a node of sysfs, procfs or /dev, where nothing can be renamed."""
        with naming(path), self.tree.parent(path, follow=True) as (directory, name):
            descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
            with open(descriptor, "wb", buffering=0) as stream:
                stream.write(data)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Serialise changes of several agents on one machine.

        flock(2) of the state directory, which only root can open; without one there is nobody
        to meet.  :raises Busy: it was not free within 5 s.
        """
        if not self.is_directory(self.places.state):
            yield
            return
        where = self.locate(self.places.state, follow=True)
        descriptor = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._wait_for_lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for_lock(self, descriptor: int) -> None:
        for _ in range(int(LOCK_WAIT_S / 0.05)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                select.select([], [], [], 0.05)
        raise Busy(f"{self.places.state} is locked by another agent", hint="try again")

    @contextlib.contextmanager
    def claim(self, path: str) -> Iterator[None]:
        """Be the only agent that works on this machine: a lock, not a guess by process id.

        flock(2) of ``path``, an empty file; of the root directory when the machine is offline,
        so that nothing is left in an image.
        :raises Busy: another agent is at work.
        """
        if self.offline:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        else:
            with naming(path), self.tree.parent(path, follow=True) as (directory, name):
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                descriptor = os.open(name, flags, 0o644, dir_fd=directory)
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            holder = self._holder(os.fstat(descriptor))
            named = f" (process {holder})" if holder else ""
            raise Busy(
                f"another agent{named} is at work here", holder, hint="wait for it to end"
            ) from taken

    def _holder(self, locked: os.stat_result) -> str:
        """The process that holds a lock, from /proc/locks (proc(5)); "" where that is unknown."""
        where = f"{os.major(locked.st_dev):02x}:{os.minor(locked.st_dev):02x}:{locked.st_ino}"
        for line in self.read(f"{self.places.procfs}/locks", "").splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == where:
                return words[4]
        return ""
