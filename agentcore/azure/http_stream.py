# SPDX-License-Identifier: Apache-2.0
"""The socket under an HTTP exchange: one deadline for all of it, and a class for each failure."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Callable

from agentcore.errors import Malformed, Unreachable

from .http_message import Broken, Cut


@contextlib.contextmanager
def naming(what: str, limit_bytes: int, stream: Stream) -> Iterator[None]:
    """Give what goes wrong with an answer its class."""
    try:
        yield
    except ConnectionResetError as reset:
        kind = Unreachable if stream.received else Dropped
        raise kind(f"{what}: {reset.strerror or reset}") from reset
    except socket.timeout as late:
        raise Unreachable(f"{what}: no complete answer in time") from late
    except OSError as broken:
        raise Unreachable(f"{what}: {broken.strerror or broken}") from broken
    except Cut as cut:
        kind = Unreachable if stream.received else Dropped
        raise kind(f"{what}: the connection ended {cut}") from cut
    except Broken as strange:
        raise Unreachable(f"{what}: not an HTTP answer: {strange}") from strange
    except OverflowError as long:
        raise Malformed(f"{what}: the body has more than {limit_bytes} bytes") from long


class Dropped(Unreachable):
    """The connection ended before the first byte of an answer."""


class Stream:
    """A socket whose every operation counts against one deadline."""

    def __init__(self, connection: socket.socket, end: float, now: Callable[[], float]) -> None:
        self.socket = connection
        self.received = False
        self._end = end
        self._now = now

    def _arm(self) -> None:
        left_s = self._end - self._now()
        if left_s <= 0:
            raise socket.timeout(errno.ETIMEDOUT, "deadline")
        self.socket.settimeout(left_s)

    def send(self, data: bytes) -> None:
        """sendall(2) with the deadline.  A service may answer and close before it has read all."""
        self._arm()
        with contextlib.suppress(BrokenPipeError):
            self.socket.sendall(data)

    def receive(self, size: int) -> bytes:
        self._arm()
        data = self.socket.recv(size)
        self.received = self.received or bool(data)
        return data


def still_open(kept: socket.socket) -> bool:
    """Nothing to read, not even an end: an idle connection in good order."""
    kept.settimeout(0)
    try:
        kept.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
