# SPDX-License-Identifier: Apache-2.0
"""The guest's network: a bridge, a tap device, the platform's two addresses, and DHCP."""

from __future__ import annotations

import ipaddress
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Optional

from lab.platform import commands
from osdrivers.errors import OperationError

TAP = "lab-tap0"
GUEST = "10.0.0.4"
MAC = "00:0d:3a:4b:5c:6d"
WIRE_SERVER = "168.63.129.16"
METADATA = "169.254.169.254"
_BRIDGE = "lab-br0"
_GATEWAY = "10.0.0.1"


class Told(Enum):
    """How the guest can learn where the platform is."""

    LEASE = "the DHCP client asks for nothing special, yet option 245 is in its lease"
    EXCHANGE = "option 245 goes only to a request that lists no options, as agents send"
    ROUTE = "option 121 makes the DHCP client set a route to the platform"


def classless(routes: dict[str, str]) -> str:
    """Options 121 and 249 as hexadecimal bytes: destination descriptor, then gateway (RFC 3442)."""
    made = bytearray()
    for destination, gateway in routes.items():
        network = ipaddress.IPv4Network(destination)
        significant = (network.prefixlen + 7) // 8
        made.append(network.prefixlen)
        made += network.network_address.packed[:significant]
        made += ipaddress.IPv4Address(gateway).packed
    return made.hex(":")


@dataclass
class Network:
    """Call ``up`` once, inside the namespace; it all ends with the namespace."""

    place: Path
    _server: Optional[subprocess.Popen[bytes]] = None

    def up(self) -> None:
        """Make the devices and addresses.

        :raises CommandFailed: the kernel refused; is this a fresh network namespace?
        """
        for words in (
            "link set lo up",
            f"address add {WIRE_SERVER}/32 dev lo",
            f"address add {METADATA}/32 dev lo",
            f"link add {_BRIDGE} type bridge",
            f"address add {_GATEWAY}/24 dev {_BRIDGE}",
            f"tuntap add dev {TAP} mode tap",
            f"link set {TAP} master {_BRIDGE} up",
            f"link set {_BRIDGE} up",
        ):
            commands.run(("ip", *words.split()))

    def serve_dhcp(self, told: Told) -> None:
        """Answer the guest's DHCP requests; a server that runs already is replaced.

        :raises OperationError: dnsmasq(8) did not start; its message is in the error.
        """
        self.stop_dhcp()
        routes = {f"{WIRE_SERVER}/32": _GATEWAY, f"{METADATA}/32": _GATEWAY}
        option = "dhcp-option" if told is Told.EXCHANGE else "dhcp-option-force"
        lines = [
            "port=0", "bind-dynamic", "log-dhcp", f"interface={_BRIDGE}", "except-interface=lo",
            f"dhcp-leasefile={self.place}/leases", f"dhcp-range={GUEST},{GUEST},255.255.255.0,1h",
            # A guest has several clients with several identifiers, and one address.
            "dhcp-ignore-clid", f"dhcp-host={MAC},{GUEST}", f"dhcp-option=3,{_GATEWAY}",
            f"{option}=245,{WIRE_SERVER}", f"{option}=249,{classless(routes)}",
        ]  # fmt: skip
        if told is Told.ROUTE:
            lines.append(f"dhcp-option=121,{classless({'0.0.0.0/0': _GATEWAY, **routes})}")
        settings = self.place / "dnsmasq.conf"
        settings.write_text("\n".join(lines) + "\n")
        with (self.place / "dnsmasq.log").open("ab") as log:
            argv = ("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root")
            self._server = subprocess.Popen(
                (*argv, "--pid-file=", f"--conf-file={settings}"),
                stdin=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        try:
            status = self._server.wait(0.3)
        except subprocess.TimeoutExpired:
            return
        said = (self.place / "dnsmasq.log").read_text(errors="replace").strip()
        raise OperationError(f"dnsmasq ended with {status}: {said[-300:]}")

    def stop_dhcp(self) -> None:
        """Stop the server, if one runs."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def host_names(self) -> tuple[str, ...]:
        """The names (option 12) that the guest sent so far, oldest first."""
        log = self.place / "dnsmasq.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        mark = "client provides name: "
        return tuple(line.split(mark)[1].strip() for line in text.splitlines() if mark in line)
