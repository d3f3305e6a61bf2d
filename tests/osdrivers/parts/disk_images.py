# SPDX-License-Identifier: Apache-2.0
"""Makes the images of ``disk_layouts.py`` on loop devices, and tries the guard on them.

Runs as root in a disposable copy of this machine.  Images are sparse files in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from osdrivers import linux
from osdrivers.api import Disk, Driver
from osdrivers.conformance.beds import loopdisk
from osdrivers.executor import Event, Task, carry_out
from osdrivers.host import Host
from osdrivers.parts import vmbus
from osdrivers.parts.block_devices import Disks
from osdrivers.parts.parted import Parted
from osdrivers.parts.sfdisk import Sfdisk
from tests.osdrivers.parts.disk_layouts import MIB, Layout, Put, Table, Tool

MOUNT_POINT = "/run/guard-mounted"
#: Lets mkfs.xfs make what its own tests use: less than 300 MiB.
_ENVIRONMENT = {**os.environ, "TEST_DIR": "/", "TEST_DEV": "/", "QA_CHECK_FS": "1", "LC_ALL": "C"}
_VMBUS = "bus/vmbus/devices/temporary"


def tried(layout: Layout, scratch: Path) -> dict[str, Any]:
    """What the guard says of a layout, what it does, and whether the image is the same.

    ``scratch``: a directory in memory that nobody else uses.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    path = scratch / "image"
    _build(layout, path)
    with _attached(path) as disk, _situation(layout.situation, disk):
        machine = _Machine(layout, disk, scratch)
        os.fsync(disk.descriptor)
        before = digest(path)
        found = machine.judged()
        os.fsync(disk.descriptor)
        same = digest(path) == before
        after = machine.carried_out() if layout.written and not found["error"] else {}
        return {**found, "same": same, **after}


def _run(*argv: str, stdin: bytes = b"") -> str:
    ended = subprocess.run(argv, input=stdin, capture_output=True, env=_ENVIRONMENT)
    assert ended.returncode == 0, f"{argv}: {ended.stderr.decode()}"
    return ended.stdout.decode()


# ---------------------------------------------------------------- making images


def _build(layout: Layout, path: Path) -> None:
    _blank(path, layout.size_bytes)
    for step in layout.steps:
        if isinstance(step, Put):
            _put(path, step.offset, step.data)
        elif isinstance(step, Table):
            quiet = ("-q", "--no-tell-kernel", "--wipe", "never")  # or it waits for every disk here
            _run("sfdisk", *quiet, str(path), stdin=step.script.encode())
        elif step.partition:
            _fill_partition(step, path)
        else:
            _use(step, path)
    os.truncate(path, layout.size_bytes)  # some tools cut a file to what they need


def _blank(path: Path, size_bytes: int) -> None:
    with open(path, "wb") as stream:
        stream.truncate(size_bytes)


def _put(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as stream:
        stream.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
        stream.write(data)


def _use(step: Tool, path: Path) -> None:
    if not step.device:
        _run(*(word.replace("IMAGE", str(path)) for word in step.argv), stdin=step.stdin)
        return
    with _attached(path) as disk:
        _run(*(word.replace("IMAGE", disk.node) for word in step.argv), stdin=step.stdin)
        os.fsync(disk.descriptor)


def _fill_partition(step: Tool, path: Path) -> None:
    """Run the tool on a file with the partition's content, and put what it made back."""
    rows = json.loads(_run("sfdisk", "-J", str(path)))["partitiontable"]["partitions"]
    start, size = (rows[step.partition - 1][key] * 512 for key in ("start", "size"))
    volume = path.with_name("volume")
    _blank(volume, step.size_bytes or size)
    for offset, data in _extents(path):
        if start <= offset < start + size:
            _put(volume, offset - start, data)
    _use(step, volume)
    for offset, data in _extents(volume):
        _put(path, start + offset, data)
    volume.unlink()


def _extents(path: Path) -> Iterator[tuple[int, bytes]]:
    """Everything in a sparse file that is no hole."""
    with open(path, "rb") as stream:
        end = 0
        while True:
            try:
                start = os.lseek(stream.fileno(), end, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                return
            end = os.lseek(stream.fileno(), start, os.SEEK_HOLE)
            for offset in range(start, end, MIB):
                yield offset, os.pread(stream.fileno(), min(MIB, end - offset), offset)


def digest(path: Path) -> str:
    """SHA-256 of the whole image, holes by their length: 3 TiB of zeros would take an hour."""
    total = hashlib.sha256(str(path.stat().st_size).encode())
    for offset, data in _extents(path):
        for at in range(0, len(data), 4096):
            page = data[at : at + 4096]
            if page.count(0) != len(page):
                total.update(b"%d:" % (offset + at) + page)
    return total.hexdigest()


@contextlib.contextmanager
def _attached(path: Path) -> Iterator[loopdisk.LoopDisk]:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        disk = loopdisk.attach_over(file)
    finally:
        os.close(file)
    try:
        yield disk
    finally:
        os.close(disk.descriptor)  # it detaches itself; its name may be another's at once


@contextlib.contextmanager
def _situation(name: str, disk: loopdisk.LoopDisk) -> Iterator[None]:
    """What holds besides the content."""
    before, after = {
        "mounted": (("mount", disk.node, MOUNT_POINT), ("umount", MOUNT_POINT)),
        "swapped-on": (("swapon", disk.node), ("swapoff", disk.node)),
        "write-protected": (
            ("blockdev", "--setro", disk.node),
            ("blockdev", "--setrw", disk.node),
        ),
        "nodes": (("partx", "--add", disk.node), ("partx", "--delete", disk.node)),
    }.get(name, ((), ()))
    os.makedirs(MOUNT_POINT, exist_ok=True)
    if before:
        _run(*before)
    try:
        yield
    finally:
        if after:
            _run(*after)


# ---------------------------------------------------------------- the machine


class _Machine:
    """This machine with a platform's controller above the disk, and a driver for it."""

    def __init__(self, layout: Layout, disk: loopdisk.LoopDisk, scratch: Path) -> None:
        self.layout, self._loop, self._scratch = layout, disk, scratch
        self._sysfs, self._procfs = scratch / "sys", scratch / "proc"
        self.node, devices = disk.node, "/dev"
        self._make_sysfs()
        if layout.situation == "nvme":
            self.node, devices = str(scratch / "dev" / "nvme0n1"), str(scratch / "dev")
        if layout.situation == "root":
            self._make_root()
        if layout.situation == "in-fstab":
            self._list_volume()
        procfs = str(self._procfs) if self._procfs.exists() else "/proc"
        self.host = Host("/").with_places(sysfs=str(self._sysfs), procfs=procfs, devices=devices)
        self.disk = Disk(self.node, layout.size_bytes)

    def driver(self, *tools: Any) -> Driver:
        disks = Disks(self.host, vmbus.temporary_disks, tools, smallest_bytes=MIB)
        return replace(linux.linux(self.host), disks=disks)

    def judged(self) -> dict[str, Any]:
        """State, reason, and what became of the plan; one that may write is only shown."""
        driver = self.driver(Sfdisk(self.host), Parted(self.host))
        assert driver.disks is not None
        content = driver.disks.inspect(self.disk)
        other = self.driver(Parted(self.host)).disks
        assert other is not None
        strange = content.what.endswith("itself")  # then no partitioner is asked
        plan = self._carry(driver, dry_run=self.layout.written)
        return {
            "state": content.state,
            "what": self._plain(content.what),
            "parted": content.state if strange else other.inspect(self.disk).state,
            **plan,
        }

    def carried_out(self) -> dict[str, Any]:
        """The same for real, but where the disk is too large or its nodes are only made up."""
        if self.layout.size_bytes > 1 << 30 or self.layout.situation == "nvme":
            return {}
        driver = self.driver(Sfdisk(self.host), Parted(self.host))
        assert driver.disks is not None
        plan = self._carry(driver, dry_run=False)
        return {"made": driver.disks.inspect(self.disk).state, "error": plan["error"]}

    def _carry(self, driver: Driver, *, dry_run: bool) -> dict[str, Any]:
        seen: list[str] = []
        disks = driver.disks
        assert disks is not None
        keep = self.layout.situation == "preserved"
        task = Task("guard", lambda: disks.ensure_prepared(self.disk, "ext4", preserve_stock=keep))

        def observe(event: Event) -> None:
            if event.action is not None and event.status in ("planned", "started"):
                seen.append(str(event.action).split()[0])

        (outcome,) = carry_out([task], driver.host, observe, dry_run=dry_run)
        why = type(outcome.error).__name__ if outcome.error else ""
        said = outcome.error.message if outcome.error else ""
        return {"error": why, "message": self._plain(said), "kinds": seen}

    def _plain(self, text: str) -> str:
        """Without the name of this run's device."""
        return text.replace(self.node, "DISK")

    def _make_sysfs(self) -> None:
        situation, name = self.layout.situation, self._loop.name
        self._sysfs.mkdir()
        if situation == "held":
            self._copy_block("block", name)
            (self._sysfs / "block" / name / "holders" / "dm-0").mkdir(parents=True)
        elif situation == "nvme":
            self._name_nvme(name)
        else:
            (self._sysfs / "block").symlink_to("/sys/block")
        if situation not in ("not-temporary", "nvme"):
            base = self._sysfs / _VMBUS
            (base / "host0/target0:0:1/0:0:1:0/block" / name).mkdir(parents=True)
            (base / "device_id").write_text(f"{{{vmbus.IDE_TEMPORARY}}}\n")

    def _copy_block(self, directory: str, name: str) -> None:
        to = self._sysfs / directory / name
        to.mkdir(parents=True)
        for key in ("dev", "size", "ro", "removable"):
            (to / key).write_text(Path(f"/sys/block/{self._loop.name}/{key}").read_text())

    def _name_nvme(self, name: str) -> None:
        """The loop device under an NVMe disk's name, behind a controller of the local model."""
        self._copy_block("block", "nvme0n1")
        controller = self._sysfs / "class/nvme/nvme0"
        (controller / "nvme0n1").mkdir(parents=True)
        (controller / "model").write_text("Microsoft NVMe Direct Disk v2           \n")
        (self._scratch / "dev").mkdir()
        number = os.stat(f"/dev/{name}").st_rdev
        os.mknod(self._scratch / "dev" / "nvme0n1", 0o60600, number)

    def _make_root(self) -> None:
        (self._procfs / "self").mkdir(parents=True)
        number = Path(f"/sys/block/{self._loop.name}/dev").read_text().strip()
        line = f"1 0 {number} / / rw - ext4 {self.node} rw\n"
        (self._procfs / "self" / "mountinfo").write_text(line)

    def _list_volume(self) -> None:
        """The administrator mounts the platform's volume by its UUID."""
        rows = json.loads(_run("sfdisk", "-J", self.node))["partitiontable"]["partitions"]
        start, size = (rows[0][key] * 512 for key in ("start", "size"))
        window = ("-O", str(start), "-S", str(size))
        uuid = _run("blkid", "-p", *window, "-s", "UUID", "-o", "value", self.node).strip()
        Path("/etc/fstab").write_text(f"UUID={uuid} /mnt/data ntfs3 defaults,nofail 0 0\n")
