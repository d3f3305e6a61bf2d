# SPDX-License-Identifier: Apache-2.0
"""A piece of work whose disk becomes full at each of its points: what is said, and what becomes of
it when there is room again.

The disk is a tmpfs(5) of this process alone, filled to its last page or its last inode.  What other
processes do meanwhile finds room: how handlers and tools bear a full disk is theirs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from osdrivers.conformance.beds import kernel

from . import points
from .everywhere import Tree, sampled
from .points import Points

KINDS = ("space", "inodes")
#: What a piece of work may take beside what is there: bytes, inodes.
ROOM_BYTES, ROOM_INODES = 1 << 20, 150


class Filler:
    """Takes all that is left of a disk, and gives it back."""

    def __init__(self, disk: Path, kind: str) -> None:
        self._disk, self._kind = disk, kind
        self.full = False

    def fill(self) -> None:
        self.full = True
        with contextlib.suppress(OSError):  # that is when it is full
            self._take()

    def _take(self) -> None:
        place = self._disk / "filler"
        place.mkdir(exist_ok=True)
        if self._kind == "inodes":
            for number in range(10**6):
                os.close(os.open(place / str(number), os.O_CREAT | os.O_WRONLY))
        with open(place / "pages", "ab", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))

    def free(self) -> None:
        self.full = False
        shutil.rmtree(self._disk / "filler", ignore_errors=True)


class Filling(Points):
    """Fills the disk at one of its points, and leaves it so until somebody ``hears`` of it."""

    def __init__(self, below: str, told: int, filler: Filler, fatal: int) -> None:
        super().__init__(below, told, fatal=fatal)
        self._filler = filler
        self.said: list[str] = []

    def at_fatal(self) -> None:
        with super().elsewhere():
            self._filler.fill()

    @contextlib.contextmanager
    def elsewhere(self) -> Iterator[None]:
        with super().elsewhere():
            full = self._filler.full
            if full:
                self._filler.free()
            yield
            if full:
                self._filler.fill()

    def hear(self, text: str) -> None:
        """Of a failure: there is room again if it says what is missing."""
        self.said.append(text)
        with super().elsewhere():
            if os.strerror(errno.ENOSPC) in text:
                self._filler.free()


@dataclass(frozen=True)
class Bearing:
    """Work that is told of failures and goes on after them; :class:`.everywhere.Subject` else."""

    name: str
    prepare: Callable[[Path], object]
    work: Callable[[Path, Filling], object]
    tree: Callable[[Path], Tree]
    again: Callable[[str], bool] = lambda what: False


@dataclass(frozen=True)
class Row:
    """One point: what was said of it, and what is wrong or ""."""

    number: int
    point: str
    said: tuple[str, ...]
    problem: str


def report(bearing: Bearing, scratch: Path, kind: str, sample: int = 10**6) -> list[Row]:
    """Fill the disk at each point, or at a sample of them."""
    origin, disk = scratch / "origin", scratch / "disk"
    bearing.prepare(origin)
    disk.mkdir()

    present = [path.lstat().st_size for path in origin.rglob("*")]
    size = sum(4096 + (each | 4095) for each in present) + ROOM_BYTES
    options = f"size={size},nr_inodes={len(present) + ROOM_INODES},mode=0755"

    def trial(fatal: int) -> points.End:
        def made(below: str, told: int) -> Points:
            kernel.unshare(kernel.NEW_MOUNTS)
            kernel.private_mounts()
            kernel.mount("none", str(disk), "tmpfs", options=options)
            shutil.copytree(origin, below, symlinks=True)
            return Filling(below, told, Filler(disk, kind), fatal)

        def work(found: Points) -> None:
            assert isinstance(found, Filling)
            bearing.work(disk / "here", found)
            with found.elsewhere():
                for line in found.said:
                    found.ran(f"said {line}")
                for name, fact in bearing.tree(disk / "here").items():
                    found.ran(f"tree {name} {fact!r}")

        return points.run(str(disk / "here"), work, made=made)

    whole = trial(0)
    chosen = sampled(len(whole.points), sample)
    return [_compared(bearing, number, whole, trial(number)) for number in chosen]


def _compared(bearing: Bearing, number: int, whole: points.End, found: points.End) -> Row:
    said = tuple(one[len("said ") :] for one in found.ran if one.startswith("said "))
    done = [one for one in found.ran if not one.startswith("said ")]
    problem = ""
    odd = [
        one
        for one in sorted({*done, *whole.ran})
        if done.count(one) != whole.ran.count(one) and not (one in done and bearing.again(one))
    ]
    if odd:
        problem = f"differs: {odd[:2]}"
    elif not all(os.strerror(errno.ENOSPC) in one for one in said):
        problem = "said something else"
    elif len(said) > 2 or len(set(said)) < len(said):
        problem = "said too often"
    return Row(number, whole.points[number - 1], said, problem[:600])


def lines(name: str, kind: str, rows: list[Row]) -> Iterator[str]:
    """The report as a table."""
    bad = sum(bool(one.problem) for one in rows)
    yield f"{name}, no {kind} left: {len(rows)} tried, {bad} bad"
    for one in rows:
        said = " / ".join(one.said) or "-"
        yield f"  {one.number:4} {one.point[-60:]:60}  {said}  {one.problem}".rstrip()
