# SPDX-License-Identifier: Apache-2.0
"""Telling systemd how the service is: sd_notify(3), without its library.

One datagram to the socket that ``$NOTIFY_SOCKET`` names; where there is none, nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Callable, Optional


class Notifier:
    """The service manager, as far as there is one.

    :param path: of its socket, a leading ``@`` for the abstract ones; "" for none.
    :param watchdog_s: it wants to hear from us within this time; 0: it does not.
    """

    def __init__(self, path: str = "", watchdog_s: float = 0.0) -> None:
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self.watchdog_s = watchdog_s
        self._socket: Optional[socket.socket] = None
        self._status = ""
        self._pinged_s = float("-inf")

    def send(self, **said: str) -> None:
        """Say something, e.g. ``READY="1"``.  A manager that does not listen harms nobody."""
        if not self._address:
            return
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        text = "".join(f"{name}={value}\n" for name, value in said.items())
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            self.close()  # it is started anew, and will be asked again at the next word

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; the same again is not sent."""
        if text != self._status:
            self._status = text
            self.send(STATUS=" ".join(text.split()))

    def alive(self, now_s: float) -> None:
        """Feed the watchdog, at most four times as often as it needs."""
        if self.watchdog_s and now_s - self._pinged_s >= self.watchdog_s / 4:
            self._pinged_s = now_s
            self.send(WATCHDOG="1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def from_environment(environment: MutableMapping[str, str], pid: Callable[[], int]) -> Notifier:
    """The manager that started this process.  Its variables are removed: no child may speak for
    us.  Source: sd_notify(3), sd_watchdog_enabled(3)."""
    path = environment.pop("NOTIFY_SOCKET", "")
    watchdog_s = _watchdog_s(environment, pid())
    environment.pop("WATCHDOG_USEC", None)
    environment.pop("WATCHDOG_PID", None)
    return Notifier(path if path[:1] in ("/", "@") else "", watchdog_s)


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float:
    wanted, meant = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not wanted.isdigit() or (meant and meant != str(pid)):
        return 0.0
    return int(wanted) / 1e6


def started() -> Notifier:
    """The manager of this very process."""
    return from_environment(os.environ, os.getpid)
