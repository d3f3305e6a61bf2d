# SPDX-License-Identifier: Apache-2.0
"""The platform hears Ready only of a machine that people can log in to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.platform.machine import Machine
from lab.platform.ovf import document
from lab.platform.server import Platform
from osdrivers.conformance.machines import PretendCommands, set_up
from osdrivers.errors import PostconditionFailed
from osdrivers.host import Completed, Host, Secret
from tests.agentcore.boot_bed import DISC, MACHINE, STATE, Boot, states

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts own files"),
]


class DeadServer(PretendCommands):
    """systemctl claims to have started the server for SSH, and it is not there."""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        if argv[:2] == ("systemctl", "is-active") and "ssh" in argv[-1]:
            return Completed(3, "failed\n")
        return super().__call__(argv, stdin, timeout_s)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(Machine.example(), tmp_path / "platform") as running:
        yield running


def test_a_server_that_does_not_run_is_reported_and_never_ready(
    tmp_path: Path, platform: Platform
) -> None:
    root = tmp_path / "root"
    set_up(str(MACHINE), str(root))
    (root / DISC).write_bytes(document(Machine.example()))
    host = Host(str(root), commands=DeadServer(str(root)), offline=False)
    with pytest.raises(PostconditionFailed, match="ssh"):
        Boot(host, platform).at_boot()
    assert states(platform) == ["NotReady", "NotReady"]
    assert platform.health[-1].substatus == "ProvisioningFailed"
    assert not host.exists(f"{STATE}/provisioned")
