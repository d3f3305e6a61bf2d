# SPDX-License-Identifier: Apache-2.0
"""What a scenario does in a line each: want something, wait for a report, look, note a check."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

from lab.handlers import Sample
from lab.platform import control
from lab.platform.machine import Instance, Plugin
from lab.sandbox import Sandbox
from osdrivers.conformance.beds.remote import Started
from osdrivers.errors import AgentError, InvalidInput, OperationError

_WAIT_S = 90.0
STATE = "/var/lib/waagent"


@dataclass(frozen=True)
class Check:
    """One promise, whether it was kept, and what shows it."""

    name: str
    held: bool
    evidence: str


@dataclass
class Play:
    """The checks of a scenario.  ``say`` takes each line of progress."""

    say: Callable[[str], object]
    checks: list[Check] = field(default_factory=list)

    def note(self, name: str, *, held: bool, evidence: str) -> None:
        """Keep a check and say it."""
        self.checks.append(Check(name, held, evidence))
        self.say(f"{'ok  ' if held else 'FAIL'} {name}: {evidence}")

    @contextlib.contextmanager
    def scene(self, name: str) -> Iterator[None]:
        """One check; what goes wrong in it is one that did not hold, and the play goes on."""
        self.say(name)
        before = len(self.checks)
        try:
            yield
        except AgentError as failure:
            self.note(name, held=False, evidence=" ".join(str(failure).split())[:400])
        else:
            if len(self.checks) == before:
                self.note(name, held=True, evidence="as wanted")


@dataclass
class Follower:
    """A guest, its daemon, and the platform that it follows."""

    made: Sandbox
    play: Play
    daemon: Optional[Started] = None
    wanted: dict[str, Plugin] = field(default_factory=dict)

    # ---- the platform

    def ask(self, **command: Any) -> dict[str, Any]:
        """A command to the platform.  :raises InvalidInput: it refused, or a wait found nothing."""
        directory = self.made.scratch("platform")
        return control.ask(Path(directory), command, timeout_s=_WAIT_S + 10)

    def want(self, *samples: tuple[Sample, dict[str, Any]], **changes: Any) -> None:
        """A new goal state: these, besides those that were wanted before."""
        for sample, how in samples:
            offered = self.ask(do="offer", sample=asdict(sample))
            known = {
                "name": sample.name,
                "version": sample.version,
                "versions": offered["versions"],
            }
            instances = tuple(Instance(**each) for each in how.pop("instances", ()))
            self.wanted[sample.name] = Plugin(**{**known, **how, "instances": instances})
        plugins = [asdict(each) for each in self.wanted.values()]
        self.ask(do="push", changes={"plugins": plugins, **changes})

    def reported(self, handler: str, **asked: Any) -> dict[str, Any]:
        """Wait for a status report that says this of a handler.

        :raises OperationError: none came; what was said last.
        """
        try:
            answer = self.ask(
                do="wait", **{"for": "status"}, handler=handler, timeout_s=_WAIT_S, **asked
            )
        except InvalidInput as nothing:
            said = json_of(self.ask(do="status")["status"], handler)
            raise OperationError(f"{handler} never was {asked}; last: {said}") from nothing
        found: dict[str, Any] = answer["entries"][0]
        return found

    # ---- the guest

    def says(self, script: str) -> str:
        """Standard output of a shell script in the guest.  :raises OperationError: it failed."""
        ended = self.made.bed.guest.run(("sh", "-c", script), timeout_s=60)
        if ended.status != 0:
            raise OperationError(f"{script}: status {ended.status}: {ended.stderr.strip()[-300:]}")
        return ended.stdout

    def until(self, script: str, limit_s: int = 60) -> None:
        """Wait until a script succeeds in the guest.  :raises OperationError: it never did."""
        bounded = f"for i in $(seq {limit_s * 5}); do if {script}; then exit 0; fi; sleep 0.2; done"
        self.says(f"{bounded}; exit 1")

    def calls(self, name: str) -> list[str]:
        """The commands of a sample so far: ``enable 1.0.0.0 3 - plain``."""
        return self.says(f"cat {STATE}/{name}.calls 2>/dev/null || true").splitlines()

    def start(self) -> None:
        """Start the daemon, and wait until it has told how it stands."""
        self.says("rm -f /run/waagent/status.json")
        log = os.open(
            self.made.scratch("daemon.err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        self.daemon = self.made.start_agent("daemon", "--provisioned", stdout=log, stderr=log)
        os.close(log)
        self.until("test -s /run/waagent/status.json")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the daemon; its exit status.  :raises CommandTimeout: it did not end in 10 s."""
        assert self.daemon is not None
        self.daemon.signal(number)
        status = self.daemon.wait(10.0).status
        self.daemon = None
        return status


def json_of(report: dict[str, Any], handler: str) -> str:
    """What a report says of a handler, short."""
    listed = report.get("aggregateStatus", {}).get("handlerAggregateStatus", [])
    found = [each for each in listed if each.get("handlerName") == handler]
    return str(found)[:300] if found else f"nothing of it, but {len(listed)} others"
