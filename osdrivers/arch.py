# SPDX-License-Identifier: Apache-2.0
"""Arch Linux and what is made from it: a rolling release, so there is one driver."""

from __future__ import annotations

from . import family
from .api import Driver
from .host import Host
from .parts import shadow


def arch(host: Host) -> Driver:
    """Programs are in /usr/bin, of which /usr/sbin is another name."""
    host = host.with_default_places(binaries="/usr/bin")
    return family.driver(
        host,
        "arch",
        users=shadow.Users(host, admin_groups=("wheel",)),
        services=family.services(host, agent=("waagent",), ssh=("sshd",)),
    )
