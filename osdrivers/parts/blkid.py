# SPDX-License-Identifier: Apache-2.0
"""What is on a disk: blkid(8) and wipefs(8) of util-linux, and the judgement on it (D3).

Both open the device read-only.  blkid's cache is never used (``-p``), and a device that cannot be
read is an error, never an empty one.
"""

from __future__ import annotations

import contextlib
import re
import select
from collections.abc import Mapping, Sequence
from typing import Callable, Optional

from ..api import Content
from ..errors import FactError, NotFound
from ..host import Host
from .partitions import MICROSOFT_RESERVED, UNFINISHED, Partition, Table, partition_node

STOCK_LABEL = "Temporary Storage"
_SLACK_BYTES = 16 << 20
#: While the kernel reads a table anew, its partitions are gone for a moment.
_TRIES, _PAUSE_S = 10, 0.1
_TABLES = frozenset({"dos", "gpt", "PMBR"})
_NOTHING, _AMBIVALENT = 2, 8
#: Types of the stock partition in a MBR and a GPT; parted(8) names none.  A dynamic disk has 0x42.
_BASIC_DATA = ("", "7", "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")

#: (start, size) in bytes.
Window = tuple[int, int]


def probe(
    host: Host, node: str, part: Optional[Window] = None, *, entry: bool = False
) -> Mapping[str, str]:
    """``TYPE``, ``LABEL``, ... of a device, or of a part of it that has no node; {} for nothing.

    ``entry``: with what the table says of the partition itself (``PART_ENTRY_...``).

    :raises NotFound: no such device.  :raises FactError: it could not be read.
    """
    window = ("-O", str(part[0]), "-S", str(part[1])) if part is not None else ()
    said = host.ask("blkid", "-p", *window, node)
    if said.status == _AMBIVALENT:
        return {"TYPE": "several signatures"}
    if said.status == _NOTHING and not said.stderr.strip():
        return {}
    if said.status != 0:
        if host.status(node) is None:
            raise NotFound(f"no device {node}")
        raise FactError(f"blkid could not read {node}: {said.stderr.strip()}", said.stderr)
    found = re.findall(r'([A-Z0-9_]+)="((?:[^"\\]|\\.)*)"', said.stdout)
    return {
        key: re.sub(r"\\(.)", r"\1", value)
        for key, value in found
        if entry or not key.startswith("PART_ENTRY_")  # of the table, not of what is in it
    }


def probe_partition(
    host: Host, disk: str, part: Partition, *, entry: bool = False
) -> Mapping[str, str]:
    """The same for a partition, also one whose node has not appeared yet, or leads nowhere while
    the kernel reads the table anew: the same bytes are read from the disk then."""
    node = partition_node(disk, part.number)
    for _ in range(_TRIES):
        if not host.exists(node):
            break
        with contextlib.suppress(FactError, NotFound):
            return probe(host, node, entry=entry)
        select.select([], [], [], _PAUSE_S)
    return probe(host, disk, (part.start_bytes, part.size_bytes))


def signatures(host: Host, node: str) -> tuple[str, ...]:
    """The types of all signatures on a device itself, tables included.

    blkid names the first it finds, wipefs(8) every one: a superblock at the end counts too.
    """
    tags = probe(host, node)
    found = [tags[key] for key in ("TYPE", "PTTYPE") if key in tags]
    if host.has("wipefs"):
        said = host.ask("wipefs", "-n", "-p", node)
        if said.status != 0:
            raise FactError(f"wipefs could not read {node}: {said.stderr.strip()}", said.stderr)
        rows = [line.split(",") for line in said.stdout.splitlines() if line[:2] == "0x"]
        found += [row[3] for row in rows if len(row) > 3]
    return tuple(dict.fromkeys(found))


def unusual(found: Sequence[str]) -> list[str]:
    """Signatures of anything but the tables that a temporary disk may have."""
    return [each for each in found if each not in _TABLES]


def judge(
    node: str,
    label: str,
    found: Sequence[str],
    table: Optional[Table],
    probes: Sequence[Mapping[str, str]],
    data: Callable[[str], str],
    size_bytes: int = 0,
) -> Content:
    """What all that amounts to.

    Every signature counts.  A disk without any is blank only if ``data`` (called with the kind of
    an empty table, "" without one) finds nothing but zeros.  The platform's volume spans the disk,
    where its size is known.
    """
    strange = unusual(found)
    if strange:
        return Content("foreign", f"{' and '.join(strange)} on {node} itself")
    if table is None:
        if found:
            return Content("foreign", f"a damaged partition table ({', '.join(found)})")
        lost = data("")
        if lost:
            return Content("foreign", f"{lost} without a signature")
        return Content("blank", "nothing")
    if not table.partitions:
        lost, empty = data(table.label), f"an empty {table.label} partition table"
        return Content("foreign", f"{lost} below {empty}") if lost else Content("blank", empty)
    words = ", ".join(_words(each, has) for each, has in zip(table.partitions, probes))
    last, has = table.partitions[-1], probes[-1]
    last_node, fs = partition_node(node, last.number), has.get("TYPE", "")
    only = len(table.partitions) == 1
    if only and last.name == label + UNFINISHED:  # whatever is in it: we were overwriting it
        return Content("ours", f"{words} (unfinished)", "", last_node)
    if only and has.get("LABEL", "").lower() == label.lower() and has.get("USAGE") == "filesystem":
        return Content("ours", words, fs, last_node)
    reserved = len(table.partitions) == 2 and table.partitions[0].type == MICROSOFT_RESERVED
    if (only or reserved) and (fs, has.get("LABEL", "")) == ("ntfs", STOCK_LABEL):
        doubt = _doubt(last, size_bytes)
        state = "foreign" if doubt else "stock"
        return Content(state, words + doubt, fs, last_node)
    return Content("foreign", words, fs, last_node)


def _doubt(part: Partition, size_bytes: int) -> str:
    """Why a volume with the platform's label is somebody's work, "" if nothing says so."""
    if part.type not in _BASIC_DATA:
        return f" of type {part.type}"
    rest = size_bytes - part.start_bytes - part.size_bytes
    return " on a part of the disk only" if rest > max(_SLACK_BYTES, size_bytes >> 6) else ""


def _words(part: Partition, has: Mapping[str, str]) -> str:
    kind = has.get("TYPE", "") or ("no file system" if not has else "data")
    label = f' labelled "{has["LABEL"]}"' if has.get("LABEL") else ""
    return f"{kind}{label} in partition {part.number}"
