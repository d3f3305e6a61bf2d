# SPDX-License-Identifier: Apache-2.0
"""What a bed could have changed on its host, to be compared before and after."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import loopdisk

#: Files and whole directories that provisioning writes to.
WATCHED = (
    *("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"),
    *("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/fstab", "/etc/waagent.conf"),
    *("/etc/ssh", "/etc/sudoers", "/etc/sudoers.d", "/var/lib/waagent", "/var/log/waagent.log"),
)
_CONTENT_LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class HostState:
    """Facts about the machine itself; equal if nothing of it changed."""

    hostname: str
    loops: tuple[str, ...]
    swaps: tuple[str, ...]
    mounts: tuple[str, ...]
    interfaces: tuple[str, ...]
    homes: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def now(cls) -> HostState:
        """The state at this moment.

        Other beds that are open meanwhile are left out, and while there are any so is swap: the
        kernel lists it for all namespaces, without saying whose it is.
        """
        others = _others()
        loops = set(_loops())
        others |= _others()  # those that were opened in this moment
        swaps = Path("/proc/swaps").read_text().splitlines()[1:]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return cls(
            hostname=socket.gethostname(),
            loops=tuple(sorted(loops - others)),
            swaps=() if others else tuple(line.split()[0] for line in swaps),
            mounts=tuple(line.split(" ", 2)[2] for line in mounts),
            interfaces=tuple(sorted(name for _, name in socket.if_nameindex())),
            homes=tuple(_listed("/home")),
            files=tuple(line for path in WATCHED for line in _signatures(path)),
        )

    @classmethod
    def first(cls) -> HostState:
        """The state to compare a later one with.

        What killed beds left on this machine is cleaned up first, as the next that opens would do.
        """
        loopdisk.release_abandoned()
        return cls.now()

    def differences(self, later: HostState) -> tuple[str, ...]:
        """What differs, one line each; nothing if the states are equal."""
        lines = []
        for name, before in vars(self).items():
            after = getattr(later, name)
            if before != after:
                gone = sorted(set(before) - set(after)) if isinstance(before, tuple) else before
                new = sorted(set(after) - set(before)) if isinstance(before, tuple) else after
                lines.append(f"{name}: {gone or 'nothing'} became {new or 'nothing'}")
        return tuple(lines)


def _others() -> set[str]:
    return {name for name, alive in loopdisk.kept().items() if alive}


def _loops() -> Iterator[str]:
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        yield backing.parent.parent.name


def _listed(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def _signatures(path: str) -> Iterator[str]:
    """Path, mode, owner, change time and content's digest of a file, or of all files below."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    line = f"{path} {found.st_mode:o} {found.st_uid}:{found.st_gid} {found.st_ctime_ns}"
    if stat.S_ISDIR(found.st_mode):
        yield line
        for name in _listed(path):
            yield from _signatures(f"{path}/{name}")
    elif stat.S_ISREG(found.st_mode) and found.st_size <= _CONTENT_LIMIT_BYTES:
        yield f"{line} {hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]}"
    else:
        yield line
