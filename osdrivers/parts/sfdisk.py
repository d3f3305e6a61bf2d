# SPDX-License-Identifier: Apache-2.0
"""sfdisk(8) of util-linux 2.28 and later: JSON, GPT, and a say in what is wiped."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Optional

from ..actions import Plan, Run
from ..errors import CommandMissing, FactError
from ..host import Host
from .partitions import Partition, Script, Table

SECTOR_BYTES = 512


class Sfdisk:
    """Reads and writes partition tables."""

    tool = "sfdisk"

    def __init__(self, host: Host) -> None:
        self._host = host

    def usable(self) -> bool:
        return self._host.has("sfdisk") and self._wipes

    @cached_property
    def _wipes(self) -> bool:
        """``--wipe`` came with 2.28; before 2.26 it knew no GPT either."""
        try:
            said = self._host.ask("sfdisk", "--help", timeout_s=10)
        except CommandMissing:
            return self._host.assume_tools
        return "--wipe-partitions" in said.stdout

    def table(self, node: str) -> Optional[Table]:
        said = self._host.ask("sfdisk", "--json", node)
        if said.status != 0:
            if "does not contain a recognized partition table" in said.stderr:
                return None
            raise FactError(f"sfdisk could not read {node}: {said.stderr.strip()}", said.stderr)
        return parse(said.stdout)

    def ensure_one(self, node: str, name: str) -> Plan:
        self._host.require("sfdisk", package="util-linux")
        # Wiping first would leave, if it ends there, data that nothing tells from somebody's.  A
        # disk that may be written has no signature but a table's, and mkfs overwrites the rest.
        wipe = ("--wipe", "never", "--wipe-partitions", "never")
        yield Script(("sfdisk", "--quiet", *wipe, node), f"label: gpt\nname={name}\n")
        if self._host.has("partx"):
            # A kernel without a parser for the table (or one that found it busy) is told of it;
            # status 1 means that it knew.
            yield Run(("partx", "--update", node), ok=(0, 1), booted=True)

    def rename(self, node: str, name: str) -> Plan:
        quiet = ("--quiet", "--no-reread", "--no-tell-kernel")
        yield Run(("sfdisk", *quiet, "--part-label", node, "1", name), booted=True)


def parse(text: str) -> Table:
    """The JSON of ``sfdisk --json``."""
    try:
        found = json.loads(text)["partitiontable"]
        sector = int(found.get("sectorsize", SECTOR_BYTES))
        return Table(
            str(found["label"]),
            tuple(
                Partition(
                    number=_number(str(each["node"]), str(found.get("device", ""))),
                    start_bytes=int(each["start"]) * sector,
                    size_bytes=int(each["size"]) * sector,
                    type=str(each.get("type", "")).lower(),
                    name=str(each.get("name", "")),
                )
                for each in found.get("partitions", ())
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise FactError("the answer of sfdisk --json was not understood", text) from cause


def _number(node: str, device: str) -> int:
    """``/dev/nvme0n1p2`` on ``/dev/nvme0n1`` is 2."""
    return int(node[len(device) :].lstrip("p"))
