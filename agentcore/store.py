# SPDX-License-Identifier: Apache-2.0
"""The bound on what the agent keeps: bytes, files and age of its own, in ``/var/lib/waagent``.

An extension's directory is its publisher's: it is neither counted nor touched here.  Keys,
certificates, the marker of provisioning and the journal (which has a bound of its own) always
stay.  What may go - old goal states, packages that are unpacked, events, collected logs - goes
oldest first.  Each file is deleted by itself, so a kill at any point leaves a smaller store.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from osdrivers.host import Host

#: What may go, as patterns of the path below the state directory.
DISPOSABLE = (
    "history/*",
    "events/*",
    "collected/*",
    "*.zip",
    "*.part",
    "waagent_status.*.json",
    "GoalState.*.xml",
    "ExtensionsConfig.*.xml",
    "SharedConfig.*.xml",
    "HostingEnvironmentConfig.*.xml",
)
#: Directories of the agent itself; any other is an extension's.
OWN_DIRECTORIES = ("history", "events", "collected", "goal", "extensions")
DEPTH_LIMIT = 8


@dataclass(frozen=True)
class Bounds:
    """What may be kept.  ``age_s`` is since the last change."""

    size_bytes: int = 64 << 20
    files: int = 2000
    age_s: float = 30 * 86400.0


@dataclass(frozen=True)
class Kept:
    """A file of the agent's own: path below the state directory, size, and time of change, s."""

    path: str
    size_bytes: int
    changed: float

    @property
    def disposable(self) -> bool:
        """Whether it may go."""
        return any(fnmatchcase(self.path, pattern) for pattern in DISPOSABLE)


def kept(host: Host) -> list[Kept]:
    """The agent's own files, oldest first."""
    found: list[Kept] = []
    _walk(host, "", found, DEPTH_LIMIT)
    return sorted(found, key=lambda each: (each.changed, each.path))


def _walk(host: Host, directory: str, found: list[Kept], depth: int) -> None:
    for name in host.names(f"{host.places.state}/{directory}".rstrip("/")):
        path = f"{directory}/{name}" if directory else name
        status = host.status(f"{host.places.state}/{path}", follow=False)
        if status is None:
            continue  # it went while we looked
        if status.kind != "directory":
            found.append(Kept(path, status.size, status.mtime_ns / 1e9))
        elif depth and (directory or name in OWN_DIRECTORIES):
            _walk(host, path, found, depth - 1)


def trim(host: Host, bounds: Bounds, now: float) -> tuple[str, ...]:
    """Bring the store into its bounds; what was deleted.  ``now`` is the wall clock in seconds.

    A clock that was set back makes nothing young: what is changed in the future has no age.
    """
    found = kept(host)
    size, count = sum(each.size_bytes for each in found), len(found)
    gone = []
    for each in (one for one in found if one.disposable):
        old = now - each.changed > bounds.age_s
        if not old and size <= bounds.size_bytes and count <= bounds.files:
            continue
        host.remove(f"{host.places.state}/{each.path}")
        size, count = size - each.size_bytes, count - 1
        gone.append(each.path)
    for name in OWN_DIRECTORIES:
        _drop_empty(host, name, DEPTH_LIMIT)
    return tuple(gone)


def _drop_empty(host: Host, directory: str, depth: int) -> None:
    """Directories below one of ours that hold nothing any more."""
    whole = f"{host.places.state}/{directory}"
    for name in host.names(whole):
        status = host.status(f"{whole}/{name}", follow=False)
        if status is not None and status.kind == "directory" and depth:
            _drop_empty(host, f"{directory}/{name}", depth - 1)
            if not host.names(f"{whole}/{name}"):
                host.remove(f"{whole}/{name}", recursive=True)
