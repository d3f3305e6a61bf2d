# SPDX-License-Identifier: Apache-2.0
"""The extension machine as work to be killed.

The kill takes the agent, not the handlers' commands, which are processes of their own: here each of
them is done at once, as its shell would do it, without a point in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional

from agentcore.azure.desired import Extension, Handler
from agentcore.extensions.layout import Layout
from osdrivers.host import Host, Job
from tests.extensions.machine_bed import NAME, Bed, Shelf, handler, package

from .everywhere import Subject, Tree
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
        self.points.ran(" ".join(filter(None, (command, version, name))))
        self.points.reach(f"{command} has run")


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
        data = path.read_bytes().replace(os.fsencode(directory), b"HERE") if path.is_file() else b""
        if "/CommandExecution" in name:  # a line may be there twice: it is written before the state
            data = b"\n".join(sorted(set(data.splitlines())))
        if name.endswith("extensions/progress.json"):
            said = json.loads(data)
            data = json.dumps([said[one] for one in PROGRESS]).encode()
        found[name] = (path.stat().st_mode, data)
    return found


PROGRESS = ("goal", "handled", "at", "unit", "succeeded", "failures", "handlers", "instead", "code")


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


def subjects(bed: Made = InstantBed) -> list[Subject]:
    """Every way of a handler through its states."""
    updated = handler("1.1.0.0")
    disabled, gone = replace(ONE, state="disabled"), replace(ONE, state="uninstall")
    return [
        subject("install and enable", None, (ONE,), bed),
        subject("enable with new settings", (ONE,), (FRESH,), bed),
        subject("update", (ONE,), (updated,), bed),
        subject("downgrade", (updated,), (ONE,), bed),
        subject("disable", (ONE,), (disabled,), bed),
        subject("uninstall", (ONE,), (gone,), bed),
        subject("removal of what is not named", (ONE,), (), bed),
        subject("two of one handler", None, (BOTH,), bed),
        subject("disable one of two", (BOTH,), (LESS,), bed),
        subject("update of a handler with two", (BOTH,), (replace(BOTH, version="1.1.0.0"),), bed),
    ]
