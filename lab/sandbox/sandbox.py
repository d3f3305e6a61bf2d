# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of the platform in a disposable copy of a root tree.

The platform serves at the far end of the guest's network, in a namespace without an uplink, and
keeps its records in memory that ends with the sandbox, and so do the provisioning disc and
everything else that holds a secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from lab.platform.machine import Machine
from osdrivers.conformance.beds.link import FABRIC_INTERFACE
from osdrivers.conformance.beds.opened import OpenBed, opened
from osdrivers.conformance.beds.remote import Ended, Started
from osdrivers.errors import OperationError

from . import guest
from .interpreter import PROJECT, Interpreter

_PLATFORM_START_S = 60
_AGENT_S = 300.0


@dataclass(frozen=True)
class Sandbox:
    """A guest with its platform.

    ``root`` is the tree it is a copy of, without a slash at its end ("" for the machine's own);
    ``address`` is the guest's, without prefix length.
    """

    bed: OpenBed
    machine: Machine
    root: str = ""

    @property
    def address(self) -> str:
        return self.machine.address.partition("/")[0]

    def scratch(self, name: str) -> Path:
        """A path that only the host sees and that ends with the sandbox."""
        return Path(self.bed.scratch) / name

    def start_agent(
        self, *words: str, stdout: Optional[int] = None, stderr: Optional[int] = None
    ) -> Started:
        """Start ``waagent WORDS`` in the guest; it runs with no terminal, as at boot."""
        return self.bed.guest.start((guest.AGENT, *words), stdout=stdout, stderr=stderr)

    def agent(self, *words: str, timeout_s: float = _AGENT_S) -> Ended:
        """Run ``waagent WORDS`` to its end."""
        return self.bed.guest.run((guest.AGENT, *words), timeout_s=timeout_s)

    def requests(self) -> list[dict[str, Any]]:
        """What the platform received so far, oldest first."""
        with contextlib.suppress(FileNotFoundError):
            text = self.scratch("platform/requests.jsonl").read_text()
            whole, _, _ = text.rpartition("\n")  # the last line may be on its way
            return [json.loads(line) for line in whole.splitlines()]
        return []


@contextlib.contextmanager
def sandbox(
    machine: Machine,
    *,
    root: str = "/",
    options: Mapping[str, str] = guest.OPTIONS,
    wrapper: str = "",
) -> Iterator[Sandbox]:
    """Start a guest, its platform, and put the provisioning disc into its drive.

    Nothing of it is left when the context ends.  See :func:`lab.sandbox.guest.bed_for`.

    :raises OperationError: it cannot be made here.
    :raises NotFound: the tree has no Python that can run the agent.
    """
    own = os.path.realpath(root) == "/"
    interpreter = Interpreter.of_this_machine() if own else Interpreter.of_tree(root)
    bed = guest.bed_for(machine, interpreter, root=root, options=options, wrapper=wrapper)
    with opened(bed) as running, contextlib.ExitStack() as stack:
        made = Sandbox(running, machine, os.path.realpath(root).rstrip("/"))
        if not own:
            interpreter.check(running.guest)
        image = made.scratch("dvd.iso")
        stack.enter_context(_platform(made, image))
        _insert(made, image)
        yield made


@contextlib.contextmanager
def _platform(made: Sandbox, image: Path) -> Iterator[Started]:
    directory = made.scratch("platform")
    directory.mkdir()
    described = made.scratch("machine.json")
    described.touch(mode=0o600)
    described.write_text(json.dumps(made.machine.to_json()))
    argv = (
        *(sys.executable, "-m", "lab", "serve", "--machine", str(described)),
        *("--dir", str(directory), "--dvd", str(image)),
        *("--wire", f"{guest.WIRE_SERVER}:80", "--hostplugin", f"{guest.WIRE_SERVER}:32526"),
        *("--imds", f"{guest.METADATA}:80", "--dhcp", FABRIC_INTERFACE),
        *("--dhcp-address", made.machine.address, "--dhcp-router", guest.GATEWAY),
    )
    ours, theirs = os.pipe()
    errors = os.open(made.scratch("platform.log"), os.O_WRONLY | os.O_CREAT, 0o600)
    environment = {"PYTHONPATH": str(PROJECT), "TMPDIR": str(made.bed.scratch)}
    with open(ours) as said:
        started = made.bed.fabric.start(argv, stdout=theirs, stderr=errors, environment=environment)
        os.close(theirs)
        os.close(errors)
        with started:
            if not select.select([said], [], [], _PLATFORM_START_S)[0] or not said.readline():
                log = made.scratch("platform.log").read_text().strip().splitlines()
                raise OperationError(f"the platform did not start: {log[-1] if log else argv[0]}")
            yield started


def _insert(made: Sandbox, image: Path) -> None:
    from lab.platform import dvd

    unpacked = made.scratch("dvd")
    unpacked.mkdir(mode=0o700)
    dvd.unpack(image, unpacked)
    made.bed.insert(guest.DVD_DRIVE, guest.DVD_MOUNT_POINT, str(unpacked))
