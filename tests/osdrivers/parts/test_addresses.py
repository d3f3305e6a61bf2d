# SPDX-License-Identifier: Apache-2.0
"""N4: the addresses of an interface, as each tool prints them."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from agentcore_freebsd.network import Network, parse_addresses

from osdrivers.api import InterfaceAddress
from osdrivers.parts import iproute2, net_tools
from tests.osdrivers.parts.answering import machine

DATA = Path(__file__).parents[2] / "data" / "ip_address"
FREEBSD = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> metric 0 mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 ::1 prefixlen 128
hn0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tether 00:0d:3a:4b:5c:6d
\tinet 10.0.0.4 netmask 0xffffff00 broadcast 10.0.0.255
\tinet6 fe80::20d:3aff:fe4b:5c6d%hn0 prefixlen 64 scopeid 0x2
\tinet6 2001:db8::4 prefixlen 64 autoconf pltime 604800 vltime 2592000
\tstatus: active
"""


def address(text: str, prefix: int, dynamic: bool = False) -> InterfaceAddress:
    return InterfaceAddress(ip_address(text), prefix, dynamic)


@pytest.mark.parametrize("release", ["iproute2-6.1.0", "busybox-1.35"])
def test_ip_shows_both_families_and_a_peer_has_the_prefix(release: str, tmp_path: Path) -> None:
    text = (DATA / f"{release}.txt").read_text()
    host = machine(tmp_path, {}, {"ip -o address show dev v0": text})
    found = iproute2.Network(host).addresses("v0")
    assert address("10.0.0.4", 24) in found
    assert address("10.9.0.1", 32) in found
    assert address("fd00::4", 64) in found
    assert [each for each in found if each.dynamic] == [address("10.0.0.9", 24, True)]


@pytest.mark.parametrize("release", ["net-tools-2.10", "busybox-ifconfig-1.35"])
def test_ifconfig_shows_both_families(release: str, tmp_path: Path) -> None:
    text = (DATA / f"{release}.txt").read_text()
    host = machine(tmp_path, {}, {"ifconfig v0": text})
    found = net_tools.Network(host).addresses("v0")
    assert address("10.0.0.4", 24) in found
    assert address("fd00::4", 64) in found


def test_an_absent_interface_and_one_that_no_kernel_has_have_none(tmp_path: Path) -> None:
    text = (DATA / "net-tools-2.10.txt").read_text()
    host = machine(tmp_path, {}, {"ip": "", "ifconfig": text, "ifconfig v9": ""})
    for network in (iproute2.Network(host), net_tools.Network(host)):
        assert network.addresses("v9") == network.addresses("-a") == ()
        assert network.addresses("a/b") == network.addresses("") == ()
    offline = machine(tmp_path, offline=True)
    assert iproute2.Network(offline).addresses("v0") == ()


def test_freebsd_s_ifconfig_shows_both_families(tmp_path: Path) -> None:
    network = Network(machine(tmp_path, {}, {"ifconfig -a": FREEBSD}))
    assert network.addresses("hn0") == (
        address("10.0.0.4", 24),
        address("fe80::20d:3aff:fe4b:5c6d", 64),
        address("2001:db8::4", 64, True),
    )
    assert network.addresses("lo0") == (address("127.0.0.1", 8), address("::1", 128))
    assert network.addresses("hn") == ()
    assert [*parse_addresses("")] == []


def test_the_prefix_of_a_peer_is_that_of_its_network() -> None:
    line = "3: v0    inet 10.9.1.1 peer 10.9.2.0/24 scope global v0\\       valid_lft forever"
    assert [*iproute2.parse_addresses(line)] == [address("10.9.1.1", 24)]
