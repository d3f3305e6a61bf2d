# SPDX-License-Identifier: Apache-2.0
"""H2 with the real clients: the server is told, no address goes, no echo request is lost."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from osdrivers.conformance.beds.bed import Bed, File
from osdrivers.conformance.beds.dhcp_witness import DhcpWitness, Far, Seen
from osdrivers.conformance.beds.opened import OpenBed, opened
from osdrivers.conformance.beds.remote import Started

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("dnsmasq"), reason="needs dnsmasq"),
]

ROOT = Path(__file__).parents[3]
OLD, NEW = "guest1", "vm-1"
LIMIT_S = 60
SERVER = (
    *("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=fabric0"),
    *("--bind-interfaces", "--dhcp-range=10.0.0.50,10.0.0.60,255.255.255.0,1h", "--user=root"),
    *("--dhcp-leasefile=/dev/null", "--leasefile-ro", "--no-ping", "--dhcp-authoritative"),
)
PUBLISH = """
import sys
from osdrivers.host import Host
from osdrivers.parts.links import Links
for action in Links(Host("/")).ensure_published("eth0", sys.argv[1]):
    print(action)
    action.apply(Host("/"))
"""
DHCLIENT = "dhclient -pf /run/dhclient.eth0.pid -lf /var/lib/dhcp/dhclient.eth0.leases eth0"
UDHCPC = "udhcpc -b -i eth0 -p /run/udhcpc.eth0.pid"
CONFIGURED = "send host-name = gethostname();\nrequest subnet-mask, routers;\n"


def says(bed: OpenBed, command: str) -> str:
    ended = bed.guest.run(("sh", "-c", command), timeout_s=LIMIT_S)
    assert ended.status == 0, ended.stderr
    return ended.stdout


@contextmanager
def leased(start: str, *files: File, program: str = "") -> Iterator[tuple[OpenBed, str, Started]]:
    """A guest whose client has a lease, its address, and the server."""
    program = program or start.split()[0]
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    with opened(Bed(hostname=OLD, files=files)) as bed:
        says(bed, "ip route flush default; ip address flush dev eth0")
        with bed.fabric.start(SERVER) as server:
            listening = "until ss -Hlun sport 67 | grep -q .; do :; done"
            assert bed.fabric.run(("sh", "-c", listening), timeout_s=LIMIT_S).status == 0
            says(bed, start)
            says(bed, "until ip -4 -o address show dev eth0 | grep -q inet; do sleep 0.05; done")
            says(bed, "until ip route | grep -q ^10.0.0; do sleep 0.05; done")
            line = says(bed, "ip -4 -o address show dev eth0").split()
            yield bed, line[line.index("inet") + 1].partition("/")[0], server


BUS = "mkdir -p /run/dbus /run/systemd/system; dbus-daemon --system --fork"
#: What systemd does to networkd, by its unit: RestartKillSignal=SIGUSR2.
SYSTEMCTL = """#!/bin/sh -e
[ "$*" = "restart systemd-networkd.service" ]
exec 3>&- 4>&-
pkill -USR2 -x systemd-network
while pgrep -x systemd-network >/dev/null; do sleep 0.02; done
setsid /lib/systemd/systemd-networkd >/dev/null 2>&1 </dev/null &
"""
NETWORKD = f"""{BUS}
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif
setsid /lib/systemd/systemd-networkd >/dev/null 2>&1 </dev/null &
until grep -q ADMIN_STATE=con /run/systemd/netif/links/*; do sleep 0.05; done"""
MANAGER = f"""{BUS}; rm -f /usr/lib/NetworkManager/conf.d/* /etc/network/interfaces
setsid NetworkManager --no-daemon >/dev/null 2>&1 </dev/null &
until nmcli -g GENERAL.STATE device show eth0 2>/dev/null | grep -q ^100; do sleep 0.05; done"""
PROFILE = """[connection]
id=eth0
uuid=5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03
type=ethernet
interface-name=eth0
[ipv6]
method=disabled
[ipv4]
method=auto
"""


def publish(bed: OpenBed, address: str, name: str = NEW) -> tuple[str, Seen]:
    """What the part did, and what was seen meanwhile."""
    says(bed, f"hostname {name}; echo {name} >/etc/hostname")  # both, as H1 does
    far = Far(f"/proc/{bed.keeper}/ns/net", "fabric0")
    with DhcpWitness(far, f"/proc/{bed.first}/ns/net", address) as witness:
        environment = {"PYTHONPATH": str(ROOT)}
        ended = bed.guest.run(
            (sys.executable, "-c", PUBLISH, name), timeout_s=LIMIT_S * 3, environment=environment
        )
        assert ended.status == 0, ended.stderr
        return ended.stdout, witness.wait(lambda seen: seen.told(name), LIMIT_S)


def unharmed(seen: Seen) -> None:
    assert seen.told(NEW), seen.messages
    assert seen.losses() == ()
    assert "route" not in seen.gone
    assert len(seen.sent) >= 50
    assert seen.pings_lost() == 0


@pytest.mark.proves("publish", bed="network", tools=("dhclient", "kill"))
@pytest.mark.parametrize("way", ["its own name", "none", "another name"])
def test_dhclient_is_never_without_its_address(way: str) -> None:
    text = {"its own name": CONFIGURED, "none": "", "another name": f'send host-name "{OLD}";\n'}
    with leased(DHCLIENT, File("/etc/dhcp/dhclient.conf", text[way])) as (bed, address, _):
        done, seen = publish(bed, address)
        unharmed(seen)
        assert ("kill -KILL" in done) == (way != "its own name")
        assert says(bed, "ls /run | grep publish || true") == ""
        assert says(bed, "pgrep -c dhclient") == "1\n"


def test_a_server_that_is_silent_is_told_and_the_address_stays() -> None:
    with leased(DHCLIENT, File("/etc/dhcp/dhclient.conf", CONFIGURED)) as (bed, address, server):
        server.signal()
        server.wait(LIMIT_S)
        says(bed, f"hostname {NEW}")
        far = Far(f"/proc/{bed.keeper}/ns/net", "fabric0")
        with DhcpWitness(far, f"/proc/{bed.first}/ns/net", address) as witness:
            command = (sys.executable, "-c", PUBLISH, NEW)
            environment = {"PYTHONPATH": str(ROOT)}
            ended = bed.guest.run(command, timeout_s=LIMIT_S * 3, environment=environment)
            seen = witness.wait(lambda seen: True, LIMIT_S)
        assert ended.status != 0
        assert "PostconditionFailed" in ended.stderr
        assert seen.losses() == ()
        assert seen.pings_lost() == 0


@pytest.mark.proves("publish", bed="network", tools=("dhcpcd",))
def test_dhcpcd_that_sends_its_name_renews() -> None:
    start = "dhcpcd -b -q eth0"
    with leased(start, File("/etc/dhcpcd.conf", "noarp\nhostname\n")) as (bed, address, _):
        done, seen = publish(bed, address)
        assert done == "run    dhcpcd -N eth0\n"
        unharmed(seen)


@pytest.mark.parametrize("interface", ["eth0", ""])
def test_dhcpcd_that_must_learn_to_send_it_keeps_the_address(interface: str) -> None:
    start = f"dhcpcd -b -q {interface}"
    text = f"nodev\nnoarp\nhostname {OLD}\nallowinterfaces eth0\n"
    with leased(start, File("/etc/dhcpcd.conf", text)) as (bed, address, _):
        _, seen = publish(bed, address)
        unharmed(seen)
        assert says(bed, "cat /etc/dhcpcd.conf") == text.replace(f" {OLD}", "")


@pytest.mark.proves("publish", bed="network", tools=("udhcpc", "kill"))
def test_udhcpc_goes_on_while_another_tells_the_name() -> None:
    with leased(UDHCPC) as (bed, address, _):
        before = says(bed, "pgrep udhcpc")
        _, seen = publish(bed, address)
        unharmed(seen)
        assert says(bed, "pgrep udhcpc") == before


@pytest.mark.parametrize("lines", ["", "[DHCPv4]\nHostname=guest1\n"])
def test_networkd_is_restarted_and_keeps_its_leases(lines: str) -> None:
    network = f"[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n{lines}"
    files = (
        File("/etc/systemd/network/10-eth0.network", network),
        File("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755),
    )
    with leased(NETWORKD, *files, program="/lib/systemd/systemd-networkd") as (bed, address, _):
        _, seen = publish(bed, address)
        assert seen.told(NEW), seen.messages
        assert seen.losses() == ()  # the kernel's route of the link is replaced, and no more
        assert seen.pings_lost() == 0


@pytest.mark.proves("publish", bed="network", tools=("nmcli",))
@pytest.mark.parametrize("own", ["", "dhcp-hostname=guest1\n", f"dhcp-hostname={NEW}\n"])
def test_networkmanager_starts_its_client_anew(own: str) -> None:
    settings = "[main]\nplugins=keyfile\ndhcp=internal\nhostname-mode=none\n"
    files = (
        File("/etc/NetworkManager/NetworkManager.conf", settings),
        File("/etc/NetworkManager/system-connections/eth0.nmconnection", PROFILE + own, 0o600),
    )
    with leased(MANAGER, *files, program="NetworkManager") as (bed, address, _):
        _, seen = publish(bed, address)
        unharmed(seen)
