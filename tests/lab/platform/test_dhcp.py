# SPDX-License-Identifier: Apache-2.0
"""DHCP: what is offered to whom, and the bytes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Optional

import pytest

from lab.platform import dhcp_packet as wire
from lab.platform.dhcp import Leases, Offer
from lab.platform.dhcp_packet import Packet
from osdrivers.errors import InvalidInput

MAC = bytes.fromhex("000d3a4b5c6d")
OFFER = Offer(IPv4Interface("10.0.0.4/24"), IPv4Address("10.0.0.1"))
ZERO = IPv4Address("0.0.0.0")


def datagram(
    kind: int, *options: bytes, flags: int = 0, mac: bytes = MAC, ciaddr: str = ""
) -> bytes:
    fixed = bytes((1, 1, 6, 0)) + b"\1\2\3\4" + bytes(2) + flags.to_bytes(2, "big")
    fixed += IPv4Address(ciaddr or "0.0.0.0").packed + bytes(12) + mac + bytes(10 + 192)
    return fixed + wire.COOKIE + bytes((53, 1, kind)) + b"".join(options) + b"\xff"


def packet(kind: int, *options: bytes, mac: bytes = MAC, ciaddr: str = "") -> Packet:
    return wire.parse(datagram(kind, *options, mac=mac, ciaddr=ciaddr))


def option(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value


def answered(reply: Optional[tuple[str, bytes]]) -> tuple[str, IPv4Address, dict[int, bytes]]:
    """Kind, address and options of a reply, read as a client's message with its first byte set."""
    assert reply is not None
    kind, payload = reply
    assert payload[0] == 2
    parsed = wire.parse(b"\1" + payload[1:])
    assert (parsed.xid, parsed.mac) == (0x01020304, MAC)
    return kind, IPv4Address(payload[16:20]), dict(parsed.options)


def test_the_smallest_discover_gets_the_platforms_options() -> None:
    smallest = datagram(1)
    assert len(smallest) == 244
    kind, address, options = answered(Leases(OFFER).reply(wire.parse(smallest)))
    assert (kind, str(address)) == ("OFFER", "10.0.0.4")
    assert options[53] == b"\2"
    assert options[245] == options[54] == bytes((168, 63, 129, 16))
    assert options[3] == bytes((10, 0, 0, 1))
    assert options[1] == bytes((255, 255, 255, 0))
    assert options[51] == b"\xff" * 4
    assert options[249].startswith(bytes((0, 10, 0, 0, 1, 32, 168, 63, 129, 16, 10, 0, 0, 1)))
    assert 121 not in options


def test_option_121_goes_to_who_asks() -> None:
    _, _, options = answered(Leases(OFFER).reply(packet(1, option(55, bytes((1, 3, 121))))))
    assert options[121] == options[249]


def test_a_request_for_the_offer_is_acknowledged() -> None:
    leases = Leases(OFFER)
    leases.reply(packet(1))
    asked = option(50, bytes((10, 0, 0, 4))) + option(54, OFFER.server.packed)
    assert answered(leases.reply(packet(3, asked)))[:2] == ("ACK", IPv4Address("10.0.0.4"))


def test_a_renewal_names_its_address_in_the_header() -> None:
    assert answered(Leases(OFFER).reply(packet(3, ciaddr="10.0.0.4")))[0] == "ACK"


@pytest.mark.parametrize("address", ["10.0.0.9", "192.168.1.2"])
def test_a_request_for_another_address_is_refused(address: str) -> None:
    asked = option(50, IPv4Address(address).packed)
    kind, given, options = answered(Leases(OFFER).reply(packet(3, asked)))
    assert (kind, given, set(options)) == ("NAK", ZERO, {53, 54})


@pytest.mark.parametrize("kind", [4, 7])
def test_what_needs_no_answer_gets_none(kind: int) -> None:
    assert Leases(OFFER).reply(packet(kind)) is None


def test_a_client_of_another_server_gets_no_answer() -> None:
    assert Leases(OFFER).reply(packet(3, option(54, bytes((10, 9, 9, 9))))) is None


def test_an_inform_gets_options_without_lease() -> None:
    kind, address, options = answered(Leases(OFFER).reply(packet(8, ciaddr="10.0.0.7")))
    assert (kind, address) == ("ACK", ZERO)
    assert 245 in options
    assert not {51, 58, 59} & set(options)


def test_each_client_keeps_its_own_address_until_there_are_none() -> None:
    leases = Leases(replace(OFFER, address=IPv4Interface("10.0.0.2/30")))
    other = bytes.fromhex("000d3a000001")
    for _ in range(2):
        assert answered(leases.reply(packet(1)))[1] == IPv4Address("10.0.0.2")
    leases.reply(packet(1, mac=other))
    assert leases.held[other] == IPv4Address("10.0.0.3")
    with pytest.raises(InvalidInput, match="no address left"):
        leases.reply(packet(1, mac=bytes(6)))


def test_pads_and_long_options_are_read() -> None:
    first, second = option(12, b"a" * 255), option(12, b"b" * 5)
    found = packet(1, b"\0\0", first, b"\0", second)
    assert found.options[12] == b"a" * 255 + b"b" * 5


@pytest.mark.parametrize(
    "broken",
    [b"", datagram(1)[:239], b"\2" + datagram(1)[1:], datagram(1)[:236] + bytes(8),
     datagram(1)[:-1] + b"\x0c", datagram(1)[:-1] + b"\x0c\x05abc"],
)  # fmt: skip
def test_a_broken_message_is_refused(broken: bytes) -> None:
    with pytest.raises(InvalidInput):
        wire.parse(broken)


def test_routes_have_only_significant_octets() -> None:
    """The example of RFC 3442 in the platform's code 249."""
    gateway = IPv4Address("10.0.0.1")
    found = wire.routes({IPv4Network("0.0.0.0/0"): gateway, IPv4Network("192.168.5.0/24"): gateway})
    assert found.hex() == "000a000001" + "18c0a8050a000001"


def test_a_frame_has_right_checksums() -> None:
    """A sum over header and checksum is zero (RFC 791, RFC 768)."""
    sent = wire.frame(b"odd", MAC, b"\xff" * 6, ZERO, IPv4Address("255.255.255.255"))
    ip, udp = sent[14:34], sent[34:]

    def total(data: bytes) -> int:
        padded = data + b"\0" * (len(data) % 2)
        value = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
        while value >> 16:
            value = (value & 0xFFFF) + (value >> 16)
        return value

    assert total(ip) == 0xFFFF
    assert total(ip[12:20] + bytes((0, 17)) + len(udp).to_bytes(2, "big") + udp) == 0xFFFF
    assert udp[:4] == bytes((0, 67, 0, 68))


@pytest.mark.sandbox
def test_clients_on_a_wire_get_their_answers(tmp_path: Path) -> None:
    """Real packets between two ends of a veth pair in a network namespace of its own."""
    script = Path(__file__).parent / "dhcp_exchange.py"
    root = Path(__file__).parents[3]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = ("unshare", "--net", "--", sys.executable, str(script), str(tmp_path))
    done = subprocess.run(command, capture_output=True, timeout=240, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["unicast"] == {"to": "000d3a4b5c6d", "target": "10.0.0.4", "kind": 2}
    assert found["broadcast"] == {"to": "ffffffffffff", "target": "255.255.255.255", "kind": 2}
    assert found["acknowledged"]["kind"] == 5
    assert found["refused"] == {"to": "ffffffffffff", "target": "255.255.255.255", "kind": 6}
    assert found["renewed"]["kind"] == 5
    assert [one["method"] for one in found["records"]] == [
        "DISCOVER", "DISCOVER", "REQUEST", "REQUEST", "REQUEST", "malformed", "DISCOVER",
    ]  # fmt: skip
    assert found["records"][1]["details"]["host_name"] == "labvm1"
    assert found["records"][1]["details"]["reply"] == "OFFER"
    assert found["records"][-1]["fault"] == "silence"
