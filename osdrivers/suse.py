# SPDX-License-Identifier: Apache-2.0
"""SUSE Linux Enterprise, openSUSE, and their image-based siblings."""

from __future__ import annotations

from dataclasses import replace

from . import family
from .api import Driver
from .host import Host
from .parts import hostname_files, hostnamectl, network_direct, pwdutils, shadow

_ADMINS = ("wheel",)  # a group of releases before 16 too, but sudo gives it no rights there


def suse(host: Host) -> Driver:
    """SLES 12 SP2, openSUSE 42.2 and every later release; what is read-only is probed."""
    inbox = family.driver(
        host,
        "suse",
        users=shadow.Users(host, admin_groups=_ADMINS),
        services=family.services(host, agent=("waagent",), ssh=("sshd",)),
    )
    return family.with_rdma(inbox, network_direct.Zypper(host))


def micro(host: Host) -> Driver:
    """MicroOS, SLE Micro, Leap Micro: packages are in images of transactional-update(8)."""
    return replace(suse(host), packages=None, rdma=None)


def suse12(host: Host) -> Driver:
    """SLES 12 and SP1, openSUSE 12.3 to 42.1: sfdisk(8) is too old.

    The host name is in two files, of which one may be a link to the other.
    """
    files = ("/etc/hostname", "/etc/HOSTNAME")
    return replace(
        suse(host),
        hostname=hostnamectl.Hostname(host, files),
        disks=family.old_disks(host),
        cleanup=family.forgetting(host, files),
    )


def suse11(host: Host) -> Driver:
    """SLES 11: init scripts, pwdutils; the host name is in a file of its own; there is no /run."""
    host = host.with_default_places(run="/var/run")
    scripts = family.driver(
        host,
        "suse",
        users=pwdutils.Users(host, admin_groups=_ADMINS),
        services=family.services(host, agent=("waagent",), ssh=("sshd",), init="sysv"),
    )
    files = ("/etc/HOSTNAME",)
    return replace(
        scripts,
        hostname=hostname_files.Hostname(host, files),
        disks=family.old_disks(host),
        cleanup=family.forgetting(host, files),
    )
