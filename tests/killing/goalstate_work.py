# SPDX-License-Identifier: Apache-2.0
"""Following goal states as work to be killed: documents, certificates, history, the store's bounds.

The platform is a process of its own, so that this one has no threads when it forks.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from agentcore import history, standing, store
from agentcore.azure.certificates import Certificate, keep
from agentcore.azure.certificates_child import Held
from agentcore.azure.goalstate import GoalState
from agentcore.azure.hostplugin import HostPlugin
from agentcore.azure.http import Endpoint
from agentcore.azure.poller import Poller
from agentcore.azure.retry import ONCE, SystemClock
from agentcore.azure.wireserver import WireServer
from lab.platform.machine import Machine, Plugin
from lab.platform.server import Platform
from osdrivers.errors import NoSpace
from osdrivers.host import Host, Places, Secret

from .everywhere import Subject, Tree
from .full import Bearing, Filling
from .points import Points

MACHINE = Machine(
    "vm1", "u", tenant_certificate=False, fast_track=True, plugins=(Plugin("Lab.Old", "1.0"),)
)
SENT = tuple(
    Certificate(digit * 40, f"certificate {digit}\n", Secret(f"key {digit}\n".encode()))
    for digit in "AB"
)
NOW = 1_900_000_000.0
SMALL = store.Bounds(files=12)


@contextlib.contextmanager
def platform(directory: Path) -> Iterator[list[tuple[str, int]]]:
    """Addresses of a wire server and a host plugin that have a new wish."""
    tell, stay = os.pipe(), os.pipe()
    process = os.fork()
    if process == 0:  # pragma: no cover - it never returns
        try:
            os.close(stay[1])
            with Platform(MACHINE, directory) as running:
                running.touch(running.machine.changed(plugins=(Plugin("Lab.New", "1.0"),)))
                said = json.dumps([running.wire_address, running.hostplugin_address])
                os.write(tell[1], said.encode())
                os.close(tell[1])
                os.read(stay[0], 1)
        finally:
            os._exit(0)
    os.close(tell[1])
    os.close(stay[0])
    try:
        with open(tell[0], "rb") as stream:
            yield [(host, port) for host, port in json.loads(stream.read())]
    finally:
        os.close(stay[1])
        os.waitpid(process, 0)


def subjects(addresses: list[tuple[str, int]]) -> list[Subject]:
    """A poll and all that is kept of it, and a store that is beyond its bounds."""
    wire, plugin = (Endpoint(*address) for address in addresses)

    def follow(directory: Path, points: Points) -> None:
        host = Host("/", places=Places(state=str(directory), run=str(directory / "run")))

        def certificates(goal: GoalState) -> tuple[Held, ...]:
            keep(host, SENT)
            return tuple(Held(one.thumbprint, True) for one in SENT)

        poller = Poller(
            WireServer(wire, SystemClock(), retry=ONCE, fresh=ONCE), HostPlugin(plugin),
            host, SystemClock(), certificates=certificates, transport_certificate=str,
        )  # fmt: skip
        update = poller.poll()
        assert update is not None
        assert [one.name for one in update.desired.handlers] == ["Lab.New"]
        history.keep(host, update, NOW)
        standing.Standing(NOW).save(host)
        poller.close()

    def trim(directory: Path, points: Points) -> None:
        store.trim(Host("/", places=Places(state=str(directory))), SMALL, NOW)

    return [
        Subject("goal states: poll", lambda directory: directory.mkdir(0o700), follow, files),
        Subject("goal states: store", crowded, trim, files),
    ]


def bearing(made: Subject) -> Bearing:
    """A poll on a disk that becomes full; the next is the next attempt."""

    def work(directory: Path, points: Filling) -> None:
        try:
            made.work(directory, points)
        except NoSpace as full:
            points.hear(str(full))
            made.work(directory, points)

    return Bearing(made.name, made.prepare, work, made.tree)


def crowded(directory: Path) -> None:
    """Two old entries too many, an empty directory, and a key."""
    (directory / "history/deep").mkdir(parents=True)
    (directory / "TransportPrivate.pem").write_text("key\n")
    for number in range(30):
        path = directory / f"history/{'deep/' if number < 3 else ''}{number:02}.json"
        path.write_text("{}")
        os.utime(path, (NOW - 1000 + number, NOW - 1000 + number))


def files(directory: Path) -> Tree:
    """Each file and directory, its mode and content."""
    return {
        str(path.relative_to(directory)): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in directory.rglob("*")
        if not path.name.endswith(".agentcore-new")
    }
