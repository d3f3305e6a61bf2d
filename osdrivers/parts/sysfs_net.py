# SPDX-License-Identifier: Apache-2.0
"""Network interfaces, from the kernel's files (N4).

Source: Documentation/ABI/testing/sysfs-class-net of the kernel, netdevice(7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ..api import Interface, Route
from ..host import Host

_UP, _LOOPBACK, _SLAVE = 0x1, 0x8, 0x800
_ETHERNET = "1"  # ARPHRD_ETHER
#: Interfaces of containers, virtual machines and tunnels: never the machine's own connection.
_LOCAL = ("docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "azv", "tun", "tap", "wg")


def interfaces(host: Host) -> tuple[Interface, ...]:
    """In the order of their numbers, which is that of their appearance.

    An interface that is enslaved (an SR-IOV function below the synthetic one) names its master.
    """
    base = f"{host.places.sysfs}/class/net"
    names = [name for name in host.names(base) if host.is_directory(f"{base}/{name}")]
    names.sort(key=lambda name: _number(host, base, name))
    return tuple(_interface(host, base, name) for name in names)


def _number(host: Host, base: str, name: str) -> int:
    text = host.read(f"{base}/{name}/ifindex", "").strip()
    return int(text) if text.isdigit() else 1 << 31


def _interface(host: Host, base: str, name: str) -> Interface:
    text = host.read(f"{base}/{name}/flags", "").strip()
    flags = int(text, 16) if text.startswith("0x") else 0
    master = host.status(f"{base}/{name}/master", follow=False)
    return Interface(
        name=name,
        mac=host.read(f"{base}/{name}/address", "").strip().lower(),
        up=bool(flags & _UP),
        loopback=bool(flags & _LOOPBACK),
        master=master.target.rpartition("/")[2] if master is not None and master.target else "",
        ethernet=host.read(f"{base}/{name}/type", "").strip() == _ETHERNET,
        virtual=not host.exists(f"{base}/{name}/device"),
    )


def primary(found: Sequence[Interface], routes: Sequence[Route]) -> Optional[Interface]:
    """That of the default route with the lowest metric, IPv4 before IPv6; the first of equals.

    Without a default route, the first that is up, ethernet, nobody's slave and not made by
    software; else the first such whatever it is made by, but for containers' and tunnels'.
    """
    defaults = [route for route in routes if route.destination.prefixlen == 0 and route.interface]
    defaults.sort(key=lambda route: (route.destination.version, route.metric))
    named = {each.name: each for each in found}
    for route in defaults:
        if route.interface in named:
            return named[route.interface]
    usable = [each for each in found if each.up and each.ethernet and not each.loopback]
    usable = [each for each in usable if not each.master and not each.name.startswith(_LOCAL)]
    usable.sort(key=lambda each: each.virtual)
    return usable[0] if usable else None
