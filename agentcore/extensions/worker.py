# SPDX-License-Identifier: Apache-2.0
"""One unit's steps, one after the other; never waits for a command.

Each call does one thing and records it.  What was done before a crash and not recorded is done
again, but for commands: a job's record says whether it ran (``osdrivers.host.jobs``).
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, Callable

from osdrivers.errors import AgentError, FileFailed
from osdrivers.host import Host, Jobs

from . import commandline, errors, layout, plan, starting
from .errors import ExtensionError
from .layout import Installation, Layout
from .ledger import Ledger
from .order import ANSWER
from .policy import Policy
from .progress import Failure, Progress, Running, Unit
from .starting import Surroundings

FETCH_TIMEOUT_S = 900.0
ATTEMPTS = 3
#: A process that waits for a device does not die at once.
UNKILLABLE_S = 60.0
#: Between looks at a job that runs: soon at first, more seldom the longer it has run.
LOOK_S, LONGEST_LOOK_S = 0.05, 2.0


class Worker:
    """Works on the present unit of a progress."""

    def __init__(
        self,
        host: Host,
        where: Layout,
        jobs: Jobs,
        progress: Progress,
        log: Callable[[str], object],
    ) -> None:
        self._host, self._layout, self._jobs, self._log = host, where, jobs, log
        self.ledger = Ledger(host, where, progress, log)
        self.surroundings = Surroundings()
        self.policy = Policy()
        self._started: set[str] = set()

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return self.ledger.progress

    def record(self, **changes: Any) -> None:
        """The new progress is on disk before it holds."""
        self.ledger.record(**changes)

    def begin(self, unit: Unit, at: int) -> None:
        """Take a unit on.  :raises ExtensionError: it cannot be."""
        self._refuse_noexec(unit)
        present = layout.installed(self._host, self._layout, unit.handler.name)
        steps = plan.first(unit.handler, unit.extension, present)
        self.record(unit=unit, at=at, steps=steps, done=0, version="", codes={}, job=None)

    def _refuse_noexec(self, unit: Unit) -> None:
        if unit.wanted and self._host.space(self._layout.state).f_flag & os.ST_NOEXEC:
            raise ExtensionError(
                f"{self._layout.state} is mounted noexec: no extension can run from there",
                errors.ENABLE,
                hint="mount it with exec, or set Lib.Dir",
            )

    def advance(self, now: float) -> float:
        """Do the next thing; seconds until there may be another.  The unit is None when done.

        :raises ExtensionError: the unit has failed.
        """
        here = self.progress
        if here.job is not None:
            return self._watch(here.job, now)
        if here.done >= len(here.steps):
            key = self._unit().key
            self.record(unit=None, steps=(), done=0, succeeded=(*here.succeeded, key))
            self._clear_records()
            return 0.0
        step = here.steps[here.done]
        if step.kind == plan.FETCH:
            self._start(now, 1)
        elif step.kind == plan.COMMAND:
            if self._line(step):
                self._start(now, 1)
            else:
                self.ledger.succeeded(step, 0)
        else:
            self._files(step)
            self.record(done=here.done + 1)
        return 0.0

    # ---- files

    def _files(self, step: plan.Step) -> None:
        unit = self._unit()
        present = self._installation(step.version)
        if step.kind == plan.PREPARE:
            if present.state == layout.NOT_INSTALLED:
                present.adopt()
            present.write_environment()
        elif step.kind == plan.SETTINGS:
            present.write_settings(unit.extension)
        elif step.kind == plan.CARRY:
            present.carry_over(self._installation(step.other))
        elif step.kind == plan.INSTALLED_NOW:
            present.set_state(layout.INSTALLED)
        elif step.kind == plan.FORGET:
            present.forget_extension(step.extension)
        elif step.version:
            present.remove()
        else:
            for each in layout.installations(self._host, self._layout, unit.handler.name):
                each.remove()
            said = {k: v for k, v in self.progress.handlers.items() if k != unit.handler.name}
            self.record(handlers=said)

    # ---- jobs

    def _start(self, now: float, attempt: int) -> None:
        serial = self.progress.serial + 1
        record = self._layout.record(f"job-{serial}")
        self._host.remove(record, recursive=True)
        self.record(serial=serial, job=Running(record, now, attempt))
        step = self.progress.steps[self.progress.done]
        unit, around = self._unit(), self.surroundings
        if step.kind == plan.FETCH:
            signed = self.policy.signature_required(unit.handler.name)
            job = starting.fetch(self._host, self._layout, unit, record, around, signed=signed)
        else:
            present = self._installation(step.version)
            job = starting.command(present, unit, step, record, around, self.progress.codes)
        self._log(f"{self._unit().key}: {step.command or step.kind} begins")
        self._jobs.start(job)
        self._started.add(record)

    def _watch(self, job: Running, now: float) -> float:
        if now < job.began:  # the clock began anew
            self.record(job=replace(job, began=now))
            return 0.0
        state = self._jobs.state(job.record)
        step = self.progress.steps[self.progress.done]
        if state.phase == "ended":
            self._ended(step, job, state.status)
            return 0.0
        if state.phase == "absent" or (state.phase == "waiting" and self._never_begins(job, now)):
            self._start(now, job.attempt)
            return LOOK_S
        if state.phase == "lost":
            if job.late or job.attempt >= ATTEMPTS:
                self._gone(step, job)
            else:
                self._log(f"{self._unit().key}: {step.command or step.kind} was cut off")
                self._start(now, job.attempt + 1)
            return 0.0
        self._jobs.trim(job.record, commandline.OUTPUT_LIMIT_BYTES)
        if now - job.began > self._limit_s(step) and not job.late:
            self._jobs.kill(job.record)
            self.record(job=replace(job, late=True))
            return 0.0
        if job.late and now - job.began > self._limit_s(step) + UNKILLABLE_S:
            self._gone(step, job)
        return min(max(LOOK_S, (now - job.began) / 8), LONGEST_LOOK_S)

    def _never_begins(self, job: Running, now: float) -> bool:
        """Of one that nobody has begun: one of ours may yet, for a while."""
        if job.record in self._started and now - job.began < commandline.TIMEOUTS_S["enable"]:
            return False
        return self._jobs.withdraw(job.record)

    def _gone(self, step: plan.Step, job: Running) -> None:
        if job.late:
            text = f"{step.command or step.kind} did not end in {self._limit_s(step):g} s: killed"
            self.ledger.failed(step, errors.TIMEOUT, text, "-9")
        else:
            text = f"{step.command or step.kind} was cut off {ATTEMPTS} times"
            self.ledger.failed(step, self._code(step), text, "-9")

    def _ended(self, step: plan.Step, job: Running, status: int) -> None:
        if step.kind == plan.FETCH:
            self._fetched(job)
            return
        unit = self._unit()
        path = self._layout.command_log(unit.handler.name, unit.name)
        head = f"{step.command} of {unit.key} {step.version} ended with {status}"
        try:
            commandline.log(self._host, self._layout, self._jobs, job.record, path, head)
        except FileFailed as failed:  # a full /var/log makes no command fail
            self._log(f"no record of the output of {step.command}: {failed}")
        self._log(head)
        if status == 0:
            self.ledger.succeeded(step, status)
            return
        said = commandline.shown(self._jobs, job.record)
        self.ledger.failed(
            step, self._code(step), f"{step.command} ended with {status}\n{said}", str(status)
        )

    def _fetched(self, job: Running) -> None:
        try:
            answer = json.loads(self._host.read(f"{job.record}/{ANSWER}"))
        except (ValueError, AgentError) as broken:
            said = commandline.shown(self._jobs, job.record)
            text = f"the package was not fetched: {said}"
            raise ExtensionError(text, errors.DOWNLOAD, again=True) from broken
        if "error" in answer:
            raise ExtensionError(answer["error"], int(answer["code"]), again=bool(answer["again"]))
        placed, unit = answer["placed"], self._unit()
        for note in placed["notes"]:
            self._log(f"{unit.handler.name}: {note}")
        present = layout.installed(self._host, self._layout, unit.handler.name)
        fresh = self._installation(placed["version"])
        if present is None or present.version != fresh.version:
            fresh.adopt()
        steps = plan.fetched(unit.handler, unit.extension, fresh, present)
        self.record(steps=steps, done=0, version=fresh.version, job=None)

    # ---- ends

    def fail(
        self, unit: Unit, failure: Failure, *, at: int, over: bool = False, quiet: bool = False
    ) -> None:
        """A unit has failed, as :meth:`Ledger.fail` says, and its jobs are forgotten."""
        self.ledger.fail(unit, failure, at=at, over=over, quiet=quiet)
        self._clear_records()

    def _clear_records(self) -> None:
        """Forget the jobs of before; what a command left running keeps its record."""
        current = self.progress.job.record if self.progress.job is not None else ""
        for name in self._host.names(self._layout.work):
            record = self._layout.record(name)
            if name.startswith("job-") and record != current:
                if self._jobs.state(record).phase == "running":
                    continue
                self._jobs.trim(record, commandline.OUTPUT_LIMIT_BYTES)
                self._jobs.remove(record)

    # ---- words

    def _unit(self) -> Unit:
        return self.ledger.unit()

    def _installation(self, version: str) -> Installation:
        return self.ledger.installation(version)

    def _line(self, step: plan.Step) -> str:
        return self._installation(step.version).manifest.commands[step.command]

    def _code(self, step: plan.Step) -> int:
        return step.code or errors.OF_COMMAND.get(step.command, errors.DOWNLOAD)

    def _limit_s(self, step: plan.Step) -> float:
        return commandline.TIMEOUTS_S.get(step.command, FETCH_TIMEOUT_S)
