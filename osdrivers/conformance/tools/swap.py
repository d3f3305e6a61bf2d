# SPDX-License-Identifier: Apache-2.0
"""mkswap(8), swapon(8), swapoff(8), and what makes the file: dd, fallocate, chattr."""

from __future__ import annotations

import os
import stat

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused
from . import volumes

_HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"
_SIGNATURE = b"SWAPSPACE2"
_PLACE = 4096 - len(_SIGNATURE)


def _is_swap(real: str) -> bool:
    with open(real, "rb") as stream:
        stream.seek(_PLACE)
        return stream.read(len(_SIGNATURE)) == _SIGNATURE


def mkswap(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "fL:U:q", "f/force", "L/label=", "U/uuid=", "q/quiet")
    real = box.real(rest[0])
    if not os.path.exists(real):
        return refused(1, f"mkswap: cannot open {rest[0]}: No such file or directory")
    if any(fields[0] == rest[0] for fields in volumes.swaps(box)):
        return refused(1, f"mkswap: error: {rest[0]} is mounted; will not make swapspace")
    said = ""
    status = os.stat(real)
    if stat.S_IMODE(status.st_mode) & 0o077:
        said = f"mkswap: {rest[0]}: insecure permissions, fix with: chmod 0600 {rest[0]}\n"
    if status.st_blocks * 512 < status.st_size:
        said += f"mkswap: {rest[0]} contains holes or other unsupported extents.\n"
    with open(real, "r+b") as stream:
        stream.seek(_PLACE)
        stream.write(_SIGNATURE)
    size_kib = status.st_size // 1024 - 4
    return done(f"Setting up swapspace version 1, size = {size_kib} KiB\nno label\n", said)


def swapon(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "p:d", "p/priority=", "show", "show=", "noheadings", "raw", "bytes")
    if len(rest) != 1 or "--show" in given:
        raise UnknownUse(argv, "only a file")
    path = rest[0]
    if not box.exists(path):
        return refused(255, f"swapon: cannot open {path}: No such file or directory")
    real = box.real(path)
    if any(fields[0] == path for fields in volumes.swaps(box)):
        return refused(255, f"swapon: {path}: swapon failed: Device or resource busy")
    if not _is_swap(real):
        return refused(255, f"swapon: {path}: read swap header failed")
    status = os.stat(real)
    if status.st_blocks * 512 < status.st_size:
        return refused(255, f"swapon: {path}: skipping - it appears to have holes.")
    lines = box.lines("/proc/swaps") or [_HEAD]
    size_kib = status.st_size // 1024 - 4
    lines.append(f"{path}{' ' * max(1, 40 - len(path))}file\t\t{size_kib}\t\t0\t\t-2")
    box.write("/proc/swaps", "".join(f"{line}\n" for line in lines))
    return done()


def swapoff(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "v")
    if not any(fields[0] == rest[0] for fields in volumes.swaps(box)):
        return refused(4, f"swapoff: {rest[0]}: swapoff failed: Invalid argument")
    box.change("/proc/swaps", lambda lines: [line for line in lines if line.split()[0] != rest[0]])
    return done()


def chattr(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1] not in ("+C", "-i", "-c"):
        raise UnknownUse(argv, argv[1])
    if not box.exists(argv[2]):
        return refused(1, f"chattr: No such file or directory while trying to stat {argv[2]}")
    return done()


TOOLS: dict[str, Tool] = {
    "mkswap": mkswap,
    "swapon": swapon,
    "swapoff": swapoff,
    "chattr": chattr,
}
