# SPDX-License-Identifier: Apache-2.0
"""One directory that becomes the disk of a machine again and again, by rewriting what differs.

Clauses try an operation hundreds of times from one start.  An operation touches a handful of some
two hundred files: putting those back costs a tenth of a copy, and comparing the result with
another reads only what was touched.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .watch import Lost, Watch

#: What two right runs may differ in: fresh keys, salts, times of a boot.
_RANDOM = re.compile(r"/(ssh_host_\w+_key(\.pub)?|ssh-host-keys\.json)\Z")
_SALTED = re.compile(rb"\$\d\$[^:\n]+")
#: A clock of a file system ticks every 10 ms at most; what is this much older is never "now".
_AGE_NS = 10**9


@dataclass(frozen=True)
class Entry:
    """A file, a link or a directory; ``data`` is its content or its target."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    data: bytes = b""

    @cached_property
    def fact(self) -> object:
        """What two disks are compared by; for what is random, all but the content."""
        if self.kind == "link":
            return ("link", os.fsdecode(self.data))
        if self.kind == "directory":
            return ("directory", self.mode, self.uid, self.gid)
        if _RANDOM.search(self.path):
            return ("random", self.mode, self.uid, self.gid)
        return ("file", self.mode, self.uid, self.gid, _SALTED.sub(b"<hash>", self.data))


Snapshot = Mapping[str, Entry]
_Mark = tuple[int, ...]


class Ground:
    """A directory, and what it was known to hold when it was last made.

    ``watched``: the kernel tells what is touched (see :mod:`.watch`), so that only this is looked
    at again, whichever process did it; else, and where it cannot, everything is, each time.
    """

    def __init__(self, root: str, *, watched: bool = False) -> None:
        self.root = root
        self._watched, self._watch = watched, _NOTHING
        self._last: Snapshot = {}
        self._made: dict[str, _Mark] = {}
        self._seen: dict[str, _Mark] = {}
        self._below: dict[str, set[str]] = {}
        self._touched: set[str] = set()

    def snapshot(self) -> Snapshot:
        """What is there now.  Only what was changed since the directory was made is read."""
        self._look()
        found = {path: entry for path, entry in self._last.items() if path in self._seen}
        found.update({path: _entry(self.root, path) for path in self._touched & self._seen.keys()})
        return found

    def times(self) -> Mapping[str, tuple[int, int]]:
        """Inode and time of change of every file: equal means that nothing was touched."""
        return {path: (mark[0], mark[6]) for path, mark in self._look().items() if path}

    def become(self, snapshot: Snapshot) -> None:
        """Hold exactly what the snapshot says."""
        self._look()
        unfinished: set[str] = set()
        missing = [path for path in sorted(self._differing(snapshot)) if self._drop(path, snapshot)]
        for path in missing:
            entry, there = snapshot[path], path in self._seen
            if entry.kind != "directory":
                self._make(entry)
            elif not there:
                os.mkdir(self.root + path)
                self._add(path)
            if entry.kind == "directory":
                unfinished.add(path)
            if not there:
                unfinished.add(path.rpartition("/")[0])
        unfinished |= {path.rpartition("/")[0] for path in self._touched}
        for path in sorted(unfinished & snapshot.keys(), reverse=True):
            self._dress(snapshot[path])
        self._last, self._made = snapshot, dict(self._seen)
        self._touched.clear()
        self._forget_own_touches()

    def _differing(self, snapshot: Snapshot) -> set[str]:
        """Paths that may differ from it: most are the very entries of the last one."""
        last = self._last
        differing = {path for path, entry in snapshot.items() if last.get(path) is not entry}
        differing -= {path for path in differing if last.get(path) == snapshot[path]}
        return self._touched | differing | {path for path in last if path not in snapshot}

    def _drop(self, path: str, snapshot: Snapshot) -> bool:
        """Remove what is to be made anew or not to be at all; whether it is to be."""
        entry, mark = snapshot.get(path), self._seen.get(path)
        if mark is not None and not (
            entry is not None and entry.kind == "directory" and stat.S_ISDIR(mark[1])
        ):
            self._touched.add(path)
            self._remove(path, stat.S_ISDIR(mark[1]))
        return entry is not None

    def _remove(self, path: str, directory: bool) -> None:
        if directory:
            shutil.rmtree(self.root + path, ignore_errors=True)
        elif os.path.lexists(self.root + path):  # else it went with its directory
            os.unlink(self.root + path)
        self._gone(path)

    def _make(self, entry: Entry) -> None:
        real = self.root + entry.path
        if entry.kind == "link":
            os.symlink(entry.data, real)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(real, flags, 0o600), "wb", buffering=0) as stream:
                stream.write(entry.data)
        self._dress(entry)

    def _dress(self, entry: Entry) -> None:
        real = self.root + entry.path
        status = os.lstat(real)
        if (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
            os.chown(real, entry.uid, entry.gid, follow_symlinks=False)
        if entry.kind != "link":
            os.chmod(real, entry.mode)
        os.utime(real, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)
        self._saw(entry.path, _mark(os.lstat(real)))

    # ---- what is there

    def _look(self) -> Mapping[str, _Mark]:
        """The mark of every path now."""
        if isinstance(self._watch, Watch):
            try:
                touched = set(self._watch.touched())
                for path in sorted({path for path, _ in touched}):
                    if (path, True) in touched:
                        self._gone(path)
                    self._look_at(path)
                return self._seen
            except Lost:
                self._unwatch()
        self._seen, self._below = {}, {}
        if self._watched:
            self._watch = self._begun()
        self._look_at("")
        now, made = self._seen, self._made
        self._touched = {path for path in {*now, *made} if now.get(path) != made.get(path)}
        return self._seen

    def _begun(self) -> object:
        try:
            return Watch()
        except (OSError, AttributeError):  # none left, or not Linux
            self._watched = False
            return _NOTHING

    def _look_at(self, path: str) -> None:
        """At one path again; at all below a directory that is new."""
        try:
            mark = _mark(os.lstat(self.root + path))
        except (FileNotFoundError, NotADirectoryError):
            self._gone(path)
            return
        before = self._seen.get(path)
        self._touched.add(path)  # whatever its mark: a clock may tick between two changes
        if before is not None and not (stat.S_ISDIR(before[1]) and before[0] == mark[0]):
            self._gone(path)
            before = None
        self._saw(path, mark)
        if stat.S_ISDIR(mark[1]) and before is None:
            self._add(path)
            try:
                names = os.listdir(self.root + path)
            except FileNotFoundError:
                return  # removed by who asked
            for name in names:
                self._look_at(f"{path}/{name}")

    def _add(self, path: str) -> None:
        if isinstance(self._watch, Watch):
            try:
                self._watch.add(self.root + path, path)
            except FileNotFoundError:
                pass  # removed by who asked
            except OSError:  # no more of them
                self._unwatch()
                self._watched = False

    def _unwatch(self) -> None:
        if isinstance(self._watch, Watch):
            self._watch.close()
        self._watch = _NOTHING

    def _saw(self, path: str, mark: _Mark) -> None:
        self._seen[path] = mark
        if path:
            self._below.setdefault(path.rpartition("/")[0], set()).add(path)

    def _gone(self, path: str) -> None:
        self._touched.add(path)
        if self._seen.pop(path, None) is not None and path:
            self._below.get(path.rpartition("/")[0], set()).discard(path)
        for each in tuple(self._below.pop(path, ())):
            self._gone(each)

    def _forget_own_touches(self) -> None:
        if isinstance(self._watch, Watch):
            try:
                for _ in self._watch.touched():
                    pass
            except Lost:
                self._unwatch()


_NOTHING = object()


def _mark(status: os.stat_result) -> _Mark:
    """Differs when anything was done to the file: its time of change was put into the past."""
    return (
        status.st_ino,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_nlink if not stat.S_ISDIR(status.st_mode) else 0,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _entry(root: str, path: str) -> Entry:
    status = os.lstat(root + path)
    kind, data = "directory", b""
    if stat.S_ISLNK(status.st_mode):
        kind, data = "link", os.fsencode(os.readlink(root + path))
    elif stat.S_ISREG(status.st_mode):
        kind = "file"
        with open(root + path, "rb") as stream:
            data = stream.read()
    mode, mtime_ns = stat.S_IMODE(status.st_mode), status.st_mtime_ns - _AGE_NS
    return Entry(path, kind, mode, status.st_uid, status.st_gid, mtime_ns, data)


def disk(root: str) -> Mapping[str, object]:
    """Every file: kind, mode, owner, content; for what is random, all but the content."""
    return facts(Ground(root).snapshot())


def facts(snapshot: Snapshot) -> Mapping[str, object]:
    return {path: entry.fact for path, entry in snapshot.items() if path}


def times(root: str) -> Mapping[str, tuple[int, int]]:
    """Inode and time of change of every file."""
    return Ground(root).times()


def differences(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Paths in which two disks differ, with what they are on each."""
    return [
        f"{path}: {one.get(path)} / {other.get(path)}"
        for path in sorted({*one, *other})
        if one.get(path) != other.get(path)
    ]
