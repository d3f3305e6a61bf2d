# SPDX-License-Identifier: Apache-2.0
"""D9 and D10 by the kernel's files, and B3."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import pytest

from osdrivers.actions import WriteNode
from osdrivers.api import Hibernation
from osdrivers.errors import InvalidInput, NotPermitted
from osdrivers.executor import Event, Outcome, Task, carry_out
from osdrivers.host import Host, Secret
from osdrivers.parts import acpi_entropy, vmbus
from osdrivers.parts.block_devices import Disks
from osdrivers.parts.devices import Devices
from tests.osdrivers.parts.answering import actions, machine, shown
from tests.osdrivers.parts.test_sysfs_disks import (
    GEN1_TEMPORARY,
    disk,
    mountinfo,
    stacked,
    vmbus_disk,
)


def devices(root: Path, *files: dict[str, str], **options: bool) -> Devices:
    host = machine(root, {key: text for each in files for key, text in each.items()}, **options)
    return Devices(host, Disks(host, vmbus.temporary_disks, ()))


def timeout(name: str, text: str) -> dict[str, str]:
    return {f"/sys/block/{name}/device/timeout": text}


THREE = {**timeout("sda", "30\n"), **timeout("sdb", "300\n"), **timeout("sdaa", "180\n")}


# ---------------------------------------------------------------- D10


def test_each_scsi_disk_has_its_own_limit(tmp_path: Path) -> None:
    others = {**timeout("sr0", "30\n"), **timeout("nvme0n1", "30\n"), "/sys/block/vda/size": "1"}
    found = devices(tmp_path, THREE, others).timeouts()
    assert found == {"/dev/sda": 30, "/dev/sdb": 300, "/dev/sdaa": 180}


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    lines = shown(devices(tmp_path, THREE).ensure_timeout(300))
    assert lines == [
        "write  /sys/block/sda/device/timeout 300",
        "write  /sys/block/sdaa/device/timeout 300",
    ]


def test_a_limit_that_holds_already_is_left_alone(tmp_path: Path) -> None:
    part = devices(tmp_path, THREE)
    assert carried(part._host, part, 300).error is None
    assert shown(part.ensure_timeout(300)) == []


def carried(host: Host, part: Devices, seconds: int, at: Optional[str] = None) -> Outcome:
    def observe(event: Event) -> None:
        if at and event.status == "started" and event.seq == 1:
            os.unlink(at)

    (outcome,) = carry_out([Task("t", lambda: part.ensure_timeout(seconds))], host, observe)
    return outcome


def test_a_disk_that_vanishes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    part = devices(tmp_path, THREE)
    gone = f"{tmp_path}/sys/block/sda/device/timeout"
    assert carried(part._host, part, 300, gone).error is None
    assert part.timeouts() == {"/dev/sdb": 300, "/dev/sdaa": 300}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write it")
def test_a_node_that_must_not_be_written_is_an_error(tmp_path: Path) -> None:
    part = devices(tmp_path, THREE)
    os.chmod(f"{tmp_path}/sys/block/sda/device/timeout", 0o400)
    assert isinstance(carried(part._host, part, 300).error, NotPermitted)


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_a_limit_out_of_range_is_refused(tmp_path: Path, seconds: int) -> None:
    with pytest.raises(InvalidInput):
        shown(devices(tmp_path, THREE).ensure_timeout(seconds))


def test_a_node_that_says_nothing_is_passed_over(tmp_path: Path) -> None:
    assert devices(tmp_path, timeout("sda", "")).timeouts() == {}


# ---------------------------------------------------------------- D9

GIB_KIB = 1 << 20
HEAD = "Filename Type Size Used Priority\n"
READY = {
    "/sys/power/state": "freeze mem disk\n",
    "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
    "/proc/cmdline": "root=/dev/sda1 ro resume=/dev/sda1 resume_offset=34816\n",
    "/proc/meminfo": f"MemTotal:       {8 * GIB_KIB} kB\n",
    "/proc/swaps": f"{HEAD}/hibfile.sys file {9 * GIB_KIB} 0 -2\n",
    "/dev/sda1": "",
    **disk("sda", "8:0", 32, "sda1=8:1"),
    **disk("sdb", "8:16", 32, "sdb1=8:17"),
    **vmbus_disk(GEN1_TEMPORARY, 0, "sdb"),
    **mountinfo("8:1 / ext4 /dev/sda1", "8:17 /mnt/resource ext4 /dev/sdb1"),
}


def test_a_machine_that_was_prepared_for_it_can_hibernate(tmp_path: Path) -> None:
    assert devices(tmp_path, READY).hibernation() == Hibernation(True)


SWAP = "/proc/swaps"
CRYPT = {
    **stacked("dm-0", "254:0", "sda/sda1"),
    "/sys/block/dm-0/dm/uuid": "CRYPT-LUKS2-0123-root\n",
    "/sys/block/dm-0/dm/name": "root\n",
    **mountinfo("254:0 / ext4 /dev/mapper/root"),
}
AGAINST = {
    "no-disk": ({"/sys/power/state": "freeze mem\n"}, "does not offer disk"),
    "no-power-management": ({"/sys/power/state": ""}, "does not offer disk"),
    "lockdown": (
        {"/sys/kernel/security/lockdown": "none [integrity] confidentiality\n"},
        "kernel lockdown (integrity)",
    ),
    "nohibernate": (
        {"/proc/cmdline": "resume=/dev/sda1 nohibernate\n"},
        "started with nohibernate",
    ),
    "no-resume": ({"/proc/cmdline": "root=/dev/sda1\n"}, "no resume="),
    "resume-of-nothing": (
        {"/proc/cmdline": "resume=UUID=1234\n"},
        "no device /dev/disk/by-uuid/1234",
    ),
    "no-swap": ({SWAP: HEAD}, "no swap space on a disk that stays"),
    "only-on-the-temporary-disk": (
        {SWAP: f"{HEAD}/mnt/resource/swapfile file {9 * GIB_KIB} 0 -2\n"},
        "no swap space on a disk that stays",
    ),
    "also-on-the-temporary-disk": (
        {
            SWAP: f"{HEAD}/hibfile.sys file {9 * GIB_KIB} 0 -2\n"
            f"/mnt/resource/swapfile file {9 * GIB_KIB} 0 -3\n"
        },
        "/mnt/resource/swapfile lies on the temporary disk",
    ),
    "only-in-memory": (
        {SWAP: f"{HEAD}/dev/zram0 partition {9 * GIB_KIB} 0 100\n", **disk("zram0", "252:0")},
        "no swap space on a disk that stays",
    ),
    "two-temporary-disks": (
        {
            **disk("sdc", "8:32", 32),
            **vmbus_disk(GEN1_TEMPORARY, 0, "sdc", device="another"),
        },
        "several disks may be the temporary one",
    ),
    "too-small": ({SWAP: f"{HEAD}/hibfile.sys file {GIB_KIB} 0 -2\n"}, "1024 MiB is smaller"),
    "swap-elsewhere": (
        {
            SWAP: f"{HEAD}/dev/sdc1 partition {9 * GIB_KIB} 0 -2\n",
            "/dev/sdc1": "",
            **disk("sdc", "8:32", 32, "sdc1=8:33"),
        },
        "nothing is swapped on /dev/sda1",
    ),
    "clear-beside-an-encrypted-root": (
        {
            **CRYPT,
            SWAP: f"{HEAD}/dev/sdc1 partition {9 * GIB_KIB} 0 -2\n",
            "/dev/sdc1": "",
            "/proc/cmdline": "resume=/dev/sdc1\n",
            **disk("sdc", "8:32", 32, "sdc1=8:33"),
        },
        "the root is encrypted, and /dev/sdc1 is not",
    ),
    "a-key-made-anew": (
        {
            **stacked("dm-1", "254:1", "sda/sda1"),
            "/sys/block/dm-1/dm/uuid": "CRYPT-PLAIN-cswap\n",
            "/sys/block/dm-1/dm/name": "cswap\n",
            "/etc/crypttab": "cswap /dev/sda1 /dev/urandom swap\n",
            SWAP: f"{HEAD}/dev/dm-1 partition {9 * GIB_KIB} 0 -2\n",
            "/dev/dm-1": "",
            "/proc/cmdline": "resume=/dev/dm-1\n",
        },
        "a key that each boot makes anew",
    ),
}


@pytest.mark.parametrize("name", sorted(AGAINST))
def test_each_reason_against_hibernation_is_said_in_a_line(tmp_path: Path, name: str) -> None:
    files, words = AGAINST[name]
    found = devices(tmp_path, {**READY, **files}).hibernation()
    assert not found.capable
    assert any(words in reason for reason in found.reasons), found.reasons
    assert all(reason.isprintable() for reason in found.reasons)


def test_every_reason_is_said_not_only_the_first(tmp_path: Path) -> None:
    bare = {"/sys/power/state": "freeze\n", "/proc/cmdline": "", SWAP: HEAD}
    assert len(devices(tmp_path, {**READY, **bare}).hibernation().reasons) == 3


def test_the_target_may_be_named_by_its_number_or_its_uuid(tmp_path: Path) -> None:
    by_number = {"/proc/cmdline": "", "/sys/power/resume": "8:1\n"}
    assert devices(tmp_path / "n", {**READY, **by_number}).hibernation().capable
    by_uuid = {"/proc/cmdline": "resume=UUID=1234", "/dev/disk/by-uuid/1234": "-> ../../sda1"}
    assert devices(tmp_path / "u", {**READY, **by_uuid}).hibernation().capable


def test_a_swap_file_on_the_encrypted_root_is_no_reason_against(tmp_path: Path) -> None:
    files = {**READY, **CRYPT, "/proc/cmdline": "resume=/dev/dm-0\n", "/dev/dm-0": ""}
    assert devices(tmp_path, files).hibernation() == Hibernation(True)


def test_a_machine_that_does_not_run_cannot_hibernate(tmp_path: Path) -> None:
    found = devices(tmp_path, READY, offline=True).hibernation()
    assert found == Hibernation(False, ("the machine is not running",))


# ---------------------------------------------------------------- B3

BOOT = "/proc/sys/kernel/random/boot_id"
SEED = {
    "/sys/firmware/acpi/tables/OEM0": "OEM0-these-are-random",
    "/dev/random": "",
    BOOT: "first\n",
    "/run/": "",
}


def seeded(root: Path, files: dict[str, str]) -> list[str]:
    host = machine(root, files)
    part, lines = acpi_entropy.Entropy(host), []

    def observe(event: Event) -> None:
        if event.status == "started":
            lines.append(f"{event.action} {event.action and event.action.fields()} {event!r}")

    (outcome,) = carry_out([Task("entropy", part.ensure_seeded)], host, observe)
    assert outcome.error is None
    return lines


def test_the_table_goes_into_the_pool_once_per_boot(tmp_path: Path) -> None:
    assert len(seeded(tmp_path, SEED)) == 2
    assert (tmp_path / "dev/random").read_text() == SEED["/sys/firmware/acpi/tables/OEM0"]
    assert seeded(tmp_path, {}) == []
    assert len(seeded(tmp_path, {BOOT: "second\n"})) == 2


def test_what_the_table_holds_is_never_said(tmp_path: Path) -> None:
    assert not any("random" in line.replace("/dev/random", "") for line in seeded(tmp_path, SEED))
    action = WriteNode("/dev/random", Secret(b"canary"))
    assert "canary" not in f"{action} {action!r} {action.fields()}"
    assert "6" not in str(action.fields())


def test_without_a_table_nothing_is_done(tmp_path: Path) -> None:
    assert seeded(tmp_path, {"/dev/random": "", BOOT: "first\n"}) == []


def test_a_machine_that_does_not_run_is_not_seeded(tmp_path: Path) -> None:
    host = machine(tmp_path, SEED, offline=True)
    assert actions(acpi_entropy.Entropy(host).ensure_seeded()) == []
