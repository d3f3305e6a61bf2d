# SPDX-License-Identifier: Apache-2.0
"""Alpine Linux: OpenRC, BusyBox, doas; what is more comes as packages."""

from __future__ import annotations

from . import family
from .api import Driver, Users
from .host import Host
from .parts import busybox_users, shadow

_ADMINS = ("wheel",)


def alpine(host: Host) -> Driver:
    """Every release."""
    return family.driver(
        host,
        "alpine",
        users=_users(host),
        services=family.services(host, agent=("waagent",), ssh=("sshd",), init="openrc"),
    )


def _users(host: Host) -> Users:
    """shadow-utils where they are installed: they can do all that is asked for."""
    if host.exists("/usr/sbin/useradd"):
        return shadow.Users(host, admin_groups=_ADMINS)
    return busybox_users.Users(host, admin_groups=_ADMINS)
