# SPDX-License-Identifier: Apache-2.0
"""The guest's file tree: an overlay over a root tree, with its own /dev, /proc, /sys, /run, /tmp.

Everything that is written lands in a tmpfs without a name, which ends with the namespace.
Runs in the guest's first process, as root, in its own mount namespace.
Source: mount(2), Documentation/filesystems/overlayfs.rst, proc(5), devpts in the kernel's docs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from . import kernel, loopdisk
from .bed import Bed, File

_STAGE = "/mnt"  # hier(7); hidden from this process only
_DISK_FILE_SYSTEMS = (
    *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "reiserfs", "jfs", "bcachefs"),
    *("squashfs", "erofs", "overlay"),
)
_NOT_THE_SYSTEM = ("/proc", "/sys", "/dev", "/run", "/tmp", "/mnt", "/media")
_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
# What may be written below /proc/sys: it belongs to the guest's own namespaces.
_OWN_SETTINGS = ("net", "kernel/hostname", "kernel/domainname")
_READ_ONLY_PROC = ("bus", "fs", "irq", "sysrq-trigger", "acpi", "scsi")


class GuestRoot:
    """Builds the tree.

    Afterwards ``stage`` is an open directory that the guest cannot see: ``upper`` in it holds
    all that differs from the tree, one directory for each overlay, named after its mount point
    (``%2F``, ``%2Fhome``), and ``scratch`` is free.
    """

    def __init__(self, bed: Bed, disk: str) -> None:
        self._bed, self._disk = bed, disk
        self._new = f"{_STAGE}/root"
        # Open before anything hides them, and safe from commas and colons in the options.
        self._lowers = [(at, _open(path)) for at, path in _lowers(bed.root)]
        self._shared = [(each.target or each.source, _open(each.source)) for each in bed.shared]
        self.stage = -1

    def build(self) -> None:
        """Mount it all, and make it this process's root."""
        kernel.private_mounts()
        kernel.mount("bed", _STAGE, "tmpfs", options="mode=0700")
        for name in ("upper", "scratch", "root"):
            os.mkdir(f"{_STAGE}/{name}")
        self.stage = os.open(_STAGE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for at, lower in self._lowers:
            self._overlay(at, lower)
        self._kernel_trees()
        for name, mode in (("run", 0o755), ("tmp", 0o1777)):
            self._fresh(f"/{name}", f"mode={mode:o}")
        self._fresh("/run/lock", "mode=1777")
        for path, source in self._shared:
            self._share(path, source)
        for path in self._bed.removed:
            _remove(self._inside(path))
        for file in self._bed.files:
            _write(self._inside(file.path), file)
        kernel.become_root(self._new)

    def _inside(self, path: str) -> str:
        return self._new + path

    def _overlay(self, at: str, lower: int) -> None:
        name = quote(at or "/", safe="")
        upper, work = f"{_STAGE}/upper/{name}", f"{_STAGE}/work{name}"
        os.mkdir(upper)
        os.mkdir(work)
        shutil.copymode(f"/proc/self/fd/{lower}", upper)
        options = f"lowerdir=/proc/self/fd/{lower},upperdir={upper},workdir={work}"
        kernel.mount("bed", self._inside(at), "overlay", options=options)
        os.close(lower)

    def _fresh(self, path: str, options: str) -> None:
        os.makedirs(self._inside(path), exist_ok=True)
        flags = kernel.NO_SUID | kernel.NO_DEVICES
        kernel.mount("tmpfs", self._inside(path), "tmpfs", flags, options)

    def _share(self, path: str, source: int) -> None:
        where = self._inside(path)
        os.makedirs(where, exist_ok=True)
        kernel.bind(f"/proc/self/fd/{source}", where, kernel.READ_ONLY | kernel.NO_DEVICES)
        os.close(source)

    # ---- /dev, /proc, /sys

    def _kernel_trees(self) -> None:
        for name in ("dev", "proc", "sys"):
            os.makedirs(self._inside(f"/{name}"), exist_ok=True)
        self._devices()
        self._processes()
        self._sysfs()

    def _devices(self) -> None:
        dev = self._inside("/dev")
        kernel.mount("dev", dev, "tmpfs", kernel.NO_SUID, "mode=0755")
        for name, number in _DEVICES.items():
            make_node(f"{dev}/{name}", 0o020666, number)
        for name, target in {**_LINKS, "ptmx": "pts/ptmx"}.items():
            os.symlink(target, f"{dev}/{name}")
        for name in ("pts", "shm"):
            os.mkdir(f"{dev}/{name}")
        options = "newinstance,ptmxmode=0666,mode=0620,gid=5"
        kernel.mount("devpts", f"{dev}/pts", "devpts", kernel.NO_EXEC, options)
        kernel.mount("shm", f"{dev}/shm", "tmpfs", kernel.NO_DEVICES, "mode=1777")
        if self._disk:
            for name, number in loopdisk.nodes(self._disk).items():
                make_node(f"{dev}/{name}", 0o060660, number)

    def _processes(self) -> None:
        proc = self._inside("/proc")
        flags = kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC
        kernel.mount("proc", proc, "proc", flags)
        for name in _OWN_SETTINGS:
            if os.path.exists(f"{proc}/sys/{name}"):
                kernel.bind(f"{proc}/sys/{name}", f"{proc}/sys/{name}")
        kernel.mount(f"{proc}/sys", f"{proc}/sys", flags=kernel.BIND | kernel.RECURSIVE)
        kernel.mount(
            "none", f"{proc}/sys", flags=kernel.BIND | kernel.REMOUNT | kernel.READ_ONLY | flags
        )
        for name in _READ_ONLY_PROC:
            if os.path.exists(f"{proc}/{name}"):
                kernel.bind(f"{proc}/{name}", f"{proc}/{name}", kernel.READ_ONLY | flags)

    def _sysfs(self) -> None:
        """The guest's own sysfs, read-only, part by part, so that entries can be added.

        A sysfs mounted here shows the interfaces of this network namespace.
        """
        real, shown = f"{_STAGE}/sys", self._inside("/sys")
        os.mkdir(real)
        flags = kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC
        kernel.mount("sysfs", real, "sysfs", flags)
        kernel.mount("sysfs", shown, "tmpfs", flags & ~kernel.READ_ONLY, "mode=0755")
        added = [
            File(f.path.format(disk=self._disk), f.content, f.mode, f.link.format(disk=self._disk))
            for f in self._bed.sysfs
        ]
        _graft(real, shown, added, frozenset(self._bed.hidden_sysfs))
        kernel.mount("none", shown, flags=kernel.REMOUNT | flags)


def _graft(
    real: str, shown: str, added: list[File], hidden: frozenset[str], above: str = ""
) -> None:
    """Show ``real`` at ``shown``; a directory is opened up where entries differ below it."""
    different = {file.path for file in added} | hidden
    for name in sorted(os.listdir(real)):
        path, source, target = f"{above}{name}", f"{real}/{name}", f"{shown}/{name}"
        if path in hidden:
            continue
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            os.mkdir(target)
            if any(each.startswith(f"{path}/") for each in different):
                below = [file for file in added if file.path.startswith(f"{path}/")]
                _graft(source, target, below, hidden, f"{path}/")
                added = [file for file in added if file not in below]
            else:
                kernel.mount(source, target, flags=kernel.BIND)
    for file in added:
        _write(f"{shown}/{file.path[len(above) :]}", file)


def make_node(path: str, mode: int, number: tuple[int, int]) -> None:
    """mknod(2) with exactly this mode; a node that is there already stays."""
    with contextlib.suppress(FileExistsError):
        os.mknod(path, mode, os.makedev(*number))
        os.chmod(path, mode & 0o7777)


def _lowers(root: str) -> Iterator[tuple[str, str]]:
    """Where in the guest, and what: the tree, and file systems of the machine mounted in it."""
    root = os.path.realpath(root)
    yield "", root
    if root != "/":
        return
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        at, fs = words[4], words[words.index("-") + 1]
        system = not any(f"{at}/".startswith(f"{other}/") for other in _NOT_THE_SYSTEM)
        if at != "/" and fs in _DISK_FILE_SYSTEMS and system and os.path.isdir(at):
            yield at, at


def _open(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _write(path: str, file: File) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if file.link:
        os.symlink(file.link, path)
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(file.content.encode("utf-8", "surrogateescape"))
        os.fchmod(stream.fileno(), file.mode)
