# SPDX-License-Identifier: Apache-2.0
"""Sees what a renewal does to a link: what the client told the server, and what was lost.

    with DhcpWitness(Far("/proc/7/ns/net", "fabric0"), "/proc/9/ns/net", "10.0.0.4") as witness:
        ...                                    # publish a name on the machine
        seen = witness.wait(lambda seen: seen.told("vm-1"), timeout_s=30)
    assert seen.told("vm-1") and not seen.losses() and seen.pings_lost() == 0

Three sockets and one thread, no further program: packets as they come to the server's interface
(packet(7)), the kernel's own notices of removed addresses and routes, which are what ``ip monitor``
prints (rtnetlink(7)), and an echo request every 10 ms.  It needs root, and nothing of the client.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Optional

from . import kernel
from .dhcp_message import DhcpMessage, from_client

PING_INTERVAL_S = 0.010
_LAST_ANSWERS_S = 30.0
#: Answers to half a minute of echo requests, should nobody let this process read them.
_BUFFER_BYTES, _SO_RCVBUFFORCE = 4 << 20, 33  # socket(7)
_ETH_P_ALL = 3
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # links, IPv4 and IPv6 addresses and routes
_GONE = {17: "link", 21: "address", 25: "route"}  # RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE
_ECHO, _ECHO_REPLY = 8, 0


@dataclass(frozen=True)
class Far:
    """The server's side of the cable: its network namespace's file, and its interface."""

    namespace: str
    interface: str


@dataclass(frozen=True)
class Seen:
    """What was seen so far.

    ``gone`` has ``address``, ``route`` or ``link`` for each that the kernel removed in the
    client's namespace; ``sent`` and ``answered`` are numbers of echo requests.
    """

    messages: tuple[DhcpMessage, ...] = ()
    gone: tuple[str, ...] = ()
    sent: frozenset[int] = field(default=frozenset(), repr=False)
    answered: frozenset[int] = field(default=frozenset(), repr=False)

    def told(self, name: str, version: int = 4) -> bool:
        """Whether a client asked for (or renewed) a lease with this name."""
        return any(each.version == version and each.names(name) for each in self.messages)

    def losses(self) -> tuple[str, ...]:
        """Addresses and links that went away."""
        return tuple(each for each in self.gone if each != "route")

    def pings_lost(self) -> int:
        return len(self.sent - self.answered)


class DhcpWitness:
    """Watches from entering the context to :meth:`wait` or the end of it.

    :param client: the file of the client's network namespace.
    :param address: its IPv4 address, to which the server's side sends the echo requests.
    """

    def __init__(self, far: Far, client: str, address: str) -> None:
        self._address, self._seen = address, Seen()
        self._changed = threading.Condition()
        self._packets = _socket_in(far.namespace, lambda: _packets(far.interface))
        self._notices = _socket_in(client, _notices)
        self._echo = _socket_in(far.namespace, _echo)
        self._stop, self._stopper = os.pipe()
        self._last_call = False
        self._thread = threading.Thread(target=self._watch, name="dhcp-witness")

    def __enter__(self) -> DhcpWitness:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        os.close(self._stopper)
        self._thread.join()
        os.close(self._stop)
        for each in (self._packets, self._notices, self._echo):
            each.close()

    def wait(self, until: Callable[[Seen], bool], timeout_s: float, *, pings: int = 50) -> Seen:
        """What was seen when ``until`` was true (or the time was over) and ``pings`` more echo
        requests were sent: a client that loses its address does so a moment after it asked.

        Ends the sending, and gives the last answers half a minute to arrive.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._changed.wait_for(lambda: until(self._seen), timeout_s)
            goal = len(self._seen.sent) + pings
            left_s = max(deadline - time.monotonic(), pings * PING_INTERVAL_S * 5)
            self._changed.wait_for(lambda: len(self._seen.sent) >= goal, left_s)
            self._last_call = True
            self._changed.wait_for(lambda: not self._seen.pings_lost(), _LAST_ANSWERS_S)
            return self._seen

    def _watch(self) -> None:
        due = time.monotonic()
        sources: list[Any] = [self._stop, self._packets, self._notices, self._echo]
        while True:
            left_s = max(0.0, due - time.monotonic())
            ready, _, _ = select.select(sources, [], [], left_s)
            if self._stop in ready:
                return
            if not self._last_call and time.monotonic() >= due:
                self._send()
            if time.monotonic() >= due:
                due += PING_INTERVAL_S
            self._receive(ready)

    def _receive(self, ready: list[Any]) -> None:
        with self._changed:
            seen = self._seen
            if self._packets in ready:
                data, origin = self._packets.recvfrom(65536)
                message = from_client(data) if origin[2] != socket.PACKET_OUTGOING else None
                if message is not None:
                    seen = replace(seen, messages=(*seen.messages, message))
            if self._notices in ready:
                seen = replace(seen, gone=(*seen.gone, *_gone(self._notices.recv(65536))))
            if self._echo in ready:
                number = _answer(self._echo.recv(65536))
                if number is not None:
                    seen = replace(seen, answered=seen.answered | {number})
            self._seen = seen
            self._changed.notify_all()

    def _send(self) -> None:
        number = len(self._seen.sent)
        head = struct.pack("!BBHHH", _ECHO, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF)
        sum_ = sum(struct.unpack("!4H", head))
        sum_ = ~((sum_ & 0xFFFF) + (sum_ >> 16)) & 0xFFFF
        with contextlib.suppress(OSError):  # unreachable: it was sent, and nobody will answer
            self._echo.sendto(head[:2] + struct.pack("!H", sum_) + head[4:], (self._address, 0))
        with self._changed:
            self._seen = replace(self._seen, sent=self._seen.sent | {number})


def _socket_in(namespace: str, make: Callable[[], socket.socket]) -> socket.socket:
    """A socket of another network namespace: a thread of its own enters it, setns(2)."""
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def inside() -> None:
        try:
            with open(namespace) as entry:
                kernel.enter(entry.fileno(), kernel.NEW_NETWORK)
            made.append(make())
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _packets(interface: str) -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    found.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    found.bind((interface, _ETH_P_ALL))
    return found


def _notices() -> socket.socket:
    found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    found.bind((0, _GROUPS))
    return found


def _echo() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    found.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    return found


def _gone(data: bytes) -> list[str]:
    """What a batch of netlink messages says is removed.  netlink(7)."""
    found, at = [], 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind in _GONE:
            found.append(_GONE[kind])
        at += max(16, (length + 3) & ~3)
    return found


def _answer(packet: bytes) -> Optional[int]:
    """The number of our echo request that a packet answers."""
    kind, _, _, owner, number = struct.unpack_from("!BBHHH", packet, (packet[0] & 15) * 4)
    return number if kind == _ECHO_REPLY and owner == os.getpid() & 0xFFFF else None
