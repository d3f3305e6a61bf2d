# SPDX-License-Identifier: Apache-2.0
"""The platform's addresses on a disposable machine, and who can open connections to them."""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import subprocess
from collections.abc import Sequence

from osdrivers.api import Address

FOUR, SIX = ipaddress.ip_address("168.63.129.16"), ipaddress.ip_address("fd00::16")
OTHER = ipaddress.ip_address("168.63.129.17")
ROOT, NOBODY = 0, 65534


class Platform:
    """The guarded addresses on lo, with a server on a port of theirs and on port 53."""

    def __init__(self, port: int = 8080) -> None:
        self.servers = []
        for address in (FOUR, SIX, OTHER):
            # Without nodad an IPv6 address is there only when a worker of the kernel's has run.
            nodad = ("nodad",) if address.version == 6 else ()
            run("ip", "address", "add", f"{address}/{address.max_prefixlen}", "dev", "lo", *nodad)
            for number in (53, port):
                self.servers.append(listening(address, number))
        self.port = port

    def reached(self, uid: int, *targets: tuple[Address, int]) -> set[tuple[str, int]]:
        """Those of the targets to which a process of that uid can open a connection."""
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setuid(uid)
            for address, port in _connected(targets):
                os.write(theirs, f"{address} {port}\n".encode())
            os._exit(0)
        os.close(theirs)
        with open(ours) as stream:
            words = [line.split() for line in stream]
        os.waitpid(child, 0)
        return {(address, int(port)) for address, port in words}


def listening(address: Address, port: int) -> socket.socket:
    server = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((str(address), port))
    server.listen(16)
    return server


def _connected(targets: Sequence[tuple[Address, int]]) -> list[tuple[str, int]]:
    clients = {}
    for address, port in targets:
        client = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        client.setblocking(False)
        client.connect_ex((str(address), port))
        clients[client] = (str(address), port)
    # On lo a connection that is let through is there when connect(2) returns.
    _, ready, _ = select.select([], [*clients], [], 0.1)
    return [
        clients[client]
        for client in ready
        if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    ]


def run(*argv: str, text: str = "") -> str:
    """A real tool's standard output."""
    return subprocess.run(argv, check=True, input=text, capture_output=True, text=True).stdout


def ruleset() -> str:
    """Everything that nftables has in this network namespace."""
    return run("nft", "list", "ruleset")
