# SPDX-License-Identifier: Apache-2.0
"""NetworkManager: it sends the machine's name by itself, when its DHCP client starts anew (H2, N7).

``nmcli device reapply`` starts the client anew if the connection in force differs from its
profile, and does nothing otherwise (1.42).  So a profile with a name of its own, or one that sends
none, is corrected, for IPv4 and IPv6, where it is kept (a keyfile or ifcfg); any other connection
gets another limit of time, in force only, and reapplying takes that back.  Both keep the address:
the client asks for the one it has.
Source: nmcli(1), nm-settings-nmcli(5); general states: 30 is disconnected, 100 connected.
"""

from __future__ import annotations

from ..actions import Plan, Run
from ..api import DhcpClient
from ..errors import CommandFailed, NotFound
from ..host import Host
from . import dhcp_processes

_TIMEOUT_S = 90.0
_DISCONNECTED = "30"
_FIELDS = ("ipv4.dhcp-hostname", "ipv4.dhcp-send-hostname")
_FIELDS_6 = ("ipv6.dhcp-hostname", "ipv6.dhcp-send-hostname")
_LIMIT, _LIMITS_S = "ipv4.dhcp-timeout", ("46", "47")  # near the default, 45 s
_SILENT = ("no", "false", "0")


class Links:
    """Devices that NetworkManager manages."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        host = self._host
        dhcp_processes.check(host, interface, name)
        dhcp_processes.require(host, interface, "NetworkManager")
        host.require("nmcli", package="network-manager or NetworkManager")
        connection = self._ask("GENERAL.CON-UUID", "device", "show", interface)
        if not connection:
            raise NotFound(f"NetworkManager has no active connection on {interface}")
        wrong: list[str] = []
        for own, send in (_FIELDS, _FIELDS_6):
            wrong += self._wrong(connection, name, own, send)
        present = self._ask(_LIMIT, "connection", "show", "uuid", connection).split(" ")[0]
        different = next(each for each in _LIMITS_S if each != present)
        if wrong:
            profile = ("nmcli", "connection", "modify", "uuid", connection)
            yield Run((*profile, *wrong), timeout_s=_TIMEOUT_S, booted=True)
        else:
            in_force = ("nmcli", "device", "modify", interface, _LIMIT, different)
            yield Run(in_force, timeout_s=_TIMEOUT_S, booted=True)
        yield Run(("nmcli", "device", "reapply", interface), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_recovered(self, interface: str) -> Plan:
        dhcp_processes.known(self._host, interface)
        self._host.require("nmcli", package="network-manager or NetworkManager")
        state = self._ask("GENERAL.STATE", "device", "show", interface)
        if state.split(" ")[0] == _DISCONNECTED:
            yield Run(("nmcli", "device", "connect", interface), timeout_s=_TIMEOUT_S, booted=True)

    def _wrong(self, connection: str, name: str, own: str, send: str) -> list[str]:
        """The settings to change: properties and values, in turn."""
        present = self._ask(own, "connection", "show", "uuid", connection)
        sends = self._ask(send, "connection", "show", "uuid", connection)
        change = [own, name] if present not in ("", name) else []
        return change + ([send, "yes"] if sends in _SILENT else [])

    def _ask(self, field: str, *words: str) -> str:
        argv = ("nmcli", "-g", field, *words)
        done = self._host.ask(*argv)
        if done.status != 0:
            raise CommandFailed(argv, done.status, done.stderr or done.stdout)
        return done.stdout.strip()
