# SPDX-License-Identifier: Apache-2.0
"""The cable between the guest and the far end of its network.

Both ends lie in namespaces without an uplink.  Source: ip-link(8), veth(4), ip(8) ``-batch``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from osdrivers.errors import CommandFailed, CommandMissing

from .bed import Bed

GUEST_INTERFACE = "eth0"
FABRIC_INTERFACE = "fabric0"


def lay_cable(bed: Bed, guest: int) -> None:
    """At the far end: make both ends, hand one to the guest's first process, take addresses."""
    prefix = bed.address.partition("/")[2]
    _ip(
        "link set lo up",
        f"link add {FABRIC_INTERFACE} type veth peer name {GUEST_INTERFACE} netns {guest}",
        f"address add {bed.gateway}/{prefix} dev {FABRIC_INTERFACE}",
        *(f"address add {each}/32 dev {FABRIC_INTERFACE}" for each in bed.fabric),
        f"link set {FABRIC_INTERFACE} up",
    )


def plug_in(bed: Bed) -> None:
    """In the guest: address and default route, as a DHCP client would have left them."""
    _ip(
        "link set lo up",
        f"link set {GUEST_INTERFACE} address {bed.mac}",
        f"address add {bed.address} broadcast + dev {GUEST_INTERFACE}",
        f"link set {GUEST_INTERFACE} up",
        f"route add default via {bed.gateway} dev {GUEST_INTERFACE}",
    )


def _ip(*lines: str) -> None:
    argv: Sequence[str] = ("ip", "-batch", "-")
    try:
        done = subprocess.run(argv, input="\n".join(lines), capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise CommandMissing("ip", "iproute2") from missing
    if done.returncode != 0:
        raise CommandFailed(tuple(argv), done.returncode, done.stderr)
