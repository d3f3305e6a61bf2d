# SPDX-License-Identifier: Apache-2.0
"""What the drivers of every Linux family are made with: parts, and probes that choose between them.

Whatever a family has otherwise, ``dataclasses.replace`` changes in what :func:`driver` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Callable, Optional

from . import api
from .api import Driver
from .host import Host
from .parts import (
    acpi_entropy,
    apk,
    apt,
    block_devices,
    boot,
    cleanup,
    devices,
    dhcp_leases,
    dmi,
    firewall,
    firewalld,
    hostname_files,
    hostnamectl,
    iproute2,
    iptables,
    links,
    net_tools,
    nftables,
    openrc,
    optical,
    packages,
    pacman,
    rdma,
    rpm,
    selinux,
    ssh_keys,
    sshd,
    sudo,
    swapfile,
    systemd,
    sysv,
    udev_names,
    upstart,
    vmbus,
)
from .parts.network_direct import Supply
from .parts.parted import Parted
from .parts.sfdisk import Sfdisk
from .probes import Probes

Names = tuple[str, ...]
_INITS: Mapping[str, Callable[[Host, Mapping[str, Names]], api.Services]] = {
    "systemd": systemd.Services,
    "upstart": upstart.Services,
    "openrc": openrc.Services,
    "sysv": sysv.Services,
}
_NETWORK: Mapping[str, Names] = {
    "NetworkManager": ("NetworkManager",),
    "networkd": ("systemd-networkd",),
    "wicked": ("wicked",),
    "ifupdown": ("networking",),
    "": ("NetworkManager", "systemd-networkd", "networking", "network"),
}
_DHCP: Mapping[str, Names] = {
    **_NETWORK,
    "wicked": ("wickedd-dhcp4",),
    "": ("NetworkManager", "systemd-networkd", "dhcpcd"),
}
#: nftables before firewalld: its own table does what no object of firewalld can.
_FILTERS = (nftables.Nftables, firewalld.Firewalld, iptables.Iptables)
#: By the database that they keep; those who share rpm's, the family's own before the general.
_MANAGERS = (apt.Apt, rpm.Zypper, rpm.Dnf, rpm.Yum, rpm.Tdnf, apk.Apk, pacman.Pacman)


def driver(host: Host, name: str, *, users: api.Users, services: api.Services) -> Driver:
    """A driver of the parts that nearly every Linux has."""
    labels = selinux.Labels(host)
    server = sshd.Sshd(host, services, labels)
    volumes = disks(host)
    return Driver(
        name=name,
        host=host,
        users=users,
        services=services,
        hostname=hostnamectl.Hostname(host),
        sudo=sudo.Sudo(host),
        keys=ssh_keys.SshKeys(host, server),
        labels=labels,
        sshd=server,
        network=network(host),
        links=links.Links(host),
        interface_names=udev_names.InterfaceNames(host),
        dhcp=dhcp_leases.Dhcp(host),
        disks=volumes,
        swap=swapfile.Swap(host),
        drives=optical.Drives(host),
        firmware=dmi.Firmware(host),
        devices=devices.Devices(host, volumes),
        entropy=acpi_entropy.Entropy(host),
        firewall=firewall.Firewall(host, _FILTERS),
        boot=boot.Boot(host, Probes(host)),
        packages=installer(host),
        cleanup=forgetting(host),
    )


def installer(host: Host) -> Optional[packages.Packages]:
    """None where an image holds the packages."""
    return None if Probes(host).ostree else packages.Packages(host, _MANAGERS)


def forgetting(
    host: Host, files: Names = ("/etc/hostname",), *, delete: bool = False
) -> cleanup.Cleanup:
    """What an image must not have; the host name is in these files, and they may have to go."""
    name = hostname_files.Hostname(host, files)
    return cleanup.Cleanup(host, partial(name.forget, delete=delete))


def with_rdma(made: Driver, supply: Supply) -> Driver:
    """The same driver, where a driver for Network Direct can be had."""
    return replace(made, rdma=rdma.Rdma(made.host, Probes(made.host), supply))


def services(host: Host, *, agent: Names, ssh: Names, init: str = "systemd") -> api.Services:
    """The init system that runs (offline: that is installed); ``init`` where nothing tells.

    ``agent`` and ``ssh`` are the names that these services have, most likely first.
    """
    probes = Probes(host)
    manager = probes.network_manager
    units = {"agent": agent, "ssh": ssh, "network": _NETWORK[manager], "dhcp": _DHCP[manager]}
    return _INITS[probes.init or init](host, units)


def network(host: Host) -> api.Network:
    """ip(8), or route(8) where only that is installed."""
    if host.has("route") and not host.has("ip"):
        return net_tools.Network(host)
    return iproute2.Network(host)


def disks(host: Host) -> block_devices.Disks:
    """The temporary disk is found by its VMBus address; sfdisk(8) if it is new enough."""
    return block_devices.Disks(host, vmbus.temporary_disks, (Sfdisk(host), Parted(host)))


def old_disks(host: Host) -> block_devices.Disks:
    """For systems of before 2016, whose sfdisk(8) has neither GPT nor JSON."""
    return block_devices.Disks(host, vmbus.temporary_disks, (Parted(host), Sfdisk(host)))
