# SPDX-License-Identifier: Apache-2.0
"""Block devices as the kernel stacks them: partitions, device mapper, md.

Source: sysfs(5), Documentation/ABI/stable/sysfs-block of the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

from ..host import Host

Number = tuple[int, int]
SECTOR_BYTES = 512  # of the size files, whatever the disk's own sectors are


@dataclass(frozen=True)
class Block:
    """A block device: a whole disk (``disk`` is its own name) or a partition of one."""

    name: str
    disk: str
    number: Number
    slaves: tuple[str, ...] = ()
    held: bool = False


class Topology:
    """One reading of /sys/block.  Make a new value to look again."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._base = f"{host.places.sysfs}/block"

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """Every block device that has a medium, by its name."""
        found: dict[str, Block] = {}
        for disk in self._host.names(self._base):
            if self.size_bytes(disk) == 0:  # a loop device without a file, a drive without a disc
                continue
            self._add(found, disk, f"{self._base}/{disk}", disk)
            for part in self._host.names(f"{self._base}/{disk}"):
                if part.startswith(disk):
                    self._add(found, disk, f"{self._base}/{disk}/{part}", part)
        return found

    def _add(self, found: dict[str, Block], disk: str, path: str, name: str) -> None:
        number = self._number(path)
        if number is not None:
            slaves = self._host.names(f"{path}/slaves")
            held = bool(self._host.names(f"{path}/holders"))
            found[name] = Block(name, disk, number, slaves, held)

    def _number(self, path: str) -> Optional[Number]:
        found = re.fullmatch(r"(\d+):(\d+)\s*", self._host.read(f"{path}/dev", ""))
        return (int(found[1]), int(found[2])) if found else None

    def node(self, name: str) -> str:
        """``cciss!c0d0`` is /dev/cciss/c0d0."""
        return f"{self._host.places.devices}/{name.replace('!', '/')}"

    def name(self, node: str) -> str:
        """The device a node is, links followed; "" when it is none that the kernel has.

        By number; by name where sysfs does not show partitions.
        """
        status = self._host.status(node)
        if status is not None and status.kind == "block":
            by_number = self.numbered(status.device)
            if by_number:
                return by_number
        bare = self._host.locate(node, follow=True).rpartition("/")[2]
        if bare in self.blocks:
            return bare
        found = re.fullmatch(r"(.*\d)p\d+|(.*\D)\d+", bare)
        parent = (found[1] or found[2]) if found else ""
        return parent if parent in self.blocks else ""

    def numbered(self, number: Number) -> str:
        """The device of that number, "" when the kernel has none."""
        for block in self.blocks.values():
            if block.number == number:
                return block.name
        return ""

    def whole(self, names: Iterable[str]) -> frozenset[str]:
        """The whole disks at the bottom of these devices: through dm, md and partitions."""
        todo, seen, disks = list(names), set[str](), set[str]()
        while todo:
            name = todo.pop()
            block = self.blocks.get(name)
            if block is None or name in seen:
                continue
            seen.add(name)
            if block.slaves:
                todo.extend(block.slaves)
            elif block.disk != name:
                todo.append(block.disk)
            else:
                disks.add(name)
        return frozenset(disks)

    def held(self) -> frozenset[str]:
        """Whole disks that something is stacked upon: dm, md, bcache, multipath."""
        return self.whole(block.name for block in self.blocks.values() if block.held)

    def size_bytes(self, disk: str) -> int:
        text = self._host.read(f"{self._base}/{disk}/size", "").strip()
        return int(text) * SECTOR_BYTES if text.isdigit() else 0

    def removable(self, disk: str) -> bool:
        return self._host.read(f"{self._base}/{disk}/removable", "").strip() == "1"
