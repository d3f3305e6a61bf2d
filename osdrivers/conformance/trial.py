# SPDX-License-Identifier: Apache-2.0
"""A pretend machine to try an operation on, and what its disk looks like afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ..api import Driver
from ..errors import AgentError
from ..executor import Event, Outcome, Task, carry_out
from ..host import Host
from ..trace import line, record
from .ground import Ground, differences, disk, facts, times
from .machines import PretendCommands, attach
from .manners import Call
from .operation import Operation

__all__ = ["Build", "Killed", "Ran", "Trial", "differences", "disk", "times", "tools"]

Build = Callable[[Host], Driver]


class Killed(BaseException):
    """The process ends here, as far as the operation is concerned."""


@dataclass
class Trial:
    """One machine's disk, and the driver that is built for it."""

    ground: Ground
    build: Build

    @property
    def root(self) -> str:
        return self.ground.root

    def disk(self) -> Mapping[str, object]:
        """What is on the disk now, to be compared with another."""
        return facts(self.ground.snapshot())

    def times(self) -> Mapping[str, tuple[int, int]]:
        """Inode and time of change of every file: equal means that nothing was touched."""
        return self.ground.times()

    def driver(self, **commands: Any) -> Driver:
        """A driver on a fresh host; ``commands`` as for PretendCommands."""
        return self.build(attach(self.root, **commands))

    def run(
        self,
        operation: Operation,
        *,
        dry_run: bool = False,
        stop_before: int = 0,
        at: Optional[Callable[[int], None]] = None,
        **commands: Any,
    ) -> Ran:
        """Carry the operation out.

        :param stop_before: the number of the action before which the process ends.
        :param at: called with the number of each action before it is carried out.
        """
        driver = self.driver(**commands)
        ran = Ran(driver)

        def observe(event: Event) -> None:
            ran.events.append(event)
            if event.status in ("started", "planned", "skipped"):
                if at is not None:
                    at(event.seq)
                if event.seq == stop_before:
                    raise Killed

        task = Task(operation.name, lambda: operation.plan(driver))
        try:
            ran.outcomes = carry_out([task], driver.host, observe, dry_run=dry_run)
        except Killed:
            ran.killed = True
        return ran


class Ran:
    """What became of an operation."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.killed = False

    @property
    def error(self) -> Optional[AgentError]:
        return self.outcomes[0].error if self.outcomes else None

    @property
    def lines(self) -> list[str]:
        """The trace: each action once."""
        begun = ("started", "planned", "skipped")
        return [line(event) for event in self.events if event.status in begun]

    @property
    def calls(self) -> Sequence[Call]:
        """The commands that ran."""
        calls: Sequence[Call] = getattr(self.driver.host.commands, "calls", ())
        return calls

    @property
    def commands(self) -> PretendCommands:
        """On a pretend machine."""
        commands = self.driver.host.commands
        assert isinstance(commands, PretendCommands)
        return commands

    @property
    def only_files(self) -> bool:
        """Whether it did nothing but change files itself."""
        kinds = {event.action.kind for event in self.events if event.action is not None}
        return bool(kinds) and kinds <= {"write", "edit", "mkdir", "remove", "chown", "verify"}

    def everything_said(self) -> str:
        """All that is ever printed or logged of it, and every argv."""
        said = [json.dumps(record(event)) for event in self.events]
        said += [repr(event) + line(event) for event in self.events]
        said += [" ".join(call.argv) for call in self.calls]
        error: Optional[BaseException] = self.error
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            said.append(f"{error!r} {error} {vars(error)}")
            error = error.__cause__
        return "\n".join(said)


def tools(calls: Iterable[Call]) -> list[str]:
    """The names of the commands that ran."""
    return sorted({os.path.basename(call.argv[0]) for call in calls})
