# SPDX-License-Identifier: Apache-2.0
"""Swap files: mkswap(8), swapon(8) (D7, D8).

A file with holes is accepted by mkswap and refused by swapon, and which way of reserving space
leaves holes depends on file system and kernel.  Source: swapon(8), NOTES; btrfs(5), SWAPFILE.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Optional

from ..actions import Action, Fields, FillFile, Plan, Remove, Run, Verify
from ..api import SwapSpace
from ..errors import InvalidInput, NoSpace, Unsupported
from ..host import Host
from ..probes import Probes
from . import mountinfo

MIB = 1 << 20
_HEADER_KIB = 4
#: File system -> the first kernel on which reserved blocks may be swapped on; None: never, zeros
#: are written.
_ALLOCATED: dict[str, Optional[tuple[int, int]]] = {
    "ext2": None,
    "ext3": None,
    "ext4": (4, 0),
    "xfs": (4, 18),
    "vfat": None,
}


@dataclass(frozen=True)
class FillWithoutCow:
    """A swap file on Btrfs: empty first, then marked nocow, then reserved."""

    path: str
    size_bytes: int
    booted: bool = True
    kind: ClassVar[str] = "write"

    def apply(self, host: Host) -> None:
        present = host.status(self.path, follow=False)
        if present is not None:
            flags = host.ask("lsattr", "-d", self.path).stdout.split(" ")[0]
            if (present.kind, present.size) == ("file", self.size_bytes) and "C" in flags:
                return
            host.remove(self.path)
        host.write(self.path, b"", mode=0o600)
        host.run("chattr", "+C", self.path)
        host.run("fallocate", "--length", str(self.size_bytes), self.path, timeout_s=600)

    def fields(self) -> Fields:
        return {"path": self.path, "mode": "0600", "bytes": self.size_bytes}

    def __str__(self) -> str:
        return f"write  {self.path} 0600 {self.size_bytes} bytes allocated, nocow"


class Swap:
    """Swap files of a Linux system.  Other swap (zram, partitions) is left alone."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def active(self) -> tuple[SwapSpace, ...]:
        return tuple(SwapSpace(path, kib) for path, kib in mountinfo.swap_areas(self._host))

    def ensure_file(self, path: str, size_mib: int, *, fs: str, encrypted: bool = False) -> Plan:
        """The same actions whether or not the file system that will hold it is mounted already:
        a file that is there in full is kept by the action itself."""
        self._check(path, size_mib, encrypted)
        fill = self._fill(path, size_mib * MIB, fs)
        self._host.require("mkswap", "swapon", package="util-linux")
        sizes = self._active_sizes(path)
        if self._swapped_on(path, size_mib):
            return
        for _ in sizes:
            self._host.require("swapoff", package="util-linux")
            yield Run(("swapoff", path), timeout_s=600, booted=True)
        yield Verify(
            f"{size_mib} MiB are free for {path}",
            lambda: self._has_room(path, size_mib * MIB),
            booted=True,
        )
        yield fill
        yield Run(("mkswap", path), booted=True)
        yield Run(("swapon", path), booted=True)
        yield Verify(
            f"{path} is swapped on once",
            lambda: self._swapped_on(path, size_mib),
            booted=True,
        )

    def ensure_off(self, path: str) -> Plan:
        for _ in self._active_sizes(path):
            self._host.require("swapoff", package="util-linux")
            yield Run(("swapoff", path), timeout_s=600, booted=True)
        if self._host.status(path, follow=False) is not None:
            yield Remove(path)

    def _check(self, path: str, size_mib: int, encrypted: bool) -> None:
        if encrypted:
            raise Unsupported("no encrypted swap here", hint="set up dm-crypt by crypttab(5)")
        if size_mib <= 0:
            raise InvalidInput(f"swap of {size_mib} MiB")
        if not path.startswith("/") or ".." in path.split("/") or not path.isprintable():
            raise InvalidInput(f"swap file {path!r} is not an absolute path")

    def _fill(self, path: str, size_bytes: int, fs: str) -> Action:
        kernel = Probes(self._host).kernel[:2]
        if fs == "btrfs":
            if kernel and kernel < (5, 0):
                raise Unsupported("swap on Btrfs needs Linux 5.0", hint="use ext4 or xfs")
            self._host.require("chattr", package="e2fsprogs")
            self._host.require("fallocate", package="util-linux")
            return FillWithoutCow(path, size_bytes)
        if fs not in _ALLOCATED:
            raise Unsupported(f"{fs or 'that file system'} cannot hold swap", hint="use ext4")
        since = _ALLOCATED[fs]
        return FillFile(path, size_bytes, allocate=since is not None and kernel >= since)

    def _active_sizes(self, path: str) -> list[int]:
        """KiB of each time that file is swapped on; the kernel knows it without links."""
        areas, real = self.active(), mountinfo.resolved(self._host, path)
        found = [each.size_kib for each in areas if each.path in (path, real)]
        return found or self._under_another_name(real, areas)

    def _under_another_name(self, real: str, areas: Sequence[SwapSpace]) -> list[int]:
        """The same for a file whose mount is gone, or ended with its namespace.

        The kernel then names it from the top of that file system (``/swapfile``), as it would a
        file of another one: so it is asked about the file itself.  It swaps on none twice.
        """
        status = self._host.status(real) if areas else None
        if status is None or status.kind != "file" or not self._host.swaps_on(real):
            return []
        named = [each.size_kib for each in areas if real.endswith(each.path)]
        return named[:1] or [status.size // 1024 - _HEADER_KIB]

    def _swapped_on(self, path: str, size_mib: int) -> bool:
        """Whether the file has that size and is swapped on, once.

        The kernel counts less than the size: not the header's page, nor pages that blocks smaller
        than a page have scattered.  So the file itself is asked.
        """
        sizes = self._active_sizes(path)
        found = self._host.status(path)
        whole = found is not None and found.size == size_mib * MIB
        return len(sizes) == 1 and whole and 0 < sizes[0] < size_mib * 1024

    def _has_room(self, path: str, size_bytes: int) -> bool:
        """:raises NoSpace: less is free than the size and a tenth of the file system."""
        present = self._host.status(path, follow=False)
        taken = present.size if present is not None and present.kind == "file" else 0
        space = self._host.space(path.rpartition("/")[0] or "/")
        free = space.f_bavail * space.f_frsize + taken
        reserve = space.f_blocks * space.f_frsize // 10
        if free < size_bytes + reserve:
            cause = OSError(errno.ENOSPC, "No space left on device")
            hint = f"{free // MIB} MiB are free, {size_bytes // MIB} and a reserve are needed"
            raise NoSpace(path, cause, hint=hint)
        return True
