# SPDX-License-Identifier: Apache-2.0
"""The process that owns an open bed: ``python -m osdrivers.conformance.beds.keeper``.

It stays outside the guest, in a session of its own, and takes the bed down when its launcher
closes the channel or dies.  The guest's first process is its child and dies with it.  It also
does what udev does on a machine: it makes the nodes of the loop disk's partitions in the
guest's private /dev, where nobody else can.

Descriptors, as arguments: the description (JSON), the channel of the far end, the channel of
the guest, and where to write the one line of the answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Optional

from osdrivers.errors import AgentError

from . import kernel, link, loopdisk
from .bed import Bed
from .guestroot import GuestRoot, make_node
from .spawner import Spawner

_SWAP_WAIT_S = 120.0


def main(argv: list[str]) -> int:
    """Open the bed, serve the far end until the launcher is gone, take it down."""
    description, far, guest, answer = (int(word) for word in argv)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    bed = Bed.from_json(os.pread(description, os.fstat(description).st_size, 0).decode())
    os.close(description)
    keeper = Keeper(bed)
    try:
        keeper.open(guest, (far, answer))
    except (OSError, AgentError) as failure:
        keeper.close()
        os.write(answer, json.dumps({"error": str(failure)}).encode() + b"\n")
        return 1
    os.write(answer, json.dumps(keeper.facts()).encode() + b"\n")
    os.close(answer)
    try:
        keeper.serve(socket.socket(fileno=far))
    finally:
        keeper.close()
    return 0


class Keeper:
    """Owns the loop disk, the far end of the network, and the guest's first process."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._disk: Optional[loopdisk.LoopDisk] = None
        self._guest, self._stage = 0, -1
        self._swap_lock = -1
        self._known: dict[str, tuple[int, int]] = {}
        self._events = loopdisk.watch()

    def open(self, channel: int, not_the_guests: tuple[int, ...]) -> None:
        """Make everything; the guest's first process serves ``channel``."""
        loopdisk.release_abandoned()
        if self._bed.swap_below:
            self._swap_lock = loopdisk.claim_swap(self._bed.swap_below, _SWAP_WAIT_S)
        if self._bed.disk_bytes:
            self._disk = loopdisk.attach(self._bed.disk_bytes)
            self._known = loopdisk.nodes(self._disk.name)
        kernel.unshare(kernel.NEW_NETWORK)
        cable, told = os.pipe()
        said, ready = os.pipe()
        self._guest = self._first_process(channel, not_the_guests, cable, ready)
        os.close(ready)
        os.close(cable)
        os.close(channel)
        with open(said) as words:
            if words.readline() != "separated\n":
                raise OSError(f"the guest: {words.read() or 'ended'}")
            link.lay_cable(self._bed, self._guest)
            os.write(told, b"cable\n")
            os.close(told)
            answer = words.readline()
        if not answer.startswith("stage "):
            raise OSError(answer.strip() or "the guest's first process was killed")
        self._stage = int(answer.split()[1])

    def facts(self) -> dict[str, object]:
        """What the launcher needs to know."""
        disk = self._disk.node if self._disk else ""
        return {"guest": self._guest, "stage": self._stage, "disk": disk}

    def serve(self, channel: socket.socket) -> None:
        """Until the launcher or the guest is gone."""
        spawner = Spawner(channel, {self._events.fileno(): self._devices})
        try:
            spawner.serve(until=self._guest)
        finally:
            spawner.kill_all()

    def close(self) -> None:
        """Nothing of it is left: no process, mount, swap or loop device."""
        if self._guest:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._guest, signal.SIGKILL)
                os.waitpid(self._guest, 0)
        if self._disk:
            os.close(self._disk.descriptor)
            loopdisk.release(self._disk.name)

    def _first_process(self, channel: int, others: tuple[int, ...], cable: int, ready: int) -> int:
        """Fork it into a process namespace of its own; our later children stay in ours."""
        ours = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        kernel.unshare(kernel.NEW_PIDS)
        child = os.fork()
        if child == 0:
            for descriptor in {*others, ours, self._swap_lock} - {-1}:
                os.close(descriptor)
            _first(self._bed, self._disk, channel, (cable, ready))
        kernel.enter(ours, kernel.NEW_PIDS)
        os.close(ours)
        return child

    def _devices(self) -> None:
        """Bring the guest's /dev up to date with the kernel's partitions of the disk."""
        with contextlib.suppress(OSError):  # ENOBUFS: some were lost, but we look anyway
            while self._events.recv(65536):
                pass
        if self._disk is None:
            return
        now = loopdisk.nodes(self._disk.name)
        # A partition that went and came between two looks has the same name and another number.
        for name, _ in self._known.items() - now.items():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"/proc/{self._guest}/root/dev/{name}")
        for name, number in now.items() - self._known.items():
            make_node(f"/proc/{self._guest}/root/dev/{name}", 0o060660, number)
        self._known = now


def _first(
    bed: Bed, disk: Optional[loopdisk.LoopDisk], channel: int, pipes: tuple[int, int]
) -> None:
    """The guest's first process: build the tree, then start what the launcher asks for."""
    cable, ready = pipes
    status = 1
    try:
        kernel.die_with_parent()
        kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_UTS | kernel.NEW_IPC | kernel.NEW_NETWORK)
        root = GuestRoot(bed, disk.name if disk else "")
        os.write(ready, b"separated\n")
        socket.sethostname(bed.hostname)
        os.read(cable, 16)
        link.plug_in(bed)
        root.build()
        kernel.drop_capabilities()
        if disk:
            os.close(disk.descriptor)
        os.write(ready, b"stage %d\n" % root.stage)
        os.close(ready)
        Spawner(socket.socket(fileno=channel)).serve()
        status = 0
    except (OSError, AgentError) as failure:
        os.write(ready, f"{failure}\n".encode())
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
