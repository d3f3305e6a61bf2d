# SPDX-License-Identifier: Apache-2.0
"""A veth pair in this process's own network namespace, a DHCP server on one end of it.

Run as ``unshare --net python -m tests.azure.dhcp_bed MODE``; prints what ``discover`` returned.
The server is an ordinary UDP socket, so our frames pass the kernel's own checks.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

from agentcore.azure.dhcp import COOKIE, Link
from agentcore.azure.dhcp_exchange import DatagramChannel, discover, open_channel
from agentcore.azure.retry import RetryPolicy, SystemClock
from osdrivers.errors import AgentError

MAC = bytes.fromhex("00155d010203")
OPTIONS = bytes.fromhex("350102 0304 0a000001 f504 a83f8110 f90e 000a000001 20a83f81100a000001 ff")
#: Where no answer comes, that is soon enough; where one comes, nothing else may be in its way.
SOON_S, LIMIT_S = 0.7, 60.0


class Patience(TypedDict):
    retry: RetryPolicy
    answer_s: float


def reply(question: bytes, *, transaction: bytes = b"") -> bytes:
    head = bytes([2, 1, 6, 0]) + (transaction or question[4:8]) + bytes(20)
    return head + question[28:44] + bytes(192) + COOKIE + OPTIONS


class DhcpServer(threading.Thread):
    """Answers to broadcast, after as much noise as it is told to make."""

    def __init__(self, mode: str) -> None:
        super().__init__(daemon=True)
        self._mode = mode
        self.questions: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"server")
        self._socket.bind(("", 67))

    def run(self) -> None:
        while True:
            question = self._socket.recv(2048)
            self.questions.append(question)
            noise = [reply(question, transaction=b"none")] * 50
            noise += [b"", b"x" * 20, question, reply(question)[:236] + bytes(40)]
            if self._mode == "silent" or (self._mode == "late" and len(self.questions) == 1):
                continue
            for message in noise if self._mode == "noise" else []:
                self._answer(message)
            self._answer(reply(question))

    def _answer(self, message: bytes) -> None:
        self._socket.sendto(message, ("255.255.255.255", 68))


def prepare(*, address: bool) -> None:
    commands = [
        "ip link set lo up",
        f"ip link add client address {MAC.hex(':')} type veth peer name server",
        "ip addr add 10.0.0.1/24 dev server",
        "ip link set server up",
        "ip link set client up",
    ]
    if address:
        commands.append("ip addr add 10.0.0.2/24 dev client")
    for command in commands:
        subprocess.run(command.split(), check=True, timeout=240)
    # Both ends are ours, so each sees packets from an address of its own machine: ip-sysctl.
    for interface in ("all", "client", "server"):
        for option, value in (("accept_local", "1"), ("rp_filter", "0")):
            Path(f"/proc/sys/net/ipv4/conf/{interface}/{option}").write_text(value)


def patience(mode: str) -> Patience:
    """For how long the question is repeated, and how long each waits for its answer."""
    limit_s = 1.5 if mode in ("silent", "absent") else LIMIT_S
    answer_s = SOON_S if mode in ("silent", "late") else LIMIT_S
    return {"retry": RetryPolicy(deadline_s=limit_s, first_s=0.1), "answer_s": answer_s}


def main(mode: str) -> None:
    prepare(address=mode == "datagram")
    server = DhcpServer(mode)
    server.start()
    link = Link("absent" if mode == "absent" else "client", MAC)
    channel = DatagramChannel if mode == "datagram" else open_channel
    try:
        offer = discover(link, SystemClock(), **patience(mode), channel=channel)
    except AgentError as failure:
        print(json.dumps({"error": failure.reason, "message": str(failure)}))
        return
    flags = [question[10:12].hex() for question in server.questions]
    print(json.dumps({**asdict(offer), "questions": flags}))


if __name__ == "__main__":
    main(sys.argv[1])
