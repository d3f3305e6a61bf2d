# SPDX-License-Identifier: Apache-2.0
"""A machine with one interface, a virtual function below it, and one DHCP client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from osdrivers.host import Host
from osdrivers.parts.links import Links
from tests.osdrivers.parts.answering import Answer, machine, shown

Files = Mapping[str, str]
NONE: Mapping[str, str] = {}


def interface(name: str, number: int, flags: str = "0x1003", master: str = "") -> Files:
    base = f"/sys/class/net/{name}"
    files = {"address": "00:0d:3a:00:00:01", "flags": flags, "type": "1", "ifindex": str(number)}
    link = {f"{base}/master": f"-> ../{master}"} if master else {}
    return {**{f"{base}/{key}": f"{value}\n" for key, value in files.items()}, **link}


ETH0 = {**interface("eth0", 2), **interface("enP1s1", 3, "0x1803", "eth0")}
DHCLIENT = "dhclient\0-pf\0/run/dhclient.eth0.pid\0-lf\0/var/lib/dhcp/dhclient.eth0.leases\0eth0\0"
NETWORKD = "/usr/lib/systemd/systemd-networkd\0"
MANAGER = "/usr/sbin/NetworkManager\0--no-daemon\0"
WICKED = "/usr/lib/wicked/bin/wickedd-dhcp4\0--systemd\0"
SYSTEMD = {"/run/systemd/system/": ""}
BUSY = {"kill": "", "systemd-run": "", "systemctl": "systemd 252 (252.1)\n"}


def guest(
    root: Path, process: str, files: Files = NONE, commands: Mapping[str, Answer] = NONE
) -> Host:
    return machine(root, {**ETH0, "/proc/41/cmdline": process, **files}, {**BUSY, **commands})


def published(host: Host, **options: bool) -> list[str]:
    return shown(Links(host).ensure_published("eth0", "vm-1", **options))
