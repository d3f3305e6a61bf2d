# SPDX-License-Identifier: Apache-2.0
"""N2: the lease files of every client, with all the ways they write option 245."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from osdrivers.api import Lease
from osdrivers.parts import dhclient, dhcpcd, networkd_leases, networkmanager_leases
from osdrivers.parts.dhcp_leases import Dhcp
from tests.osdrivers.parts.answering import machine

DATA = Path(__file__).parents[2] / "data"
ENDPOINT = bytes((168, 63, 129, 16))
NOW_S = 1_700_000_000.0  # November 2023


def block(*lines: str) -> str:
    return "lease {\n" + "".join(f"  {line};\n" for line in lines) + "}\n"


# ---------------------------------------------------------------- dhclient


def test_the_last_lease_of_each_interface_holds() -> None:
    text = (DATA / "dhclient/isc-4.4.1-debian-12-two-interfaces.txt").read_text()
    assert dhclient.parse(text, "f", NOW_S) == (
        Lease("eth1", "f", b"dddd", expired=True),
        Lease("eth0", "f", ENDPOINT),
    )


@pytest.mark.parametrize("name", ["isc-4.4.1-epoch", "freebsd-13.2"])
def test_other_clients_write_it_otherwise(name: str) -> None:
    (lease,) = dhclient.parse((DATA / f"dhclient/{name}.txt").read_text(), "f", NOW_S)
    assert (lease.option_245, lease.expired) == (ENDPOINT, False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a8:3f:81:10", ENDPOINT),
        ("A8:3F:81:10", ENDPOINT),
        ("8:0:1:a", bytes((8, 0, 1, 10))),
        (r'"\250?\201\020"', ENDPOINT),
        (r'"\xa8?\x81\x10"', ENDPOINT),
        ('"dddd"', b"dddd"),
        (r'"a\"\\;"', b'a"\\;'),
        ("", b""),
        ("zz", b""),
        ("1ff:0", b""),
    ],
)
def test_every_form_of_a_value_is_read(text: str, value: bytes) -> None:
    assert dhclient.value(text) == value


def test_a_quoted_value_may_hold_what_ends_a_statement() -> None:
    (lease,) = dhclient.parse(block('interface "eth0"', r'option unknown-245 "a;}\""'), "f", NOW_S)
    assert lease.option_245 == b'a;}"'


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6 2015/08/22 12:00:00", 1440244800.0),
        ("0 2160/10/01 12:00:00", 6019531200.0),
        ("epoch 1787400000", 1787400000.0),
        ("never", None),
        ("", None),
        ("6 2015/13/45 99:00:00", None),
        ("epoch soon", None),
    ],
)
def test_every_form_of_an_end_is_read(text: str, seconds: float | None) -> None:
    assert dhclient.expires(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "lease {", "lease {\n interface", "garbage }{", "\0\1\2" * 99, "lease {\n}\n"],
)
def test_what_is_broken_gives_no_value(text: str) -> None:
    assert all(not lease.option_245 for lease in dhclient.parse(text, "f", NOW_S))


def test_a_lease_that_was_cut_off_does_not_hide_the_one_before() -> None:
    whole = block('interface "eth0"', "option unknown-245 a8:3f:81:10")
    cut = 'lease {\n  interface "eth0";\n  option unknown-245 01:02'
    (lease,) = dhclient.parse(whole + cut, "f", NOW_S)
    assert lease.option_245 == ENDPOINT


def test_a_lease_without_interface_takes_the_files(tmp_path: Path) -> None:
    for path, name in (
        ("/var/db/dhclient.leases.hn0", "hn0"),
        ("/var/lib/dhcp/dhclient.eth0.leases", "eth0"),
        ("/var/lib/dhclient/dhclient-eth0.leases", "eth0"),
        ("/var/lib/dhcp/dhclient.leases", ""),
    ):
        (lease,) = dhclient.parse(block("option unknown-245 1:2:3:4"), path, NOW_S)
        assert lease.interface == name


def test_a_file_of_ten_mebibytes_is_read_from_its_end(tmp_path: Path) -> None:
    old = block('interface "eth0"', "option unknown-245 01:02:03:04", "expire never")
    new = block('interface "eth0"', "option unknown-245 a8:3f:81:10", "expire never")
    text = old * (10 * (1 << 20) // len(old)) + new
    host = machine(tmp_path, {"/var/lib/dhcp/dhclient.eth0.leases": text})
    assert Dhcp(host, now=lambda: NOW_S).leases()[-1].option_245 == ENDPOINT


# ---------------------------------------------------------------- the others


def test_networkd_gives_hexadecimal_digits(tmp_path: Path) -> None:
    text = (DATA / "networkd/systemd-252.txt").read_text()
    files = {"/run/systemd/netif/leases/2": text, "/sys/class/net/eth0/ifindex": "2\n"}
    (lease,) = Dhcp(machine(tmp_path, files), now=lambda: NOW_S).leases()
    assert lease == Lease("eth0", "/run/systemd/netif/leases/2", ENDPOINT)


@pytest.mark.parametrize("line", ["OPTION_245=", "OPTION_245=abc", "OPTION_2450=a83f8110", "x"])
def test_networkd_without_a_sound_value_gives_none(line: str) -> None:
    assert networkd_leases.parse(f"{line}\n", "f", "eth0").option_245 == b""


def test_networkmanager_names_the_interface_in_the_files_name(tmp_path: Path) -> None:
    text = (DATA / "networkmanager/internal-1.42.txt").read_text()
    path = "/var/lib/NetworkManager/internal-1dd9a779-d327-56e1-8454-c65e2556c12c-eth0.lease"
    (lease,) = Dhcp(machine(tmp_path, {path: text}), now=lambda: NOW_S).leases()
    assert lease == Lease("eth0", path, ENDPOINT)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("private_245 = a8:3f:81:10", ENDPOINT),
        ("option_245=a83f8110", ENDPOINT),
        ("unknown_245 = a8:3f:81:10", ENDPOINT),
        ("private_245 = a8:3f:8", b""),
        ("private_245 = text", b""),
    ],
)
def test_networkmanager_calls_it_by_several_names(line: str, value: bytes) -> None:
    assert networkmanager_leases.parse(f"{line}\n", "f", "eth0").option_245 == value


def packet(*options: tuple[int, bytes], end: bytes = b"\xff") -> bytes:
    body = b"".join(bytes((number, len(value))) + value for number, value in options)
    return bytes(236) + bytes((99, 130, 83, 99)) + body + end


def test_dhcpcd_keeps_the_packet(tmp_path: Path) -> None:
    host = machine(tmp_path, {"/var/lib/dhcpcd/": ""})
    path = tmp_path / "var/lib/dhcpcd/eth0.lease"
    path.write_bytes(packet((53, b"\5"), (0, b""), (245, ENDPOINT), (51, b"\0\0\1\0")))
    os.utime(path, (NOW_S, NOW_S))
    (lease,) = Dhcp(host, now=lambda: NOW_S + 200).leases()
    assert (lease.interface, lease.option_245, lease.expired) == ("eth0", ENDPOINT, False)
    (lease,) = Dhcp(host, now=lambda: NOW_S + 300).leases()
    assert lease.expired


def test_parts_of_a_long_option_are_joined() -> None:
    found = dhcpcd.options(packet((245, ENDPOINT[:2]), (245, ENDPOINT[2:])))
    assert found is not None
    assert found[245] == ENDPOINT


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 300, packet((245, ENDPOINT), end=b"")[:-2], packet(end=b"\x35")]
)
def test_what_is_no_packet_is_none(data: bytes) -> None:
    assert dhcpcd.options(data) is None


# ---------------------------------------------------------------- together


def test_the_newest_file_is_last(tmp_path: Path) -> None:
    lease = block('interface "eth0"', "option unknown-245 1:2:3:4", "expire never")
    files = {
        "/var/lib/dhcp/dhclient.eth0.leases": lease,
        "/var/lib/dhclient/dhclient--eth0.lease": lease,
        "/var/lib/NetworkManager/dhclient-eth0.lease": lease,
    }
    host = machine(tmp_path, files)
    for at, path in enumerate(reversed(files)):
        os.utime(tmp_path / path.lstrip("/"), (NOW_S + at, NOW_S + at))
    assert [each.source for each in Dhcp(host).leases()] == list(reversed(files))


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/dhcp3/dhclient.eth0.leases",
        "/var/lib/dhcp/dhclient.eth0.leases",
        "/var/lib/dhcp/dhclient.leases",
        "/var/lib/dhclient/dhclient-eth0.leases",
        "/var/lib/dhclient/dhclient-5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03-eth0.lease",
        "/var/lib/NetworkManager/dhclient-5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03-eth0.lease",
        "/var/db/dhclient.leases.hn0",
    ],
)
def test_every_place_of_dhclient_is_looked_at(tmp_path: Path, path: str) -> None:
    host = machine(tmp_path, {path: block('interface "e"', "option unknown-245 a8:3f:81:10")})
    assert [each.option_245 for each in Dhcp(host).leases()] == [ENDPOINT]


def test_empty_files_and_directories_are_passed_over(tmp_path: Path) -> None:
    files = {
        "/var/lib/dhcp/dhclient.eth0.leases": "",
        "/var/lib/dhclient/dhclient.d.leases/": "",
        "/var/lib/dhcpcd/eth0.lease": "",
        "/var/lib/NetworkManager/internal-x.lease": "OPTION_245=a83f8110\n",
        "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml": "<lease/>",
    }
    assert Dhcp(machine(tmp_path, files)).leases() == ()


def test_the_sample_of_the_platform_is_understood() -> None:
    sample = DATA / "dhclient/ubuntu-18.04.txt"
    leases = dhclient.parse(sample.read_text(), "f", NOW_S)
    assert leases[-1].option_245 == ENDPOINT
