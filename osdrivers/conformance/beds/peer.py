# SPDX-License-Identifier: Apache-2.0
"""A DHCP server at the far end of a bed's cable, and a client in the guest that has its lease.

Source: dnsmasq(8), dhclient(8), ip-address(8).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from osdrivers.errors import OperationError

from .opened import OpenBed
from .remote import Side

_LIMIT_S = 120.0
SERVER = (
    *("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=fabric0"),
    *("--bind-interfaces", "--dhcp-range=10.0.0.50,10.0.0.60,255.255.255.0,1h", "--user=root"),
    *("--dhcp-leasefile=/dev/null", "--leasefile-ro", "--no-ping", "--dhcp-authoritative"),
)
#: Clients by their program; the first that the guest has is started.
_CLIENTS = {
    "dhclient": "dhclient -pf /run/dhclient.eth0.pid -lf /var/lib/dhcp/dhclient.eth0.leases eth0",
    "udhcpc": "udhcpc -b -i eth0 -p /run/udhcpc.eth0.pid",
}


@contextlib.contextmanager
def lease(bed: OpenBed) -> Iterator[None]:
    """The guest's address comes from a server from here on.

    :raises OperationError: no server, no client, or no lease.
    """
    with bed.fabric.start(SERVER):
        _say(bed.fabric, "until ss -Hlun sport 67 | grep -q .; do sleep 0.01; done")
        client = _client(bed.guest)
        _say(bed.guest, "ip route flush default; ip address flush dev eth0")
        _say(bed.guest, client)
        _say(
            bed.guest,
            "until ip -4 -o address show dev eth0 | grep -q inet && ip route | grep -q ^10.0.0;"
            " do sleep 0.02; done",
        )
        yield


def _client(guest: Side) -> str:
    for program, start in _CLIENTS.items():
        if guest.run(("sh", "-c", f"command -v {program}")).status == 0:
            return start
    raise OperationError(f"the tree has no DHCP client that is known here: {', '.join(_CLIENTS)}")


def _say(side: Side, command: str) -> None:
    argv: Sequence[str] = ("sh", "-c", command)
    ended = side.run(argv, timeout_s=_LIMIT_S)
    if ended.status != 0:
        raise OperationError(f"cannot prepare the network: {ended.stderr.strip() or command}")
