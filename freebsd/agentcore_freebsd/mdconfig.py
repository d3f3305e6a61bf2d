# SPDX-License-Identifier: Apache-2.0
"""Swap on a file: mdconfig(8), swapon(8), geli(8) (D7, D8).

The kernel swaps on devices, so a file gets a memory disk, found again by its backing file: each
start of an agent that looks for the file's own name would attach one more.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Optional

from osdrivers.actions import Fields, FillFile, Plan, Remove, Run, Verify
from osdrivers.api import SwapSpace
from osdrivers.errors import FactError, InvalidInput, NoSpace, Unsupported
from osdrivers.host import Host
from osdrivers.parts import mountinfo

MIB = 1 << 20
_SLACK_KIB = 64
#: Ends the name of a device that geli(8) encrypts.
SEALED = ".eli"


@dataclass(frozen=True)
class SwapOnFile:
    """Attach the file once, encrypt it where wanted, and swap on it."""

    path: str
    encrypted: bool
    booted: bool = True
    kind: ClassVar[str] = "run"

    @property
    def argv(self) -> tuple[str, ...]:
        return ("mdconfig", "-a", "-t", "vnode", "-f", self.path)

    def apply(self, host: Host) -> None:
        unit = unit_of(host, self.path) or host.run(*self.argv).strip()
        if not unit.startswith("md"):
            raise FactError(f"mdconfig named no unit for {self.path}", unit)
        node = f"{host.places.devices}/{unit}"
        if self.encrypted:
            host.run("kldload", "-n", "geom_eli")
            if not host.exists(f"{node}{SEALED}"):
                host.run("geli", "onetime", "-e", "AES-XTS", "-l", "256", "-d", node)
            node += SEALED
        host.run("swapon", node)

    def fields(self) -> Fields:
        return {"argv": list(self.argv), "summary": f"then {self._after()}"}

    def _after(self) -> str:
        return "geli onetime and swapon" if self.encrypted else "swapon"

    def __str__(self) -> str:
        return f"run    {' '.join(self.argv)}, then {self._after()}"


def unit_of(host: Host, path: str) -> str:
    """The memory disk whose backing file is ``path``, "" when there is none.

    mdconfig attaches a file by its path without links.
    """
    names = (path, mountinfo.resolved(host, path))
    found = [unit for unit, file in files(host.run("mdconfig", "-lv")).items() if file in names]
    return found[0] if found else ""


def files(text: str) -> Mapping[str, str]:
    """Unit -> backing file, of ``mdconfig -lv``: unit, type, size, file and label between tabs."""
    rows = [line.split("\t") for line in text.splitlines()]
    return {row[0].strip(): row[3] for row in rows if len(row) > 3 and row[1].strip() == "vnode"}


class Swap:
    """Swap files through md(4).  Swap partitions of the image are left alone."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def active(self) -> tuple[SwapSpace, ...]:
        """Each by its backing file where it has one, else by its device."""
        return tuple(SwapSpace(path, kib) for _, path, kib in self._areas())

    def _areas(self) -> Iterator[tuple[str, str, int]]:
        """(device, path, KiB) of everything that is swapped on."""
        if self._host.offline:
            return
        lines = self._host.run("swapctl", "-lk").splitlines()
        backing = files(self._host.run("mdconfig", "-lv"))
        for line in lines:
            words = line.split()
            if len(words) >= 2 and words[0].startswith("/dev/") and words[1].isdigit():
                unit = words[0].rpartition("/")[2].partition(".")[0]
                yield words[0], backing.get(unit, words[0]), int(words[1])

    def _areas_of(self, path: str) -> list[tuple[str, int]]:
        """(device, KiB) of each time that a file is swapped on."""
        names = (path, mountinfo.resolved(self._host, path))
        return [(device, kib) for device, file, kib in self._areas() if file in names]

    def ensure_file(self, path: str, size_mib: int, *, fs: str, encrypted: bool = False) -> Plan:
        if size_mib <= 0 or not path.startswith("/") or ".." in path.split("/"):
            raise InvalidInput(f"swap of {size_mib} MiB on {path!r}")
        if fs not in ("ufs", "ufs2"):
            raise Unsupported(f"{fs or 'that file system'} cannot hold swap", hint="use ufs")
        more = ("geli", "kldload") if encrypted else ()
        self._host.require("mdconfig", "swapon", "swapctl", *more)
        if self._is_on(path, size_mib, encrypted=encrypted):
            return
        yield from self._off(path)
        yield Verify(
            f"{size_mib} MiB are free for {path}",
            lambda: self._has_room(path, size_mib * MIB),
            booted=True,
        )
        yield FillFile(path, size_mib * MIB, allocate=False)
        yield SwapOnFile(path, encrypted)
        yield Verify(
            f"{path} is swapped on once",
            lambda: self._is_on(path, size_mib, encrypted=encrypted),
            booted=True,
        )

    def _is_on(self, path: str, size_mib: int, *, encrypted: bool) -> bool:
        """Whether the file is swapped on with that size, once, and sealed as wanted."""
        present = self._areas_of(path)
        if len(present) != 1:
            return False
        node, kib = present[0]
        return node.endswith(SEALED) is encrypted and 0 <= size_mib * 1024 - kib <= _SLACK_KIB

    def ensure_off(self, path: str) -> Plan:
        yield from self._off(path)
        if self._host.status(path, follow=False) is not None:
            yield Remove(path)

    def _off(self, path: str) -> Plan:
        unit: Optional[str] = None if self._host.offline else unit_of(self._host, path)
        if not unit:
            return
        node = f"{self._host.places.devices}/{unit}"
        sealed = self._host.exists(f"{node}{SEALED}")
        for device, _ in self._areas_of(path):
            self._host.require("swapoff")
            yield Run(("swapoff", device), timeout_s=600, booted=True)
        if sealed:  # status 1: it went with its last user, which is what onetime -d means
            yield Run(("geli", "detach", f"{node}{SEALED}"), ok=(0, 1), booted=True)
        yield Run(("mdconfig", "-d", "-u", unit[2:]), booted=True)

    def _has_room(self, path: str, size_bytes: int) -> bool:
        """:raises NoSpace: less is free than the size and a tenth of the file system."""
        present = self._host.status(path, follow=False)
        taken = present.size if present is not None and present.kind == "file" else 0
        space = self._host.space(path.rpartition("/")[0] or "/")
        free = space.f_bavail * space.f_frsize + taken
        if free < size_bytes + space.f_blocks * space.f_frsize // 10:
            cause = OSError(errno.ENOSPC, "No space left on device")
            raise NoSpace(path, cause, hint=f"{free // MIB} MiB are free")
        return True
