# SPDX-License-Identifier: Apache-2.0
"""eject(1), and loading the modules a medium may need."""

from __future__ import annotations

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused
from . import volumes


def eject(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "sirvqmFp", "s/scsi", "r/cdrom", "m/no-unmount")
    path = volumes.resolved(box, rest[0])
    if not box.exists(path):
        return refused(1, f"eject: {rest[0]}: not found mountpoint or device with the given name")
    return empty_drive(box, path)


def empty_drive(box: Box, path: str) -> Completed:
    """The tray goes out, and with it what lay in it."""
    for fields in reversed(volumes.mounts(box)):
        if volumes.source(fields) == path:
            volumes.unmount(box, fields)
    content = volumes.node(box, path)
    if content.get("medium"):
        volumes.describe(box, path, {"medium": False})
        box.remove(f"/.machine/volumes/{path.rpartition('/')[2]}")
        size = f"/sys/block/{path.rpartition('/')[2]}/size"
        if box.exists(size):
            box.write(size, "0\n")
    return done()


def modprobe(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "qba", "q/quiet", "b/use-blacklist", "a/all")
    if not set(rest) <= {"udf", "isofs", "vfat", "nls_utf8", "sr_mod", "ata_piix"}:
        raise UnknownUse(argv, rest[0])
    blocked = [name for name in rest if name in box.facts.get("blocked_filesystems", ())]
    return refused(1, f"modprobe: ERROR: {blocked[0]} is blocked") if blocked else done()


TOOLS: dict[str, Tool] = {"eject": eject, "modprobe": modprobe}
