# SPDX-License-Identifier: Apache-2.0
"""Runs in a new network namespace: a DHCP server at one end of a veth pair, a client at the other.

Prints what the client saw and what the server noted as JSON.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

from lab.platform.dhcp import DhcpServer, Offer
from lab.platform.faults import Fault, Faults
from lab.platform.journal import Journal

MAC = "00:0d:3a:4b:5c:6d"
SERVER = IPv4Address("168.63.129.16")


def message(kind: int, options: bytes = b"", flags: int = 0, client: str = "0.0.0.0") -> bytes:
    fixed = bytes((1, 1, 6, 0)) + b"\1\2\3\4" + bytes(2) + flags.to_bytes(2, "big")
    fixed += IPv4Address(client).packed + bytes(12) + bytes.fromhex(MAC.replace(":", ""))
    return fixed + bytes(202) + b"\x63\x82\x53\x63" + bytes((53, 1, kind)) + options + b"\xff"


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, timeout=240)


class Client:
    """Sends from UDP port 68 and sees every frame that reaches its interface."""

    def __init__(self, interface: str) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        self._udp.bind(("", 68))
        self._raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self._raw.bind((interface, 0))
        self._raw.settimeout(60)

    def send(self, datagram: bytes, target: str = "255.255.255.255") -> None:
        self._udp.sendto(datagram, (target, 67))

    def ask(self, datagram: bytes, target: str = "255.255.255.255") -> dict[str, Any]:
        self.send(datagram, target)
        while True:
            frame = self._raw.recv(2048)
            if frame[23] == 17 and frame[34:38] == b"\0\x43\0\x44":  # UDP, from 67 to 68
                kind = frame[42 + 240 + 2]
                target = str(IPv4Address(frame[30:34]))
                return {"to": frame[:6].hex(), "target": target, "kind": kind}

    def close(self) -> None:
        self._udp.close()
        self._raw.close()


def serve(directory: Path) -> None:
    """The server's end, in this namespace; the client runs in one of its own."""
    ip("link", "set", "lo", "up")
    ip("link", "add", "server0", "type", "veth", "peer", "name", "client0")
    ip("address", "add", "10.0.0.1/24", "dev", "server0")
    ip("address", "add", f"{SERVER}/32", "dev", "server0")
    ip("link", "set", "server0", "up")
    journal = Journal(directory / "requests.jsonl")
    faults = Faults([Fault("silence", service="dhcp", skip=5)])
    offer = Offer(IPv4Interface("10.0.0.4/24"), IPv4Address("10.0.0.1"))
    server = DhcpServer("server0", offer, journal, faults)
    server.start()
    found = with_client()
    journal.wait_for(lambda: len(journal.records) >= 7, 60)
    server.stop()
    found["records"] = [one.to_json() for one in journal.records]
    print(json.dumps(found))


def with_client() -> dict[str, Any]:
    """Start the client, hand it its end of the wire, and return what it saw."""
    command = ("unshare", "--net", "--", sys.executable, __file__)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdout.readline()  # it is in its namespace
        ip("link", "set", "client0", "netns", str(client.pid))
        client.stdin.write(b"go\n")
        client.stdin.flush()
        found: dict[str, Any] = json.loads(client.stdout.readline() or b"{}")
    assert client.returncode == 0
    return found


def ask() -> None:
    """The client's end: no address, and no route until it has been refused once."""
    print("here", flush=True)
    sys.stdin.readline()
    ip("link", "set", "client0", "address", MAC)
    ip("link", "set", "client0", "up")
    ip("route", "add", "255.255.255.255", "dev", "client0")
    client = Client("client0")
    asked = bytes((50, 4, 10, 0, 0, 4, 54, 4)) + SERVER.packed
    found: dict[str, Any] = {
        "unicast": client.ask(message(1)),
        "broadcast": client.ask(message(1, b"\x0c\6labvm1", flags=0x8000)),
        "acknowledged": client.ask(message(3, asked)),
        "refused": client.ask(message(3, bytes((50, 4, 10, 0, 0, 99)))),
    }
    ip("address", "add", "10.0.0.4/24", "dev", "client0")
    ip("route", "add", f"{SERVER}/32", "via", "10.0.0.1")
    found["renewed"] = client.ask(message(3, client="10.0.0.4"), str(SERVER))
    client.send(b"this is no DHCP")
    client.send(message(1))
    client.close()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
    else:
        ask()
