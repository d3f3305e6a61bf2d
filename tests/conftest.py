# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where the tree is, which kind a test is, and what a unit test may do.

A test without a mark is a *unit* test: it runs in a package build, as any user, without a network
and without system tools.  ``tools`` tests run the real ones, ``sandbox`` tests need root,
``vm`` tests need QEMU.

As root on Linux the tests and all that they start run in a network namespace of their own, with
nothing but loopback: not one of their processes can reach the platform or any other machine.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

from osdrivers.conformance.beds import kernel

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("tools", "sandbox", "beds", "vm")

#: What POSIX and every build root has; a unit test may run these and Python.
PLAIN_COMMANDS = frozenset(
    ("cat", "cp", "echo", "env", "false", "head", "id", "kill", "ls", "sh", "sleep", "tr", "true")
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(kind) for kind in KINDS):
            item.add_marker(pytest.mark.unit)
        if item.get_closest_marker("sandbox") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


os.umask(0o022)  # what tests lay out is as on a machine, whoever runs them


class _Network:
    """Which network namespace the tests of this process, and what they start, are in."""

    def __init__(self) -> None:
        self._machine = self._own = -1

    def belong(self, *, to_machine: bool) -> None:
        """Only modules that compare or set up the machine itself are in its own namespace.

        Without root, or where no namespace can be made, all stay where they are: there
        the agent refuses to begin, or ``_Watch`` alone sees what this process does.
        """
        if self._own == -1 and not to_machine:
            self._separate()
        if self._own != -1:
            kernel.enter(self._machine if to_machine else self._own, kernel.NEW_NETWORK)

    def _separate(self) -> None:
        if not sys.platform.startswith("linux") or os.geteuid() != 0:
            return
        self._machine = self._machine if self._machine != -1 else self._here()
        try:
            kernel.unshare(kernel.NEW_NETWORK)
        except OSError:
            return
        self._own = self._here()
        _raise_loopback()

    def _here(self) -> int:
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _raise_loopback() -> None:
    """Source: netdevice(7), SIOCGIFFLAGS 0x8913, SIOCSIFFLAGS 0x8914, IFF_UP 1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        name, flags = struct.unpack(
            "16sh14x", fcntl.ioctl(asking, 0x8913, struct.pack("16sh14x", b"lo", 0))
        )
        fcntl.ioctl(asking, 0x8914, struct.pack("16sh14x", name, flags | 1))


_NETWORK = _Network()


#: The lock of the module whose tests run, by the module; see ``pytest_runtest_protocol``.
_DOORS: dict[Path, int] = {}


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: Optional[pytest.Item]) -> Iterator[None]:
    """Processes of one run share this machine: a module ``alone``, which compares the machine
    before and after, waits until no other ``sandbox`` module changes mounts, loops or swap.  The
    lock lasts as long as a module's fixtures may: one that waits between two of its tests would
    keep a bed that the other waits for."""
    alone = item.get_closest_marker("alone") is not None
    outside = alone or any(item.get_closest_marker(kind) for kind in ("beds", "vm"))
    _NETWORK.belong(to_machine=outside)
    if item.path not in _DOORS and (alone or item.get_closest_marker("sandbox") is not None):
        door = os.open(__file__, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(door, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        _DOORS[item.path] = door
    yield
    if (nextitem is None or nextitem.path != item.path) and item.path in _DOORS:
        os.close(_DOORS.pop(item.path))


class _Watch:
    """Fails a unit test that reaches beyond itself; a mark says that a test means to."""

    def __init__(self) -> None:
        self.unit_test = ""
        self.scratch = ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.unit_test:
            return
        if event == "subprocess.Popen":
            self._command(str(arguments[0] or os.fsdecode(arguments[1][0])))
        elif event in ("socket.connect", "socket.sendto"):
            self._address(arguments[1])

    def _command(self, command: str) -> None:
        plain = os.path.basename(command) in PLAIN_COMMANDS
        own = self.scratch and os.path.realpath(command).startswith(self.scratch)
        if not (plain or own or os.path.realpath(command) == os.path.realpath(sys.executable)):
            raise AssertionError(f"a unit test ran {command}: mark it with pytest.mark.tools")

    def _address(self, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a unit test spoke to {address[0]}: only loopback is there")


_WATCH = _Watch()
sys.addaudithook(_WATCH)


@pytest.fixture(autouse=True)
def _stays_in_bounds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    _WATCH.scratch = os.path.realpath(tmp_path_factory.getbasetemp())
    if request.node.get_closest_marker("unit"):
        _WATCH.unit_test = request.node.nodeid
    yield
    _WATCH.unit_test = ""


@pytest.fixture(scope="session")
def source() -> Path:
    """The root of the source tree."""
    return ROOT
