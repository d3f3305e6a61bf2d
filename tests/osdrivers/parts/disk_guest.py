# SPDX-License-Identifier: Apache-2.0
"""Runs inside a bed: a driver, its temporary disk, and plans carried out on it.

``python disk_guest.py CODE`` runs CODE with these names and prints what was given to ``tell``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path  # noqa: F401 - for the code that is run
from typing import Any, Callable, Optional

from osdrivers.actions import FillFile, Plan  # noqa: F401 - for the code that is run
from osdrivers.errors import AgentError, first_line
from osdrivers.executor import Event, Task, carry_out
from osdrivers.host import Host, Secret, SystemCommands
from osdrivers.parts.block_devices import Disks
from osdrivers.parts.parted import Parted
from osdrivers.parts.partitions import appeared, partition_node
from osdrivers.parts.sfdisk import Sfdisk
from osdrivers.parts.swapfile import FillWithoutCow, Swap  # noqa: F401
from osdrivers.parts.vmbus import temporary_disks

FACTS: dict[str, Any] = {}


def tell(**facts: Any) -> None:
    FACTS.update(facts)


class Lacking(SystemCommands):
    """The real commands but for some."""

    def __init__(self, *lacking: str) -> None:
        super().__init__("/")
        self.lacking = lacking

    def find(self, command: str) -> str:
        return "" if command in self.lacking else super().find(command)


def machine(*lacking: str) -> Host:
    return Host("/", commands=Lacking(*lacking))


def with_sfdisk(host: Host) -> Disks:
    return Disks(host, temporary_disks, (Sfdisk(host), Parted(host)), smallest_bytes=1 << 28)


def with_parted(host: Host) -> Disks:
    return Disks(host, temporary_disks, (Parted(host),), smallest_bytes=1 << 28)


def swapped(path: str) -> list[int]:
    """KiB of each time that the file is swapped on."""
    return [area.size_kib for area in swap.active() if area.path == path]


def run(*argv: str, stdin: bytes = b"") -> str:
    return host.run(*argv, stdin=Secret(stdin))


def reread(*numbers: int) -> None:
    """Tell the kernel of a table that was written by hand; the nodes of these partitions come."""
    assert disk is not None
    run("partx", "--update", disk.node)
    for number in numbers:
        appeared(host, partition_node(disk.node, number)).apply(host)


def tried(
    plan: Callable[[], Plan], *, dry: bool = False, stop_after: Optional[int] = None
) -> dict[str, Any]:
    """What a plan did: its lines, and the error it ended with.

    ``stop_after``: this process is killed when that many actions are complete.
    """
    lines: list[str] = []

    def observe(event: Event) -> None:
        if event.status in ("planned", "started") and event.action is not None:
            lines.append(str(event.action))
        if event.status == "done" and event.seq == stop_after:
            os.kill(os.getpid(), signal.SIGKILL)

    (outcome,) = carry_out([Task("disk", plan)], host, observe, dry_run=dry)
    error: Optional[AgentError] = outcome.error
    why = type(error).__name__ if error else ""
    return {"lines": lines, "error": why, "message": first_line(error)}


def written() -> list[str]:
    """Sectors written to the disk and discarded, as the kernel counts: equal means untouched."""
    assert disk is not None
    os.sync()
    stat = host.read(f"/sys/block/{disk.node.rpartition('/')[2]}/stat").split()
    return [stat[at] for at in (6, 13)]  # sectors: parted only flushes


def blank() -> None:
    """The disk as it was at first, for the next test in the same bed."""
    assert disk is not None
    host.ask("partx", "--delete", disk.node)
    run("blkdiscard", "--force", disk.node)


host = Host("/")
disks, swap = with_sfdisk(host), Swap(host)
disk = disks.resource()
part = disks.partition(disk) if disk is not None else ""

if __name__ == "__main__":
    exec(sys.argv[1])
    print(json.dumps(FACTS))
