# SPDX-License-Identifier: Apache-2.0
"""Disks, swap, and optical drives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from ..actions import Plan


@dataclass(frozen=True)
class Disk:
    """A whole disk: node, size in bytes, and how it was identified."""

    node: str
    size_bytes: int
    evidence: str = ""
    removable: bool = False


@dataclass(frozen=True)
class Content:
    """What is on a disk (D3).

    ``state``: ``blank``, ``ours`` (our label), ``stock`` (as the platform ships it: one NTFS
    volume labelled "Temporary Storage"), ``in-use`` or ``foreign``; ``what`` says it in words.
    """

    state: str
    what: str
    fs: str = ""
    partition: str = ""


@dataclass(frozen=True)
class Mounted:
    """A mounted file system: source as the kernel has it, target, type, options."""

    source: str
    target: str
    fs: str
    options: tuple[str, ...] = ()
    device: tuple[int, int] = (0, 0)


class Disks(Protocol):
    """Block devices (D1-D6)."""

    def root(self) -> frozenset[str]:
        """D1: nodes of the whole disks below ``/``."""

    def in_use(self) -> frozenset[str]:
        """D1: nodes of whole disks with anything mounted, swapped on, or held by dm, md, ZFS."""

    def resource(self) -> Optional[Disk]:
        """D2: the platform's temporary disk, None where the size has none.

        :raises Conflict: several candidates.
        """

    def local(self) -> tuple[Disk, ...]:
        """D2: temporary NVMe disks, which the platform delivers raw, in the order of their
        controllers; found by the controller's model.  They are not the resource disk.
        """

    def inspect(self, disk: Disk) -> Content:
        """D3: what is on it; opened read-only."""

    def partition(self, disk: Disk) -> str:
        """The node of the one partition :meth:`ensure_prepared` makes."""

    def mounts(self) -> tuple[Mounted, ...]:
        """What is mounted now, later mounts last."""

    def ensure_prepared(self, disk: Disk, fs: str, *, preserve_stock: bool = False) -> Plan:
        """D4: one partition that spans the disk, with ``fs`` and our label.

        Only :meth:`resource` and the disks of :meth:`local` are written, and only if blank or
        ours; the resource disk also if stock, unless ``preserve_stock``.
        :raises UnsafeRefused: anything else.  :raises Unsupported: a file system it cannot make.
        """

    def ensure_mounted(
        self, disk: Disk, directory: str, fs: str, options: Sequence[str] = ()
    ) -> Plan:
        """D5: the partition is mounted there (or stays where it is mounted); never formats.

        :raises Conflict: something else is mounted there, or it is a link.
        """

    def ensure_readme(self, directory: str, text: str) -> Plan:
        """D6: the warning about data loss is there."""


@dataclass(frozen=True)
class Hibernation:
    """Whether the machine can hibernate, and each reason against it, a line each (D9)."""

    capable: bool
    reasons: tuple[str, ...] = ()


class Devices(Protocol):
    """How the kernel treats block devices (D9, D10)."""

    def timeouts(self) -> Mapping[str, int]:
        """D10: disk's node -> seconds after which a command counts as failed."""

    def ensure_timeout(self, seconds: int) -> Plan:
        """D10: every SCSI disk that is there now has that timeout.

        A disk that vanishes meanwhile is passed over; NVMe keeps its module's parameter.
        :raises InvalidInput: not between 1 and 3600.
        """

    def hibernation(self) -> Hibernation:
        """D9: asks only; what prepares a machine for it is another tool's business."""


@dataclass(frozen=True)
class SwapSpace:
    """Active swap: file or device, KiB."""

    path: str
    size_kib: int


class Swap(Protocol):
    """Swap space (D7, D8)."""

    def active(self) -> tuple[SwapSpace, ...]:
        """D8: what the kernel swaps on."""

    def ensure_file(self, path: str, size_mib: int, *, fs: str, encrypted: bool = False) -> Plan:
        """D7, D8: a hole-free 0600 file of ``size_mib`` MiB (2**20) is swapped on, once.

        ``fs`` is the type of the file system it lies on.  :raises Unsupported: that cannot hold
        swap.  :raises NoSpace: less than the size and a reserve is free.
        """

    def ensure_off(self, path: str) -> Plan:
        """D8: nothing is swapped on that file, and it is gone."""


@dataclass(frozen=True)
class Drive:
    """A removable-media drive (C1)."""

    node: str
    model: str = ""


class Drives(Protocol):
    """Optical drives: the provisioning media (C1-C3)."""

    def list(self) -> tuple[Drive, ...]:
        """C1: drives of SCSI type 5 (and the like), stable order."""

    def has_medium(self, drive: Drive) -> Optional[bool]:
        """C2: whether a disc is in it; None when the system cannot say."""

    def mounted(self, drive: Drive) -> str:
        """Where it is mounted already, else ""."""

    def ensure_mounted(self, drive: Drive, directory: str) -> Plan:
        """C2: read-only, nosuid, nodev, noexec below a 0700 directory; udf, iso9660, vfat tried
        one by one.

        :raises NotFound: no medium.  :raises Unsupported: none of the types works.
        """

    def ensure_unmounted(self, directory: str) -> Plan:
        """C2: nothing is mounted there, and the directory is gone."""

    def ensure_ejected(self, drive: Drive) -> Plan:
        """C3: the tray is empty; nothing if it is already, or cannot be ejected."""
