# SPDX-License-Identifier: Apache-2.0
"""Any Linux that nobody wrote a driver for."""

from __future__ import annotations

from . import family
from .api import Driver
from .host import Host
from .parts import shadow


def linux(host: Host) -> Driver:
    """The generic driver: every name a family uses, and a probe for everything."""
    return family.driver(
        host,
        "linux",
        users=shadow.Users(host, admin_groups=("adm", "sudo", "wheel")),
        services=family.services(host, agent=("waagent", "walinuxagent"), ssh=("sshd", "ssh")),
    )
