# SPDX-License-Identifier: Apache-2.0
"""parted(8) as systems before 2016 have it."""

from __future__ import annotations

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused
from . import volumes
from .volumes import describe, node, resolved

_LABELS = {"dos": "msdos"}
_ALIGNED = 2048
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_RESERVED = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"


def parted(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "sma:", "s/script", "m/machine", "a/align=", intermixed=False)
    disk, words = resolved(box, rest[0]), rest[1:]
    if not box.exists(disk):
        return refused(1, f"Error: Could not stat device {rest[0]} - No such file or directory.")
    if words == ["unit", "B", "print"]:
        return _shown(box, disk)
    if words[:3] == ["mklabel", "gpt", "mkpart"] and words[4:] == ["0%", "100%"]:
        return _made(box, disk, words[3])
    if words[:2] == ["name", "1"] and len(words) == 3:
        content = node(box, disk)
        content["partitions"][0]["name"] = words[2]
        describe(box, disk, content)
        return done()
    raise UnknownUse(argv, "only print, one partition, and its name")


def _shown(box: Box, disk: str) -> Completed:
    content = node(box, disk)
    label = content.get("table") or ("loop" if content.get("fs") else "unknown")
    size = content["bytes"]
    head = f"BYT;\n{disk}:{size}B:scsi:512:4096:{_LABELS.get(label, label)}:Msft Virtual Disk:;\n"
    if label == "unknown":
        return refused(1, f"Error: {disk}: unrecognised disk label", head)
    if label == "loop":
        return done(f"{head}1:0B:{size - 1}B:{size}B:{content['fs']}::;\n")
    rows = ""
    for number, each in enumerate(content["partitions"], 1):
        start, length = each["start"] * 512, each["sectors"] * 512
        flags = "msftres" if each["type"].upper() == _RESERVED else ""
        name = each.get("name", "")
        rows += f"{number}:{start}B:{start + length - 1}B:{length}B::{name}:{flags};\n"
    return done(head + rows)


def _made(box: Box, disk: str, name: str) -> Completed:
    if volumes.busy(box, disk):
        return refused(1, f"Error: Partition(s) on {disk} are being used.")
    content = node(box, disk)
    sectors = content["bytes"] // 512 - 2 * _ALIGNED
    volumes.remove_partitions(box, disk)
    row = {"start": _ALIGNED, "sectors": sectors, "type": _LINUX, "name": name}
    describe(box, disk, {"bytes": content["bytes"], "table": "gpt", "partitions": [row]})
    volumes.make_partition(box, disk, 1, _ALIGNED, sectors)
    return done()


TOOLS: dict[str, Tool] = {"parted": parted}
