# SPDX-License-Identifier: Apache-2.0
"""DHCP messages byte by byte, and the exchange over a real pair of interfaces."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentcore.azure.dhcp import (
    COOKIE,
    Link,
    NotForUs,
    Offer,
    Route,
    discover_message,
    parse_reply,
)
from agentcore.azure.dhcp_exchange import datagram, discover, payload
from agentcore.errors import Malformed
from osdrivers.errors import InvalidInput
from tests.azure.samples import captured
from tests.azure.servers import PretendClock

MAC = bytes.fromhex("00155d010203")
XID = b"\x01\x02\x03\x04"


def reply(
    options: str, *, kind: str = "350102", sname: bytes = b"", file: bytes = b"", end: str = "ff"
) -> bytes:
    """An offer for us with these options, in hexadecimal."""
    head = bytes([2, 1, 6, 0]) + XID + bytes(20) + MAC.ljust(16, b"\0")
    return (
        head + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + COOKIE
        + bytes.fromhex(kind + options + end)
    ).ljust(250, b"\0")  # fmt: skip


def read(message: bytes) -> Offer:
    return parse_reply(message, MAC, XID)


# ---- the question


def test_the_question_is_a_discover_with_a_list_of_wishes() -> None:
    message = discover_message(MAC, XID, broadcast=False)
    assert message[:4] == b"\x01\x01\x06\x00"
    assert message[4:8] == XID
    assert message[8:28] == bytes(20)
    assert message[28:44] == MAC + bytes(10)
    assert message[44:236] == bytes(192)
    assert message[236:243] == COOKIE + b"\x35\x01\x01"
    wishes = message[245 : 245 + message[244]]
    assert message[243] == 55
    assert {245, 249, 3} <= set(wishes)
    assert message.rstrip(b"\0")[-1] == 255
    assert len(message) == 300


def test_a_broadcast_answer_can_be_asked_for() -> None:
    assert discover_message(MAC, XID, broadcast=True)[10:12] == b"\x80\x00"


def test_the_question_is_a_sound_packet() -> None:
    message = discover_message(MAC, XID, broadcast=False)
    packet = datagram(message)
    assert packet[12:20] == bytes(4) + b"\xff" * 4
    assert packet[20:24] == b"\x00\x44\x00\x43"
    assert packet[28:] == message
    assert ones_complement(packet[:20]) == 0xFFFF
    pseudo = packet[12:20] + b"\0\x11" + packet[24:26]
    assert ones_complement(pseudo + packet[20:]) == 0xFFFF
    assert ones_complement(datagram(message + b"x")[:20]) == 0xFFFF


def ones_complement(data: bytes) -> int:
    """RFC 1071: all ones over data that includes its own checksum."""
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


# ---- answers


def test_endpoint_router_and_routes_are_read() -> None:
    routes = "000a000001 20a83f81100a000001 18c0a8050a000002"
    found = read(reply(f"f504a83f8110 03040a000001 f916 {routes}"))
    assert found == Offer(
        "168.63.129.16",
        "10.0.0.1",
        (
            Route("0.0.0.0/0", "10.0.0.1"),
            Route("168.63.129.16/32", "10.0.0.1"),
            Route("192.168.5.0/24", "10.0.0.2"),
        ),
    )


def test_a_captured_answer_is_read() -> None:
    message = captured("dhcp-response.bin")
    found = parse_reply(message, message[28:34], message[4:8])
    assert found == Offer("10.62.144.140", "10.62.144.1")


def test_an_answer_may_say_nothing_of_interest() -> None:
    assert read(reply("33040000ffff")) == Offer()


def test_an_acknowledgement_is_an_answer_too() -> None:
    assert read(reply("f504a83f8110", kind="350105")).endpoint == "168.63.129.16"


def test_padding_has_no_length() -> None:
    assert read(reply("000000 f504a83f8110 00 03040a000001")).router == "10.0.0.1"


def test_an_answer_without_an_end_is_read() -> None:
    assert read(reply("f504a83f8110", end="")).endpoint == "168.63.129.16"


def test_options_continue_in_the_overloaded_fields() -> None:
    endpoint, router = bytes.fromhex("f504a83f8110ff"), bytes.fromhex("03040a000001ff")
    assert read(reply("340101", file=endpoint, sname=router)) == Offer("168.63.129.16")
    assert read(reply("340102", file=endpoint, sname=router)) == Offer("", "10.0.0.1")
    assert read(reply("340103", file=endpoint, sname=router)) == Offer("168.63.129.16", "10.0.0.1")
    assert read(reply("", file=endpoint, sname=router)) == Offer()


def test_an_option_in_pieces_is_one_option() -> None:
    found = read(reply("f903 18c0a8 f905 050a000002"))
    assert found.routes == (Route("192.168.5.0/24", "10.0.0.2"),)


def test_bits_beyond_the_prefix_are_cleared() -> None:
    found = read(reply("f907 0bffff 0a000001"))
    assert found.routes == (Route("255.224.0.0/11", "10.0.0.1"),)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ("f503a83f81", 245),
        ("f508a83f8110a83f8110", 245),
        ("f500", 245),
        ("03030a0000", 3),
        ("0300", 3),
        ("f90100", 249),
        ("f905210a000001", 249),
        ("f90a20a83f81100a00000120", 249),
        ("f9ff18", 249),
    ],
)
def test_an_option_of_a_wrong_length_counts_as_absent_and_is_told(
    options: str, option: int
) -> None:
    found = read(reply(options))
    assert (found.endpoint, found.router, found.routes) == ("", "", ())
    assert f"option {option}" in found.warnings[0]


def test_a_broken_option_does_not_cost_the_sound_ones() -> None:
    found = read(reply("f504a83f8110 03040a000001 f90121"))
    assert (found.endpoint, found.router) == ("168.63.129.16", "10.0.0.1")
    cut = reply("f504a83f8110 03 ff", end="")[:252]
    assert read(cut).endpoint == "168.63.129.16"


@pytest.mark.parametrize("length", [0, 1, 28, 236, 240, 245])
def test_a_short_answer_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        read(reply("f504a83f8110")[:length])


def test_an_answer_without_the_cookie_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(reply("").replace(COOKIE, b"\0\0\0\0"))


@pytest.mark.parametrize(
    "message",
    [
        discover_message(MAC, XID, broadcast=False),
        reply("").replace(XID, b"\x09\x09\x09\x09"),
        reply("").replace(MAC, b"\x02" * 6),
        reply("", kind="350106"),
        reply("", kind="350101"),
        reply("", kind=""),
    ],
    ids=["question", "transaction", "client", "nak", "discover", "bootp"],
)
def test_a_message_that_is_not_our_answer_is_passed_over(message: bytes) -> None:
    with pytest.raises(NotForUs):
        read(message)


def test_no_answer_however_cut_breaks_the_reader() -> None:
    whole = reply("f504a83f8110 340103 f916 000a000001 20a83f81100a000001 18c0a8050a000002")
    for at in range(246, len(whole)):
        read(whole[:at])
    for at in range(240, len(whole)):
        for value in (0, 1, 0x34, 0xF9, 0xFF):
            try:
                read(whole[:at] + bytes([value]) + whole[at + 1 :])
            except NotForUs:
                assert at in (240, 241, 242)


# ---- packets


def answer_packet(content: bytes = b"content") -> bytes:
    packet = bytearray(datagram(content))
    packet[20:24] = b"\x00\x43\x00\x44"
    return bytes(packet)


def test_the_content_of_a_packet_to_the_client_is_found() -> None:
    assert payload(answer_packet()) == b"content"
    assert payload(answer_packet() + b"padding of a short frame") == b"content"
    longer = bytearray(answer_packet())
    longer[0] = 0x46
    longer[2:4] = (len(longer) + 4).to_bytes(2, "big")
    assert payload(bytes(longer[:20]) + bytes(4) + bytes(longer[20:])) == b"content"


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0x60), (0, 0x44), (0, 0x4F), (3, 0xFF), (3, 10), (6, 0x20), (7, 1), (9, 6), (23, 67),
     (25, 7), (25, 0xFF)],
)  # fmt: skip
def test_any_other_packet_has_no_content(at: int, value: int) -> None:
    packet = bytearray(answer_packet())
    packet[at] = value
    assert payload(bytes(packet)) == b""


@pytest.mark.parametrize("length", range(35))
def test_a_cut_packet_has_no_content(length: int) -> None:
    assert payload(answer_packet()[:length]) == b""


# ---- the exchange


def test_an_interface_without_an_ethernet_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ib0"):
        discover(Link("ib0", bytes(20)), PretendClock())


def exchange(source: Path, mode: str) -> dict[str, Any]:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.azure.dhcp_bed", mode],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.sandbox
@pytest.mark.parametrize("mode", ["answer", "noise", "late", "datagram"])
def test_a_server_is_asked_and_its_answer_read(source: Path, mode: str) -> None:
    found = exchange(source, mode)
    assert found["endpoint"] == "168.63.129.16"
    assert found["router"] == "10.0.0.1"
    assert [route["destination"] for route in found["routes"]] == ["0.0.0.0/0", "168.63.129.16/32"]
    # A late answer may be late again where another process has the machine.
    assert found["questions"][:2] == (["0000", "8000"] if mode == "late" else ["0000"])


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("mode", "message"), [("silent", "no DHCP server answered on client"), ("absent", "on absent")]
)
def test_no_answer_is_unreachable(source: Path, mode: str, message: str) -> None:
    found = exchange(source, mode)
    assert found["error"] == "Unreachable"
    assert message in found["message"]
