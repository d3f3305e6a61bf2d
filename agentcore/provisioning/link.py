# SPDX-License-Identifier: Apache-2.0
"""The platform as first boot needs it: found, asked for certificates, told how it goes.

Everything here has a limit in seconds and can be asked again: the platform may be silent for
minutes while it is maintained.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from agentcore.azure import discovery, health
from agentcore.azure.dhcp import Offer
from agentcore.azure.goalstate import GoalState
from agentcore.azure.http import Endpoint, parse_endpoint
from agentcore.azure.retry import ONCE, Clock, RetryPolicy
from agentcore.azure.wireserver import WireServer
from agentcore.errors import Unreachable
from agentcore.settings import Settings
from osdrivers.api import Driver, Lease, Route
from osdrivers.errors import AgentError, NotFound, NotPermitted, first_line
from osdrivers.host import Secret

if TYPE_CHECKING:
    from agentcore.azure.certificates import Certificate

DHCP_S = 10.0

T = TypeVar("T")


class Link:
    """One machine's link to its wire server.

    :param endpoint: ``ADDRESS[:PORT]`` instead of discovery, "" for discovery.
    """

    def __init__(self, driver: Driver, settings: Settings, clock: Clock, endpoint: str) -> None:
        self._driver, self._settings, self._clock = driver, settings, clock
        self._given = parse_endpoint(endpoint) if endpoint else None
        self._server: Optional[WireServer] = None
        self._goal: Optional[GoalState] = None
        self._certificates: tuple[Certificate, ...] = ()
        self._tried = False
        self.how = ""
        self.routes: tuple[Route, ...] = ()
        self.warnings: list[str] = []

    @property
    def connected(self) -> bool:
        """Whether the platform has answered."""
        return self._goal is not None

    @property
    def endpoint(self) -> Optional[Endpoint]:
        """Where the wire server was found, None before."""
        return self._server.endpoint if self._server is not None else None

    def close(self) -> None:
        """Give the connection back."""
        if self._server is not None:
            self._server.close()

    # ---- finding

    def connect(self, limit_s: float) -> None:
        """Find the wire server and get a goal state, if that is not done.

        :raises ServiceError: it did not answer within the limit.
        """
        if self._goal is None:
            self._patiently(limit_s, self._connect_once)

    def _connect_once(self) -> None:
        if self._server is None:
            self._server = WireServer(self._endpoint(), self._clock, retry=ONCE)
        try:
            self._server.negotiate()
            self._goal = self._server.goal_state()
        except AgentError:
            self.close()
            self._server = None  # look for it anew: it may have moved
            raise

    def _endpoint(self) -> Endpoint:
        if self._given is not None:
            self.how = "given"
            return self._given
        driver = self._driver
        asked = self._settings.platform.endpoint_discovery == "dhcp"
        found = discovery.find_endpoint(
            routed=self._routed,
            leases=driver.dhcp.leases if driver.dhcp is not None and asked else _no_leases,
            exchange=self._exchange if asked and driver.network is not None else None,
            fresh=self._tried,
        )
        self._tried = True
        self.how = found.how
        self.warnings += [text for text in found.warnings if text not in self.warnings]
        self.routes = self._wanted_routes(found)
        return found.endpoint

    def _routed(self, address: str) -> bool:
        network = self._driver.network
        host = ipaddress.ip_network(address)
        return network is not None and any(route.destination == host for route in network.routes())

    def _exchange(self) -> Offer:
        from agentcore.azure import dhcp, dhcp_exchange

        network = self._driver.network
        primary = network.primary() if network is not None else None
        if primary is None:
            raise Unreachable("no network interface to ask for an address with")
        link = dhcp.Link(primary.name, bytes.fromhex(primary.mac.replace(":", "")))
        retry = RetryPolicy(deadline_s=DHCP_S, first_s=1.0, cap_s=4.0)
        try:
            return dhcp_exchange.discover(link, self._clock, retry=retry)
        except NotPermitted as denied:
            raise Unreachable(f"DHCP cannot be asked: {first_line(denied)}") from denied

    def _wanted_routes(self, found: discovery.Found) -> tuple[Route, ...]:
        """Option 249's routes, and the router where nothing leads out yet."""
        network = self._driver.network
        if network is None:
            return ()
        wanted = [
            Route(ipaddress.ip_network(route.destination), _gateway(route.gateway))
            for route in found.routes
        ]
        default = ipaddress.ip_network("0.0.0.0/0")
        leads_out = any(route.destination == default for route in (*network.routes(), *wanted))
        if found.router and not leads_out:
            wanted.insert(0, Route(default, _gateway(found.router)))
        primary = network.primary()
        name = primary.name if primary is not None else ""
        return tuple(replace(route, interface=name) for route in wanted)

    # ---- telling

    def report(self, report: health.Report, limit_s: float) -> None:
        """Report the machine's health.  :raises ServiceError: not within the limit."""
        self._with_goal(limit_s, lambda server, goal: server.report_health(goal, report))

    def report_fingerprint(self, fingerprint: str, limit_s: float) -> None:
        """Report the SSH host key's fingerprint.  :raises ServiceError: not within the limit."""
        self._with_goal(limit_s, lambda server, goal: server.report_fingerprint(goal, fingerprint))

    # ---- certificates

    def fetch(self, limit_s: float) -> None:
        """Get certificates and keys into the state directory, and the shared configuration.

        :raises AgentError: they could not be had, or are for another machine.
        """
        from agentcore.azure.certificates import TransportKey, fetch

        transport = TransportKey(self._driver.host, self._settings.system.openssl_path or "openssl")

        def get(server: WireServer, goal: GoalState) -> None:
            self._certificates = fetch(server, goal, transport)
            shared = server.shared_config(goal)
            self._keep("SharedConfig.xml", shared.raw)
            self._keep("WireServerEndpoint", str(server.endpoint).encode())

        self._with_goal(limit_s, get)

    def _keep(self, name: str, data: bytes) -> None:
        """State that other software on the machine reads under this name."""
        path = f"{self._driver.host.places.state}/{name}"
        if self._driver.host.read_bytes(path, b"") != data:
            self._driver.host.write(path, data, mode=0o600)

    def public_key(self, thumbprint: str) -> str:
        return self._certificate(thumbprint).ssh_public_key()

    def private_key(self, thumbprint: str) -> Secret:
        key = self._certificate(thumbprint).private_key
        if key is None:
            raise NotFound(f"certificate {thumbprint} came without its private key")
        return key

    def _certificate(self, thumbprint: str) -> Certificate:
        for certificate in self._certificates:
            if certificate.thumbprint == thumbprint:
                return certificate
        raise NotFound(
            f"the platform sent no certificate {thumbprint}",
            hint="add it to the machine's secrets, or give the key itself",
        )

    # ---- patience

    def _with_goal(self, limit_s: float, call: Callable[[WireServer, GoalState], T]) -> T:
        def once() -> T:
            if self._goal is None:
                self._connect_once()
            server = self._server
            if server is None or self._goal is None:
                raise Unreachable("the wire server has not been found")
            return server.with_goal_state(lambda goal: call(server, goal))

        return self._patiently(limit_s, once)

    def _patiently(self, limit_s: float, call: Callable[[], T]) -> T:
        policy = RetryPolicy(deadline_s=limit_s, first_s=0.5, factor=2.0, cap_s=15.0)
        return policy.run(call, self._clock)


def _no_leases() -> tuple[Lease, ...]:
    return ()


def _gateway(text: str) -> Optional[ipaddress.IPv4Address]:
    """A gateway of 0.0.0.0 means: on the link (RFC 3442)."""
    address = ipaddress.IPv4Address(text) if text else None
    return address if address is not None and int(address) else None
