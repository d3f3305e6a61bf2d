# SPDX-License-Identifier: Apache-2.0
"""A TCP server on loopback whose every answer is written byte by byte by the test."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Callable, Union

from agentcore.azure.http import Endpoint

#: What a connection does with one request it has read.  Returns whether to keep the connection.
Behaviour = Callable[[socket.socket, bytes], bool]


def answers(raw: bytes, *, keep: bool = False) -> Behaviour:
    """Send these bytes, then close (or keep) the connection."""

    def behave(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(raw)
        return keep

    return behave


def ok(body: bytes = b"", *, headers: bytes = b"", status: bytes = b"200 OK") -> Behaviour:
    """A sound answer that keeps the connection."""
    length = str(len(body)).encode()
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\n" + headers + b"\r\n"
    return answers(head + body, keep=True)


def status(code: int, headers: bytes = b"") -> Behaviour:
    return ok(b"", status=str(code).encode() + b" X", headers=headers)


def resets(connection: socket.socket, request: bytes) -> bool:
    """Close with RST: SO_LINGER of 0 seconds, socket(7)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def repeats(start: bytes, piece: bytes, pause_s: float = 0.0) -> Behaviour:
    """Begin an answer and go on with ``piece`` until the client has had enough."""

    def behave(connection: socket.socket, request: bytes) -> bool:
        gone = threading.Event()
        with contextlib.suppress(OSError):
            connection.sendall(start)
            while not gone.wait(pause_s):
                connection.sendall(piece)
        return False

    return behave


def silent(connection: socket.socket, request: bytes) -> bool:
    """Say nothing until the client has gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    return False


class Server:
    """Behaviours are used one per request; the last one stays."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = list(behaviours)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = Endpoint("127.0.0.1", self._listener.getsockname()[1])
        self.requests: list[bytes] = []
        self.connections = 0
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Server:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown(2) wakes accept and recv; close alone does not.
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            for request in _requests(connection):
                self.requests.append(request)
                behave = self._behaviours[0]
                if len(self._behaviours) > 1:
                    self._behaviours.pop(0)
                if not behave(connection, request):
                    return


def _requests(connection: socket.socket) -> Iterator[bytes]:
    rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            more = connection.recv(65536)
            if not more:
                return
            rest += more
        head, _, rest = rest.partition(b"\r\n\r\n")
        size = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        while len(rest) < size:
            more = connection.recv(65536)
            if not more:
                return
            rest += more
        yield head + b"\r\n\r\n" + rest[:size]
        rest = rest[size:]


class PretendClock:
    """Time passes only by waiting; the waits are kept."""

    def __init__(self, stop_after: Union[int, None] = None) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []
        self._stop_after = stop_after

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now_s += seconds
        return self._stop_after is not None and len(self.waits) >= self._stop_after
