# SPDX-License-Identifier: Apache-2.0
"""A loop device over memory: a disk that leaves no file behind.

The backing file has no name in any directory.  The name it shows in sysfs says which process
keeps it, so the kernel itself is the register of what a killed keeper left, and no file can go
stale.  The device detaches itself when nothing uses it any more (LO_FLAGS_AUTOCLEAR); swap does
use it, for swap belongs to no namespace, and so it has to be turned off.
Source: loop(4), memfd_create(2), swapon(2).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from osdrivers.errors import Busy

from . import kernel

_GET_FREE, _SET_FD, _CLEAR_FD, _SET_STATUS64 = 0x4C82, 0x4C00, 0x4C01, 0x4C04
_AUTOCLEAR, _PARTSCAN = 4, 8
_INFO = struct.Struct("=QQQQQIIII64s64s32s2Q")  # struct loop_info64
_RACES = 16
_MARK = "osdrivers-bed"
_MARKED = re.compile(rf"memfd:{_MARK}\.(\d+)\.(\d+) ")
_SWAP_MAGIC = b"SWAPSPACE2"
_ENTRIES_LIMIT = 20_000
_DETACH_WAIT_S = 60.0
_LOOK_S = 0.1
_SYS_BLOCK = Path("/sys/block")


@dataclass(frozen=True)
class LoopDisk:
    """A loop device that this process holds open: its name (``loop3``) and descriptor."""

    name: str
    descriptor: int

    @property
    def node(self) -> str:
        return f"/dev/{self.name}"


def attach(size_bytes: int) -> LoopDisk:
    """A blank disk of that size; memory is taken as it is written to.

    :raises OSError: no loop driver, or no device is free.
    """
    memory = os.memfd_create(f"{_MARK}.{os.getpid()}.{_started(os.getpid())}", os.MFD_CLOEXEC)
    try:
        os.ftruncate(memory, size_bytes)
        return attach_over(memory)
    finally:
        os.close(memory)


def attach_over(file: int) -> LoopDisk:
    """A disk with the content of an open file; it is detached when nobody has it open.

    :raises OSError: no loop driver, or no device is free.
    """
    for _ in range(_RACES):
        with contextlib.suppress(BlockingIOError, _Taken):
            return _attached(file)
    raise OSError(errno.EBUSY, "no loop device is free", "/dev/loop-control")


class _Taken(Exception):
    """Another process was given the same free device."""


def _attached(file: int) -> LoopDisk:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        number = fcntl.ioctl(control, _GET_FREE)
    finally:
        os.close(control)
    device = os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _SET_FD, file)
    except OSError as cause:
        os.close(device)
        raise (_Taken() if cause.errno == errno.EBUSY else cause) from cause
    flags = _AUTOCLEAR | _PARTSCAN
    info = _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, _MARK.encode(), b"", b"", 0, 0)
    try:
        fcntl.ioctl(device, _SET_STATUS64, info)
    except OSError:  # EAGAIN: pages of the device were not written yet; nothing else detaches it
        fcntl.ioctl(device, _CLEAR_FD)
        os.close(device)
        raise
    return LoopDisk(f"loop{number}", device)


def nodes(name: str) -> dict[str, tuple[int, int]]:
    """Names of the disk and its partitions with their device numbers, as sysfs has them now."""
    found = {}
    for entry in [_SYS_BLOCK / name, *sorted((_SYS_BLOCK / name).glob(f"{name}p*"))]:
        with contextlib.suppress(OSError):
            major, _, minor = (entry / "dev").read_text().partition(":")
            found[entry.name] = (int(major), int(minor))
    return found


def watch() -> socket.socket:
    """A socket that is readable when the kernel adds or removes a device.

    Source: netlink(7), NETLINK_KOBJECT_UEVENT, group 1.
    """
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 15)
    events.bind((0, 1))
    return events


def release(name: str) -> None:
    """Turn off what swaps on the disk and detach it; wait (60 s) until it is gone."""
    _swap_off_within_own_namespace(name)
    with contextlib.suppress(OSError):
        device = os.open(f"/dev/{name}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, _CLEAR_FD)
        finally:
            os.close(device)
    with watch() as events:
        for _ in range(int(_DETACH_WAIT_S / _LOOK_S)):
            if not (_SYS_BLOCK / name / "loop").exists():
                return
            select.select([events], [], [], _LOOK_S)
            with contextlib.suppress(BlockingIOError):
                events.recv(65536)


def claim_swap(directory: str, wait_s: float) -> int:
    """Wait until no other bed swaps; the lock is held as long as the descriptor is open.

    :raises Busy: the other one did not end in time, or the machine itself swaps on a file there.
    """
    lock = os.open("/dev/loop-control", os.O_RDONLY | os.O_CLOEXEC)  # there is one to a machine
    for _ in range(int(wait_s / _LOOK_S)):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            release_abandoned()
            path = _swapped_below(directory)
            if not path:
                return lock
            if not any(kept().values()):
                raise Busy(f"this machine itself swaps on {path}", hint="turn that off first")
        select.select([], [], [], _LOOK_S)
    raise Busy(f"another bed swaps, and did not end within {wait_s:g} s", hint="try again")


def _swapped_below(directory: str) -> str:
    """A file there that the kernel swaps on, "" if there is none."""
    paths = [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    return next((path for path in paths if path.startswith(f"{directory}/")), "")


def kept() -> dict[str, bool]:
    """Names of the loop disks of beds, and whether their keeper lives."""
    found = {}
    for backing in _SYS_BLOCK.glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            marked = _MARKED.search(backing.read_text())
            if marked:
                alive = _started(int(marked[1])) == int(marked[2])
                found[backing.parent.parent.name] = alive
    return found


def release_abandoned() -> None:
    """Clean up after keepers that were killed."""
    for name, alive in kept().items():
        if not alive:
            release(name)


def _started(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when there is none.  proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def _swap_off_within_own_namespace(name: str) -> None:
    if len(Path("/proc/swaps").read_text().splitlines()) < 2:
        return
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            kernel.unshare(kernel.NEW_MOUNTS)
            kernel.private_mounts()
            for node in sorted(nodes(name)):
                _swap_off(f"/dev/{node}")
            status = 0
        os._exit(status)
    os.waitpid(child, 0)


def _swap_off(node: str) -> None:
    """Turn off swap on a device, or on files of the file system it holds.

    The kernel compares inodes, so another mount of the same device will do.
    """
    with contextlib.suppress(OSError):
        kernel.swap_off(node)
        return
    where = "/sys"  # a directory every system has; only this process sees the mount
    mounted = subprocess.run(["mount", node, where], capture_output=True)
    if mounted.returncode == 0:
        for path in _swap_files(where):
            with contextlib.suppress(OSError):
                kernel.swap_off(path)
        kernel.unmount(where, kernel.DETACH)


def _swap_files(directory: str) -> Iterator[str]:
    offset = os.sysconf("SC_PAGE_SIZE") - len(_SWAP_MAGIC)
    left = _ENTRIES_LIMIT
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            left -= 1
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb", buffering=0) as file:
                    file.seek(offset)
                    if file.read(len(_SWAP_MAGIC)) == _SWAP_MAGIC:
                        yield path
        if left < 0:
            return
