# SPDX-License-Identifier: Apache-2.0
"""FreeBSD 10 and every later release.

A distribution of its own: it uses nothing of ``osdrivers`` but its public names, as any third
party's driver would.
"""

from __future__ import annotations

from osdrivers.api import Driver
from osdrivers.host import Host
from osdrivers.parts import cleanup, dhclient, dhcp_leases, packages, ssh_keys, sshd, sudo

from . import cd, devices, disks, kenv, links, loader_conf, mdconfig, network, pkg, pw, rc

_LOCAL = "/usr/local"
#: Made anew at boot; rc.d/random, rc.d/hostid, rc.d/machine_id (14 and later), D-Bus.
_SEEDS = ("/boot/entropy", "/entropy", "/var/db/entropy/*")
_IDS = ("/etc/hostid", "/etc/machine-id", "/var/lib/dbus/machine-id")


def freebsd(host: Host) -> Driver:
    """What ports install is below /usr/local; hier(7)."""
    host = host.with_default_places(
        configuration=f"{_LOCAL}/etc/waagent.conf",
        configuration_dir=f"{_LOCAL}/etc/waagent.conf.d",
        vendor_configuration_dir=f"{_LOCAL}/lib/waagent/conf.d",
        sudoers=f"{_LOCAL}/etc/sudoers",
        sudoers_dir=f"{_LOCAL}/etc/sudoers.d",
        shadow="/etc/master.passwd",
        skeleton="/usr/share/skel",
        run="/var/run",
        units=f"{_LOCAL}/etc/rc.d",
        binaries=f"{_LOCAL}/sbin",
    )
    services, name = rc.Services(host), rc.Hostname(host)
    server = sshd.Sshd(host, services)
    volumes = disks.Disks(host)
    return Driver(
        name="freebsd",
        host=host,
        users=pw.Users(host),
        services=services,
        hostname=name,
        sudo=sudo.Sudo(host),
        keys=ssh_keys.SshKeys(host, server),
        sshd=server,
        network=network.Network(host),
        links=links.Links(host),
        dhcp=dhcp_leases.Dhcp(host, (dhclient.leases,)),
        disks=volumes,
        swap=mdconfig.Swap(host),
        drives=cd.Drives(host),
        firmware=kenv.Firmware(host),
        devices=devices.Devices(host),
        boot=loader_conf.Boot(host),
        packages=packages.Packages(host, (pkg.Pkg,)),
        cleanup=cleanup.Cleanup(host, name.forget, seeds=_SEEDS, ids=_IDS),
    )
