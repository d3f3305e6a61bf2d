# SPDX-License-Identifier: Apache-2.0
"""The points of a piece of work at which the process can be killed: found, named, died at.

A point comes *before* a change: a file opened for writing, a new directory, a removal, a change of
mode or owner, and - a *state write* - the rename(2) or link(2) that makes a file be there, whole.
Between two points nothing changes, so killing at each of them tries every state that a SIGKILL can
leave.  Source: sys.addaudithook, the table of audit events.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable, Optional

STATE_WRITES = ("os.rename", "os.link", "os.symlink")
CHANGES = (
    *STATE_WRITES, "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.truncate",
)  # fmt: skip
_POINT, _RAN, _BROKE = b"point ", b"ran ", b"broke "


class Points:
    """Counts the points of this process below a directory, and dies at one of them.

    :param fatal: which, from 1; 0 none.  :param every: every change, not only state writes.
    """

    def __init__(self, below: str, told: int, *, fatal: int = 0, every: bool = True) -> None:
        self._below, self._told, self._fatal, self._every = below, told, fatal, every
        self._count, self._quiet = 0, 0

    def watch(self) -> None:
        """From now on, for as long as this process lives."""
        sys.addaudithook(self._hear)

    def reach(self, name: str) -> None:
        """This is a point."""
        self._count += 1
        os.write(self._told, _POINT + name.replace("\n", " ").encode() + b"\n")
        if self._count == self._fatal:
            self.at_fatal()

    def at_fatal(self) -> None:
        """What happens at the point that was chosen."""
        os.kill(os.getpid(), signal.SIGKILL)

    def ran(self, what: str) -> None:
        """Something was done that must not be done twice."""
        os.write(self._told, _RAN + what.replace("\n", " ").encode() + b"\n")

    @contextlib.contextmanager
    def elsewhere(self) -> Iterator[None]:
        """What another process does in truth: no point is in it."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._quiet:
            return
        if event == "open":
            path, _, flags = arguments
            if self._every and isinstance(flags, int) and flags & 3 and not isinstance(path, int):
                self._change("open", self._shown(path, -1))
        elif event in STATE_WRITES or (self._every and event in CHANGES):
            target = arguments[1] if event in STATE_WRITES else arguments[0]
            self._change(event[len("os.") :], self._shown(target, arguments[-1]))

    def _change(self, event: str, name: str) -> None:
        if not name.startswith("/"):
            self.reach(f"{event} {name}")

    def _shown(self, path: Any, directory: Any) -> str:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        name = os.fsdecode(path)
        if isinstance(directory, int) and directory >= 0 and not name.startswith("/"):
            with contextlib.suppress(OSError):  # of a mode, in chmod's place
                name = f"{os.readlink(f'/proc/self/fd/{directory}')}/{name}"
        return name.replace(f"{self._below}/", "").replace(self._below, ".")


@dataclass(frozen=True)
class End:
    """Of one run: the points it came to, what it did, and whether it was killed."""

    points: tuple[str, ...]
    ran: tuple[str, ...]
    killed: bool


def run(
    below: str,
    work: Callable[[Points], object],
    *,
    fatal: int = 0,
    every: bool = True,
    made: Optional[Callable[[str, int], Points]] = None,
) -> End:
    """Do a piece of work in a process of its own.  :raises AssertionError: it broke.

    :param made: makes other points, in that process, of ``below`` and where they are told.
    """
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:  # pragma: no cover - it never returns
        status = 1
        try:
            os.umask(0o022)  # as service managers start the agent
            if made is None:
                points = Points(below, tell, fatal=fatal, every=every)
            else:
                points = made(below, tell)
            points.watch()
            work(points)
            status = 0
        except BaseException:
            said = traceback.format_exc().encode().replace(b"\n", b"\t")
            os.write(tell, _BROKE + said[-3000:] + b"\n")
        finally:
            os._exit(status)
    os.close(tell)
    with open(told, "rb") as stream:
        lines = stream.read().splitlines()
    _, status = os.waitpid(process, 0)
    broke = [line[len(_BROKE) :].decode() for line in lines if line.startswith(_BROKE)]
    if broke:
        raise AssertionError(broke[0].replace("\t", "\n"))
    killed = os.WIFSIGNALED(status)
    assert killed == bool(fatal) and (not killed or os.WTERMSIG(status) == signal.SIGKILL)
    return End(_of(lines, _POINT), _of(lines, _RAN), killed)


def _of(lines: list[bytes], kind: bytes) -> tuple[str, ...]:
    return tuple(line[len(kind) :].decode() for line in lines if line.startswith(kind))
