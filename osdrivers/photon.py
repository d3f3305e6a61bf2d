# SPDX-License-Identifier: Apache-2.0
"""Photon OS: systemd and rpm, but of no family: packages come with tdnf(8)."""

from __future__ import annotations

from dataclasses import replace

from . import family
from .api import Driver
from .host import Host
from .parts import shadow


def photon(host: Host) -> Driver:
    """Every release."""
    made = family.driver(
        host,
        "photon",
        users=shadow.Users(host, admin_groups=("wheel", "sudo")),
        services=family.services(host, agent=("waagent",), ssh=("sshd",)),
    )
    # Kernel arguments are in /boot/photon.cfg and systemd.cfg, which no part knows yet.
    return replace(made, boot=None)
