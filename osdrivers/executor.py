# SPDX-License-Identifier: Apache-2.0
"""Carries plans out, or only shows them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional

from .actions import Action, Plan
from .errors import AgentError, DriverFault
from .host import Host


@dataclass(frozen=True)
class Task:
    """A named step.  ``plan`` is called when its turn comes, so it sees earlier effects.

    A failed ``required`` task ends the run; any other is reported and the run goes on.
    """

    name: str
    plan: Callable[[], Plan]
    required: bool = True


@dataclass(frozen=True)
class Event:
    """What happened to one action (or, with ``action`` None, to a task as a whole).

    ``status`` is ``planned`` (only shown), ``started``, ``done``, ``skipped`` (offline root),
    or ``failed``.  ``seq`` counts actions from 1 over the whole run.
    """

    seq: int
    task: str
    status: str
    action: Optional[Action] = None
    seconds: float = 0.0
    error: Optional[AgentError] = None


@dataclass(frozen=True)
class Outcome:
    """What became of a task.  ``changes`` counts its actions but verifications."""

    task: str
    changes: int
    seconds: float
    required: bool = True
    error: Optional[AgentError] = None


Observer = Callable[[Event], None]


def carry_out(
    tasks: Iterable[Task], host: Host, observe: Observer, *, dry_run: bool = False
) -> list[Outcome]:
    """Take each task in turn, each of its actions in turn; return what became of them.

    Nothing is raised for a task's failure: it is in its Outcome, and the run ends after a
    required one.  A driver's own exception becomes DriverFault: the agent outlives it.
    """
    return [*_Run(host, observe, dry_run).outcomes(tasks)]


class _Run:
    def __init__(self, host: Host, observe: Observer, dry_run: bool) -> None:
        self._host, self._observe, self._dry = host, observe, dry_run
        self._seq = 0
        self._told: Optional[AgentError] = None

    def outcomes(self, tasks: Iterable[Task]) -> Iterable[Outcome]:
        for task in tasks:
            outcome = self._take(task)
            yield outcome
            if outcome.error is not None and task.required:
                return

    def _take(self, task: Task) -> Outcome:
        start = time.monotonic()
        error: Optional[AgentError] = None
        self._changes = 0
        try:
            self._actions(task, task.plan())
        except AgentError as failure:
            error = failure
        except Exception as bug:
            error = DriverFault(f"{task.name}: {bug!r}", hint="report it to the driver's author")
            error.__cause__ = bug
        seconds = time.monotonic() - start
        if error is not None and error is not self._told:
            self._observe(Event(self._seq, task.name, "failed", None, seconds, error))
        return Outcome(task.name, self._changes, seconds, task.required, error)

    def _actions(self, task: Task, plan: Plan) -> None:
        try:
            action = next(plan)
            while True:
                failure = self._act(task.name, action)
                action = plan.throw(failure) if failure else plan.send(None)
        except StopIteration:
            return

    def _act(self, name: str, action: Action) -> Optional[AgentError]:
        """Apply one action; its failure is returned, to be thrown into the plan."""
        self._seq += 1
        if action.kind != "verify":
            self._changes += 1
        if self._dry or (action.booted and self._host.offline):
            status = "skipped" if action.booted and self._host.offline else "planned"
            self._observe(Event(self._seq, name, status, action))
            return None
        self._observe(Event(self._seq, name, "started", action))
        start = time.monotonic()
        try:
            action.apply(self._host)
        except AgentError as failure:
            self._told = failure
            seconds = time.monotonic() - start
            self._observe(Event(self._seq, name, "failed", action, seconds, failure))
            return failure
        self._observe(Event(self._seq, name, "done", action, time.monotonic() - start))
        return None
