# SPDX-License-Identifier: Apache-2.0
"""D2 for NVMe: local disks by the model of their controller, never a remote one."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.api import Disk
from osdrivers.errors import UnsafeRefused
from osdrivers.host import Completed
from osdrivers.parts import vmbus
from osdrivers.parts.block_devices import Disks
from osdrivers.parts.sfdisk import Sfdisk
from tests.osdrivers.parts.answering import Answer, machine, shown
from tests.osdrivers.parts.test_sysfs_disks import GIB, disk, mountinfo

LOCAL = "Microsoft NVMe Direct Disk v2           \n"
OLDER = "Microsoft NVMe Direct Disk              \n"
REMOTE = "MSFT NVMe Accelerator v1.0              \n"


def controller(number: int, model: str, *names: str) -> dict[str, str]:
    base = f"/sys/class/nvme/nvme{number}"
    files = {f"{base}/model": model, **{f"{base}/{name}/": "" for name in names}}
    for at, name in enumerate(names):
        head = name.replace(f"c{number}", "")
        files.update({**disk(head, f"259:{number * 16 + at}"), f"/dev/{head}": ""})
    return files


#: What the tools say of a disk without anything on it.
BLANK: dict[str, Answer] = {
    "sfdisk --help": "--wipe-partitions",
    "sfdisk": Completed(1, "", "does not contain a recognized partition table"),
    "blkid": Completed(2, "", ""),
    "wipefs": "",
    "mkfs.ext4": "",
    "partx": "",
}


def disks(root: Path, *files: dict[str, str], **options: tuple[str, ...]) -> Disks:
    merged = {key: text for each in files for key, text in each.items()}
    host = machine(root, merged, BLANK)
    return Disks(host, vmbus.temporary_disks, (Sfdisk(host),), **options)


def nodes(found: tuple[Disk, ...]) -> list[str]:
    return [each.node for each in found]


SIX = (
    controller(0, REMOTE, "nvme0n1", "nvme0n2", "nvme0n10"),
    controller(10, LOCAL, "nvme10n1"),
    controller(2, LOCAL, "nvme2n1"),
    controller(1, OLDER, "nvme1n1"),
)


def test_local_disks_come_in_the_order_of_their_controllers(tmp_path: Path) -> None:
    found = disks(tmp_path, *SIX).local()
    assert nodes(found) == ["/dev/nvme1n1", "/dev/nvme2n1", "/dev/nvme10n1"]
    assert found[0].size_bytes == 32 * GIB
    assert "Microsoft NVMe Direct Disk" in found[0].evidence


@pytest.mark.parametrize("model", [REMOTE, "", "Microsoft NVMe Direct Disk v3\n", "NVMe Direct"])
def test_no_other_model_is_local(tmp_path: Path, model: str) -> None:
    assert disks(tmp_path, controller(0, model, "nvme0n1", "nvme0n2")).local() == ()


def test_a_machine_without_nvme_has_none(tmp_path: Path) -> None:
    assert disks(tmp_path, disk("sda", "8:0")).local() == ()


def test_a_path_of_a_joined_disk_names_the_disk(tmp_path: Path) -> None:
    assert nodes(disks(tmp_path, controller(3, LOCAL, "nvme3c3n1")).local()) == ["/dev/nvme3n1"]


def test_a_disk_that_a_remote_controller_leads_to_as_well_is_not_local(tmp_path: Path) -> None:
    files = controller(3, LOCAL, "nvme3n1"), controller(4, REMOTE, "nvme3c4n1")
    assert disks(tmp_path, *files).local() == ()


def test_the_root_is_no_temporary_disk_whatever_its_model(tmp_path: Path) -> None:
    root = mountinfo("259:16 / ext4 /dev/nvme1n1")
    assert "/dev/nvme1n1" not in nodes(disks(tmp_path, *SIX, root).local())


def test_the_table_of_models_can_be_another(tmp_path: Path) -> None:
    files = controller(0, "QEMU NVMe Ctrl\n", "nvme0n1")
    assert disks(tmp_path, files).local() == ()
    other = disks(tmp_path, files, local_models=("QEMU NVMe Ctrl",))
    assert nodes(other.local()) == ["/dev/nvme0n1"]


def test_they_are_not_the_resource_disk(tmp_path: Path) -> None:
    assert disks(tmp_path, *SIX).resource() is None


def test_the_partition_of_one_is_p1_and_a_blank_one_is_prepared(tmp_path: Path) -> None:
    part = disks(tmp_path, *SIX)
    local = part.local()[0]
    assert part.partition(local) == "/dev/nvme1n1p1"
    lines = shown(part.ensure_prepared(local, "ext4"))
    assert any(line.endswith("az_resource /dev/nvme1n1p1") for line in lines)


def test_a_blank_disk_that_nothing_shows_to_be_temporary_is_refused(tmp_path: Path) -> None:
    part = disks(tmp_path, *SIX)
    with pytest.raises(UnsafeRefused, match="nothing shows that it is temporary"):
        shown(part.ensure_prepared(Disk("/dev/nvme0n2", 32 * GIB), "ext4"))
