# SPDX-License-Identifier: Apache-2.0
"""sfdisk(8), blkid(8), wipefs(8), mkfs(8), mount(8), umount(8), udevadm(8), lsblk(8)."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from ...host import Completed
from ..box import STATE, Box, Tool, UnknownUse, done, options, refused
from . import volumes
from .volumes import describe, node, partition_node, resolved, whole

_LINUX_GUID = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_ALIGNED = 2048


def sfdisk(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    long = ("J/json", "d/dump", "wipe=", "wipe-partitions=", "q/quiet", "part-type", "X/label=")
    if argv[1:] == ("--help",):
        return done("Options:\n -J, --json\n -w, --wipe <when>\n -W, --wipe-partitions <when>\n")
    more = ("w/wipe=", "W/wipe-partitions=", "f/force", *_LOCK)
    given, rest = options(argv, "Jdw:W:qX:fl", *long, *more, "part-label")
    disk = resolved(box, rest[0])
    if not box.exists(disk):
        return refused(1, f"sfdisk: cannot open {disk}: No such file or directory")
    content = node(box, disk)
    if "-J" in given or "-d" in given or "--part-type" in given:
        if "table" not in content:
            return refused(1, f"sfdisk: {disk}: does not contain a recognized partition table")
        if "--part-type" in given:
            kind = _types(content)[int(rest[1]) - 1]
            return done(f"{kind:>2}\n")
        return done(_table_json(disk, content) if "-J" in given else _table_dump(disk, content))
    if "--part-label" in given:
        content["partitions"][int(rest[1]) - 1]["name"] = rest[2]
        describe(box, disk, content)
        return done()
    if rest[1:]:
        raise UnknownUse(argv, rest[1])
    if volumes.busy(box, disk) and "--no-reread" not in given:
        return refused(1, f"Checking that no-one is using this disk right now ... FAILED\n{disk}")
    return _written(box, argv, disk, content, stdin.decode(), given.get("-X", ""))


_LOCK = ("lock", "lock=", "no-reread", "no-tell-kernel", "l/list", "color=")


def _types(content: dict[str, Any]) -> list[str]:
    return [str(each["type"]) for each in content["partitions"]]


def _table_json(disk: str, content: dict[str, Any]) -> str:
    rows = [
        {
            "node": partition_node(disk, number),
            "start": each["start"],
            "size": each["sectors"],
            "type": each["type"],
            **({"name": each["name"]} if each.get("name") else {}),
        }
        for number, each in enumerate(content["partitions"], 1)
    ]
    table = {"label": content["table"], "id": "0x00000000", "device": disk, "unit": "sectors"}
    return json.dumps({"partitiontable": {**table, "partitions": rows}}, indent=3) + "\n"


def _table_dump(disk: str, content: dict[str, Any]) -> str:
    lines = [f"label: {content['table']}", f"device: {disk}", "unit: sectors", ""]
    for number, each in enumerate(content["partitions"], 1):
        path = partition_node(disk, number)
        lines.append(f"{path} : start={each['start']}, size={each['sectors']}, type={each['type']}")
    return "\n".join(lines) + "\n"


def _written(
    box: Box, argv: tuple[str, ...], disk: str, content: dict[str, Any], script: str, label: str
) -> Completed:
    """A script of sfdisk(8), INPUT FORMATS: a label, and partitions that fill what is left."""
    label, wanted = label or "dos", []
    for line in script.splitlines():
        header = re.fullmatch(r"\s*(label|unit|label-id|first-lba)\s*:\s*(\S+)\s*", line)
        if header and header[1] == "label":
            label = header[2]
        elif line.strip() and not header:
            wanted.append(line)
    if len(wanted) != 1:
        raise UnknownUse(argv, f"a script with {len(wanted)} partitions")
    found = re.search(r"type\s*=\s*([\w-]+)|^\s*,\s*,\s*(\w+)", wanted[0])
    kind = (found[1] or found[2]) if found else "L"
    if kind in ("L", "linux", "83", _LINUX_GUID):
        kind = _LINUX_GUID if label == "gpt" else "83"
    total = content["bytes"] // 512
    if total < 2 * _ALIGNED:
        return refused(1, "sfdisk: failed to add #1 partition: No space left on device")
    sectors = total - _ALIGNED - (_ALIGNED if label == "gpt" else 0)
    volumes.remove_partitions(box, disk)
    row = {"start": _ALIGNED, "sectors": sectors, "type": kind}
    named = re.search(r"name\s*=\s*\"?([\w-]+)", wanted[0])
    if named:
        row["name"] = named[1]
    describe(box, disk, {"bytes": content["bytes"], "table": label, "partitions": [row]})
    volumes.make_partition(box, disk, 1, _ALIGNED, sectors)
    return done(f"Created a new {label} disklabel.\nThe partition table has been altered.\n")


# ---------------------------------------------------------------- signatures


def _tags(box: Box, path: str) -> dict[str, str]:
    """What blkid finds on a device, in its order."""
    content, tags = node(box, path), {}
    for key in ("label", "uuid", "fs"):
        if content.get(key):
            tags[{"label": "LABEL", "uuid": "UUID", "fs": "TYPE"}[key]] = str(content[key])
    if "TYPE" in tags:
        tags["USAGE"] = content.get("usage", "other" if content["fs"] == "swap" else "filesystem")
    if content.get("table"):
        tags.update(PTUUID="5bd0b0c4", PTTYPE=content["table"])
    disk, number = whole(path)
    if number and box.exists(disk) and node(box, disk).get("table"):
        row = node(box, disk)["partitions"][number - 1]
        kind = row["type"].lower() if len(row["type"]) > 4 else f"0x{row['type']}"
        tags.update(PART_ENTRY_SCHEME=node(box, disk)["table"], PART_ENTRY_TYPE=kind)
        tags["PART_ENTRY_NUMBER"] = str(number)
    return tags


def blkid(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = ("p/probe", "o/output=", "s/match-tag=", "c/cache-file=", "i/info", "u/usages=")
    given, rest = options(argv, "po:s:c:u:i", *known)
    if len(rest) != 1 or ("-p" not in given and "-s" not in given and "-o" not in given):
        raise UnknownUse(argv, "only -p, one device")
    path = resolved(box, rest[0])
    if not box.exists(path):
        return refused(2, f"blkid: error: {rest[0]}: No such file or directory")
    if node(box, path).get("medium") is False:
        return refused(2, f"blkid: error: {rest[0]}: No medium found")
    tags = _tags(box, path)
    if node(box, path).get("ambiguous"):
        return refused(8, f"blkid: {rest[0]}: ambivalent result")
    if "-s" in given:
        tags = {key: value for key, value in tags.items() if key in given["-s"].split(",")}
    if not tags or ("-p" in given and not {"TYPE", "PTTYPE", *tags} - _ENTRY):
        return refused(2, "")
    shape = given.get("-o", "full")
    if shape == "value":
        return done("".join(f"{value}\n" for value in tags.values()))
    if shape == "export":
        return done(f"DEVNAME={rest[0]}\n" + "".join(f"{k}={v}\n" for k, v in tags.items()))
    if shape == "udev":
        return done("".join(f"ID_FS_{key}={value}\n" for key, value in tags.items()))
    return done(f"{rest[0]}: " + " ".join(f'{key}="{value}"' for key, value in tags.items()) + "\n")


_ENTRY = {"PART_ENTRY_SCHEME", "PART_ENTRY_TYPE", "PART_ENTRY_NUMBER"}


def wipefs(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = ("n/no-act", "a/all", "q/quiet", "f/force", "J/json", "p/parsable")
    given, rest = options(argv, "naqfJpi", *known, *_LOCK)
    path = resolved(box, rest[0])
    if not box.exists(path):
        return refused(1, f"wipefs: error: {rest[0]}: probing initialization failed: No such file")
    content = node(box, path)
    found = [content[key] for key in ("fs", "table") if content.get(key)]
    if "-a" in given and "-n" not in given:
        if volumes.busy(box, path) and "-f" not in given:
            busy = "probing initialization failed: Device or resource busy"
            return refused(1, f"wipefs: error: {rest[0]}: {busy}")
        volumes.remove_partitions(box, path)
        describe(box, path, {"bytes": content["bytes"]})
        return done()
    if "-J" in given:
        rows = [{"device": os.path.basename(path), "type": kind} for kind in found]
        return done(json.dumps({"signatures": rows}) + "\n")
    if "-p" in given:
        parsable = [f"0x1fe,,,{kind}\n" for kind in found]
        return done("".join(["# offset,uuid,label,type\n", *parsable] if parsable else []))
    lines = [f"{os.path.basename(path)}   0x1fe {kind}" for kind in found]
    return done("".join(f"{line}\n" for line in (["DEVICE OFFSET TYPE", *lines] if lines else [])))


def mkfs(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """mkfs.ext4, mkfs.xfs, mkfs.btrfs, mkfs.vfat."""
    name = os.path.basename(argv[0])
    fs = name.partition(".")[2] or argv[argv.index("-t") + 1]
    shorts = {"xfs": "fqL:m:K", "btrfs": "fqL:K", "vfat": "n:F:I", "ext": "Fqm:L:E:t:O:"}
    given, rest = options(argv, shorts.get(fs, shorts["ext"]), "label=", "nodiscard")
    path = resolved(box, rest[0])
    if not box.exists(path):
        return refused(1, f"{name}: No such file or directory while opening {path}")
    content = node(box, path)
    if volumes.busy(box, path):
        return refused(1, f"{path} is mounted; will not make a filesystem here!")
    if fs in ("xfs", "btrfs") and content.get("fs") and "-f" not in given:
        said = f"{path} appears to contain an existing filesystem ({content['fs']})."
        return refused(1, f"{name}: {said}\n{name}: Use the -f option to force overwrite.")
    label = given.get("-L") or given.get("-n", "")
    if fs.startswith("ext"):
        label = label[:16]  # mke2fs cuts it with a warning
    elif len(label) > {"xfs": 12, "btrfs": 255, "vfat": 11}[fs]:
        return refused(1, f"{name}: label is too long")
    made = {"bytes": content["bytes"], "fs": fs, "uuid": "6f1c6bd4-0000-4000-8000-000000000001"}
    describe(box, path, {**made, "label": label} if label else made)
    volume = f"{STATE}/volumes/{os.path.basename(path)}"
    box.remove(volume)
    box.make_directory(volume)
    if fs.startswith("ext"):
        box.make_directory(f"{volume}/lost+found", 0o700)
    return done()


# ---------------------------------------------------------------- mounts


def mount(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "t:o:rnv", "t/types=", "o/options=", "r/read-only", "bind", "move")
    if len(rest) != 2 or "--bind" in given or "--move" in given:
        raise UnknownUse(argv, "only mount -t TYPE -o OPTIONS DEVICE DIRECTORY")
    device = resolved(box, rest[0])
    path = "/" + os.path.relpath(box.real(rest[1]), box.root)  # as the kernel shows it
    if not box.is_directory(path):
        return refused(32, f"mount: {path}: mount point does not exist.")
    if not box.exists(device):
        return refused(32, f"mount: {path}: special device {rest[0]} does not exist.")
    content = node(box, device)
    if content.get("medium") is False:
        return refused(32, f"mount: {path}: no medium found on {rest[0]}.")
    fs = given.get("-t") or content.get("fs", "")
    if fs in box.facts.get("blocked_filesystems", ()):
        return refused(32, f"mount: {path}: unknown filesystem type '{fs}'.")
    if not fs or fs not in (content.get("fs"), *content.get("also", ())):
        said = "wrong fs type, bad option, bad superblock on"
        return refused(32, f"mount: {path}: {said} {rest[0]}, missing codepage or helper program")
    current = volumes.mounted_at(box, path)
    if current is not None and volumes.source(current) == device:
        return refused(32, f"mount: {path}: {rest[0]} already mounted on {path}.")
    read_only = "-r" in given or "ro" in given.get("-o", "").split(",") or "medium" in content
    plain = ("", "ro", "rw", "defaults")
    words = [word for word in given.get("-o", "").split(",") if word not in plain]
    chosen = ["ro" if read_only else "rw", *words, "relatime"]
    volumes.mount(box, device, path, fs, ",".join(chosen))
    return done()


def umount(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "lfrd", "l/lazy")
    wanted = "/" + os.path.relpath(box.real(rest[0]), box.root).replace(".", "", rest[0] == "/")
    for fields in reversed(volumes.mounts(box)):
        if wanted in (fields[4], volumes.source(fields)):
            volumes.unmount(box, fields)
            return done()
    return refused(32, f"umount: {rest[0]}: not mounted.")


def udevadm(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1] not in ("settle", "trigger"):
        raise UnknownUse(argv, argv[1])
    return done()


def reread(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """partprobe(8), partx(8), blockdev(8) --rereadpt: nothing to do, the nodes are there."""
    if os.path.basename(argv[0]) == "blockdev" and argv[1] != "--rereadpt":
        raise UnknownUse(argv, argv[1])
    return done()


TOOLS: dict[str, Tool] = {
    "sfdisk": sfdisk,
    "blkid": blkid,
    "wipefs": wipefs,
    "mkfs": mkfs,
    "mkfs.ext3": mkfs,
    "mkfs.ext4": mkfs,
    "mkfs.xfs": mkfs,
    "mkfs.btrfs": mkfs,
    "mkfs.vfat": mkfs,
    "mount": mount,
    "umount": umount,
    "udevadm": udevadm,
    "partprobe": reread,
    "partx": reread,
    "blockdev": reread,
}
