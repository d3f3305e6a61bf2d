# SPDX-License-Identifier: Apache-2.0
"""Disks: who uses them, which is the temporary one, and making it usable (D1-D6).

A device that cannot be traced to its disk counts as in use, and so does the disk in question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Optional

from osdrivers.actions import MakeDirectory, Mount, Plan, Run, Verify, WriteFile
from osdrivers.api import Content, Disk, Mounted
from osdrivers.errors import (
    CommandMissing,
    Conflict,
    InvalidInput,
    NotFound,
    UnsafeRefused,
    Unsupported,
)
from osdrivers.host import Host

from . import gpart, nvme, storvsc
from .mounts import mounts

LABEL = "az_resource"
SMALLEST_BYTES = 1 << 30
_README = "DATALOSS_WARNING_README.txt"
_DISK = re.compile(r"((?:da|ada|nda|nvd|vtbd|cd)\d+)")
_UFS = ("ufs", "ufs2")


class Disks:
    """Whole disks are /dev/da0 and the like; UFS is the one file system that is made."""

    def __init__(self, host: Host) -> None:
        self._host = host

    # ---- D1

    def mounts(self) -> tuple[Mounted, ...]:
        return mounts(self._host)

    def root(self) -> frozenset[str]:
        return self._disks(each for each in self.mounts() if each.target in ("/", "/usr"))

    def in_use(self) -> frozenset[str]:
        swapped = [
            line.split()[0]
            for line in self._ask("swapctl", "-l").splitlines()
            if line.startswith("/dev/")
        ]
        return self._disks(self.mounts()) | frozenset(
            disk for path in swapped for disk in self._whole(path)
        )

    def _disks(self, mounted: Iterator[Mounted] | Sequence[Mounted]) -> frozenset[str]:
        found: set[str] = set()
        for each in mounted:
            if each.source.startswith("/dev/"):
                found |= set(self._whole(each.source))
            elif each.fs == "zfs":
                found |= set(self._pools())
        return frozenset(found)

    def _pools(self) -> list[str]:
        words = self._ask("zpool", "list", "-vHP").split()
        return [disk for word in words if word.startswith("/dev/") for disk in self._whole(word)]

    def _whole(self, path: str) -> list[str]:
        """The disk below a device; labels (``/dev/ufs/rootfs``) are asked of glabel(8)."""
        devices = self._host.places.devices
        name = path[len("/dev/") :] if path.startswith("/dev/") else path
        direct = _DISK.match(name)
        if direct:
            return [f"{devices}/{direct[1]}"]
        listed = "" if self._host.offline else self._host.ask("glabel", "status", "-s").stdout
        for line in listed.splitlines():
            words = line.split()
            component = _DISK.match(words[-1]) if words and words[0] == name else None
            if component:
                return [f"{devices}/{component[1]}"]
        return []

    def _ask(self, *argv: str) -> str:
        if self._host.offline:
            return ""
        try:
            return self._host.ask(*argv).stdout
        except CommandMissing:
            return ""

    # ---- D2

    def resource(self) -> Optional[Disk]:
        if self._host.offline:
            return None
        used, found = self.root(), []
        for name, evidence in storvsc.temporary_disks(self._host):
            node = f"{self._host.places.devices}/{name}"
            size = self._size(name)
            if node not in used and size >= SMALLEST_BYTES:
                found.append(Disk(node, size, evidence))
        if len(found) > 1:
            nodes = ", ".join(each.node for each in found)
            raise Conflict(
                f"several disks may be the temporary one: {nodes}",
                hint="format and mount the right one yourself",
            )
        return found[0] if found else None

    def local(self) -> tuple[Disk, ...]:
        if self._host.offline:
            return ()
        devices, used = self._host.places.devices, self.root()
        found = [
            Disk(f"{devices}/{name}", self._size(name), evidence)
            for name, evidence in nvme.local_disks(self._host)
        ]
        return tuple(each for each in found if each.node not in used)

    def _size(self, name: str) -> int:
        words = self._host.run("diskinfo", name).split()
        return int(words[2]) if len(words) > 2 and words[2].isdigit() else 0

    # ---- D3

    def partition(self, disk: Disk) -> str:
        return f"{disk.node}p1"

    def inspect(self, disk: Disk) -> Content:
        if self._host.status(disk.node) is None:
            raise NotFound(f"no device {disk.node}")
        content = gpart.inspect(self._host, disk.node, LABEL, disk.size_bytes)
        lost = self._untraced()
        if lost:
            return Content("in-use", f"{content.what}, perhaps below {lost}", content.fs)
        if disk.node not in self.in_use():
            return content
        state = "ours" if content.state == "ours" and self._mounted(disk) else "in-use"
        return Content(state, f"{content.what}, in use", content.fs, content.partition)

    def _untraced(self) -> str:
        """A mounted device whose disk nobody names: it may be any."""
        for each in self.mounts():
            named = each.source.startswith("/dev/") and not each.source.startswith("/dev/md")
            if named and not self._whole(each.source):
                return each.source
        return ""

    def _mounted(self, disk: Disk) -> list[Mounted]:
        return [each for each in self.mounts() if disk.node in self._whole(each.source)]

    # ---- D4

    def ensure_prepared(self, disk: Disk, fs: str, *, preserve_stock: bool = False) -> Plan:
        if fs not in _UFS:
            raise Unsupported(f"{fs} is not made here", hint="set ResourceDisk.Filesystem=ufs")
        self._host.require("gpart", "fstyp", "newfs")
        content = self.inspect(disk)
        if content.state == "ours" and content.fs:
            return
        self._refuse(disk, content, preserve_stock)
        name, node = disk.node.rpartition("/")[2], self.partition(disk)
        if content.state != "ours":
            if content.partition:
                yield Run(("gpart", "destroy", "-F", name), booted=True)
            yield Run(("gpart", "create", "-s", "GPT", name), booted=True)
            add = ("gpart", "add", "-t", "freebsd-ufs", "-a", "1m", "-l", LABEL, name)
            yield Run(add, booted=True)
        yield Run(("newfs", "-U", "-L", LABEL, node), timeout_s=600, booted=True)
        yield Verify(
            f"{node} holds ufs",
            lambda: gpart.content(self._host, node)[0] == "ufs",
            booted=True,
        )

    def _refuse(self, disk: Disk, content: Content, preserve_stock: bool) -> None:
        """:raises UnsafeRefused: the disk is not a temporary one, or must not be written."""
        temporary = self.resource()
        resource = temporary is not None and temporary.node == disk.node
        local = not resource and disk.node in {each.node for each in self.local()}
        keep = content.state == "stock" and (preserve_stock or local)
        if keep or content.state not in ("blank", "ours", "stock"):
            raise UnsafeRefused(
                f"{disk.node} is not formatted, because it holds {content.what}",
                hint="save what is wanted, then wipe it",
            )
        if not (resource or local):
            raise UnsafeRefused(
                f"{disk.node} is not formatted, because nothing shows that it is temporary",
                hint="format and mount it yourself",
            )

    # ---- D5, D6

    def ensure_mounted(
        self, disk: Disk, directory: str, fs: str, options: Sequence[str] = ()
    ) -> Plan:
        if not directory.startswith("/") or ".." in directory.split("/"):
            raise InvalidInput(f"mount point {directory!r} is not an absolute path")
        if any(not each or set(each) & set(", \t\n") for each in options):
            raise InvalidInput("a mount option is not one word")
        if self._mounted(disk):
            return
        taken = [each for each in self.mounts() if each.target == directory]
        if taken:
            raise Conflict(f"{taken[-1].source} is mounted at {directory}")
        found = self._host.status(directory, follow=False)
        if found is not None and found.kind != "directory":
            raise Conflict(f"mount point {directory} is a {found.kind}")
        self._host.require("mount")
        if found is None:
            yield MakeDirectory(directory, 0o755, booted=True)
        node = self.partition(disk)
        yield Mount(node, directory, "ufs", tuple(each for each in options if each != "defaults"))
        yield Verify(f"{node} is mounted at {directory}", lambda: self._mounted(disk), booted=True)

    def ensure_readme(self, directory: str, text: str) -> Plan:
        path = f"{directory}/{_README}"
        if self._host.read_bytes(path, b"") != text.encode():
            yield WriteFile(path, text.encode(), 0o644, booted=True)
