# SPDX-License-Identifier: Apache-2.0
"""Looking into the NTFS volume that the platform ships, before it is overwritten (D6).

A user may have kept files there.  Most kernels of servers cannot read NTFS; then its label and the
disk's address are the proof that is left.  Source: ntfs3 in the kernel's documentation, ntfs-3g(8).
"""

from __future__ import annotations

import contextlib

from ..actions import MakeDirectory, Mount, Plan, Remove, Unmount, Verify
from ..errors import AgentError, CommandFailed, UnsafeRefused
from ..host import Host
from ..probes import Probes

OWN = frozenset({"dataloss_warning_readme.txt", "system volume information", "$recycle.bin"})


def driver(host: Host) -> str:
    """The type to mount NTFS with: ``ntfs3``, ``ntfs-3g``, ``ntfs``, or "" for none."""
    loaded = host.read(f"{host.places.procfs}/filesystems", "").split()
    release = host.read(f"{host.places.procfs}/sys/kernel/osrelease", "").strip()
    modules = host.read(f"/lib/modules/{release}/modules.dep", "") if release else ""
    if "ntfs3" in loaded or "/ntfs3.ko" in modules:
        return "ntfs3"
    helper = any(host.exists(f"{each}/mount.ntfs-3g") for each in ("/sbin", "/usr/sbin", "/bin"))
    if helper and host.exists(f"{host.places.devices}/fuse"):
        return "ntfs-3g"
    return "ntfs" if "ntfs" in loaded or "/ntfs.ko" in modules else ""


def ensure_no_files(host: Host, node: str) -> Plan:
    """Mounts the volume read-only for a moment; nothing where the system cannot.

    :raises UnsafeRefused: there is more on it than the platform put there.
    """
    fs = driver(host)
    if not fs or Probes(host).kernel == ():
        return
    directory = f"{host.places.run}/temporary-storage"
    yield MakeDirectory(directory, 0o700, booted=True)
    try:
        yield Mount(node, directory, fs, ("ro", "nosuid", "nodev", "noexec"))
    except CommandFailed:  # no module after all, or hibernated: the label is the proof left
        yield Remove(directory, booted=True)
        return

    def untouched() -> bool:
        strange = [name for name in host.names(directory) if name.lower() not in OWN]
        if strange:
            raise UnsafeRefused(
                f"{node} holds files that the platform did not put there: {', '.join(strange[:5])}",
                hint="save them, or format it yourself",
            )
        return True

    try:
        yield Verify(f"nobody's files are on {node}", untouched, booted=True)
    except AgentError:
        with contextlib.suppress(AgentError):  # what was found matters more than tidying up
            yield Unmount(directory)
            yield Remove(directory, booted=True)
        raise
    yield Unmount(directory)
    yield Remove(directory, booted=True)
