# SPDX-License-Identifier: Apache-2.0
"""What happens during one run: tasks carried out, stages timed, the platform kept informed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Callable, Optional, TypeVar

from agentcore.azure import health
from agentcore.azure.retry import Clock, RetryPolicy
from agentcore.errors import ServiceError
from agentcore.settings import Settings
from osdrivers.api import Driver
from osdrivers.errors import AgentError, first_line
from osdrivers.executor import Event, Observer, Outcome, Task, carry_out

from .link import Link

#: The platform gives up on a machine that does not report for longer than this.
DEADLINE_S = 15 * 60.0
REFRESH_S = 60.0
#: Tasks whose failure does not change the exit status: the machine is usable without them, and
#: the failure is in the report, the log and the journal.
TOLERATED = frozenset({"ssh-keys", "key-pairs", "labels", "resource-disk", "swap", "eject"})
#: Stages: what of their failures matters is raised where it is known, or seen at a later task.
_STAGES = frozenset(
    {"media", "contact", "report-starting", "certificates", "cloud-init", "host-key"}
)

T = TypeVar("T")


@dataclass
class Progress:
    """One run.  ``say`` gives people a line; ``stages`` is its timeline, ``warnings`` its doubts.

    ``link`` None: the platform is neither asked nor told.
    """

    driver: Driver
    settings: Settings
    clock: Clock
    observe: Observer
    say: Callable[[str], object]
    link: Optional[Link] = None
    stages: list[Outcome] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._end = self.clock.monotonic() + DEADLINE_S
        self.told_at = self.clock.monotonic()

    def left_s(self) -> float:
        """What remains of the total deadline."""
        return max(0.0, self._end - self.clock.monotonic())

    def warn(self, text: str) -> None:
        """Something that does not stop the run but that somebody must know."""
        self.warnings.append(text)
        self.say(f"warning: {text}")

    def rehearse(self, tasks: Iterable[Task]) -> None:
        """A dry run: what would be refused is refused before the first change."""
        for outcome in carry_out(tasks, self.driver.host, lambda _: None, dry_run=True):
            if outcome.required and outcome.error is not None:
                raise outcome.error

    def carry(self, *tasks: Task) -> None:
        """Carry tasks out.

        :raises AgentError: of a required one; another's failure becomes a warning.
        """
        outcomes = carry_out(tasks, self.driver.host, self._watch)
        self.stages += outcomes
        for outcome in outcomes:
            if outcome.error is None:
                continue
            if outcome.required:
                raise outcome.error
            self.warn(f"{outcome.task}: {first_line(outcome.error)}")

    def stage(self, name: str, call: Callable[[], T]) -> T:
        """Something that is not made of actions, for the timeline."""
        start, error = self.clock.monotonic(), None
        try:
            return call()
        except AgentError as failure:
            error = failure
            raise
        finally:
            seconds = self.clock.monotonic() - start
            self.stages.append(Outcome(name, 0, seconds, required=False, error=error))

    def awaited(self, name: str, ask: Callable[[], T]) -> T:
        """Ask once a second until there is an answer, refreshing NotReady meanwhile."""

        def once() -> T:
            self._remind(f"waiting for {name}")
            return ask()

        policy = RetryPolicy(deadline_s=self.left_s(), first_s=1.0, factor=1.0, cap_s=1.0)
        return self.stage(name, lambda: policy.run(once, self.clock))

    def _watch(self, event: Event) -> None:
        """Pass an event on; remind the platform of us in the pauses between actions."""
        self.observe(event)
        if event.status == "started":
            self._remind(event.task)

    def _remind(self, doing: str) -> None:
        if self.clock.monotonic() - self.told_at <= REFRESH_S:
            return
        self.told_at = self.clock.monotonic()
        if self.link is not None and self.link.connected:
            try:
                self.link.report(health.provisioning(doing), 5.0)
            except ServiceError as silent:
                self.warn(f"not reported: {first_line(silent)}")


def decisive(outcomes: Iterable[Outcome]) -> Optional[AgentError]:
    """The failure that decides an exit status: a required task's, else the first one that the
    machine is not as good without."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed:
        if outcome.required:
            return outcome.error
    for outcome in failed:
        if outcome.task not in TOLERATED | _STAGES:
            return outcome.error
    return None
