# SPDX-License-Identifier: Apache-2.0
"""The shared configuration on disk, where other programs look for it."""

from __future__ import annotations

from osdrivers.host import Host

NAME = "SharedConfig.xml"


def keep(host: Host, raw: bytes) -> None:
    """Write the document as it came, 0600, if it is not there already."""
    path = f"{host.places.state}/{NAME}"
    if host.read_bytes(path, b"") != raw:
        host.write(path, raw, mode=0o600)
