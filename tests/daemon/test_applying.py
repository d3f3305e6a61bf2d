# SPDX-License-Identifier: Apache-2.0
"""Plans of the daemon: in a unit under systemd, by itself elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentcore.daemon.applying import Applier
from agentcore.daemon.stopping import Stop
from agentcore.errors import UsageError
from agentcore.settings import Settings
from osdrivers import loader
from osdrivers.errors import InvalidInput, OperationError
from osdrivers.host import Completed, Host, Secret


class Machine:
    """A pretend machine that notes its commands."""

    def __init__(self, root: Path, *, systemd: str = "") -> None:
        (root / "etc").mkdir(parents=True)
        (root / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n")
        if systemd:
            (root / "run/systemd/system").mkdir(parents=True)
        self.systemd, self.asked = systemd, list[tuple[str, ...]]()
        self.given: list[bytes] = []
        self.answer = Completed(0)
        self.stop = Stop()
        host = Host(str(root), commands=self, offline=False, assume_tools=True)
        self.driver = loader.load(host).driver
        self.apply = Applier(self.driver, Settings(), lambda _: None, self.stop, "/etc/other.conf")

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        if argv == ("systemd-run", "--version"):
            return Completed(0, f"systemd {self.systemd} ({self.systemd}.1)\n")
        self.asked.append(argv)
        self.given.append(stdin.reveal())
        return self.answer

    def find(self, command: str) -> str:
        return f"/usr/bin/{command}"


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Machine]]:
    made: list[Machine] = []
    yield made
    for each in made:
        each.stop.close()


def test_under_systemd_a_plan_runs_outside_the_sandbox(
    machines: list[Machine], tmp_path: Path
) -> None:
    machines.append(Machine(tmp_path, systemd="252"))
    machines[0].apply("host-name", "vm2", stdin=Secret(b"CANARY"))
    (argv,) = machines[0].asked
    assert argv[0] == "systemd-run"
    assert {"--wait", "--pipe", "--collect"} <= set(argv)
    assert argv[argv.index("--") + 2 :] == (
        *("-I", "-m", "agentcore", "apply", "--conf=/etc/other.conf", "host-name", "vm2"),
    )
    assert machines[0].given == [b"CANARY"]


def test_what_the_unit_says_is_the_error(machines: list[Machine], tmp_path: Path) -> None:
    machines.append(Machine(tmp_path, systemd="252"))
    machines[0].answer = Completed(7, stderr="one\nwaagent: no DHCP client: start one\n")
    with pytest.raises(OperationError, match="apply host-name: no DHCP client: start one"):
        machines[0].apply("host-name", "vm2")


@pytest.mark.parametrize("systemd", ["", "219", "235"])
def test_elsewhere_the_daemon_does_it_itself(
    machines: list[Machine], tmp_path: Path, systemd: str
) -> None:
    machines.append(Machine(tmp_path, systemd=systemd))
    machines[0].apply("interface-names")
    assert not any(argv[0] == "systemd-run" for argv in machines[0].asked)


def test_wrong_words_are_refused(machines: list[Machine], tmp_path: Path) -> None:
    machines.append(Machine(tmp_path))
    apply = machines[0].apply
    with pytest.raises(UsageError, match="one of accounts firewall"):
        apply("nonsense")
    with pytest.raises(UsageError, match="1 arguments are needed"):
        apply("host-name")
    with pytest.raises(InvalidInput, match="no address"):
        apply("firewall", "nowhere")
    with pytest.raises(InvalidInput, match="no destination"):
        apply("routes", "x,-,eth0")
