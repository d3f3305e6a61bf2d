# SPDX-License-Identifier: Apache-2.0
"""Ubuntu and its derivatives: upstart until 14.10, systemd since 15.04."""

from __future__ import annotations

from dataclasses import replace

from . import family
from .api import Driver
from .debian import debian
from .host import Host
from .parts import hostname_files, network_direct, shadow

_AGENT, _SSH = ("walinuxagent", "waagent"), ("ssh", "sshd")


def ubuntu(host: Host) -> Driver:
    """15.04 and every later release."""
    named = replace(debian(host), name="ubuntu")
    return family.with_rdma(named, network_direct.Alias(host))


def ubuntu12(host: Host) -> Driver:
    """12.04 to 14.10."""
    upstart = family.driver(
        host,
        "ubuntu",
        users=shadow.Users(host, admin_groups=("adm", "sudo")),
        services=family.services(host, agent=_AGENT, ssh=_SSH, init="upstart"),
    )
    named = hostname_files.Hostname(host)
    old = replace(upstart, hostname=named, disks=family.old_disks(host))
    return family.with_rdma(old, network_direct.Alias(host))
