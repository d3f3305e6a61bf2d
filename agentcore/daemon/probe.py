# SPDX-License-Identifier: Apache-2.0
"""Answers the load balancer's probes (``LBProbeResponder``): every request gets a short OK.

The port is in the goal state and may change with any.  Sockets are served by the daemon's loop;
a client has one request, some seconds, and no way to hold anything up.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Callable, Optional, Protocol

from osdrivers.errors import OperationError

from .waiting import Readable

CLIENT_LIMIT = 32
REQUEST_LIMIT_BYTES = 4096
CLIENT_S = 5.0
IDLE_S = 300.0


class Watcher(Protocol):
    """What of :class:`agentcore.daemon.waiting.Selection` is needed."""

    def watch(self, source: Readable, call: Callable[[], None]) -> None: ...

    def forget(self, source: Readable) -> None: ...


class ProbeResponder:
    """The task.

    :param port: the port wanted now, None for none.
    :param address: where to listen, e.g. the primary interface's; "" for every address.
    """

    name = "probe"

    def __init__(
        self,
        watcher: Watcher,
        port: Callable[[], Optional[int]],
        address: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self._watcher, self._port, self._address, self._now = watcher, port, address, now
        self._listener: Optional[socket.socket] = None
        self._listening = 0
        self._clients: dict[socket.socket, float] = {}

    def step(self, now_s: float) -> float:
        """Listen where it is wanted now; let go of clients that say nothing."""
        wanted = self._port() or 0
        for client, since_s in list(self._clients.items()):
            if now_s - since_s >= CLIENT_S:
                self._drop(client)
        if wanted != self._listening:
            self.close()
            if wanted:
                self._listen(wanted)
        return CLIENT_S if self._clients else IDLE_S

    def close(self) -> None:
        """Listen no more."""
        for client in list(self._clients):
            self._drop(client)
        if self._listener is not None:
            self._watcher.forget(self._listener)
            self._listener.close()
        self._listener, self._listening = None, 0

    @property
    def port(self) -> int:
        """Where it listens, 0 for nowhere."""
        return self._listener.getsockname()[1] if self._listener is not None else 0

    def _listen(self, port: int) -> None:
        try:
            self._listener = socket.create_server((self._address(), port), backlog=CLIENT_LIMIT)
        except OSError as taken:
            raise OperationError(
                f"cannot listen on port {port} for the load balancer: {taken.strerror}",
                hint="find its owner with ss -ltnp, or set LBProbeResponder=n",
            ) from taken
        self._listener.setblocking(False)
        self._listening = port
        self._watcher.watch(self._listener, self._accept)

    def _accept(self) -> None:
        if self._listener is None:
            return
        with contextlib.suppress(OSError):  # it has gone already
            client, _ = self._listener.accept()
            client.setblocking(False)
            if len(self._clients) >= CLIENT_LIMIT:
                self._drop(next(iter(self._clients)))  # the oldest
            self._clients[client] = self._now()
            self._watcher.watch(client, lambda: self._answer(client))

    def _answer(self, client: socket.socket) -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n"
            f"Date: {_date()}\r\nConnection: close\r\n\r\nOK"
        )
        with contextlib.suppress(OSError):
            if client.recv(REQUEST_LIMIT_BYTES):
                client.send(head.encode())
        self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        if self._clients.pop(client, None) is not None:
            self._watcher.forget(client)
            client.close()


def _date() -> str:
    """RFC 9110, 5.6.7; strftime(3) alone would follow the locale."""
    now = time.gmtime()
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[now.tm_wday]
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[now.tm_mon * 3 - 3 : now.tm_mon * 3]
    return time.strftime(f"{day}, %d {month} %Y %H:%M:%S GMT", now)
