# SPDX-License-Identifier: Apache-2.0
"""What a bed is made of: the description that the launcher gives to the keeper."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A file of the guest: path, content, permission bits.

    In ``Bed.sysfs`` the path is below /sys, ``{disk}`` in it and in a link stands for the loop
    disk's name, and a file with ``link`` is a symbolic link.
    """

    path: str
    content: str = field(default="", repr=False)
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True)
class Share:
    """A directory of the host that the guest sees, read-only; at the same path if not told."""

    source: str
    target: str = ""


@dataclass(frozen=True)
class Bed:
    """A disposable copy of a root tree.

    :param root: the tree; it is only read.
    :param address: of eth0, with its prefix length; ``gateway`` is in the same network.
    :param fabric: addresses of the far end of eth0 beside the gateway's.
    :param disk_bytes: size of a blank loop disk; 0 for none.
    :param swap_below: the directory in which the guest swaps on files, "" if it does not.  The
        kernel lists swap for all namespaces, by path alone: so only one such bed is open at a
        time, and a machine that swaps on files there itself cannot have one.
    :param files: written into the copy, ``removed`` (with all below) taken from it first.
    :param hidden_sysfs: paths below /sys of the host's own that the guest must not see.
    """

    root: str = "/"
    hostname: str = "bed"
    address: str = "10.0.0.4/24"
    mac: str = "02:00:00:00:00:04"
    gateway: str = "10.0.0.1"
    fabric: tuple[str, ...] = ()
    disk_bytes: int = 0
    swap_below: str = ""
    sysfs: tuple[File, ...] = ()
    hidden_sysfs: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    removed: tuple[str, ...] = ()
    shared: tuple[Share, ...] = ()

    def to_json(self) -> str:
        """One JSON object; :meth:`from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Bed:
        """The inverse of :meth:`to_json`."""
        values: dict[str, Any] = json.loads(text)
        for name in ("sysfs", "files"):
            values[name] = _files(values[name])
        values["shared"] = tuple(Share(**entry) for entry in values["shared"])
        for name in ("fabric", "hidden_sysfs", "removed"):
            values[name] = tuple(values[name])
        return cls(**values)


def _files(entries: list[dict[str, Any]]) -> tuple[File, ...]:
    return tuple(File(**entry) for entry in entries)
