# SPDX-License-Identifier: Apache-2.0
"""Opens a bed and takes it down: what tests and the lab import."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from osdrivers.errors import OperationError

from . import loopdisk
from .bed import Bed
from .remote import PATH, BedEnded, Side

_PROJECT = Path(__file__).resolve().parents[3]
_CLOSE_S = 120


@dataclass(frozen=True)
class OpenBed:
    """A guest that runs.

    ``guest`` and ``fabric`` start programs in it and at the far end of its network; at the far
    end they see the host's files.  ``disk`` is the node of the loop disk, "" without one.
    ``keeper`` and ``first`` are process ids, as the host counts.
    """

    guest: Side
    fabric: Side
    disk: str
    keeper: int
    first: int
    _stage: int

    @property
    def upper(self) -> Mapping[str, str]:
        """Where the host finds what differs from the tree: mount points of the guest's overlays
        ("" for its root) and directories."""
        stage = f"/proc/{self.first}/fd/{self._stage}/upper"
        return {unquote(name).rstrip("/"): f"{stage}/{name}" for name in sorted(os.listdir(stage))}

    @property
    def scratch(self) -> str:
        """A directory that the guest cannot see and that ends with the bed."""
        return f"/proc/{self.first}/fd/{self._stage}/scratch"

    def inside(self, path: str) -> str:
        """Where the host finds a file of the guest.

        The host would follow a symbolic link into its own tree: for paths without links only.
        """
        return f"/proc/{self.first}/root{path}"

    def insert(self, source: str, target: str, directory: str) -> None:
        """Mount a copy of a host's directory read-only in the guest, as a disc in a drive.

        :param source: the device that mountinfo is to name.
        :raises OperationError: the guest's mount(8) refused.
        """
        flags = "nosuid,nodev,noexec,mode=0700"
        self._mount(("-t", "tmpfs", "-o", flags, source), target)
        shutil.copytree(directory, self.inside(target), dirs_exist_ok=True)
        self._mount(("-o", f"remount,ro,{flags}"), target)

    def _mount(self, arguments: tuple[str, ...], target: str) -> None:
        os.makedirs(self.inside(target), mode=0o700, exist_ok=True)
        ended = self.guest.run(("mount", *arguments, target))
        if ended.status != 0:
            raise OperationError(f"cannot mount {target} in the guest: {ended.stderr.strip()}")


@contextlib.contextmanager
def opened(bed: Bed) -> Iterator[OpenBed]:
    """Open a bed; on the way out nothing of it is left, however it ended.

    :raises OperationError: it cannot be opened here; the message says why.
    """
    with contextlib.ExitStack() as stack:
        far, theirs_far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guest, theirs_guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.enter_context(far)
        stack.enter_context(guest)
        ours, answer = os.pipe2(os.O_CLOEXEC)
        with open(ours) as answers:
            keeper = _keeper(bed, theirs_far, theirs_guest, answer)
            stack.callback(_ended, keeper, (far, guest))
            facts = json.loads(answers.readline() or '{"error": "its keeper was killed"}')
        if "error" in facts:
            raise OperationError(f"cannot make a disposable copy of {bed.root}: {facts['error']}")
        environment = {"PATH": PATH, "LC_ALL": "C", "HOME": "/root"}
        yield OpenBed(
            Side(guest, environment),
            Side(far, {**os.environ, "LC_ALL": "C"}),
            facts["disk"],
            keeper.pid,
            facts["guest"],
            facts["stage"],
        )


def _keeper(
    bed: Bed, far: socket.socket, guest: socket.socket, answer: int
) -> subprocess.Popen[bytes]:
    """Start it, and close our copies of its ends: an end of file must mean that it is gone."""
    description = os.memfd_create("bed", os.MFD_CLOEXEC)  # it may hold secrets: no file, no argv
    os.write(description, bed.to_json().encode())
    numbers = (description, far.fileno(), guest.fileno(), answer)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.keeper", *map(str, numbers)],
            pass_fds=numbers,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(_PROJECT), "PATH": f"{os.environ['PATH']}:{PATH}"},
        )
    finally:
        far.close()
        guest.close()
        os.close(description)
        os.close(answer)


def _ended(keeper: subprocess.Popen[bytes], channels: tuple[socket.socket, ...]) -> None:
    for channel in channels:
        channel.close()
    try:
        keeper.wait(_CLOSE_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    loopdisk.release_abandoned()  # it may have been killed


__all__ = ["Bed", "BedEnded", "OpenBed", "opened"]
