# SPDX-License-Identifier: Apache-2.0
"""Provisioning as work to be killed: on a pretend machine, whose tools are other processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agentcore.provisioning.progress import Progress, decisive
from agentcore.provisioning.session import Session
from agentcore.settings import Settings
from osdrivers import loader
from osdrivers.actions import Run
from osdrivers.conformance.machines import PretendCommands, set_up
from osdrivers.conformance.trial import disk
from osdrivers.errors import NoSpace
from osdrivers.executor import Event
from osdrivers.host import Completed, Host, Secret
from tests.agentcore.documents import ovf

from .everywhere import Subject
from .full import Bearing, Filling
from .points import Points

MACHINES = Path(__file__).parents[1] / "machines"
NAMES = ("debian-12", "alpine-3.20", "rhel-9")
DOCUMENT = ovf(custom_data="aGVsbG8=")


class Clock:
    """Waits take no time."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += max(seconds, 0.01)
        return False


class Separate(PretendCommands):
    """Tools that a kill of the agent does not reach: it comes before or after them."""

    def __init__(self, root: str, points: Points) -> None:
        super().__init__(root)
        self._points = points
        self.acting = self.running = False

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        with self._points.elsewhere():
            ended = super().__call__(argv, stdin, timeout_s)
        if self.running:
            self._points.ran(" ".join(argv))
        if self.acting:
            self._points.reach(f"{argv[0]} has run")
        return ended


def boot(root: Path, points: Points) -> Progress:
    """From the document, without a platform: the whole of it is what is compared.

    :raises AgentError: of what is required, or of what the machine is not as good without.
    """
    commands = Separate(str(root), points)
    driver = loader.load(Host(str(root), commands=commands, offline=False)).driver

    def watch(event: Event) -> None:
        commands.acting = event.status == "started"
        commands.running = commands.acting and isinstance(event.action, Run)
        if commands.acting:
            points.reach(f"action: {event.task}")

    run = Progress(driver, Settings(), Clock(), watch, lambda line: None)
    Session(run).from_document(DOCUMENT)
    failed = decisive(run.stages)
    if failed is not None:
        raise failed
    return run


def full_boot(root: Path, points: Filling) -> None:
    """A boot whose disk becomes full, and the next one, when there is room again."""
    try:
        found = boot(root, points).warnings
    except NoSpace as full:
        found = [str(full)]
    if found:
        points.hear(found[0])
        boot(root, points)


def again(command: str) -> bool:
    """What may be done once more: keys made aside, which count when all of them are there; a
    running server told to look at its files; a temporary disk formatted that has no mark yet, which
    says that nobody can have put anything there."""
    told = {"reload", "restart", "try-reload-or-restart", "mkfs.ext4"}
    return ".waagent-new-keys/" in command or not told.isdisjoint(command.split())


def tree(root: Path) -> Mapping[str, object]:
    return {
        path: fact for path, fact in disk(str(root)).items() if not path.endswith(".agentcore-new")
    }


def bearings() -> list[Bearing]:
    """First boot on a disk that becomes full; commands may run again at the next boot."""
    return [
        Bearing(made.name, made.prepare, full_boot, made.tree, again) for made in subjects()[:1]
    ]


def subjects() -> list[Subject]:
    """First boot of machines with different tools."""
    return [
        Subject(
            f"provisioning: {name}",
            lambda root, name=name: set_up(str(MACHINES / name), str(root)),
            boot,
            tree,
            again,
        )
        for name in NAMES
    ]
