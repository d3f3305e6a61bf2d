# SPDX-License-Identifier: Apache-2.0
"""The host name, routes, links, the firewall: H, N."""

from __future__ import annotations

import ipaddress

from ...api import Driver, Route
from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

ROUTE = Route(ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_address("10.0.0.1"))


def _primary(driver: Driver) -> str:
    primary = driver.network.primary() if driver.network is not None else None
    return primary.name if primary is not None else ""


def _route(driver: Driver) -> Route:
    return Route(ROUTE.destination, ROUTE.gateway, _primary(driver))


OPERATIONS: tuple[Operation, ...] = (
    Operation("H1", "host-name", "hostname", lambda d: d.hostname.ensure("vm-1"), beds=("root",)),
    Operation(
        "N3", "route", "network", lambda d: d.network.ensure_route(_route(d)), beds=("network",)
    ),
    Operation(
        "N3",
        "no-route",
        "network",
        lambda d: d.network.ensure_no_route(_route(d)),
        ("route",),
        beds=("network",),
    ),
    Operation(
        "H2",
        "publish",
        "links",
        lambda d: d.links.ensure_published(_primary(d), "vm-1"),
        ("host-name",),
        repeatable=False,
        beds=("network",),
    ),
    Operation(
        "N7", "recover", "links", lambda d: d.links.ensure_recovered(_primary(d)), beds=("network",)
    ),
    Operation(
        "N6", "stale-names", "interface_names", lambda d: d.interface_names.ensure_unpinned()
    ),
    Operation(
        "N6",
        "all-names",
        "interface_names",
        lambda d: d.interface_names.ensure_unpinned(everything=True),
    ),
)
