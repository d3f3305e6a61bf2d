# SPDX-License-Identifier: Apache-2.0
"""D1 and D2: who uses which disk, and which is the temporary one, by the kernel's files alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from osdrivers.api import Disk
from osdrivers.errors import Conflict
from osdrivers.host import Host
from osdrivers.parts import vmbus
from osdrivers.parts.block_devices import Disks
from tests.osdrivers.parts.answering import Answer, machine

GIB = 1 << 30
GEN1_OS = "00000000-0000-8899-0000-000000000000"
GEN1_TEMPORARY = "00000000-0001-8899-0000-000000000000"
GEN2_SYSTEM = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
GEN2_DATA = "f8b3781b-1e82-4818-a1c3-63d806ec15bb"


def disk(name: str, number: str, size_gib: int = 32, *parts: str, **more: str) -> dict[str, str]:
    """A disk in /sys/block; ``parts`` are ``name=major:minor``."""
    base = f"/sys/block/{name}"
    files = {
        f"{base}/dev": f"{number}\n",
        f"{base}/size": f"{size_gib * GIB // 512}\n",
        f"{base}/removable": "0\n",
    }
    for part in parts:
        part_name, _, part_number = part.partition("=")
        files[f"{base}/{part_name}/dev"] = f"{part_number}\n"
        files[f"{base}/{part_name}/partition"] = "1\n"
    return {**files, **{f"{base}/{key}": value for key, value in more.items()}}


def stacked(name: str, number: str, *slaves: str) -> dict[str, str]:
    """A device-mapper or md device upon others (disk or disk/partition)."""
    files = disk(name, number)
    for slave in slaves:
        files[f"/sys/block/{name}/slaves/{slave.rpartition('/')[2]}/"] = ""
        files[f"/sys/block/{slave}/holders/{name}/"] = ""
    return files


def vmbus_disk(
    guid: str, lun: int, name: str, *, device: str = "", old: bool = False
) -> dict[str, str]:
    base = f"/sys/bus/vmbus/devices/{device or guid}"
    node = f"block:{name}" if old else f"block/{name}"
    return {
        f"{base}/device_id": f"{{{guid}}}\n",
        f"{base}/host0/target0:0:0/0:0:0:{lun}/{node}/": "",
    }


def mountinfo(*lines: str) -> dict[str, str]:
    """``8:1 / ext4 /dev/sda1 [options]`` each."""
    rows = []
    for line in lines:
        number, target, fs, source, *options = line.split()
        words = options[0] if options else "rw"
        rows.append(f"1 0 {number} / {target} rw - {fs} {source} {words}\n")
    return {"/proc/self/mountinfo": "".join(rows)}


def disks(
    tmp_path: Path,
    *files: Mapping[str, str],
    commands: Mapping[str, Answer] = {},
) -> Disks:
    return Disks(host(tmp_path, *files, commands=commands), vmbus.temporary_disks, ())


def host(
    tmp_path: Path,
    *files: Mapping[str, str],
    commands: Mapping[str, Answer] = {},
) -> Host:
    together = {path: text for each in files for path, text in each.items()}
    return machine(tmp_path, together, commands)


SDA = disk("sda", "8:0", 32, "sda1=8:1", "sda2=8:2")
SDB = disk("sdb", "8:16", 64, "sdb1=8:17")
NVME = disk("nvme0n1", "259:0", 32, "nvme0n1p1=259:1")

# ---------------------------------------------------------------- D1

ROOTS = {
    "partition": ((SDA, SDB, mountinfo("8:1 / ext4 /dev/sda1")), {"/dev/sda"}),
    "second-disk": ((SDA, SDB, mountinfo("8:17 / ext4 /dev/sdb1")), {"/dev/sdb"}),
    "whole-disk": ((SDA, mountinfo("8:0 / ext4 /dev/sda")), {"/dev/sda"}),
    "nvme": ((NVME, SDA, mountinfo("259:1 / xfs /dev/nvme0n1p1")), {"/dev/nvme0n1"}),
    "dev-root": ((SDA, mountinfo("8:1 / ext4 /dev/root")), {"/dev/sda"}),
    "lvm": (
        (SDA, SDB, stacked("dm-0", "253:0", "sda/sda2"), mountinfo("253:0 / xfs /dev/mapper/r")),
        {"/dev/sda"},
    ),
    "lvm-on-two-disks": (
        (SDA, SDB, stacked("dm-0", "253:0", "sda/sda2", "sdb/sdb1"), mountinfo("253:0 / xfs r")),
        {"/dev/sda", "/dev/sdb"},
    ),
    "lvm-in-luks": (
        (
            SDA,
            stacked("dm-0", "253:0", "sda/sda2"),
            stacked("dm-1", "253:1", "dm-0"),
            mountinfo("253:1 / ext4 /dev/mapper/vg-root"),
        ),
        {"/dev/sda"},
    ),
    "md": (
        (SDA, SDB, stacked("md127", "9:127", "sda/sda1", "sdb/sdb1"), mountinfo("9:127 / xfs x")),
        {"/dev/sda", "/dev/sdb"},
    ),
    "multipath": (
        (SDA, SDB, stacked("dm-0", "253:0", "sda", "sdb"), mountinfo("253:0 / xfs /dev/mapper/m")),
        {"/dev/sda", "/dev/sdb"},
    ),
    "btrfs": ((SDA, SDB, mountinfo("0:25 / btrfs /dev/sda2 subvol=/@")), {"/dev/sda"}),
    "btrfs-on-two-disks": (
        (
            SDA,
            SDB,
            mountinfo("0:25 / btrfs /dev/sda2"),
            {"/sys/fs/btrfs/6f-1/devices/sda2/": "", "/sys/fs/btrfs/6f-1/devices/sdb1/": ""},
        ),
        {"/dev/sda", "/dev/sdb"},
    ),
    "overlay": ((SDA, mountinfo("0:30 / overlay overlay")), set()),
    "dm-verity": (
        (
            SDA,
            stacked("dm-0", "254:0", "sda/sda1"),
            mountinfo("8:2 / ext4 /dev/sda2", "254:0 /usr ext4 /dev/mapper/usr"),
        ),
        {"/dev/sda"},
    ),
    "ostree": ((SDA, mountinfo("8:2 /sysroot xfs /dev/sda2", "8:2 / xfs /dev/sda2")), {"/dev/sda"}),
    "offline": ((), set()),
}


@pytest.mark.parametrize("name", sorted(ROOTS))
def test_the_disks_below_the_root_are_found(tmp_path: Path, name: str) -> None:
    files, wanted = ROOTS[name]
    assert disks(tmp_path, *files).root() == frozenset(wanted)


def test_the_disks_below_a_zfs_root_are_those_of_its_pool(tmp_path: Path) -> None:
    said = (
        "rpool\t29.5G\t1.2G\t28.3G\t-\t-\t0%\t4%\t1.00x\tONLINE\t-\n"
        "\t/dev/sda2\t29.5G\t1.2G\t28.3G\t-\t-\t0%\t4.07%\t-\tONLINE\n"
    )
    files = (SDA, SDB, mountinfo("0:27 / zfs rpool/ROOT/default"))
    found = disks(tmp_path, *files, commands={"zpool list -vHPL": said})
    assert found.root() == frozenset({"/dev/sda"})


def test_without_zpool_the_root_is_unknown_but_nothing_fails(tmp_path: Path) -> None:
    assert disks(tmp_path, SDA, mountinfo("0:27 / zfs rpool/ROOT")).root() == frozenset()


@pytest.mark.parametrize(
    "files",
    [
        mountinfo("8:17 /data ext4 /dev/sdb1"),
        mountinfo("0:44 /data btrfs /dev/sdb1"),
        mountinfo("0:44 /data fuse.ntfs-3g /dev/sdb1"),
        {"/proc/swaps": "Filename Type Size Used Priority\n/dev/sdb1 partition 1 0 -2\n"},
        stacked("dm-0", "253:0", "sdb/sdb1"),
        stacked("md0", "9:0", "sdb"),
        stacked("bcache0", "252:0", "sdb/sdb1"),
    ],
    ids=["mount", "btrfs", "fuse", "swap", "lvm", "md", "bcache"],
)
def test_a_disk_with_a_user_is_in_use(tmp_path: Path, files: dict[str, str]) -> None:
    assert disks(tmp_path, SDA, SDB, files).in_use() == frozenset({"/dev/sdb"})


def test_a_name_that_is_a_prefix_of_another_is_another_disk(tmp_path: Path) -> None:
    many = disk("sdba", "66:64", 32, "sdba1=66:65")
    used = disks(tmp_path, SDB, many, mountinfo("66:65 /data ext4 /dev/sdba1")).in_use()
    assert used == frozenset({"/dev/sdba"})


def test_a_partition_fifteen_is_not_partition_one(tmp_path: Path) -> None:
    wide = disk("sdb", "8:16", 64, "sdb1=8:17", "sdb15=8:31")
    found = disks(tmp_path, wide, mountinfo("8:31 /boot vfat /dev/sdb15"))
    assert [each.source for each in found.mounts()] == ["/dev/sdb15"]
    assert found.in_use() == frozenset({"/dev/sdb"})


# ---------------------------------------------------------------- D2


def test_the_temporary_disk_of_generation_1_is_the_second_ide_device(tmp_path: Path) -> None:
    files = (
        SDA,
        SDB,
        mountinfo("8:17 / ext4 /dev/sdb1"),
        vmbus_disk(GEN1_OS, 0, "sdb"),
        vmbus_disk(GEN1_TEMPORARY, 0, "sda"),
    )
    evidence = f"VMBus device {GEN1_TEMPORARY}"
    assert disks(tmp_path, *files).resource() == Disk("/dev/sda", 32 * GIB, evidence)


def test_the_temporary_disk_of_generation_2_is_lun_1_of_the_system_controller(
    tmp_path: Path,
) -> None:
    files = [
        SDA,
        SDB,
        mountinfo("8:1 / ext4 /dev/sda1"),
        vmbus_disk(GEN2_SYSTEM, 0, "sda"),
        vmbus_disk(GEN2_SYSTEM, 1, "sdb"),
        vmbus_disk(GEN2_SYSTEM, 2, "sr0"),
    ]
    for lun in range(8):
        name = f"sd{'cdefghij'[lun]}"
        files += [disk(name, f"8:{32 + 16 * lun}"), vmbus_disk(GEN2_DATA, lun, name)]
    found = disks(tmp_path, *files).resource()
    assert found is not None
    assert found.node == "/dev/sdb"
    assert "0:0:0:1" in found.evidence


@pytest.mark.parametrize("guid", [GEN1_TEMPORARY, GEN2_SYSTEM])
def test_the_layout_of_old_kernels_is_understood(tmp_path: Path, guid: str) -> None:
    lun = 1 if guid == GEN2_SYSTEM else 0
    files = (SDB, vmbus_disk(guid, lun, "sdb", device="vmbus_0_5", old=True))
    found = disks(tmp_path, *files).resource()
    assert found is not None
    assert found.node == "/dev/sdb"


def test_in_the_old_layout_the_lun_counts_too(tmp_path: Path) -> None:
    files = (SDB, vmbus_disk(GEN2_SYSTEM, 0, "sdb", device="vmbus_0_5", old=True))
    assert disks(tmp_path, *files).resource() is None


def test_an_empty_directory_is_no_disk(tmp_path: Path) -> None:
    base = f"/sys/bus/vmbus/devices/{GEN1_TEMPORARY}"
    files = {f"{base}/device_id": GEN1_TEMPORARY, f"{base}/host0/target0:0:0/0:0:0:0/block/": ""}
    assert disks(tmp_path, SDA, files).resource() is None


@pytest.mark.parametrize(
    "files",
    [
        (),
        (SDA, mountinfo("8:1 / ext4 /dev/sda1"), vmbus_disk(GEN1_OS, 0, "sda")),
        (NVME, disk("nvme1n1", "259:5"), mountinfo("259:1 / xfs /dev/nvme0n1p1")),
        (SDB, vmbus_disk(GEN2_DATA, 1, "sdb")),
    ],
    ids=["nothing", "no-temporary-disk", "nvme-only", "data-disk-at-lun-1"],
)
def test_a_size_without_temporary_disk_has_none(
    tmp_path: Path, files: tuple[dict[str, str], ...]
) -> None:
    assert disks(tmp_path, *files).resource() is None


def test_the_root_disk_is_never_taken(tmp_path: Path) -> None:
    files = (SDB, mountinfo("8:17 / ext4 /dev/sdb1"), vmbus_disk(GEN1_TEMPORARY, 0, "sdb"))
    assert disks(tmp_path, *files).resource() is None


def test_a_disk_below_a_logical_root_is_never_taken(tmp_path: Path) -> None:
    files = (
        SDB,
        stacked("dm-0", "253:0", "sdb/sdb1"),
        mountinfo("253:0 / ext4 /dev/mapper/root"),
        vmbus_disk(GEN1_TEMPORARY, 0, "sdb"),
    )
    assert disks(tmp_path, *files).resource() is None


@pytest.mark.parametrize("name", ["small", "removable"])
def test_what_no_temporary_disk_can_be_is_not_taken(tmp_path: Path, name: str) -> None:
    files = disk("sdb", "8:16", 1)
    files["/sys/block/sdb/removable" if name == "removable" else "/sys/block/sdb/size"] = "1\n"
    assert disks(tmp_path, files, vmbus_disk(GEN1_TEMPORARY, 0, "sdb")).resource() is None


def test_two_candidates_are_a_conflict_that_names_both(tmp_path: Path) -> None:
    files = (SDA, SDB, vmbus_disk(GEN1_TEMPORARY, 0, "sda"), vmbus_disk(GEN2_SYSTEM, 1, "sdb"))
    with pytest.raises(Conflict, match="/dev/sda, /dev/sdb"):
        disks(tmp_path, *files).resource()


def test_a_link_of_udev_that_names_another_disk_is_a_conflict(tmp_path: Path) -> None:
    link = {"/dev/sda": "", "/dev/disk/azure/resource": "-> ../../sda"}
    with pytest.raises(Conflict, match="/dev/sda, /dev/sdb"):
        disks(tmp_path, SDA, SDB, vmbus_disk(GEN1_TEMPORARY, 0, "sdb"), link).resource()


def test_a_link_of_udev_that_agrees_is_none(tmp_path: Path) -> None:
    link = {"/dev/sdb": "", "/dev/disk/azure/resource": "-> ../../sdb"}
    found = disks(tmp_path, SDA, SDB, vmbus_disk(GEN1_TEMPORARY, 0, "sdb"), link).resource()
    assert found is not None


def test_a_mounted_temporary_disk_is_still_the_temporary_disk(tmp_path: Path) -> None:
    files = (SDB, mountinfo("8:17 /mnt ext4 /dev/sdb1"), vmbus_disk(GEN1_TEMPORARY, 0, "sdb"))
    found = disks(tmp_path, *files)
    assert found.resource() is not None
    assert found.in_use() == frozenset({"/dev/sdb"})


def test_another_place_of_sysfs_is_read(tmp_path: Path) -> None:
    files = {
        path.replace("/sys/", "/fake/"): text
        for each in (SDB, vmbus_disk(GEN1_TEMPORARY, 0, "sdb"))
        for path, text in each.items()
    }
    elsewhere = machine(tmp_path, files).with_places(sysfs="/fake")
    assert Disks(elsewhere, vmbus.temporary_disks, ()).resource() is not None


def test_no_command_is_needed_to_find_it(tmp_path: Path) -> None:
    here = host(tmp_path, SDB, vmbus_disk(GEN1_TEMPORARY, 0, "sdb"))
    Disks(here, vmbus.temporary_disks, ()).resource()
    assert vars(here.commands)["calls"] == []
