# SPDX-License-Identifier: Apache-2.0
"""What the DHCP server is told, leases, and the watch over both: H2, H3, N1, N2, N4, N7."""

from __future__ import annotations

from dataclasses import replace

import pytest

from osdrivers.actions import Plan
from osdrivers.api import Driver
from osdrivers.conformance.bench import Bench
from osdrivers.conformance.manners import BABBLE
from osdrivers.errors import InvalidInput, NotFound
from osdrivers.watching import DhcpClientWatch, HostNameWatch

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "network")
NEW = "vm-1"


def _primary(driver: Driver) -> str:
    found = driver.network.primary()
    assert found is not None
    return found.name


def _reachable(driver: Driver) -> tuple[object, ...]:
    """Addresses and routes, without metrics: a renewal may count anew."""
    addresses = {(each.address, each.prefix) for each in driver.network.addresses(_primary(driver))}
    routes = {(r.destination, r.gateway, r.interface) for r in driver.network.routes()}
    return addresses, routes


@pytest.mark.each_part
@pytest.mark.operation("publish")
@pytest.mark.untouched
def test_h2_what_cannot_be_published_is_refused(bench: Bench) -> None:
    bench.refuses_each(
        InvalidInput,
        ("", "localhost", "-x", "a b", "a\nb"),
        lambda d, name: d.links.ensure_published(_primary(d), name),
    )
    bench.refuses(NotFound, lambda d: d.links.ensure_published("no-such0", NEW))


@pytest.mark.operation("publish")
def test_h2_the_server_is_asked_each_time_and_no_address_or_route_goes(bench: Bench) -> None:
    trial = bench.fresh()
    before = _reachable(trial.driver())
    assert trial.run(bench.operation, dry_run=True).lines, "nothing would be sent"
    driver = bench.after()
    assert _reachable(driver) == before
    assert (
        bench.captured.after(bench.machine, bench.operation)
        .run(bench.operation, dry_run=True)
        .lines
    ), "nothing would be sent the second time"


@pytest.mark.operation("publish")
def test_n1_the_client_is_known_before_and_after(bench: Bench) -> None:
    before = bench.fresh().driver()
    known = {each.name for each in before.network.interfaces()} | {""}
    clients = before.links.clients()
    after = bench.after().links.clients()
    for client in (*clients, *after):
        assert client.kind and client.interface in known
        assert client.pid is None or client.pid > 1
    assert {each.kind for each in clients} == {each.kind for each in after}


@pytest.mark.operation("publish")
@pytest.mark.untouched
def test_n1_a_look_at_clients_that_go_on_is_no_news(bench: Bench) -> None:
    watch = DhcpClientWatch(bench.fresh().driver().links.clients)
    assert [watch.look() for _ in range(3)] == [(), (), ()]


@pytest.mark.operation("publish")
@pytest.mark.bed("pretend")  # a name of another machine is looked for in its files
def test_h3_a_name_is_reported_once_it_is_stable_and_once_alone(bench: Bench) -> None:
    names, kept = bench.fresh().driver().hostname.get, ["another-name"]
    watch = HostNameWatch(names, lambda: kept[-1], kept.append, lambda: 0.0)
    assert [watch.look(), watch.look()] == ["", NEW]
    watch.published(NEW)
    assert [watch.look(), watch.look()] == ["", ""]
    assert kept == ["another-name", NEW]


@pytest.mark.operation("publish")
@pytest.mark.bed("pretend")
def test_n2_leases_name_their_file_and_interface_and_broken_ones_are_left_out(
    bench: Bench,
) -> None:
    driver = bench.fresh().driver()
    if driver.dhcp is None or not driver.dhcp.leases():
        pytest.skip("this machine has no lease to be read")
    known = {each.name for each in driver.network.interfaces()} | {""}
    leases = driver.dhcp.leases()
    for lease in leases:
        assert driver.host.exists(lease.source)
        assert lease.interface in known
        assert len(lease.option_245) in (0, 4)
    for source in {lease.source for lease in leases}:
        driver.host.write(source, BABBLE.encode())
    assert not [each for each in driver.dhcp.leases() if each.option_245]
    for source in {lease.source for lease in leases}:
        driver.host.write(source, b"")
    assert not [each for each in driver.dhcp.leases() if each.option_245]


@pytest.mark.operation("recover")
@pytest.mark.untouched
def test_n7_what_is_up_is_let_alone_and_another_interface_is_not_found(bench: Bench) -> None:
    trial = bench.fresh()
    network = trial.driver().network
    assert next(each for each in network.interfaces() if each.name == _primary(trial.driver())).up
    assert trial.run(bench.operation, dry_run=True).lines == []
    bench.refuses(NotFound, lambda d: d.links.ensure_recovered("no-such0"))


@pytest.mark.operation("recover")
@pytest.mark.untouched
def test_n4_an_interface_that_is_not_there_has_no_address(bench: Bench) -> None:
    network = bench.fresh().driver().network
    assert network.addresses("no-such0") == ()
    for each in network.addresses(_primary(bench.fresh().driver())):
        assert 0 < each.prefix <= each.address.max_prefixlen


@pytest.mark.operation("publish")
@pytest.mark.bed("pretend")
def test_h2_a_name_that_is_another_is_told_too(bench: Bench) -> None:
    """Not only the one that the client would have sent by itself."""

    def other(driver: Driver) -> Plan:
        yield from driver.hostname.ensure("vm-2")
        yield from driver.links.ensure_published(_primary(driver), "vm-2")

    trial = bench.fresh()
    ran = trial.run(replace(bench.operation, plan=other))
    assert ran.error is None, f"{ran.error!r}"
    assert trial.driver().hostname.get() == "vm-2"
