# SPDX-License-Identifier: Apache-2.0
"""The extension machine as work to be killed.

The kill takes the agent, not the handlers' commands, which are processes of their own: here each of
them is done at once, as its shell would do it, without a point in it.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

from agentcore.azure.desired import Extension, Handler
from agentcore.extensions.layout import Layout
from agentcore.extensions.order import ANSWER
from osdrivers.errors import NoSpace
from osdrivers.host import Host, Job
from tests.extensions.machine_bed import NAME, Bed, Shelf, handler, package

from .everywhere import Subject, Tree
from .full import Bearing, Filling
from .points import Points

SCRIPT = b"#!/bin/sh\nexit 0\n"
#: What a killed run may leave until the next goal state's work.
PASSING = ("extensions/job-", ".agentcore-new")
STATUS = '[{"status": {"status": "success"}}]\n'


class Instant(Shelf):
    """Commands are over when they have begun."""

    points: Points

    def begin(self, job: Job, argv: tuple[str, ...]) -> None:
        command = job.argv[-1].rpartition(" ")[2]
        given = job.environment
        version = given["AZURE_GUEST_AGENT_EXTENSION_VERSION"]
        name = given.get("ConfigExtensionName", "")
        with self.points.elsewhere():
            (Path(job.record) / "pid").write_text("0\n")
            if command == "enable":
                file = (
                    f"{name}.{given['ConfigSequenceNumber']}"
                    if name
                    else given["ConfigSequenceNumber"]
                )
                (Path(job.place) / f"status/{file}.status").write_text(STATUS)
            (Path(job.record) / "status").write_text("0\n")
        of = name if command in ("enable", "disable") else ""  # the others are the handler's
        self.points.ran(" ".join(filter(None, (command, version, of))))
        self.points.reach(f"{command} has run")

    def answer(self, job: Job, answer: dict[str, Any]) -> None:
        """Where there is no room for it, the child says so to its shell, which has kept some."""
        try:
            (Path(job.record) / ANSWER).write_text(json.dumps(answer))
        except OSError as full:
            with self.points.elsewhere():
                (Path(job.record) / "err").write_text(f"{full}\n")
                (Path(job.record) / "status").write_text("31\n")
        else:
            with self.points.elsewhere():
                (Path(job.record) / "status").write_text("0\n")


class InstantBed(Bed):
    """A machine whose commands take no time.  ``several``: its handlers are multi-config."""

    def __init__(self, directory: Path, points: Points) -> None:
        self.points = points
        directory.mkdir(exist_ok=True)
        super().__init__(directory, shelf=self._instant)
        for version in ("1.0.0.0", "1.1.0.0"):
            self.put(NAME, version, package(SCRIPT, supportsMultipleExtensions=True))

    def _instant(self, host: Host, layout: Layout, packages: dict[str, bytes]) -> Shelf:
        made = Instant(host, layout, packages)
        made.points = self.points
        return made


Wish = Optional[tuple[Handler, ...]]
Made = Callable[[Path, Points], Bed]
ONE = handler()
BOTH = handler("1.0.0.0", Extension("first", 1), Extension("second", 4), multi_config=True)
LESS = replace(BOTH, extensions=(replace(BOTH.extensions[0], state="disabled"), BOTH.extensions[1]))
FRESH = replace(ONE, extensions=(Extension(sequence=2, public_settings='{"a": 2}'),))


def files(directory: Path) -> Tree:
    """All that counts: each file and directory, its mode and content, wherever they are."""
    found: dict[str, object] = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if any(part in name for part in PASSING):
            continue
        data = path.read_bytes() if path.is_file() else b""
        for where in (directory, directory.parent / "origin", directory.parents[1] / "origin"):
            data = data.replace(os.fsencode(where), b"HERE")
        if "/CommandExecution" in name:  # a line may be there twice: it is written before the state
            data = b"\n".join(sorted(set(data.splitlines())))
        if name.endswith("extensions/progress.json"):
            said = json.loads(data)
            data = json.dumps([said[one] for one in PROGRESS]).encode()
        found[name] = (path.stat().st_mode, data)
    return found


PROGRESS = ("goal", "handled", "at", "unit", "succeeded", "failures", "handlers", "instead", "code")


def lasting(directory: Path) -> Tree:
    """Output that found no room is not kept: it makes no command fail."""
    return {name: fact for name, fact in files(directory).items() if "/CommandExec" not in name}


class Heard(list[str]):
    """The log's lines; room comes back with the one that says what is missing."""

    def __init__(self, points: Filling) -> None:
        super().__init__()
        self._points = points

    def append(self, line: str) -> None:
        super().append(line)
        if os.strerror(errno.ENOSPC) in line:
            self._points.hear(line)


def bearing(name: str, before: Wish, wish: Wish) -> Bearing:
    """The same on a disk that becomes full: the daemon calls again after a failure."""
    made = subject(name, before, wish, InstantBed)

    def work(directory: Path, points: Filling) -> None:
        bed = InstantBed(directory, points)
        bed.lines = Heard(points)
        bed.restart()
        bed.want(2, *(wish or ()))
        for _ in range(3):
            try:
                bed.run(lambda: bed.machine.converged and not bed.machine.progress.failures, 30.0)
                break
            except NoSpace as full:
                points.hear(str(full))

    def prepare(directory: Path) -> None:
        made.prepare(directory)
        (directory / "state/extensions").mkdir(0o700, parents=True, exist_ok=True)

    return Bearing(made.name, prepare, work, lasting)


def subject(name: str, before: Wish, wish: Wish, bed: Made) -> Subject:
    """The step from one wish to another; ``before`` None begins with nothing."""

    def prepare(directory: Path) -> None:
        directory.mkdir()
        if before is not None:
            quiet = Points(str(directory), os.open(os.devnull, os.O_WRONLY))
            machine = bed(directory, quiet)
            machine.want(1, *before)
            machine.run()

    def work(directory: Path, points: Points) -> None:
        machine = bed(directory, points)
        machine.want(2, *(wish or ()))
        machine.run()

    return Subject(f"extensions: {name}", prepare, work, files)


UPDATED = handler("1.1.0.0")
DISABLED, GONE = replace(ONE, state="disabled"), replace(ONE, state="uninstall")


def bearings() -> list[Bearing]:
    """On a full disk."""
    return [
        bearing("install and enable", None, (ONE,)),
        bearing("update", (ONE,), (UPDATED,)),
        bearing("disable", (ONE,), (DISABLED,)),
        bearing("uninstall", (ONE,), (GONE,)),
        bearing("two of one handler", None, (BOTH,)),
    ]


def subjects(bed: Made = InstantBed) -> list[Subject]:
    """Every way of a handler through its states."""
    return [
        subject("install and enable", None, (ONE,), bed),
        subject("enable with new settings", (ONE,), (FRESH,), bed),
        subject("update", (ONE,), (UPDATED,), bed),
        subject("downgrade", (UPDATED,), (ONE,), bed),
        subject("disable", (ONE,), (DISABLED,), bed),
        subject("uninstall", (ONE,), (GONE,), bed),
        subject("removal of what is not named", (ONE,), (), bed),
        subject("two of one handler", None, (BOTH,), bed),
        subject("disable one of two", (BOTH,), (LESS,), bed),
        subject("update of a handler with two", (BOTH,), (replace(BOTH, version="1.1.0.0"),), bed),
    ]
