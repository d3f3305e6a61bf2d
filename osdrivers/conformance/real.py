# SPDX-License-Identifier: Apache-2.0
"""Clauses in a bed with real tools: the same functions, run by a process inside it.

Clauses on one operation share a bed as long as they only ask, refuse, or look at what the operation
left behind; what does more gets a bed of its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from ..api import Driver
from ..errors import CommandMissing
from ..host import Completed, Host, Secret, SystemCommands
from .beds.bed import Bed, File, Share
from .beds.entered import LeftBehind, inside
from .beds.opened import OpenBed, opened
from .beds.peer import lease
from .bench import Undisturbed
from .ground import Ground
from .manners import Call, Manners
from .operation import Operation
from .operations import before
from .trial import Build, Ran, Trial, tools

_VMBUS = "bus/vmbus/devices/temporary"
#: The child has the streams of the tool, and outlives every limit; it ends with the bed.
_HOLDING = 'sleep 9999 & exec "$0" "$@"'
_DISK_BYTES = 1 << 31
_TEMPORARY = (
    File(f"{_VMBUS}/device_id", "{00000000-0001-8899-0000-000000000000}\n", 0o444),
    File(
        f"{_VMBUS}/host0/target0:0:1/0:0:1:0/block/{{disk}}",
        link="/sys/devices/virtual/block/{disk}",
    ),
)


class RealCommands(SystemCommands):
    """The commands of the bed; ``misbehaving`` as in :class:`.manners.Manners`."""

    def __init__(self, **misbehaving: Any) -> None:
        super().__init__("/")
        self._manners = Manners(**misbehaving)
        self.calls: list[Call] = []

    def find(self, command: str) -> str:
        return "" if self._manners.lacks(command) else super().find(command)

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        if not self.find(argv[0]):
            raise CommandMissing(argv[0])
        ended = self._manners.instead(argv, self.calls, timeout_s)
        if ended is None:
            ended = super().__call__(self.started(argv), stdin, timeout_s)
        self.calls.append(Call(argv, ended.status))
        return ended

    def started(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """What is run for a command."""
        if not {"*", os.path.basename(argv[0])} & set(self._manners.holding):
            return argv
        return ("/bin/sh", "-c", _HOLDING, self.find(argv[0]), *argv[1:])


@dataclass
class RealTrial(Trial):
    """The bed, from inside.  ``ground`` is what differs from the tree.

    ``state`` says what was done in it: nothing (``new``), the preconditions (``start``), the
    operation (``after``), or something else (``spent``).  A bed is not put back.
    """

    operation: Operation
    state: str
    ran: list[str] = field(default_factory=list)

    def driver(self, **commands: Any) -> Driver:
        return self.build(Host("/", commands=RealCommands(**commands), offline=False))

    def run(self, operation: Operation, *, dry_run: bool = False, **named: Any) -> Ran:
        ran = super().run(operation, dry_run=dry_run, **named)
        if any(event.status == "started" for event in ran.events):
            whole = operation is self.operation and ran.error is None and not named
            self.state = "after" if whole and self.state in ("start", "after") else "spent"
        if not dry_run:
            self.ran += tools(ran.calls)
        return ran

    def prepare(self) -> None:
        """Make the preconditions of the operation."""
        for operation in before(self.operation):
            ran = self.run(operation)
            assert ran.error is None, f"{operation.name}: {ran.error!r}"
        self.state = "start"
        self.ran.clear()


class Spent(BaseException):
    """The clause needs a machine on which less was done.  No Exception: nothing may catch it."""


class RealMachine:
    """What a Bench works on, in place of captured machines: one bed, seen from inside."""

    def __init__(self, build: Build, operation: Operation) -> None:
        self._build, self._operation = build, operation
        self._trial: Optional[RealTrial] = None

    def enter(self, state: str, differs: int) -> None:
        """From here on this process is in the bed, in which so much was done before."""
        ground = Ground(f"/proc/self/fd/{differs}/.")
        self._trial = RealTrial(ground, self._build, self._operation, state)

    @property
    def trial(self) -> RealTrial:
        assert self._trial is not None, "outside the bed"
        return self._trial

    def fresh(self, name: str, after: tuple[str, ...] = ()) -> Trial:
        """The bed with the preconditions of the operation."""
        if self.trial.state == "new":
            self.trial.prepare()
        if self.trial.state != "start":
            raise Spent
        return self.trial

    def after(self, name: str, operation: Operation) -> Trial:
        if self.trial.state != "after":
            self.undisturbed(name, operation)
        return self.trial

    def undisturbed(self, name: str, operation: Operation) -> Undisturbed:
        trial = self.fresh(name)
        ran = trial.run(operation)
        assert ran.error is None, f"{ran.error!r}"
        self.trial.state = "after"  # also where it had nothing to do
        return Undisturbed(ran, trial.disk())


@dataclass(frozen=True)
class Told:
    """What became of a clause in a bed: ``passed``, ``failed``, ``skipped``, or ``spent``.

    ``state`` is that of the bed, ``tools`` are those that the operation ran.
    """

    outcome: str
    state: str = "spent"
    why: str = ""
    tools: tuple[str, ...] = ()


class Beds:
    """The bed that is open: clauses on one operation share it as long as its state allows."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self._place: object = None
        self._bed: Optional[OpenBed] = None
        self._state = "spent"

    def close(self) -> None:
        self._open.close()
        self._bed, self._state = None, "spent"

    def tried(
        self, clause: Callable[[], object], machine: RealMachine, place: tuple[str, str, Path]
    ) -> Told:
        """Run a clause; ``place`` is its operation, the bed and the tree.

        :raises OperationError: there can be no such bed here.
        """
        told = Told("spent")
        if self._bed is not None and place == self._place and self._state != "spent":
            told = self._run(clause, machine)
        if told.outcome == "spent":
            self.close()
            self._place, self._state = place, "new"
            self._bed = self._open.enter_context(_laid(*place[1:]))
            told = self._run(clause, machine)
        if told.outcome == "spent":
            return Told("skipped", "spent", "this clause needs a second bed: one is not put back")
        return told

    def _run(self, clause: Callable[[], object], machine: RealMachine) -> Told:
        assert self._bed is not None
        state = self._state
        try:
            told = inside(self._bed, lambda differs: _within(clause, machine, state, differs))
        except LeftBehind as failure:
            told = Told("failed", "spent", str(failure))
        assert isinstance(told, Told)
        self._state = told.state
        return told


def _within(clause: Callable[[], object], machine: RealMachine, state: str, differs: int) -> Told:
    machine.enter(state, differs)
    outcome, why = "passed", ""
    try:
        clause()
    except Spent:
        return Told("spent")
    except pytest.skip.Exception as skipped:
        outcome, why = "skipped", str(skipped.msg)
    return Told(outcome, machine.trial.state, why, tuple(sorted(set(machine.trial.ran))))


@contextlib.contextmanager
def _laid(name: str, tree: Path) -> Iterator[OpenBed]:
    disk = name == "loop"
    bed = Bed(
        root=os.fspath(tree),
        disk_bytes=_DISK_BYTES if disk else 0,
        swap_below="/mnt/resource" if disk else "",
        sysfs=_TEMPORARY if disk else (),
        hidden_sysfs=("bus/vmbus",) if disk else (),
        shared=() if os.fspath(tree) == "/" else _interpreter(),
    )
    with opened(bed) as open_bed, contextlib.ExitStack() as stack:
        if name == "network":
            stack.enter_context(lease(open_bed))
        yield open_bed


def _interpreter() -> tuple[Share, ...]:
    """What this process may import later, at the same paths in a foreign tree."""
    return tuple(Share(path) for path in dict.fromkeys(sys.path) if os.path.isdir(path))
