# SPDX-License-Identifier: Apache-2.0
"""The extension machine: which unit's turn it is, what waits for what, and what is reported.

``want`` gives it a goal state, ``step`` does the next small thing, ``report`` says how it stands.
None of them waits, and none needs another to be called.
"""

from __future__ import annotations

from typing import Callable, Optional

from agentcore.azure.desired import EMPTY, Desired
from agentcore.azure.status import GoalStateStatus, HandlerStatus
from osdrivers.errors import AgentError, FileFailed, NoSpace, ReadOnlyTarget
from osdrivers.host import Host, Jobs

from . import errors, layout, legacy, progress, unlisted, waiting
from .errors import ExtensionError
from .layout import Installation, Layout
from .policy import Policy
from .progress import Failure, Progress, Unit
from .reporting import Reports
from .starting import Surroundings
from .units import ordered, units_of
from .worker import Worker

FEATURES = ("MultipleExtensionsPerHandler",)
UNSUPPORTED = 2001
LOOK_S = 5.0
#: Nothing to do; a goal state wakes it.
IDLE_S = 60.0
RETRY_S, TURNS = 300.0, 12


class Machine:
    """The extensions of one machine.

    :param now_text: the time, like ``2030-01-01T00:00:00Z``.
    :param wall: seconds since 1970, to compare with times of files.
    :param log: takes a line.
    :param may_begin: False while something else must come first (cloud-init); asked seldom.
    """

    def __init__(
        self,
        host: Host,
        where: Layout,
        *,
        now_text: Callable[[], str],
        wall: Callable[[], float],
        log: Callable[[str], object],
        jobs: Optional[Jobs] = None,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        self._host, self._layout, self._log = host, where, log
        self._now_text, self._may_begin = now_text, may_begin
        self._desired: Optional[Desired] = None
        self._shown: Optional[Desired] = None
        self._reports = Reports(host, where, wall)
        self._begun = False
        self._boot = host.read(f"{host.places.procfs}/sys/kernel/random/boot_id", "").strip()
        legacy.take_over(host, where)
        host.make_directory(where.work, mode=0o700)
        known = progress.load(host, where.progress)
        self._worker = Worker(host, where, jobs or Jobs(host), known, log)

    @property
    def progress(self) -> Progress:
        """How far it has come, as it is on disk."""
        return self._worker.progress

    def know(self, surroundings: Surroundings, policy: Policy) -> None:
        """What holds from the next step on."""
        self._worker.surroundings, self._worker.policy = surroundings, policy

    def want(self, desired: Desired) -> None:
        """The goal state from now on; the present unit is finished first.  Repeating is free.

        One that is outdated or on hold is reported on and not worked on.
        """
        self._shown = desired
        if desired.outdated or desired.on_hold:
            return
        self._desired = desired

    def step(self, now: float) -> float:
        """Do the next small thing; seconds until there may be another.

        :param now: seconds of a clock that only goes forward while the machine is up.
        :raises NoSpace: and ReadOnlyTarget: how far it is could not be recorded.  Call again
            later; nothing is lost, and no command runs twice.
        """
        if self.progress.unit is not None:
            return self._advance(now)
        desired = self._desired
        if desired is None or not self._free_to_begin():
            return LOOK_S if desired is not None else IDLE_S
        if desired.identity.name != self.progress.goal:
            self._take(desired, now)
            return 0.0
        if self.progress.handled:
            return 0.0 if self._begin_at_boot(desired, now) else self._again(now)
        units = ordered(desired)
        if self.progress.at >= len(units):
            self._finish(desired, now)
        elif not self._ready(units, now):
            return LOOK_S
        else:
            self._begin(units[self.progress.at])
        return 0.0

    def _free_to_begin(self) -> bool:
        if not self._begun and self._may_begin():
            self._begun = True
            for each in layout.installations(self._host, self._layout):
                if each.state != layout.NOT_INSTALLED:
                    self._refresh(each)
        return self._begun

    def _refresh(self, present: Installation) -> None:
        """A handler may have written over what tells it where it is."""
        try:
            present.write_environment()
        except FileFailed as failed:
            self._log(f"{present.handler}: {failed}")  # said again when it is enabled

    def _raise_if_ours(self, broken: AgentError) -> None:
        """No room in the state directory is no unit's fault: the same again when there is."""
        full = isinstance(broken, (NoSpace, ReadOnlyTarget))
        if full and str(getattr(broken, "path", "")).startswith(self._layout.state):
            raise broken

    def _take(self, desired: Desired, now: float) -> None:
        missing = [one for one in desired.required_features if one not in FEATURES]
        names = {handler.name for handler in desired.handlers}
        fresh = Progress(
            goal=desired.identity.name,
            sequence=desired.identity.sequence,
            since=now,
            serial=self.progress.serial,
            handlers={k: v for k, v in self.progress.handlers.items() if k in names or missing},
            handled=bool(missing),
            code=UNSUPPORTED if missing else 0,
            message=f"unsupported features: {', '.join(missing)}"[:500] if missing else "",
            time=self._now_text() if missing else "",
        )
        self._worker.record(**vars(fresh))

    def _begin(self, unit: Unit) -> None:
        at = self.progress.at + 1
        if unit.key in self.progress.succeeded or unit.key in self.progress.failures:
            self._worker.record(at=at)  # of an earlier turn
            return
        try:
            self._permit(unit)
            self._worker.begin(unit, at)
        except ExtensionError as refused:
            failure = Failure(refused.code, str(refused), refused.retryable)
            over = unit.wanted and bool(self._worker.policy.objection(unit.handler.name))
            self._worker.fail(unit, failure, at=at, over=over)
        except AgentError as broken:
            self._raise_if_ours(broken)
            self._worker.fail(unit, Failure(errors.UNKNOWN, str(broken), again=True), at=at)

    def _permit(self, unit: Unit) -> None:
        code = errors.ENABLE if unit.wanted else errors.DISABLE
        objection = self._worker.policy.objection(unit.handler.name)
        if objection:
            raise ExtensionError(objection, code)
        if self.progress.blocked:
            raise ExtensionError(self.progress.blocked, errors.UNKNOWN, again=True)
        problem = unit.handler.problem or (unit.extension.problem if unit.extension else "")
        if problem:
            text = f"{problem}; change the settings and try again"
            raise ExtensionError(text, errors.UNKNOWN)

    def _advance(self, now: float) -> float:
        here = self.progress
        assert here.unit is not None  # noqa: S101 - asked by the caller; for the type checker
        try:
            return self._worker.advance(now)
        except ExtensionError as failed:
            # Of several, one that cannot be enabled speaks for itself, and leaves the others be.
            own = bool(here.unit.name) and failed.code == errors.ENABLE
            failure = Failure(failed.code, str(failed), failed.retryable)
            self._worker.fail(here.unit, failure, at=here.at, quiet=own)
        except AgentError as broken:
            self._raise_if_ours(broken)
            failure = Failure(errors.UNKNOWN, str(broken), again=True)
            self._worker.fail(here.unit, failure, at=here.at)
        return 0.0

    def _ready(self, units: tuple[Unit, ...], now: float) -> bool:
        """Whether all that come before have come to an end; ``blocked`` if one to a bad end."""
        if now < self.progress.since:  # the clock began anew
            self._worker.record(since=now)
        reason = waiting.hindrance(self.progress, units, self._reports, now)
        if reason:
            self._worker.record(blocked=reason)
        return reason is not None

    # ---- the end of a goal state

    def _finish(self, desired: Desired, now: float) -> None:
        if desired.source != EMPTY and self._worker.policy.enabled:
            unlisted.remove(self._host, self._layout, desired, self._log)
        self._worker.record(
            handled=True,
            boot=self._boot,
            since=now,
            code=0,
            message="GoalState executed successfully",
            time=self._now_text(),
        )
        self._log(f"goal state {desired.identity.name} is done")

    def _begin_at_boot(self, desired: Desired, now: float) -> bool:
        """Once after each boot those are enabled again whose handler wants it (startup task)."""
        here = self.progress
        if not self._boot or here.boot == self._boot or here.code:
            return False
        again = {one.key for one in units_of(desired) if one.handler.run_as_startup_task}
        left = tuple(key for key in here.succeeded if key not in again)
        if left == here.succeeded:
            self._worker.record(boot=self._boot)
            return False
        self._worker.record(
            boot=self._boot, succeeded=left, at=0, blocked="", handled=False, since=now
        )
        return True

    def _again(self, now: float) -> float:
        """Once more those whose failure may have passed: the platform does not ask again."""
        here = self.progress
        passing = [key for key, failure in here.failures.items() if failure.again]
        if here.code or not passing or here.turn >= TURNS:
            return IDLE_S
        if here.since > now:
            self._worker.record(since=now)
        left_s = here.since + RETRY_S - now
        if left_s > 0:
            return min(left_s, IDLE_S)
        failures = {key: one for key, one in here.failures.items() if not one.again}
        instead = {key: one for key, one in here.instead.items() if key not in passing}
        self._worker.record(
            failures=failures,
            instead=instead,
            blocked="",
            turn=here.turn + 1,
            at=0,
            handled=False,
            since=now,
        )
        return 0.0

    # ---- reporting

    def goal_status(self) -> Optional[GoalStateStatus]:
        """Of the goal state handled last; None before there is one."""
        here = self.progress
        if not here.time:
            return None
        return GoalStateStatus(here.sequence, here.time, here.code, here.message)

    def report(self, now: float) -> tuple[HandlerStatus, ...]:
        """One entry for each set of settings, in the order of the document."""
        units = units_of(self._shown) if self._shown is not None else ()
        return self._reports.entries(self.progress, units, now)

    @property
    def converged(self) -> bool:
        """Whether the goal state wanted last has been handled."""
        goal = self._desired.identity.name if self._desired is not None else self.progress.goal
        return self.progress.handled and self.progress.unit is None and self.progress.goal == goal
