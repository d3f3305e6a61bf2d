# SPDX-License-Identifier: Apache-2.0
"""Whether a Linux machine can hibernate, and every reason against it (D9).  Only files are read.

Source: Documentation/power/swsusp and Documentation/admin-guide/kernel-parameters of the kernel
(``resume``, ``nohibernate``), kernel_lockdown(7), crypttab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..api import Disks, Hibernation, SwapSpace
from ..errors import Conflict
from ..host import Host
from . import mountinfo
from .sysfs_disks import Topology

_MIB_KIB = 1024
_RANDOM_KEYS = ("/dev/urandom", "/dev/random", "/dev/hwrng")
_BY = {"UUID": "uuid", "PARTUUID": "partuuid", "LABEL": "label", "PARTLABEL": "partlabel"}


def judged(host: Host, disks: Disks) -> Hibernation:
    """The judgement; a reason is a line."""
    if host.offline:
        return Hibernation(False, ("the machine is not running",))
    reasons = (*_kernel(host), *_Image(host, disks).reasons())
    return Hibernation(not reasons, reasons)


def _kernel(host: Host) -> Iterator[str]:
    """What the kernel has against it."""
    said = host.read(f"{host.places.sysfs}/power/state", "").split()
    if "disk" not in said:
        yield "the kernel cannot hibernate: /sys/power/state does not offer disk"
    modes = host.read(f"{host.places.sysfs}/kernel/security/lockdown", "")
    chosen = re.search(r"\[(\w+)\]", modes)
    if chosen and chosen[1] != "none":
        yield f"kernel lockdown ({chosen[1]}) forbids it, as with secure boot"
    words = host.read(f"{host.places.procfs}/cmdline", "").split()
    for word in ("nohibernate", "noresume", "hibernate=no", "hibernate=noresume"):
        if word in words:
            yield f"the kernel was started with {word}"


class _Image:
    """Where the image of memory would be written, and read again."""

    def __init__(self, host: Host, disks: Disks) -> None:
        self._host, self._topology = host, Topology(host)
        self._doubt, found = "", [*disks.local()]
        try:
            resource = disks.resource()
            found += [resource] if resource is not None else []
        except Conflict as several:
            self._doubt = several.message
        self._temporary = {each.node for each in found}
        self._mounts = disks.mounts()
        self._areas = [SwapSpace(*area) for area in mountinfo.swap_areas(host)]

    def reasons(self) -> Iterator[str]:
        lost = [area for area in self._areas if self._disk(area) & self._temporary]
        kept = [area for area in self._areas if area not in lost and not self._in_memory(area)]
        if self._doubt:
            yield self._doubt
        for area in lost:
            yield f"{area.path} lies on the temporary disk, which may come back empty"
        if not kept:
            yield "there is no swap space on a disk that stays"
        target = self._target()
        if not target:
            yield "no resume= on the kernel's command line says where the image is"
        elif kept and self._device(target):
            there = [area for area in kept if self._holder(area) == self._device(target)]
            if not there:
                yield f"nothing is swapped on {target}, which resume= names"
            kept = there
        elif kept:
            yield f"there is no device {target}, which resume= names"
        yield from self._too_small(kept)
        yield from self._encryption(kept)

    def _too_small(self, kept: list[SwapSpace]) -> Iterator[str]:
        found = re.search(
            r"^MemTotal:\s+(\d+) kB",
            self._host.read(f"{self._host.places.procfs}/meminfo", ""),
            re.M,
        )
        memory = int(found[1]) if found else 0
        largest = max((area.size_kib for area in kept), default=0)
        if kept and largest < memory:
            yield (
                f"the swap space of {largest // _MIB_KIB} MiB is smaller than "
                f"the memory of {memory // _MIB_KIB} MiB"
            )

    def _encryption(self, kept: list[SwapSpace]) -> Iterator[str]:
        """An image in the clear would undo the encryption of the root; one whose key is made at
        each boot is never read again."""
        roots = [each for each in self._mounts if each.target == "/"]
        names = [self._topology.numbered(each.device) for each in roots[-1:]]
        names += [self._topology.name(each.source) for each in roots[-1:]]
        secret = any(self._encrypted(name) for name in names)
        for area in kept:
            sealed = self._encrypted(self._holder(area))
            if secret and not sealed:
                yield f"the root is encrypted, and {area.path} is not"
            if sealed and sealed in self._forgotten():
                yield f"{area.path} is encrypted with a key that each boot makes anew"

    def _forgotten(self) -> set[str]:
        """Names in /etc/crypttab whose key is random."""
        rows = [line.split() for line in self._host.read("/etc/crypttab", "").splitlines()]
        return {row[0] for row in rows if len(row) > 2 and row[2] in _RANDOM_KEYS}

    def _encrypted(self, name: str) -> str:
        """The mapping's name of the dm-crypt device at or below a device, "" without one."""
        todo = [name]
        while todo:
            each = todo.pop()
            base = f"{self._host.places.sysfs}/block/{each}/dm"
            if self._host.read(f"{base}/uuid", "").startswith("CRYPT-"):
                return self._host.read(f"{base}/name", "").strip() or each
            block = self._topology.blocks.get(each)
            todo += block.slaves if block is not None else ()
        return ""

    def _target(self) -> str:
        """The node that resume= names, or that was written to /sys/power/resume."""
        devices, words = self._host.places.devices, {}
        for word in self._host.read(f"{self._host.places.procfs}/cmdline", "").split():
            key, _, value = word.partition("=")
            words[key] = value.strip('"')
        kind, _, value = words.get("resume", "").partition("=")
        if value and kind in _BY:
            return f"{devices}/disk/by-{_BY[kind]}/{value}"
        if kind:
            return kind
        number = re.fullmatch(
            r"(\d+):(\d+)\s*", self._host.read(f"{self._host.places.sysfs}/power/resume", "")
        )
        name = self._topology.numbered((int(number[1]), int(number[2]))) if number else ""
        return self._topology.node(name) if name else ""

    def _device(self, node: str) -> str:
        return self._topology.name(node) if self._host.exists(node) else ""

    def _holder(self, area: SwapSpace) -> str:
        """The device that is swapped on, or on which the file lies."""
        if area.path.startswith(f"{self._host.places.devices}/"):
            return self._topology.name(area.path)
        below = [each for each in self._mounts if _is_below(area.path, each.target)]
        if not below:
            return ""
        last = max(enumerate(below), key=lambda each: (len(each[1].target), each[0]))[1]
        return self._topology.numbered(last.device) or self._topology.name(last.source)

    def _disk(self, area: SwapSpace) -> set[str]:
        return {self._topology.node(name) for name in self._topology.whole([self._holder(area)])}

    def _in_memory(self, area: SwapSpace) -> bool:
        return self._holder(area).startswith("zram")


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")
