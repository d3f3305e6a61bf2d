# SPDX-License-Identifier: Apache-2.0
"""What is tried with a virtual machine.

Each takes a bench, and notes checks; whatever goes wrong in it is a check that did not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable, Optional

from . import cloudinit, inspection, managed
from .bench import Bench
from .cloning import clone
from .network import Told
from .secondboot import boot_again
from .silence import late_platform
from .stage import Medium, Stage, set_up
from .upkeep import upkeep

_LAYER = "agentcore"
_FAILURE_LIMIT_S = 600.0
_MEDIUM_WORDS = ("dvd", "disc", "drive", "medium", "media", "ovf")


def first_boot(bench: Bench, *, again: bool = True) -> None:
    """A UDF disc in the drive: all that first boot promises, an extension, then a second boot."""
    name = "first-boot"
    with (
        bench.report.trial(name, "ran to the end"),
        set_up(name, bench, _LAYER, media=(Medium(),), stock_disk=True) as stage,
    ):
        _boot(stage)
        inspection.logins(stage)
        inspection.everything(stage)
        _media(stage, "UDF-fs", ejected={0: True})
        managed.enabled(stage)
        managed.inside(stage, ("install", "enable"))
        if again:
            boot_again(stage)
            managed.known_again(stage)


def iso9660(bench: Bench) -> None:
    """A disc that is only ISO 9660; the platform is known by its route."""
    _other_media(
        bench, "iso9660", (Medium(udf=False, iso=True),), Told.ROUTE, "ISO 9660", {0: True}
    )


def empty_drive(bench: Bench) -> None:
    """An empty drive before the right one; the platform is known by a DHCP exchange only."""
    _other_media(bench, "empty-drive", (None, Medium()), Told.EXCHANGE, "UDF-fs", {1: True})


def two_drives(bench: Bench) -> None:
    """Somebody else's disc in the first drive, which must stay there."""
    media = (Medium(provisioning=False), Medium())
    _other_media(bench, "two-drives", media, Told.LEASE, "UDF-fs", {0: False, 1: True})


def no_dvd(bench: Bench) -> None:
    """An empty drive and nothing else: the platform is told, and the machine goes on."""
    name = "no-dvd"
    with (
        bench.report.trial(name, "ran to the end"),
        set_up(name, bench, _LAYER, media=(None,)) as stage,
    ):
        stage.switch_on()
        health = stage.wait_final_report(_FAILURE_LIMIT_S)
        stage.report.figure(name, "failure_told_s", stage.since_start(health.time))
        failed = (health.state, health.substatus) == ("NotReady", "ProvisioningFailed")
        stage.check("failure-told", failed, f"{health.state} {health.substatus}")
        text = health.description
        useful = "\n" not in text and any(word in text.lower() for word in _MEDIUM_WORDS)
        stage.check("failure-names-the-medium", useful, text)
        stage.wait_console("login: ")
        stage.check("machine-goes-on", True, "login prompt on the console")


SCENARIOS: Mapping[str, Callable[[Bench], None]] = {
    "first-boot": first_boot,
    "iso9660": iso9660,
    "empty-drive": empty_drive,
    "two-drives": two_drives,
    "no-dvd": no_dvd,
    "late-platform": late_platform,
    "upkeep": upkeep,
    "clone": clone,
    cloudinit.NAME: cloudinit.beside_cloud_init,
}


def _other_media(
    bench: Bench, name: str, media: Sequence[Optional[Medium]], told: Told, kernel_words: str,
    ejected: Mapping[int, bool],
) -> None:  # fmt: skip
    with (
        bench.report.trial(name, "ran to the end"),
        set_up(name, bench, _LAYER, media=media, told=told) as stage,
    ):
        _boot(stage)
        inspection.logins(stage)
        _media(stage, kernel_words, ejected)
        inspection.discovery(stage, told)


def _boot(stage: Stage) -> None:
    stage.switch_on()
    health = stage.wait_final_report()
    said = f"{health.state} {health.substatus} {health.description}"
    stage.check("platform-ready", health.state == "Ready", said)
    stage.report.figure(stage.name, "ready_s", stage.since_start(health.time))


def _media(stage: Stage, kernel_words: str, ejected: Mapping[int, bool]) -> None:
    """Mounted as what it is, unmounted, and out of the drive."""
    found = stage.guest.sections(
        {"kernel": "dmesg | grep -e UDF-fs -e 'ISO 9660' || true", "mounts": "cat /proc/mounts"}
    )
    stage.check("medium-mounted-as", kernel_words in found["kernel"], found["kernel"])
    left = [line for line in found["mounts"].splitlines() if line.startswith("/dev/sr")]
    stage.check("medium-unmounted", not left, left or "no optical drive is mounted")
    for drive, wanted in ejected.items():
        is_open = stage.vm.tray_open(drive)
        evidence = f"tray of drive {drive} is {'open' if is_open else 'closed'}"
        stage.check(f"medium-{'ejected' if wanted else 'left-alone'}", is_open == wanted, evidence)
