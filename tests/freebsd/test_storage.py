# SPDX-License-Identifier: Apache-2.0
"""FreeBSD's swap, disk timeouts and NVMe disks, on a pretend machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from osdrivers.actions import Plan
from osdrivers.api import Driver, Hibernation
from osdrivers.conformance.machines import PretendCommands, UnknownUse, attach, set_up
from osdrivers.errors import AgentError, InvalidInput, UnsafeRefused
from osdrivers.executor import Event, Task, carry_out
from osdrivers.host import Host

freebsd = pytest.importorskip("agentcore_freebsd.driver").freebsd
mdconfig = pytest.importorskip("agentcore_freebsd.mdconfig")
storage = pytest.importorskip("agentcore_freebsd.nvme")

CAPTURED = Path(__file__).parents[1] / "machines" / "freebsd-14"
FILE, OTHER = "/mnt/swapfile", "/mnt/other"


class Machine:
    """A pretend FreeBSD; each ``driver()`` is a fresh start of the agent."""

    def __init__(self, root: Path) -> None:
        self.root = str(root / "machine")
        set_up(str(CAPTURED), self.root)

    def driver(self) -> Driver:
        made: Driver = freebsd(attach(self.root))
        return made

    @property
    def box(self) -> Any:
        return PretendCommands(self.root).box

    def swap(self, size_mib: int = 2, *, stop_before: int = 0, **options: bool) -> list[str]:
        return self.carried(
            lambda d: d.swap.ensure_file(FILE, size_mib, fs="ufs", **options),  # type: ignore[union-attr]
            stop_before,
        )

    def carried(self, plan: Callable[[Driver], Plan], stop_before: int = 0) -> list[str]:
        driver, lines = self.driver(), []

        def observe(event: Event) -> None:
            if event.status == "started":
                lines.append(str(event.action))
                if event.seq == stop_before:
                    raise Stopped

        try:
            (outcome,) = carry_out([Task("t", lambda: plan(driver))], driver.host, observe)
        except Stopped:
            return lines
        error: Optional[AgentError] = outcome.error
        if error is not None:
            raise error
        return lines


class Stopped(BaseException):
    """The agent was killed."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# ---------------------------------------------------------------- D7, D8


@pytest.mark.parametrize("encrypted", [False, True])
def test_five_restarts_leave_one_memory_disk_and_one_swap(
    machine: Machine, encrypted: bool
) -> None:
    assert machine.swap(encrypted=encrypted)
    for _ in range(5):
        assert machine.swap(encrypted=encrypted) == []
    assert list(machine.box.remembered("md").values()) == [FILE]
    ending = ".eli" if encrypted else ""
    assert list(machine.box.remembered("swap")) == [f"/dev/md0{ending}"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_killed_anywhere_the_next_start_attaches_the_file_once(
    tmp_path: Path, encrypted: bool
) -> None:
    whole = Machine(tmp_path / "whole").swap(encrypted=encrypted)
    for number in range(2, len(whole) + 1):
        machine = Machine(tmp_path / str(number))
        machine.swap(encrypted=encrypted, stop_before=number)
        machine.swap(encrypted=encrypted)
        assert machine.swap(encrypted=encrypted) == []
        assert list(machine.box.remembered("md").values()) == [FILE]
        assert len(machine.box.remembered("swap")) == 1


def test_a_killed_start_that_attached_the_file_is_gone_on_with(machine: Machine) -> None:
    machine.swap(stop_before=3)
    driver = machine.driver()
    driver.host.run("mdconfig", "-a", "-t", "vnode", "-f", FILE)
    machine.swap()
    assert list(machine.box.remembered("md").values()) == [FILE]


def test_a_file_below_a_link_is_attached_once(machine: Machine) -> None:
    driver = machine.driver()
    driver.host.make_directory("/usr/volume")
    driver.host.link("/volume", "usr/volume")
    plan = lambda d: d.swap.ensure_file("/volume/swap", 2, fs="ufs")  # noqa: E731
    assert machine.carried(plan)
    assert machine.carried(plan) == []
    assert machine.box.remembered("md") == {"md0": "/usr/volume/swap"}
    machine.carried(lambda d: d.swap.ensure_off("/volume/swap"))  # type: ignore[union-attr]
    assert machine.box.remembered("md") == machine.box.remembered("swap") == {}


def test_a_memory_disk_of_another_file_is_another(machine: Machine) -> None:
    driver = machine.driver()
    driver.host.write(OTHER, bytes(1 << 20))
    driver.host.run("mdconfig", "-a", "-t", "vnode", "-f", OTHER)
    machine.swap()
    assert machine.box.remembered("md") == {"md0": OTHER, "md1": FILE}
    machine.carried(lambda d: d.swap.ensure_off(FILE))  # type: ignore[union-attr]
    assert machine.box.remembered("md") == {"md0": OTHER}


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_swap_that_is_not_sealed_as_wanted_is_made_anew(
    machine: Machine, before: bool, after: bool
) -> None:
    machine.swap(encrypted=before)
    assert machine.swap(encrypted=after)
    (node,) = machine.box.remembered("swap")
    assert node.endswith(".eli") is after
    assert list(machine.box.remembered("md").values()) == [FILE]


@pytest.mark.parametrize("encrypted", [False, True])
def test_another_size_replaces_the_swap(machine: Machine, encrypted: bool) -> None:
    for size in (2, 4, 1):
        machine.swap(size, encrypted=encrypted)
        assert list(machine.box.remembered("swap").values()) == [size * 1024]
        assert len(machine.box.remembered("md")) == 1


@pytest.mark.parametrize("encrypted", [False, True])
def test_swap_that_is_off_leaves_nothing(machine: Machine, encrypted: bool) -> None:
    machine.swap(encrypted=encrypted)
    off = lambda d: d.swap.ensure_off(FILE)  # noqa: E731
    assert machine.carried(off)
    assert machine.carried(off) == []
    assert machine.box.remembered("md") == machine.box.remembered("swap") == {}
    assert not machine.box.exists(FILE)
    assert not machine.box.exists("/dev/md0.eli")


def test_the_key_of_encrypted_swap_is_nobodys(machine: Machine) -> None:
    machine.swap(encrypted=True)
    with pytest.raises(UnknownUse):
        machine.driver().host.run("geli", "onetime", "/dev/md0")  # a weaker cipher is not taught


LISTED = (
    "md0\tvnode\t  256M\t/mnt/swapfile\t\n"
    "md1\tvnode\t 1024M\t/mnt/with space\tof mine\n"
    "md2\tmalloc\t   64M\t-\t\n"
    "md3\tvnode\t  256M\t/mnt/swapfile2\n"
)


def test_memory_disks_are_found_by_their_file_with_or_without_a_label() -> None:
    assert mdconfig.files(LISTED) == {
        "md0": "/mnt/swapfile",
        "md1": "/mnt/with space",
        "md3": "/mnt/swapfile2",
    }
    assert mdconfig.files("") == {}


# ---------------------------------------------------------------- D9, D10


def test_one_limit_holds_for_every_scsi_disk(machine: Machine) -> None:
    devices = machine.driver().devices
    assert devices is not None
    assert devices.timeouts() == {"/dev/da0": 60, "/dev/da1": 60}
    plan = lambda d: d.devices.ensure_timeout(300)  # noqa: E731
    assert machine.carried(plan)[0] == "run    sysctl kern.cam.da.default_timeout=300"
    assert devices.timeouts() == {"/dev/da0": 300, "/dev/da1": 300}
    assert machine.carried(plan) == []
    with pytest.raises(InvalidInput):
        machine.carried(lambda d: d.devices.ensure_timeout(0))  # type: ignore[union-attr]


def test_this_system_never_hibernates(machine: Machine) -> None:
    devices = machine.driver().devices
    assert devices is not None
    assert devices.hibernation() == Hibernation(
        False, ("this system cannot write its memory to a disk",)
    )


# ---------------------------------------------------------------- NVMe


def test_local_nvme_disks_are_found_by_their_model(machine: Machine) -> None:
    disks = machine.driver().disks
    assert disks is not None
    (local,) = disks.local()
    assert (local.node, local.size_bytes) == ("/dev/nda1", 16 << 30)
    assert disks.partition(local) == "/dev/nda1p1"
    resource = disks.resource()
    assert resource is not None
    assert resource.node == "/dev/da1"


def test_a_remote_nvme_disk_is_never_formatted(machine: Machine) -> None:
    disks = machine.driver().disks
    assert disks is not None
    (local,) = disks.local()
    with pytest.raises(UnsafeRefused, match="nothing shows that it is temporary"):
        list(disks.ensure_prepared(replace(local, node="/dev/nda0"), "ufs"))


def test_without_nvmecontrol_there_is_no_local_disk(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    host: Host = attach(machine.root, missing=["nvmecontrol"])
    assert storage.local_disks(host) == ()
