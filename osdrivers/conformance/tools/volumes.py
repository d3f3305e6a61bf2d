# SPDX-License-Identifier: Apache-2.0
"""Block devices and mounts of a pretend machine.

A node in /dev is a file with a JSON object that says what is on the device: ``bytes``, ``fs``,
``label``, ``uuid``, or ``table`` and ``partitions`` for a whole disk.  The files on a volume lie in
``/.machine/volumes/<name>`` while it is not mounted; mounting puts that directory in the place of
the mount point, whose own content waits in ``/.machine/covered``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, Optional

from ..box import STATE, Box

MOUNTINFO = "/proc/self/mountinfo"


def node(box: Box, path: str) -> dict[str, Any]:
    """What is on a device.  :raises FileNotFoundError: no such node."""
    found: dict[str, Any] = json.loads(box.read(path) or "{}")
    return found


def describe(box: Box, path: str, content: Mapping[str, Any]) -> None:
    box.write(path, json.dumps(content) + "\n", 0o660)


def resolved(box: Box, path: str) -> str:
    """The node behind /dev/disk/... links."""
    return "/" + os.path.relpath(box.real(path), box.root)


def partition_node(disk: str, number: int) -> str:
    return f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"


def whole(path: str) -> tuple[str, int]:
    """The disk of a partition node and its number; 0 for a whole disk."""
    found = re.fullmatch(r"(/dev/(?:nvme\d+n\d+|mmcblk\d+|nda\d+|da\d+))[ps](\d+)", path)
    found = found or re.fullmatch(r"(/dev/(?:sd|vd|hd|xvd)[a-z]+)(\d+)", path)
    return (found[1], int(found[2])) if found else (path, 0)


def mounts(box: Box) -> list[list[str]]:
    """Fields of mountinfo, the latest last."""
    return [line.split(" ") for line in box.lines(MOUNTINFO)]


def source(fields: list[str]) -> str:
    return fields[fields.index("-") + 2]


def mounted_at(box: Box, path: str) -> Optional[list[str]]:
    """The top mount at a directory."""
    return next((fields for fields in reversed(mounts(box)) if fields[4] == _escaped(path)), None)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def number_of(box: Box, path: str) -> str:
    """``8:17``: what sysfs says of a block device."""
    name = os.path.basename(path)
    for place in (f"/sys/class/block/{name}/dev", f"/sys/block/{name}/dev"):
        if box.exists(place):
            return box.read(place).strip()
    return "0:99"


def mount(box: Box, device: str, path: str, fs: str, options: str) -> None:
    """Put a volume in the place of a directory."""
    name = os.path.basename(device)
    volume = f"{STATE}/volumes/{name}"
    if not box.exists(volume):
        box.make_directory(volume)
    covered = f"{STATE}/covered/{len(mounts(box))}"
    box.make_directory(os.path.dirname(covered))
    os.rename(box.real(path), box.real(covered))
    os.rename(box.real(volume), box.real(path))
    ids = [int(fields[0]) for fields in mounts(box)]
    kept = "ro" if "ro" in options.split(",") else "rw"
    line = (
        f"{max(ids, default=20) + 1} {ids[0] if ids else 1} {number_of(box, device)} / "
        f"{_escaped(path)} {options} shared:1 - {fs} {device} {kept}"
    )
    box.change(MOUNTINFO, lambda lines: [*lines, line])


def unmount(box: Box, fields: list[str]) -> None:
    """Undo :func:`mount`; the directory below shows again."""
    path = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
    name = os.path.basename(source(fields))
    line = " ".join(fields)
    box.change(MOUNTINFO, lambda lines: [each for each in lines if each != line])
    covered = f"{STATE}/covered/{len(mounts(box))}"
    os.rename(box.real(path), box.real(f"{STATE}/volumes/{name}"))
    os.rename(box.real(covered), box.real(path))
    if not box.names(f"{STATE}/covered"):
        os.rmdir(box.real(f"{STATE}/covered"))


def swaps(box: Box) -> list[list[str]]:
    return [line.split() for line in box.lines("/proc/swaps")[1:]]


def busy(box: Box, path: str) -> bool:
    """Whether a device, or a partition of it, is mounted or swapped on."""
    used = [source(fields) for fields in mounts(box)] + [fields[0] for fields in swaps(box)]
    return any(path in (use, whole(use)[0]) for use in used)


def make_partition(box: Box, disk: str, number: int, start: int, sectors: int) -> None:
    """The node, and what the kernel shows of it in sysfs."""
    path = partition_node(disk, number)
    name, parent = os.path.basename(path), os.path.basename(disk)
    describe(box, path, {"bytes": sectors * 512})
    below = f"/sys/block/{parent}/{name}"
    major, _, minor = number_of(box, disk).partition(":")
    values = {"partition": number, "start": start, "size": sectors, "ro": 0}
    for key, value in values.items():
        box.write(f"{below}/{key}", f"{value}\n")
    box.write(f"{below}/dev", f"{major}:{int(minor) + number}\n")
    box.make_directory(f"{below}/holders")
    if box.is_directory("/sys/class/block"):
        target = os.path.relpath(box.real(below), box.real("/sys/class/block"))
        box.link(f"/sys/class/block/{name}", target)
    if box.is_directory("/sys/dev/block"):
        target = os.path.relpath(box.real(below), box.real("/sys/dev/block"))
        box.link(f"/sys/dev/block/{major}:{int(minor) + number}", target)


def remove_partitions(box: Box, disk: str) -> None:
    parent = os.path.basename(disk)
    for name in box.names("/dev"):
        if whole(f"/dev/{name}")[0] == disk and f"/dev/{name}" != disk:
            number = number_of(box, f"/dev/{name}")
            for path in (f"/dev/{name}", f"/sys/block/{parent}/{name}", f"/sys/class/block/{name}"):
                box.remove(path)
            box.remove(f"/sys/dev/block/{number}")
            box.remove(f"{STATE}/volumes/{name}")
