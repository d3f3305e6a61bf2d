# SPDX-License-Identifier: Apache-2.0
"""Captured machines for the clauses: one disk for each, put back to its start for every trial."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Callable, Protocol, TypeVar

from ..actions import Plan
from ..api import Driver
from ..errors import AgentError
from .children import Children
from .ground import Ground, Snapshot, facts
from .machines import set_up
from .operation import Operation
from .operations import BY_NAME
from .selection import Builds
from .trial import Ran, Trial

_T = TypeVar("_T")


class Machines(Protocol):
    """What a Bench works on: captured machines, or a bed with real tools."""

    def fresh(self, name: str, after: tuple[str, ...] = ()) -> Trial:
        """A machine on which these operations were carried out, and nothing else was done."""

    def after(self, name: str, operation: Operation) -> Trial:
        """A machine on which the operation was carried out, and nothing else since."""

    def undisturbed(self, name: str, operation: Operation) -> Undisturbed:
        """What the operation does when nothing comes between."""


class Captured:
    """Every machine's disk, and what is made of it once for all clauses."""

    def __init__(self, found: Mapping[str, Path], builds: Builds, directory: Path) -> None:
        self._machines, self._builds, self._directory = found, builds, directory
        self._trials: dict[str, Trial] = {}
        self._starts: dict[tuple[str, ...], Snapshot] = {}
        self._ends: dict[tuple[str, str], Snapshot] = {}
        self._undisturbed: dict[tuple[str, str], Undisturbed] = {}

    @cached_property
    def children(self) -> Children:
        return Children()

    def close(self) -> None:
        """End the processes that were begun for it."""
        if "children" in vars(self):
            self.children.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._machines)

    def trial(self, name: str) -> Trial:
        """The machine as it is now."""
        if name not in self._trials:
            root = str(self._directory / name)
            set_up(os.fspath(self._machines[name]), root)
            ground = Ground(root, watched=True)
            self._starts[(name,)] = ground.snapshot()
            self._trials[name] = Trial(ground, self._builds.of(name, root))
        return self._trials[name]

    def fresh(self, name: str, after: tuple[str, ...] = ()) -> Trial:
        """The machine as it was captured, and these operations were carried out on it."""
        trial, key = self.trial(name), (name, *after)
        if key not in self._starts:
            self.fresh(name, after[:-1])
            ran = trial.run(BY_NAME[after[-1]])
            assert ran.error is None, f"{after[-1]}: {ran.error}"
            self._starts[key] = trial.ground.snapshot()
        trial.ground.become(self._starts[key])
        return trial

    def undisturbed(self, name: str, operation: Operation) -> Undisturbed:
        """What the operation does when nothing comes between."""
        key = (name, operation.name)
        if key not in self._undisturbed:
            trial = self.fresh(name, operation.after)
            ran = trial.run(operation)
            assert ran.error is None, f"{ran.error!r}"
            self._ends[key] = trial.ground.snapshot()
            self._undisturbed[key] = Undisturbed(ran, facts(self._ends[key]))
        return self._undisturbed[key]

    def after(self, name: str, operation: Operation) -> Trial:
        """The disk that the undisturbed run left, put there again."""
        self.undisturbed(name, operation)
        trial = self.trial(name)
        trial.ground.become(self._ends[(name, operation.name)])
        return trial


@dataclass(frozen=True)
class Undisturbed:
    """What became of an operation, and the disk it left."""

    ran: Ran
    disk: Mapping[str, object]


@dataclass(frozen=True)
class Bench:
    """One operation on one machine."""

    captured: Machines
    machine: str
    operation: Operation

    def fresh(self) -> Trial:
        """A machine on which the preconditions hold, in the place of the one before."""
        return self.captured.fresh(self.machine, self.operation.after)

    def after(self) -> Driver:
        """The driver of a machine on which the operation was carried out, asked anew."""
        return self.afterwards().driver()

    def afterwards(self) -> Trial:
        """That machine."""
        return self.captured.after(self.machine, self.operation)

    def refuses(self, kind: type[AgentError], plan: Callable[[Driver], Plan]) -> None:
        """The preconditions do not hold: an error of that class before anything is touched."""
        trial = self.fresh()
        before = trial.times()
        error = trial.run(replace(self.operation, plan=plan)).error
        assert isinstance(error, kind), f"{error!r}, not {kind.__name__}"
        assert trial.times() == before, "refused, but something was touched"

    def refuses_each(
        self, kind: type[AgentError], values: Iterable[_T], plan: Callable[[Driver, _T], Plan]
    ) -> None:
        """:meth:`refuses`, for each of these values."""
        for value in values:
            self.refuses(kind, _given(plan, value))

    @property
    def children(self) -> Children:
        """Processes of their own for what kills or blinds one."""
        assert isinstance(self.captured, Captured), "on a pretend machine"
        return self.captured.children

    def undisturbed(self) -> Undisturbed:
        return self.captured.undisturbed(self.machine, self.operation)


def _given(plan: Callable[[Driver, _T], Plan], value: _T) -> Callable[[Driver], Plan]:
    return lambda driver: plan(driver, value)
