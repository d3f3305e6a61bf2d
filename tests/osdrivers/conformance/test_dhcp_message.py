# SPDX-License-Identifier: Apache-2.0
"""What a client's packet says of its host."""

from __future__ import annotations

from osdrivers.conformance.beds.dhcp_message import (
    REQUEST,
    DhcpMessage,
    from_client,
)


def packet_4(options: bytes, source: int = 68) -> bytes:
    payload = bytes(236) + bytes((99, 130, 83, 99)) + options + b"\xff"
    datagram = source.to_bytes(2, "big") + (67).to_bytes(2, "big") + bytes(4) + payload
    return bytes((0x45,)) + bytes(8) + bytes((17,)) + bytes(10) + datagram


def packet_6(message: bytes) -> bytes:
    datagram = (546).to_bytes(2, "big") + (547).to_bytes(2, "big") + bytes(4) + message
    return bytes((0x60, 0, 0, 0, 0, 0, 17, 1)) + bytes(32) + datagram


def test_option_12_is_the_name() -> None:
    found = from_client(packet_4(b"\x35\x01\x03" + b"\x0c\x04vm-1"))
    assert found == DhcpMessage(4, REQUEST, "vm-1")
    assert found.names("vm-1")
    assert not found.names("vm")


def test_option_81_is_read_in_both_encodings() -> None:
    plain = from_client(packet_4(b"\x35\x01\x01" + b"\x51\x07\x00\x00\x00vm-1"))
    encoded = from_client(
        packet_4(b"\x35\x01\x01" + b"\x51\x0e\x05\x00\x00\x04vm-1\x03lan\x00\x00")
    )
    assert plain is not None
    assert plain.fqdn == "vm-1"
    assert encoded is not None
    assert encoded.fqdn == "vm-1.lan"
    assert encoded.names("vm-1")


def test_option_39_of_version_6_is_the_name() -> None:
    found = from_client(packet_6(b"\x05\x01\x02\x03" + b"\x00\x27\x00\x07\x01\x04vm-1\x00"))
    assert found == DhcpMessage(6, 5, "", "vm-1")


def test_other_packets_are_nobody_s() -> None:
    assert from_client(b"") is None
    assert from_client(packet_4(b"\x35\x01\x02", source=67)) is None
    assert from_client(packet_4(b"\x0c\x04vm-1")) is None
    assert from_client(bytes((0x45,)) + bytes(40)) is None
