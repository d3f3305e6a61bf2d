# SPDX-License-Identifier: Apache-2.0
"""The Linux system calls that Python has no name for (os.unshare and os.setns need 3.12).

Source: unshare(2), setns(2), mount(2), pivot_root(2), prctl(2), swapon(2).
"""

from __future__ import annotations

import ctypes
import os
import signal

NEW_MOUNTS = 0x00020000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

READ_ONLY = 0x1
NO_SUID = 0x2
NO_DEVICES = 0x4
NO_EXEC = 0x8
REMOUNT = 0x20
BIND = 0x1000
RECURSIVE = 0x4000
PRIVATE = 0x40000
DETACH = 0x2

#: What a guest could harm its host with: device nodes, modules, the clock, raw I/O.
DANGEROUS_CAPABILITIES = (16, 17, 25, 27)  # SYS_MODULE, SYS_RAWIO, SYS_TIME, MKNOD

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "ppc64le": 203, "s390x": 217, "riscv64": 41}


def unshare(spaces: int) -> None:
    """Leave the namespaces in ``spaces`` (``NEW_...``) for fresh ones; NEW_PIDS for children."""
    _call("unshare", "namespaces", ctypes.c_int(spaces))


def enter(namespace: int, kind: int) -> None:
    """Join the namespace behind an open /proc/PID/ns file."""
    _call("setns", "a namespace", ctypes.c_int(namespace), ctypes.c_int(kind))


def mount(source: str, target: str, fs: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2).

    :raises OSError: naming ``target``.
    """
    _call(
        "mount",
        target,
        source.encode(),
        target.encode(),
        fs.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )


def bind(source: str, target: str, flags: int = 0) -> None:
    """Show ``source`` at ``target`` as well; flags such as READ_ONLY need a second call."""
    mount(source, target, flags=BIND)
    if flags:
        mount("none", target, flags=BIND | REMOUNT | flags)


def private_mounts() -> None:
    """Let no mount of this namespace reach another."""
    mount("none", "/", flags=RECURSIVE | PRIVATE)


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _call("umount2", target, target.encode(), ctypes.c_int(flags))


def become_root(directory: str) -> None:
    """Make a mount point the root of this mount namespace and let go of the old one.

    Source: pivot_root(2), NOTES: both arguments may be the same directory.
    """
    os.chdir(directory)
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _call("syscall", directory, ctypes.c_long(number), b".", b".")
    unmount(".", DETACH)
    os.chdir("/")


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that made it ends, however it ends."""
    _call("prctl", "", ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))


def drop_capabilities(numbers: tuple[int, ...] = DANGEROUS_CAPABILITIES) -> None:
    """Take capabilities from every program started from here on, root's included."""
    for number in numbers:
        _call("prctl", "", ctypes.c_int(_PR_CAPBSET_DROP), ctypes.c_ulong(number))


def swap_off(path: str) -> None:
    """swapoff(2).

    :raises OSError: EINVAL where nothing swaps on it.
    """
    _call("swapoff", path, path.encode())


def _call(name: str, what: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", what)
