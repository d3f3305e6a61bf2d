# SPDX-License-Identifier: Apache-2.0
"""Debian 7 and every later release, and what calls itself like it: Kali, Raspbian, Devuan, ..."""

from __future__ import annotations

from dataclasses import replace

from . import family
from .api import Driver
from .host import Host
from .parts import shadow


def debian(host: Host) -> Driver:
    """9 and every later release."""
    return _debian(host, init="systemd")


def debian7(host: Host) -> Driver:
    """7 (init scripts) and 8: sfdisk(8) is too old."""
    return replace(_debian(host, init="sysv"), disks=family.old_disks(host))


def devuan(host: Host) -> Driver:
    """Every release: init scripts, or OpenRC where the administrator chose it."""
    return replace(_debian(host, init="sysv"), name="devuan")


def _debian(host: Host, init: str) -> Driver:
    agent, ssh = ("walinuxagent", "waagent"), ("ssh", "sshd")
    return family.driver(
        host,
        "debian",
        users=shadow.Users(host, admin_groups=("adm", "sudo")),
        services=family.services(host, agent=agent, ssh=ssh, init=init),
    )
