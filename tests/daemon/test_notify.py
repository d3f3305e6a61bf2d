# SPDX-License-Identifier: Apache-2.0
"""What the service manager hears."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentcore.daemon.notify import Notifier, from_environment


def heard(manager: socket.socket) -> list[str]:
    found = []
    manager.setblocking(False)
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


@pytest.fixture
def address() -> Iterator[str]:
    """A path with at most the 107 bytes that unix(7) takes, wherever temporary files are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield f"{directory}/notify"


def test_ready_status_and_watchdog_arrive_and_nothing_twice(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "40000000", "WATCHDOG_PID": "7"}
        told = from_environment(environment, lambda: 7)
        told.send(READY="1")
        told.status("polls\nevery 6 s")
        told.status("polls\nevery 6 s")
        for now_s in (0.0, 5.0, 10.0, 11.0):
            told.alive(now_s)
        told.close()
        assert heard(manager) == [
            "READY=1\n",
            "STATUS=polls every 6 s\n",
            "WATCHDOG=1\n",
            "WATCHDOG=1\n",
        ]
    assert not environment, "no child may speak for the service"


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    environment = {"WATCHDOG_USEC": "40000000", "WATCHDOG_PID": "8"}
    assert from_environment(environment, lambda: 7).watchdog_s == 0


def test_a_manager_that_went_away_harms_nobody(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nothing")).send(READY="1")
    Notifier().send(READY="1")
