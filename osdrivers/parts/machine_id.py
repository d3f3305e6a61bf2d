# SPDX-License-Identifier: Apache-2.0
"""machine-id(5) of an image (P1).

systemd makes a new one where the file is empty, also where /etc cannot be written at first; where
there is none, it takes the boot for the first one ever.  Elsewhere D-Bus makes one, and only
where there is no file: it refuses an empty one (dbus-uuidgen(1)).  D-Bus's own copy goes: it is
made again, or a link to the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from ..actions import EditFile, Remove
from ..errors import UnsafeRefused
from ..host import Host
from ..probes import Probes
from . import listed, mountinfo

PATH, OF_DBUS = "/etc/machine-id", "/var/lib/dbus/machine-id"
_UNSET = (b"", b"uninitialized")


def without(host: Host) -> Iterator[Union[EditFile, Remove]]:
    """What empties the one and deletes the other.

    :raises UnsafeRefused: it is a link to a file that is in no known place.
    """
    emptied = Probes(host).init in ("systemd", "")
    found, copies = host.status(PATH, follow=False), listed.removed(host, (OF_DBUS,))
    if found is not None and found.kind == "link":
        _refuse_elsewhere(host)
    elif found is not None and found.kind == "file":
        if not emptied:
            yield Remove(PATH, beneath="/etc")
        elif host.read_bytes(PATH, b"").strip() not in _UNSET:
            yield EditFile(PATH, _emptied, "emptied")
    copy = host.status(OF_DBUS, follow=False)
    if copy is not None and copy.kind == "file":  # a link to the other stays
        yield from copies


def _emptied(text: bytes) -> bytes:
    return text if text.strip() in _UNSET else b""


def _refuse_elsewhere(host: Host) -> None:
    real = mountinfo.resolved(host, PATH)
    volatile = (f"{host.places.run}/", "/run/", "/tmp/")  # noqa: S108 - not used, only told
    if real == OF_DBUS or real.startswith(volatile) or not host.read_bytes(PATH, b"").strip():
        return
    raise UnsafeRefused(f"{PATH} is a link to {real}", hint="empty that file yourself")
