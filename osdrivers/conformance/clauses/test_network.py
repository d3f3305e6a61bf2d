# SPDX-License-Identifier: Apache-2.0
"""Host name, routes and interfaces: H1, N3, N4."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import pytest

from osdrivers.api import Route
from osdrivers.conformance.bench import Bench
from osdrivers.conformance.catalogue.network import ROUTE
from osdrivers.errors import InvalidInput

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "root", "network", "loop")
BAD_NAMES = ("", "localhost", "localhost.localdomain", "-x", "a_b", "a b", "x" * 65, "a\nb")


def _ways(routes: Iterable[Route]) -> set[tuple[object, ...]]:
    """Without metrics, which some systems number by the place in the table."""
    return {(route.destination, route.gateway, route.interface) for route in routes}


@pytest.mark.operation("host-name")
def test_h1_the_name_is_persistent(bench: Bench) -> None:
    assert bench.after().hostname.get() == "vm-1"


@pytest.mark.operation("host-name")
def test_h1_other_lines_of_hosts_stay(bench: Bench) -> None:
    before = bench.fresh().driver().host.read("/etc/hosts", "").splitlines()
    after = bench.after().host.read("/etc/hosts", "").splitlines()
    assert [line for line in before if "127.0.1.1" not in line] == [
        line for line in after if "127.0.1.1" not in line
    ]


@pytest.mark.each_part
@pytest.mark.operation("host-name")
@pytest.mark.untouched
def test_h1_a_name_that_is_none_is_refused(bench: Bench) -> None:
    bench.refuses_each(InvalidInput, BAD_NAMES, lambda d, name: d.hostname.ensure(name))


@pytest.mark.operation("route")
def test_n3_the_kernel_has_the_route_once_and_keeps_the_others(bench: Bench) -> None:
    before = bench.fresh().driver().network.routes()
    after = bench.after().network.routes()
    matching = [
        route
        for route in after
        if (route.destination, route.gateway) == (ROUTE.destination, ROUTE.gateway)
    ]
    assert len(matching) == 1
    assert _ways(before) <= _ways(after)


@pytest.mark.operation("no-route")
def test_n3_the_route_is_gone_and_the_default_stays(bench: Bench) -> None:
    before = bench.fresh().driver().network.routes()
    after = bench.after().network.routes()
    assert ROUTE.destination not in {route.destination for route in after}
    assert {way for way in _ways(before) if way[0] != ROUTE.destination} == _ways(after)


@pytest.mark.operation("route")
@pytest.mark.untouched
def test_n3_a_gateway_of_another_family_is_refused(bench: Bench) -> None:
    wrong = Route(ROUTE.destination, ipaddress.ip_address("fe80::1"), ROUTE.interface)
    bench.refuses(InvalidInput, lambda d: d.network.ensure_route(wrong))


@pytest.mark.operation("route")
def test_n4_the_primary_interface_is_one_of_the_list_and_no_loopback(bench: Bench) -> None:
    network = bench.fresh().driver().network
    primary = network.primary()
    assert primary is not None and not primary.loopback
    assert primary in network.interfaces()
    assert len({each.name for each in network.interfaces()}) == len(network.interfaces())


@pytest.mark.operation("stale-names")
def test_n6_names_of_addresses_that_are_there_stay_and_the_others_go(bench: Bench) -> None:
    before = bench.fresh().driver()
    present = {each.mac for each in before.network.interfaces()}
    pinned = before.interface_names.pinned()
    assert all(mac == mac.lower() and name for mac, name in pinned.items())
    kept = {mac: name for mac, name in pinned.items() if mac in present}
    assert bench.after().interface_names.pinned() == kept


@pytest.mark.operation("all-names")
def test_n6_nothing_is_pinned_in_an_image(bench: Bench) -> None:
    driver = bench.after()
    assert driver.interface_names.pinned() == {}
    assert driver.host.names("/etc/udev/rules.d") == tuple(
        name
        for name in bench.fresh().driver().host.names("/etc/udev/rules.d")
        if "persistent" not in name or "generator" in name
    )
