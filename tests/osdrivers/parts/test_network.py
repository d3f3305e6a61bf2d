# SPDX-License-Identifier: Apache-2.0
"""N3, N4: routes and interfaces, by files; and with the real tools in a network namespace."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from osdrivers.api import Interface, Route
from osdrivers.errors import CommandMissing, InvalidInput
from osdrivers.host import Host
from osdrivers.parts import iproute2, net_tools, proc_net, sysfs_net
from tests.osdrivers.parts.answering import machine, shown

DATA = Path(__file__).parents[2] / "data" / "proc_net"
ROUTES = (DATA / "route-linux-6.1.txt").read_text()
DEFAULT = IPv4Network("0.0.0.0/0")
GATEWAY = IPv4Address("10.0.0.1")


# ---------------------------------------------------------------- asking


def test_the_table_is_read_with_gateways_and_metrics() -> None:
    assert proc_net.parse_ipv4(ROUTES, "little") == (
        Route(DEFAULT, GATEWAY, "eth0", 100),
        Route(DEFAULT, IPv4Address("10.0.1.1"), "eth1", 50),
        Route(IPv4Network("10.0.0.0/24"), None, "eth0", 100),
        Route(IPv4Network("168.63.129.16/32"), GATEWAY, "eth0", 100),
        Route(IPv4Network("169.254.169.254/32"), GATEWAY, "eth0", 100),
    )


def test_the_byte_order_is_that_of_the_machine() -> None:
    line = "eth0 A83F8110 0A000001 0007 0 0 0 FFFFFFFF 0 0 0\n"
    (route,) = proc_net.parse_ipv4(line, "big")
    assert route == Route(IPv4Network("168.63.129.16/32"), GATEWAY, "eth0")


def test_ipv6_leaves_out_what_leads_nowhere() -> None:
    found = proc_net.parse_ipv6((DATA / "ipv6_route-linux-6.18.txt").read_text())
    assert found == (
        Route(IPv6Network("fd00::/64"), None, "eth0", 256),
        Route(IPv6Network("fe80::/64"), None, "eth0", 256),
        Route(IPv6Network("::/0"), IPv6Address("fd00::1"), "eth0", 1024),
    )


@pytest.mark.parametrize(
    "text", ["", "garbage\n", "a b c d e f g h\n", "eth0 0 0 3 0 0 x 0\n", "\0"]
)
def test_lines_of_another_shape_are_passed_over(text: str) -> None:
    assert proc_net.parse_ipv4(text) == proc_net.parse_ipv6(text) == ()


def sysfs(name: str, number: int, **values: str) -> dict[str, str]:
    base = f"/sys/class/net/{name}"
    files = {"address": "00:0d:3a:00:00:01", "flags": "0x1003", "type": "1", **values}
    found = {f"{base}/{key}": f"{value}\n" for key, value in files.items() if key != "links"}
    found[f"{base}/ifindex"] = f"{number}\n"
    for link in files.get("links", "device").split():
        key, _, target = link.partition("=")
        found[f"{base}/{key}"] = f"-> {target or '../../../devices/pci'}"
    found["/sys/devices/pci/x"] = ""
    return found


LO = sysfs("lo", 1, flags="0x9", type="772", address="00:00:00:00:00:00", links="none=x")
ETH0 = sysfs("eth0", 2)


def test_a_virtual_function_names_its_master(tmp_path: Path) -> None:
    slave = sysfs("enP1s1", 3, flags="0x1803", links="device master=../eth0")
    found = sysfs_net.interfaces(machine(tmp_path, {**LO, **ETH0, **slave}))
    assert [(each.name, each.master) for each in found] == [
        ("lo", ""),
        ("eth0", ""),
        ("enP1s1", "eth0"),
    ]
    assert [each.loopback for each in found] == [True, False, False]
    assert sysfs_net.primary(found, ()) == found[1]


def test_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    files = {key: value for n in range(40) for key, value in sysfs(f"eth{n}", 40 - n).items()}
    found = sysfs_net.interfaces(machine(tmp_path, files))
    assert [each.name for each in found] == [f"eth{n}" for n in reversed(range(40))]


def test_an_infiniband_address_is_kept_whole_and_is_no_ethernet(tmp_path: Path) -> None:
    mac = ":".join(["80"] * 20)
    (found,) = sysfs_net.interfaces(machine(tmp_path, sysfs("ib0", 4, type="32", address=mac)))
    assert (found.mac, found.ethernet) == (mac, False)


def test_the_file_of_the_bonding_driver_is_no_interface(tmp_path: Path) -> None:
    files = {**ETH0, "/sys/class/net/bonding_masters": "bond0\n"}
    assert [each.name for each in sysfs_net.interfaces(machine(tmp_path, files))] == ["eth0"]


def test_an_offline_tree_has_no_interfaces(tmp_path: Path) -> None:
    network = iproute2.Network(machine(tmp_path, offline=True))
    assert (network.interfaces(), network.routes(), network.primary()) == ((), (), None)


def interface(name: str, **more: Any) -> Interface:
    return Interface(name, "00:0d:3a:00:00:01", **{"up": True, **more})


FOUND = (
    interface("lo", loopback=True, ethernet=False, virtual=True),
    interface("docker0", virtual=True),
    interface("eth0"),
    interface("eth1"),
    interface("enP1s1", master="eth0"),
)


@pytest.mark.parametrize(
    ("routes", "name"),
    [
        ((Route(DEFAULT, GATEWAY, "eth1", 50), Route(DEFAULT, GATEWAY, "eth0", 100)), "eth1"),
        ((Route(DEFAULT, GATEWAY, "eth1", 100), Route(DEFAULT, GATEWAY, "eth0", 50)), "eth0"),
        ((Route(DEFAULT, GATEWAY, "eth1"), Route(DEFAULT, GATEWAY, "eth0")), "eth1"),
        ((Route(IPv6Network("::/0"), None, "eth1"),), "eth1"),
        ((Route(IPv6Network("::/0"), None, "eth1"), Route(DEFAULT, GATEWAY, "eth0", 900)), "eth0"),
        ((Route(IPv4Network("0.0.0.0/1"), None, "tun0"),), "eth0"),
        ((Route(DEFAULT, GATEWAY, "gone0"),), "eth0"),
        ((), "eth0"),
    ],
)
def test_the_primary_interface_is_that_of_the_best_default_route(
    routes: tuple[Route, ...], name: str
) -> None:
    found = sysfs_net.primary(FOUND, routes)
    assert found is not None
    assert found.name == name


def test_without_a_default_route_what_is_down_or_local_is_not_primary() -> None:
    bad = (FOUND[0], FOUND[1], interface("eth0", up=False), interface("veth3", virtual=True))
    assert sysfs_net.primary(bad, ()) is None
    bond = interface("bond0", virtual=True)
    assert sysfs_net.primary((*bad, bond), ()) == bond


# ---------------------------------------------------------------- ensuring


def table(tmp_path: Path, text: str = ROUTES, *tools: str) -> Host:
    return machine(tmp_path, {"/proc/net/route": text}, dict.fromkeys(tools or ("ip", "route"), ""))


WANTED = Route(IPv4Network("168.63.129.16/32"), GATEWAY, "eth0")
HERE = sys.byteorder == "little"


@pytest.mark.skipif(not HERE, reason="the sample is of a little-endian machine")
@pytest.mark.parametrize(
    "route",
    [
        WANTED,
        Route(WANTED.destination, GATEWAY),
        Route(WANTED.destination, GATEWAY, "eth0", 100),
        Route(IPv4Network("10.0.0.0/24"), None, "eth0"),
    ],
)
def test_a_route_that_is_there_needs_nothing(tmp_path: Path, route: Route) -> None:
    for part in (iproute2.Network, net_tools.Network):
        assert shown(part(table(tmp_path)).ensure_route(route)) == []


@pytest.mark.parametrize(
    ("route", "ip", "old"),
    [
        (
            Route(DEFAULT, GATEWAY),
            "ip -4 route replace 0.0.0.0/0 via 10.0.0.1",
            "route add -net 0.0.0.0 netmask 0.0.0.0 gw 10.0.0.1",
        ),
        (
            Route(IPv4Network("168.63.129.16/32"), GATEWAY, "eth0", 7),
            "ip -4 route replace 168.63.129.16/32 via 10.0.0.1 dev eth0 metric 7",
            "route add -net 168.63.129.16 netmask 255.255.255.255 gw 10.0.0.1 metric 7 dev eth0",
        ),
        (
            Route(IPv4Network("255.255.255.255/32"), None, "eth0"),
            "ip -4 route replace 255.255.255.255/32 dev eth0",
            "route add -net 255.255.255.255 netmask 255.255.255.255 dev eth0",
        ),
        (
            Route(IPv6Network("2001:db8::/32"), IPv6Address("fe80::1"), "eth0"),
            "ip -6 route replace 2001:db8::/32 via fe80::1 dev eth0",
            "route -A inet6 add 2001:db8::/32 gw fe80::1 dev eth0",
        ),
    ],
)
def test_a_route_is_added_with_its_prefix(tmp_path: Path, route: Route, ip: str, old: str) -> None:
    host = table(tmp_path, "")
    assert shown(iproute2.Network(host).ensure_route(route))[0] == f"run    {ip}"
    assert shown(net_tools.Network(host).ensure_route(route))[0] == f"run    {old}"


@pytest.mark.parametrize(
    "route",
    [
        Route(DEFAULT, IPv6Address("fe80::1")),
        Route(IPv6Network("::/0"), GATEWAY),
        Route(DEFAULT),
        Route(DEFAULT, GATEWAY, "eth0; reboot"),
        Route(DEFAULT, GATEWAY, "a" * 16),
        Route(DEFAULT, GATEWAY, "-x/y"),
        Route(DEFAULT, GATEWAY, "eth0", -1),
        Route(DEFAULT, GATEWAY, "eth0", 1 << 32),
    ],
)
def test_what_no_kernel_could_have_is_refused(tmp_path: Path, route: Route) -> None:
    network = iproute2.Network(table(tmp_path))
    for plan in (network.ensure_route, network.ensure_no_route):
        with pytest.raises(InvalidInput):
            shown(plan(route))


def test_the_missing_tool_is_named(tmp_path: Path) -> None:
    host = table(tmp_path, "", "something")
    with pytest.raises(CommandMissing, match="iproute2"):
        shown(iproute2.Network(host).ensure_route(WANTED))
    with pytest.raises(CommandMissing, match="net-tools"):
        shown(net_tools.Network(host).ensure_route(WANTED))


# ---------------------------------------------------------------- with the real tools

NAMESPACE = """
import json, sys
from ipaddress import ip_address, ip_network
from osdrivers.api import Route
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host
from osdrivers.parts import iproute2, net_tools
host = Host("/")
run = host.run
network = getattr(sys.modules["osdrivers.parts." + sys.argv[1]], "Network")(host)
FACTS = {}
def route(to, via=None, dev="", metric=0):
    return Route(ip_network(to), ip_address(via) if via else None, dev, metric)
def tried(plan):
    lines = []
    def observe(event):
        if event.status == "started": lines.append(str(event.action))
    (outcome,) = carry_out([Task("route", plan)], host, observe)
    return [lines, type(outcome.error).__name__ if outcome.error else ""]
run("ip", "link", "set", "lo", "up")
for number in (0, 1):
    run("ip", "link", "add", f"d{number}", "type", "veth", "peer", "name", f"p{number}")
    for end in "pd":  # the kernel gives link-local addresses, and their routes, when it likes
        run("ip", "link", "set", f"{end}{number}", "addrgenmode", "none")
        run("ip", "link", "set", f"{end}{number}", "up")
    run("ip", "addr", "add", f"10.{number}.0.4/24", "dev", f"d{number}")
run("ip", "-6", "addr", "add", "fd00::4/64", "dev", "d0", "nodad")
"""


def in_a_namespace(part: str, code: str) -> dict[str, Any]:
    script = f"{NAMESPACE}\n{code}\nprint(json.dumps(FACTS))"
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", script, part],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


REAL = [
    ("0.0.0.0/0", "10.0.0.1", "", 0),
    ("0.0.0.0/0", "10.0.0.1", "d0", 100),
    ("168.63.129.16/32", "10.0.0.1", "d0", 0),
    ("203.0.113.0/24", "10.1.0.1", "d1", 5),
    ("255.255.255.255/32", None, "d1", 0),
    ("198.51.100.7/32", None, "d0", 9),
    ("2001:db8::/32", "fd00::1", "d0", 0),
    ("::/0", "fd00::1", "d0", 77),
    ("2001:db8:1::/48", None, "d0", 0),
]


@pytest.mark.sandbox
@pytest.mark.parametrize("part", ["iproute2", "net_tools"])
def test_the_kernel_has_exactly_what_was_asked_for(part: str) -> None:
    if part == "net_tools" and not shutil.which("route", path="/usr/sbin:/sbin"):
        pytest.skip("net-tools is not installed")
    told = in_a_namespace(
        part,
        f"for to, via, dev, metric in {REAL!r}:\n"
        "    wanted = route(to, via, dev, metric)\n"
        "    before = network.routes()\n"
        "    first = tried(lambda: network.ensure_route(wanted))\n"
        "    second = tried(lambda: network.ensure_route(wanted))\n"
        "    shown = json.loads(run('ip', '-j', f'-{wanted.destination.version}', 'route'))\n"
        "    gone = tried(lambda: network.ensure_no_route(wanted))\n"
        "    again = tried(lambda: network.ensure_no_route(wanted))\n"
        "    same = network.routes() == before\n"
        "    FACTS[str([to, via, dev, metric])] = [first, second, shown, gone, again, same]\n",
    )
    for case in REAL:
        to, via, dev, metric = case
        first, second, shown_, gone, again, same = told[str(list(case))]
        assert first[1] == gone[1] == "", case
        assert second == again == [[], ""], case
        assert same, case
        name = {"0.0.0.0/0": "default", "::/0": "default"}.get(to, to.replace("/32", ""))
        name = to if to == "2001:db8::/32" else name
        (found,) = [each for each in shown_ if each["dst"] == name]
        assert found.get("gateway") == via, case
        assert dev in ("", found["dev"]), case
        assert metric in (0, found.get("metric")), case


@pytest.mark.sandbox
@pytest.mark.parametrize("part", ["iproute2", "net_tools"])
def test_another_gateway_takes_the_place_of_the_old_one(part: str) -> None:
    if part == "net_tools" and not shutil.which("route", path="/usr/sbin:/sbin"):
        pytest.skip("net-tools is not installed")
    told = in_a_namespace(
        part,
        "wanted = route('0.0.0.0/0', '10.1.0.1')\n"
        "tried(lambda: network.ensure_route(route('0.0.0.0/0', '10.0.0.1')))\n"
        "FACTS['first'] = tried(lambda: network.ensure_route(wanted))\n"
        "FACTS['second'] = tried(lambda: network.ensure_route(wanted))\n"
        "FACTS['table'] = [str(r.gateway) for r in network.routes()"
        " if str(r.destination) == '0.0.0.0/0']\n",
    )
    assert told["first"][1] == ""
    assert told["second"] == [[], ""]
    assert told["table"] == ["10.1.0.1"]


@pytest.mark.sandbox
def test_the_kernels_files_say_what_ip_says() -> None:
    told = in_a_namespace(
        "iproute2",
        "run('ip', 'route', 'add', 'default', 'via', '10.1.0.1', 'metric', '30')\n"
        "run('ip', 'route', 'add', 'default', 'via', '10.0.0.1', 'metric', '20')\n"
        "run('ip', 'route', 'add', 'unreachable', '192.0.2.0/24')\n"
        "run('ip', 'route', 'add', 'blackhole', '198.51.100.0/24')\n"
        "run('ip', '-6', 'route', 'add', 'default', 'via', 'fd00::1')\n"
        "FACTS['files'] = [[str(r.destination), str(r.gateway), r.interface]"
        " for r in network.routes() if not r.destination.is_link_local]\n"
        "FACTS['ip'] = [json.loads(run('ip', '-j', f, 'route')) for f in ('-4', '-6')]\n",
    )
    said = set()
    for family, each in [(4, r) for r in told["ip"][0]] + [(6, r) for r in told["ip"][1]]:
        everything = "0.0.0.0/0" if family == 4 else "::/0"
        to = everything if each["dst"] == "default" else each["dst"]
        if each.get("type", "unicast") == "unicast" and not to.startswith("fe80"):
            said.add((to, str(each.get("gateway")), each["dev"]))
    assert {tuple(each) for each in told["files"]} == said


@pytest.mark.sandbox
@pytest.mark.parametrize("part", ["iproute2", "net_tools"])
def test_a_gateway_out_of_reach_is_an_error_and_changes_nothing(part: str) -> None:
    if part == "net_tools" and not shutil.which("route", path="/usr/sbin:/sbin"):
        pytest.skip("net-tools is not installed")
    told = in_a_namespace(
        part,
        "before = network.routes()\n"
        "FACTS['tried'] = tried(lambda: network.ensure_route(route('0.0.0.0/0', '192.0.2.9')))\n"
        "FACTS['same'] = before == network.routes()\n",
    )
    assert told["tried"][1] == "CommandFailed"
    assert told["same"]


@pytest.mark.sandbox
def test_interfaces_of_a_namespace_are_listed() -> None:
    told = in_a_namespace(
        "iproute2",
        "run('ip', 'link', 'add', 'bond0', 'type', 'veth', 'peer', 'name', 'p9')\n"
        "run('mount', '-t', 'sysfs', 'sysfs', '/sys')\n"
        "run('ip', 'route', 'add', 'default', 'via', '10.1.0.1')\n"
        "FACTS['names'] = [[i.name, i.up, i.loopback, i.virtual] for i in network.interfaces()]\n"
        "FACTS['primary'] = network.primary().name\n",
    )
    assert [row for row in told["names"] if row[0] in ("lo", "d0", "d1", "bond0")] == [
        ["lo", True, True, True],
        ["d0", True, False, True],
        ["d1", True, False, True],
        ["bond0", False, False, True],
    ]
    assert told["primary"] == "d1"
