# SPDX-License-Identifier: Apache-2.0
"""Red Hat Enterprise Linux, its rebuilds, Fedora, Amazon Linux and Azure Linux."""

from __future__ import annotations

from dataclasses import replace

from . import family
from .api import Driver
from .host import Host
from .parts import hostname_files, network_direct, shadow

_ADMINS = ("adm", "wheel")


def rhel(host: Host) -> Driver:
    """8 and every later release."""
    inbox = family.driver(
        host,
        "rhel",
        users=shadow.Users(host, admin_groups=_ADMINS),
        services=family.services(host, agent=("waagent",), ssh=("sshd",)),
    )
    return family.with_rdma(inbox, network_direct.Rpm(host))


def rhel7(host: Host) -> Driver:
    """7: systemd; sfdisk(8) is too old."""
    return replace(rhel(host), disks=family.old_disks(host))


def rhel6(host: Host) -> Driver:
    """6: init scripts below upstart; people's numbers begin at 500; there is no /run."""
    host = host.with_default_places(run="/var/run")
    scripts = family.driver(
        host,
        "rhel",
        users=shadow.Users(host, admin_groups=_ADMINS, uid_min=500),
        services=family.services(host, agent=("waagent",), ssh=("sshd",), init="sysv"),
    )
    files = ("/etc/sysconfig/network",)
    scripts = replace(
        scripts,
        hostname=hostname_files.Hostname(host, files),
        disks=family.old_disks(host),
        cleanup=family.forgetting(host, files),
    )
    return family.with_rdma(scripts, network_direct.Rpm(host))


def azurelinux(host: Host) -> Driver:
    """Azure Linux and its ancestor Mariner: programs are in /usr/bin."""
    return replace(rhel(host.with_default_places(binaries="/usr/bin")), name="azurelinux")
