# SPDX-License-Identifier: Apache-2.0
"""Partition tables as values, and what the tools that write them have in common (D3, D4)."""

from __future__ import annotations

import select
import shlex
from dataclasses import dataclass
from typing import ClassVar, Optional, Protocol

from ..actions import Fields, Plan, Verify
from ..errors import CommandTimeout
from ..host import Host, Secret
from .sysfs_disks import Topology

SETTLE_S = 30
#: Ends the name of a partition that has no complete file system yet, and no data of anybody.
UNFINISHED = "-new"
MICROSOFT_RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"


@dataclass(frozen=True)
class Partition:
    """One entry: number from 1, bytes, type (``7``, a GUID in lower case) and GPT name."""

    number: int
    start_bytes: int
    size_bytes: int
    type: str = ""
    name: str = ""


@dataclass(frozen=True)
class Table:
    """``label`` is ``dos``, ``gpt``, ..."""

    label: str
    partitions: tuple[Partition, ...] = ()


class Partitioner(Protocol):
    """A tool that reads and writes partition tables."""

    tool: str

    def usable(self) -> bool:
        """Whether it is installed, and new enough."""

    def table(self, node: str) -> Optional[Table]:
        """What is there, None for no table.  Opened read-only.

        :raises FactError: the tool's answer was not understood.
        """

    def ensure_one(self, node: str, name: str) -> Plan:
        """Replace everything by a GPT with one partition of that name over the whole disk."""

    def rename(self, node: str, name: str) -> Plan:
        """Give the only partition another name; the kernel keeps it as it is."""


def partition_node(node: str, number: int) -> str:
    """``/dev/sdb`` 1 is ``/dev/sdb1``, ``/dev/nvme0n1`` 1 is ``/dev/nvme0n1p1``."""
    return f"{node}p{number}" if node[-1:].isdigit() else f"{node}{number}"


@dataclass(frozen=True)
class Script:
    """A command that reads its script, which is no secret, from standard input."""

    argv: tuple[str, ...]
    script: str
    timeout_s: float = 60.0
    booted: bool = True
    kind: ClassVar[str] = "run"

    def apply(self, host: Host) -> None:
        host.run(*self.argv, stdin=Secret(self.script.encode()), timeout_s=self.timeout_s)

    def fields(self) -> Fields:
        return {"argv": list(self.argv), "stdin": self.script}

    def __str__(self) -> str:
        text = "; ".join(self.script.splitlines())
        return f"run    {shlex.join(self.argv)} < {shlex.quote(text)}"


def appeared(host: Host, node: str) -> Verify:
    """Wait for a partition's node, at most 30 s.

    It comes from the kernel or from udevd, which may take it away once more while it works
    through the events of the old table; so its queue is waited for where it runs.
    """

    def there() -> bool:
        if host.exists(f"{host.places.run}/udev/control") and host.has("udevadm"):
            host.ask("udevadm", "settle", f"--timeout={SETTLE_S}", timeout_s=SETTLE_S + 5)
        for _ in range(SETTLE_S * 20):
            if _is_current(host, node):
                return True
            select.select([], [], [], 0.05)
        raise CommandTimeout(("udevadm", "settle", node), SETTLE_S)

    return Verify(f"{node} is there", there, booted=True)


def _is_current(host: Host, node: str) -> bool:
    """Whether the node is that of the kernel's present partition, not one left of the old table."""
    found = host.status(node)
    if found is None or found.kind != "block":
        return found is not None and found.kind == "file"  # a pretend machine
    present = Topology(host).blocks.get(node.rpartition("/")[2])
    return present is not None and present.number == found.device
