# SPDX-License-Identifier: Apache-2.0
"""One machine with its platform, its network and its provisioning medium."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from lab.platform import dvd, ovf
from lab.platform.faults import Fault
from lab.platform.machine import Machine
from lab.platform.server import Platform
from lab.platform.state import HealthReport
from osdrivers.errors import OperationError

from . import resourcedisk
from .bench import Bench
from .guest import Guest, make_key
from .network import GUEST, METADATA, WIRE_SERVER, Network, Told
from .progress import Progress
from .qemu import DISK, Hardware, VirtualMachine
from .report import Report

READY_LIMIT_S = 600.0
_LOOK_S = 2.0
_MARKS = {
    "Linux version": "the kernel runs",
    "Reached target": "systemd reaches its targets",
    "login: ": "login prompt",
}


@dataclass(frozen=True)
class Medium:
    """What is in an optical drive: the document in these file systems, or something else."""

    udf: bool = True
    iso: bool = False
    provisioning: bool = True


@dataclass
class Stage:
    """What a scenario works with.  ``ready_s`` and the like count from switching on."""

    name: str
    machine: Machine
    platform: Platform
    network: Network
    vm: VirtualMachine
    guest: Guest
    report: Report
    place: Path
    _marked: tuple[str, ...] = ()
    _switched_on: float = 0.0

    @property
    def progress(self) -> Progress:
        """Where lines for people go."""
        return self.report.progress

    def switch_on(self) -> None:
        """Start the machine."""
        self.progress.say("switching the machine on")
        self._marked = ()
        self._switched_on = time.time()
        self.vm.start()

    def mark_restart(self) -> None:
        """Count from now: the guest is about to boot again."""
        self.progress.say("restarting the machine")
        self._switched_on = time.time()

    def check(self, name: str, held: bool, evidence: object = "") -> None:
        """Note one check of this scenario."""
        self.report.check(self.name, name, held, evidence)

    def wait_console(self, words: str, limit_s: float = READY_LIMIT_S) -> None:
        """Come back when the console shows ``words``.

        :raises OperationError: it did not, or the machine ended.
        """
        deadline_s = time.monotonic() + limit_s
        while words not in self.vm.console_text():
            self.look()
            if time.monotonic() > deadline_s:
                raise OperationError(f"no {words!r} on the console", hint=f"see {self.vm.console}")
            time.sleep(0.5)

    def since_start(self, moment: float) -> float:
        """Seconds from switching on to a moment (seconds since the epoch)."""
        return moment - self._switched_on

    def look(self) -> None:
        """Say what is new on the console.

        :raises OperationError: the machine is no more.
        """
        self.vm.require_running()
        text = self.vm.console_text()
        for mark, words in _MARKS.items():
            if mark in text and mark not in self._marked:
                self._marked = (*self._marked, mark)
                self.progress.say(f"  {words}")

    def wait_final_report(self, limit_s: float = READY_LIMIT_S) -> HealthReport:
        """The platform's first report that is Ready or ProvisioningFailed.

        :raises OperationError: none came, or the machine ended.
        """
        deadline_s = time.monotonic() + limit_s
        seen = 0
        while time.monotonic() < deadline_s:
            seen, final = self.reports_after(seen)
            if final is not None:
                return final
            self._wait_reports(seen + 1)
        tail = " / ".join(self.vm.console_text().splitlines()[-4:])
        raise OperationError(
            f"the platform got no final report within {limit_s:g} s; the console ends: {tail}",
            hint=f"see {self.vm.console}",
        )

    def reports_after(self, seen: int) -> tuple[int, Optional[HealthReport]]:
        """Say what is new since ``seen`` reports: their number now, and the final one if it came.

        :raises OperationError: the machine is no more.
        """
        self.look()
        for health in self.platform.health[seen:]:
            seen += 1
            detail = f" ({health.substatus}: {health.description})" if health.substatus else ""
            self.progress.say(f"  the platform is told {health.state}{detail}")
            if health.state == "Ready" or health.substatus == "ProvisioningFailed":
                return seen, health
        return seen, None

    def _wait_reports(self, number: int) -> None:
        """Come back when the platform has that many reports, or after a moment."""
        with suppress(TimeoutError):
            self.platform.wait_for(lambda platform: len(platform.health) >= number, _LOOK_S)


@contextmanager
def set_up(
    name: str, bench: Bench, layer: str, *, media: Sequence[Optional[Medium]],
    told: Told = Told.LEASE, stock_disk: bool = False, disk: Optional[Path] = None,
    faults: Sequence[Fault] = (), **wanted: Any,
) -> Iterator[Stage]:  # fmt: skip
    """Everything of one scenario, running, but the machine still off; ended with the block.

    ``disk`` is copied and used instead of a fresh one; ``wanted`` are fields of the machine.
    """
    bench.report.progress.say(f"scenario {name}")
    with bench.cache.workplace(name) as place:
        key = make_key(place)
        machine = _machine(name, key, wanted)
        drives = [
            _medium(place / f"cd{number}.iso", medium, machine)
            for number, medium in enumerate(media)
        ]
        resource = resourcedisk.make(place / "resource.raw", stock=stock_disk)
        hardware = Hardware(bench.images[layer], machine.vm_id, resource, tuple(drives))
        if disk is not None:
            shutil.copyfile(disk, place / DISK)
        bench.network.serve_dhcp(told)
        guest = Guest(GUEST, machine.user, key, place / "known_hosts", machine.password or "")
        platform = _platform(machine, place, faults)
        with platform, VirtualMachine(hardware, place) as vm:
            try:
                yield Stage(name, machine, platform, bench.network, vm, guest, bench.report, place)
            finally:
                vm.stop()
                _drop_large(place)


def _machine(name: str, key: Path, wanted: Mapping[str, Any]) -> Machine:
    given: dict[str, Any] = {
        "hostname": f"lab-{name}",
        "password": secrets.token_urlsafe(18) + " <&>'\"",
        "ssh_keys": (key.with_suffix(".pub").read_text().strip(),),
        "disable_password_auth": False,
        "address": f"{GUEST}/24",
    }
    return Machine.example(**{**given, **wanted})


def _platform(machine: Machine, place: Path, faults: Sequence[Fault]) -> Platform:
    return Platform(
        machine,
        place / "platform",
        faults=faults,
        wire=(WIRE_SERVER, 80),
        hostplugin=(WIRE_SERVER, 32526),
        imds=(METADATA, 80),
    )


def _medium(path: Path, medium: Optional[Medium], machine: Machine) -> Optional[Path]:
    if medium is None:
        return None
    files = {ovf.FILE_NAME: ovf.document(machine)} if medium.provisioning else {"readme": b"no\n"}
    dvd.make(path, files, udf=medium.udf, iso=medium.iso)
    return path


def _drop_large(place: Path) -> None:
    for name in ("resource.raw", DISK):
        (place / name).unlink(missing_ok=True)
