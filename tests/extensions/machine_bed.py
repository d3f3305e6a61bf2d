# SPDX-License-Identifier: Apache-2.0
"""A machine with real commands: packages come from a dictionary, and the clock is a number."""

from __future__ import annotations

import io
import json
import select
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Callable, Optional

from agentcore.azure.desired import FABRIC, Desired, Extension, Handler, Identity
from agentcore.azure.status import HandlerStatus
from agentcore.errors import Refused
from agentcore.extensions.errors import ExtensionError
from agentcore.extensions.fetching import Fetcher, Partial
from agentcore.extensions.layout import Layout
from agentcore.extensions.machine import Machine
from agentcore.extensions.order import ANSWER, REQUEST, Order
from agentcore.extensions.package import Placing
from agentcore.extensions.policy import Policy
from agentcore.extensions.starting import CHILD, Surroundings
from lab.handlers import Sample
from osdrivers.host import Host, Job, Jobs, Places

NAME = "Lab.Sample"
#: A minute and more where each waits for a process, which others may keep from the processor.
TURNS = 15000


class Shelf(Jobs):
    """Real jobs, but for the child that fetches: its work is done here and now."""

    def __init__(self, host: Host, layout: Layout, packages: dict[str, bytes]) -> None:
        super().__init__(host)
        self._files, self._layout, self._packages = host, layout, packages
        self.started: list[Job] = []

    def start(self, job: Job) -> None:
        self.started.append(job)
        if CHILD not in job.argv:
            super().start(job)
            return
        wanted = json.loads(self._files.read(f"{job.record}/{REQUEST}"))["order"]
        order = Order(**{**wanted, "manifest_uris": tuple(wanted["manifest_uris"])})
        fetcher = Fetcher((self,), lambda: 0.0, lambda pause: None)
        try:
            placed = Placing(Host(), self._layout, fetcher).place(order)
            answer: dict[str, Any] = {"placed": asdict(placed)}
        except ExtensionError as failed:
            answer = {"error": str(failed), "code": failed.code, "again": failed.retryable}
        self.answer(job, answer)

    def answer(self, job: Job, answer: dict[str, Any]) -> None:
        """As the child does at its end, and its shell."""
        (Path(job.record) / ANSWER).write_text(json.dumps(answer))
        (Path(job.record) / "status").write_text("0\n")

    def fetch(self, uri: str, into: Partial, manifest: str, deadline_s: float) -> None:
        if uri not in self._packages:
            raise Refused(f"no {uri}", 404)
        into.restart()
        into.write(self._packages[uri])


class Bed:
    """One machine; ``restart`` is what a crash of the agent leaves to the next."""

    def __init__(
        self,
        directory: Path,
        host: Optional[Host] = None,
        shelf: Callable[[Host, Layout, dict[str, bytes]], Shelf] = Shelf,
    ) -> None:
        self._shelf = shelf
        self.state, self.logs = directory / "state", directory / "log"
        self.state.mkdir(exist_ok=True)
        places = Places(run=str(directory / "run"), state=str(self.state))
        self.host = host or Host(places=places)
        self.layout = Layout(str(self.state), str(self.logs))
        self.packages: dict[str, bytes] = {}
        self.lines: list[str] = []
        self.now, self.wall = 1000.0, 0.0
        self.policy, self.surroundings = Policy(), Surroundings(endpoint="10.0.0.4")
        self.may_begin = True
        self.restart()

    def restart(self) -> None:
        self.jobs = self._shelf(self.host, self.layout, self.packages)
        self.machine = Machine(
            self.host,
            self.layout,
            now_text=lambda: "2030-01-01T00:00:00Z",
            wall=lambda: self.wall,
            log=self.lines.append,
            jobs=self.jobs,
            may_begin=lambda: self.may_begin,
        )
        self.machine.know(self.surroundings, self.policy)

    def offer(self, *samples: Sample) -> None:
        for sample in samples:
            self.put(sample.name, sample.version, sample.package())

    def put(self, name: str, version: str, package: bytes) -> None:
        self.packages[f"https://a/{name}/{version}"] = package
        listed = "".join(
            f"<Plugin><Version>{uri.rpartition('/')[2]}</Version><Uris><Uri>{uri}</Uri></Uris></Plugin>"
            for uri in self.packages
            if uri.startswith(f"https://a/{name}/")
        )
        text = f"<PluginVersionManifest><Plugins>{listed}</Plugins></PluginVersionManifest>"
        self.packages[f"https://m/{name}"] = text.encode()

    def want(self, goal: int, *handlers: Handler, **more: Any) -> None:
        identity = Identity(f"incarnation_{goal}", str(goal), sequence=str(goal))
        self.machine.want(Desired(FABRIC, identity, handlers, **more))

    def run(self, until: Optional[Callable[[], bool]] = None, tick_s: float = 0.0) -> None:
        """Step until all is done (or something holds); the clock moves only where nothing runs."""
        done = until or (lambda: self.machine.converged)
        for _ in range(TURNS):
            pause_s = self.machine.step(self.now)
            if done():
                return
            if pause_s and self.machine.progress.job is not None:
                select.select([], [], [], 0.004)
                self.now += tick_s
            elif pause_s:
                self.now += pause_s
        raise AssertionError(f"no end: {self.machine.progress}, {self.lines[-5:]}")

    def report(self) -> tuple[HandlerStatus, ...]:
        return self.machine.report(self.now)

    def calls(self, name: str = NAME) -> list[str]:
        """``COMMAND VERSION SEQUENCE INSTANCE`` of each call."""
        path = self.state / f"{name}.calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [" ".join(line.split()[:4]) for line in lines]


def handler(
    version: str = "1.0.0.0", *extensions: Extension, name: str = NAME, **more: Any
) -> Handler:
    given = extensions or (Extension(sequence=1, public_settings='{"a": 1}'),)
    uris = (f"https://m/{name}",)
    return Handler(name, version, manifest_uris=uris, extensions=given, **more)


def at_level(one: Handler, level: int) -> Handler:
    leveled = tuple(replace(extension, level=level) for extension in one.extensions)
    return replace(one, extensions=leveled)


def told(bed: Bed) -> list[tuple[str, str, int, str]]:
    return [
        (one.name, one.status, one.code, one.extension.status if one.extension else "")
        for one in bed.report()
    ]


def package(script: bytes, **manifest: object) -> bytes:
    """A package whose every command is the script with the command's name."""
    commands = ("install", "uninstall", "update", "enable", "disable")
    said = {f"{one}Command": f"run.sh {one}" for one in commands}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(
            "HandlerManifest.json", json.dumps([{"handlerManifest": {**said, **manifest}}])
        )
        archive.writestr("run.sh", script)
    return data.getvalue()
