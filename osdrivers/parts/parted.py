# SPDX-License-Identifier: Apache-2.0
"""parted(8): for systems whose sfdisk is older than 2.28."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from ..actions import Plan, Run
from ..errors import FactError
from ..host import Host
from .partitions import MICROSOFT_RESERVED, Partition, Table
from .sysfs_disks import SECTOR_BYTES

_LABELS = {"msdos": "dos"}


class Parted:
    """Reads and writes partition tables."""

    tool = "parted"

    def __init__(self, host: Host) -> None:
        self._host = host

    def usable(self) -> bool:
        return self._host.has("parted")

    def table(self, node: str) -> Optional[Table]:
        # Status 1 also for a disk without a table, so the text decides.
        said = self._host.ask("parted", "-s", "-m", node, "unit", "B", "print")
        found = parse(said.stdout, said.stderr)
        if found is None or found.label != "dos":
            return found
        record = self._host.read_bytes(node, limit_bytes=SECTOR_BYTES)
        return Table(found.label, tuple(_typed(each, record) for each in found.partitions))

    def ensure_one(self, node: str, name: str) -> Plan:
        self._host.require("parted", package="parted")
        make = ("mklabel", "gpt", "mkpart", name, "0%", "100%")
        yield Run(("parted", "-s", "-a", "optimal", node, *make), booted=True)

    def rename(self, node: str, name: str) -> Plan:
        yield Run(("parted", "-s", node, "name", "1", name), booted=True)


def parse(text: str, complaint: str = "") -> Optional[Table]:
    """The lines of ``parted -m ... unit B print``; a MBR's types are not in them."""
    lines = [line.rstrip(";").split(":") for line in text.splitlines() if line.endswith(";")]
    disks = [line for line in lines if len(line) >= 7 and not line[0].isdigit()]
    if not disks:
        raise FactError("the answer of parted was not understood", complaint or text)
    label = disks[0][5]
    if label in ("unknown", "loop"):  # loop: a file system on the whole disk
        return None
    try:
        found = tuple(_partition(line) for line in lines if len(line) >= 7 and line[0].isdigit())
    except ValueError as cause:
        raise FactError("the answer of parted was not understood", text) from cause
    return Table(_LABELS.get(label, label), found)


def _typed(part: Partition, record: bytes) -> Partition:
    """With its type from the MBR: byte 4 of its entry."""
    at = 446 + 16 * (part.number - 1) + 4
    known = part.number <= 4 and len(record) == SECTOR_BYTES and record[510:] == b"\x55\xaa"
    return replace(part, type=f"{record[at]:x}") if known else part


def _partition(columns: list[str]) -> Partition:
    number, start, _, size, _, name, flags = columns[:7]
    return Partition(
        number=int(number),
        start_bytes=int(start.rstrip("B")),
        size_bytes=int(size.rstrip("B")),
        type=MICROSOFT_RESERVED if "msftres" in flags else "",
        name=name,
    )
