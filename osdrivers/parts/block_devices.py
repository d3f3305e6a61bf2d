# SPDX-License-Identifier: Apache-2.0
"""Disks of a Linux system: who uses them, which is the temporary one, and making it usable (D1-D6).

The facts come from the kernel's files; blkid(8), a partitioner and mkfs are asked for what is on
a disk and change it.  A disk is written only after its address, its use and its content have
each shown that nobody's data is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Callable, Optional

from ..actions import MakeDirectory, Mount, Plan, Run, Verify, WriteFile
from ..api import Content, Disk, Mounted
from ..errors import (
    CommandFailed,
    CommandMissing,
    Conflict,
    NotFound,
    UnsafeRefused,
    Unsupported,
)
from ..host import Host
from ..probes import Probes
from . import blankness, blkid, disk_guard, mkfs, mount_points, mountinfo, ntfs, nvme
from .partitions import UNFINISHED, Partitioner, Table, appeared, partition_node
from .sysfs_disks import Topology

Finder = Callable[[Host], tuple[tuple[str, str], ...]]
_SYSTEM = ("/", "/sysroot", "/usr")
_LINKS = ("disk/azure/resource", "disk/cloud/azure_resource")
_README = "DATALOSS_WARNING_README.txt"


class Disks:
    """:param finder: names the temporary disk's candidates.
    :param partitioners: in the order of preference; the first that is usable works.
    :param local_models: of the controllers whose NVMe disks are temporary.
    :param label: the mark of what was made here, at most 11 characters.
    """

    def __init__(
        self,
        host: Host,
        finder: Finder,
        partitioners: Sequence[Partitioner],
        *,
        local_models: Collection[str] = nvme.LOCAL_MODELS,
        label: str = "az_resource",
        smallest_bytes: int = 1 << 30,
    ) -> None:
        self._host, self._finder, self._partitioners = host, finder, tuple(partitioners)
        self._label, self._smallest, self._local_models = label, smallest_bytes, local_models
        self._probes = Probes(host)

    # ---- D1

    def mounts(self) -> tuple[Mounted, ...]:
        return mountinfo.mounts(self._host)

    def root(self) -> frozenset[str]:
        topology = Topology(self._host)
        system = [each for each in self.mounts() if each.target in _SYSTEM]
        names = self._devices(topology, system)
        return frozenset(topology.node(name) for name in topology.whole(names))

    def in_use(self) -> frozenset[str]:
        topology = Topology(self._host)
        names = self._devices(topology, self.mounts())
        names += [topology.name(path) for path, _ in mountinfo.swap_areas(self._host)]
        used = topology.whole(names) | topology.held()
        return frozenset(topology.node(name) for name in used)

    def _devices(self, topology: Topology, mounted: Sequence[Mounted]) -> list[str]:
        """Names of the devices below these mounts.

        Btrfs and overlays have an anonymous number, so their source counts too; a Btrfs may lie
        on more devices than it names, ZFS names none at all.
        """
        names = [topology.numbered(each.device) for each in mounted]
        names += [topology.name(each.source) for each in mounted if each.source[:1] == "/"]
        for group in self._host.glob(f"{self._host.places.sysfs}/fs/btrfs/*/devices"):
            members = self._host.names(group)
            if set(members) & set(names):
                names += members
        if any(each.fs == "zfs" for each in mounted):
            names += [topology.name(path) for path in self._zfs_devices()]
        return [name for name in names if name]

    def _zfs_devices(self) -> list[str]:
        try:
            said = self._host.ask("zpool", "list", "-vHPL").stdout
        except CommandMissing:
            return []
        return [word for word in said.split() if word.startswith("/dev/")]

    # ---- D2

    def resource(self) -> Optional[Disk]:
        topology, root = Topology(self._host), self.root()
        found = []
        for name, evidence in self._finder(self._host):
            size = topology.size_bytes(name)
            node = topology.node(name)
            if node not in root and size >= self._smallest and not topology.removable(name):
                found.append(Disk(node, size, evidence))
        linked = self._linked(topology)
        if len(found) > 1 or (found and linked and linked != found[0].node):
            nodes = {each.node for each in found} | ({linked} if linked else set())
            raise Conflict(
                f"several disks may be the temporary one: {', '.join(sorted(nodes))}",
                hint="format and mount the right one yourself",
            )
        return found[0] if found else None

    def local(self) -> tuple[Disk, ...]:
        topology, root = Topology(self._host), self.root()
        disks = [
            Disk(topology.node(name), topology.size_bytes(name), evidence)
            for name, evidence in nvme.local_disks(self._host, self._local_models)
        ]
        return tuple(each for each in disks if each.size_bytes and each.node not in root)

    def _linked(self, topology: Topology) -> str:
        """The node that udev's links name, "" without one."""
        for link in _LINKS:
            path = f"{self._host.places.devices}/{link}"
            name = topology.name(path) if self._host.exists(path) else ""
            if name:
                return topology.node(name)
        return ""

    # ---- D3

    def partition(self, disk: Disk) -> str:
        return partition_node(disk.node, 1)

    def inspect(self, disk: Disk) -> Content:
        if self._host.offline:
            return Content("stock", "not looked at: the machine is not running")
        found = self._host.status(disk.node)
        if found is None or found.kind not in ("block", "file"):  # a file: a pretend machine
            raise NotFound(f"{disk.node} is not a block device")
        content = self._look(disk, pretended=found.kind == "file")
        if disk.node not in self.in_use():
            return content
        mounted = self._mounted(disk)
        where = f"mounted at {mounted[-1].target}" if mounted else "held by another device or swap"
        state = "ours" if content.state == "ours" and mounted else "in-use"
        return Content(state, f"{content.what}, {where}", content.fs, content.partition)

    def _look(self, disk: Disk, *, pretended: bool) -> Content:
        found = blkid.signatures(self._host, disk.node)
        # parted(8) -s print writes into some labels (SGI's), so it is asked of no strange disk.
        table = None if blkid.unusual(found) else self._partitioner().table(disk.node)
        parts = table.partitions if table is not None else ()
        return blkid.judge(
            disk.node,
            self._label,
            found,
            table,
            [blkid.probe_partition(self._host, disk.node, part) for part in parts],
            lambda kind: "" if pretended else self._data(disk, kind),
            self._size(disk),
        )

    def _data(self, disk: Disk, table: str) -> str:
        return blankness.data_found(self._host, disk.node, self._size(disk), table)

    def _size(self, disk: Disk) -> int:
        """What the kernel says, not who made the value."""
        topology = Topology(self._host)
        return topology.size_bytes(topology.name(disk.node)) or disk.size_bytes

    def _partitioner(self) -> Partitioner:
        for each in self._partitioners:
            if each.usable():
                return each
        raise CommandMissing(self._partitioners[0].tool)

    def _mounted(self, disk: Disk) -> list[Mounted]:
        """What is mounted of the disk, directly or through what is stacked upon it."""
        topology = Topology(self._host)
        name = topology.name(disk.node)
        return [
            each
            for each in self.mounts()
            if name and name in topology.whole(self._devices(topology, [each]))
        ]

    # ---- D4

    def ensure_prepared(self, disk: Disk, fs: str, *, preserve_stock: bool = False) -> Plan:
        if fs != "ntfs":
            mkfs.require(self._host, fs, self._label)
        self._host.require("blkid", package="util-linux")
        content = self.inspect(disk)
        if content.fs == fs and content.state in ("ours", "stock"):
            return  # NTFS is left as it is, and never made
        if fs == "ntfs":
            raise Unsupported(f"{disk.node} holds {content.what}, and NTFS is never made")
        self._refuse(disk, content, preserve_stock)
        if content.state == "stock" and content.partition:
            yield from ntfs.ensure_no_files(self._host, content.partition)
        node, tool = self.partition(disk), self._partitioner()
        # The name says until the end that nothing of value is there yet: a partition of ours
        # without a signature may be somebody's raw data, or where a run was killed.
        yield from tool.ensure_one(disk.node, self._label + UNFINISHED)
        yield appeared(self._host, node)
        yield mkfs.make(fs, self._label, node)
        yield from tool.rename(disk.node, self._label)
        yield appeared(self._host, node)
        yield Verify(
            f"{node} holds {fs}",
            lambda: blkid.probe(self._host, node).get("TYPE") == fs,
            booted=True,
        )

    def _refuse(self, disk: Disk, content: Content, preserve_stock: bool) -> None:
        """Every guard before the first change; the order is that of what a person wants to know.

        :raises UnsafeRefused: the disk is not a temporary one, or must not be written.
        """
        temporary = self.resource()
        resource = temporary is not None and temporary.node == disk.node
        local = not resource and disk.node in {each.node for each in self.local()}
        mounted = disk.node in self.in_use()
        keep = preserve_stock or local  # the platform ships no volume on those: it is a user's
        disk_guard.refuse_content(disk, content, keep_stock=keep, mounted=mounted)
        if not (resource or local):
            raise UnsafeRefused(
                f"{disk.node} is not formatted, because nothing shows that it is temporary",
                hint="format and mount it yourself",
            )
        disk_guard.refuse_protected(self._host, disk, disk.node.rpartition("/")[2])
        if content.state == "stock" and not self._host.offline:
            table = self._partitioner().table(disk.node) or Table("")
            for part in table.partitions[-1:]:
                tags = blkid.probe_partition(self._host, disk.node, part, entry=True)
                disk_guard.refuse_listed(self._host, disk, content.partition, tags)

    # ---- D5, D6

    def ensure_mounted(
        self, disk: Disk, directory: str, fs: str, options: Sequence[str] = ()
    ) -> Plan:
        mount_points.check(directory, options)
        if self._mounted(disk):
            return
        node = self.partition(disk)
        if fs == "ntfs":
            node, fs = self.inspect(disk).partition or node, ntfs.driver(self._host) or fs
        mount_points.refuse_taken(self._host, directory, (node, f"LABEL={self._label}"))
        self._host.require("mount", package="util-linux or mount")
        if not self._host.is_directory(directory):
            yield MakeDirectory(directory, 0o755, booted=True)
        try:
            yield Mount(node, directory, fs, tuple(options))
        except CommandFailed:  # status 32 means anything; the table says whether it is mounted
            if not self._mounted(disk):
                raise
        yield Verify(
            f"{node} is mounted at {directory}",
            lambda: self._mounted(disk),
            booted=True,
        )
        if self._probes.selinux and self._host.has("restorecon"):
            yield Run(("restorecon", directory), booted=True)  # the root of a new one has none

    def ensure_readme(self, directory: str, text: str) -> Plan:
        path = f"{directory}/{_README}"
        if self._host.read_bytes(path, b"") != text.encode():
            yield WriteFile(path, text.encode(), 0o644, booted=True)
