# SPDX-License-Identifier: Apache-2.0
"""Disks, swap, drives, and random bytes: D1 to D10, C1 to C3, B3."""

from __future__ import annotations

import pytest

from osdrivers.api import Disk, Drive, Driver
from osdrivers.conformance.bench import Bench
from osdrivers.conformance.box import Box
from osdrivers.conformance.catalogue.storage import DISC, MOUNT_POINT, SWAP_FILE
from osdrivers.errors import InvalidInput, NotFound, UnsafeRefused

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "root", "network", "loop")


def _of_the_root(driver: Driver) -> Disk:
    return Disk(sorted(driver.disks.root())[0], 1 << 30)


@pytest.mark.operation("disk")
@pytest.mark.bed("pretend")  # the root of a bed lies on no disk
def test_d1_d2_the_temporary_disk_is_not_that_of_the_root(bench: Bench) -> None:
    disks = bench.fresh().driver().disks
    resource = disks.resource()
    assert resource is not None and resource.size_bytes > 0
    assert disks.root()
    assert resource.node not in disks.root()
    assert disks.root() <= disks.in_use()
    assert resource not in disks.local()


@pytest.mark.operation("disk")
def test_d3_d4_the_disk_is_ours_when_it_is_prepared_and_unformatted_nothing_else(
    bench: Bench,
) -> None:
    before = bench.fresh().driver()
    disk = before.disks.resource()
    assert disk is not None
    assert before.disks.inspect(disk).state in ("blank", "stock", "ours")
    after = bench.after().disks
    assert after.inspect(disk).state == "ours"


@pytest.mark.operation("disk")
@pytest.mark.bed("pretend")  # the root of a bed lies on no disk
@pytest.mark.untouched
def test_d4_the_disk_of_the_root_is_never_written(bench: Bench) -> None:
    fs = "ufs" if bench.fresh().driver().host.exists("/sbin/newfs") else "ext4"
    bench.refuses(UnsafeRefused, lambda d: d.disks.ensure_prepared(_of_the_root(d), fs))


@pytest.mark.operation("local-disks")
def test_d2_d4_local_disks_are_ours_afterwards_and_are_no_others(bench: Bench) -> None:
    disks = bench.after().disks
    local = disks.local()
    assert {disks.inspect(disk).state for disk in local} <= {"ours"}
    assert not {disk.node for disk in local} & disks.root()
    assert len({disks.partition(disk) for disk in local}) == len(local)


@pytest.mark.operation("entropy")
def test_b3_the_table_went_into_the_pool_where_there_is_one(bench: Bench) -> None:
    host = bench.after().host
    table = host.read_bytes(f"{host.places.sysfs}/firmware/acpi/tables/OEM0", b"")
    assert host.read_bytes(f"{host.places.devices}/random", b"") == table


@pytest.mark.operation("entropy")
def test_b3_without_a_table_nothing_is_done(bench: Bench) -> None:
    trial = bench.fresh()
    table = f"{trial.driver().host.places.sysfs}/firmware/acpi/tables/OEM0"
    Box(trial.root).remove(table)
    ran = trial.run(bench.operation)
    assert (ran.error, ran.lines) == (None, [])


@pytest.mark.operation("mounted")
def test_d5_the_partition_is_mounted_there_once(bench: Bench) -> None:
    driver = bench.after()
    targets = [mount.target for mount in driver.disks.mounts()]
    assert targets.count(_shown(driver, MOUNT_POINT)) == 1


def _shown(driver: Driver, path: str) -> str:
    """As the kernel shows it: /mnt is a link on some systems."""
    return "/" + driver.host.locate(path, follow=True)[len(driver.host.root) :].strip("/")


@pytest.mark.operation("readme")
def test_d6_the_warning_is_there(bench: Bench) -> None:
    host = bench.after().host
    texts = [host.read(path) for path in host.glob(f"{MOUNT_POINT}/*.txt")]
    assert sum("All of it may go.\n" in text for text in texts) == 1


@pytest.mark.operation("swap")
def test_d7_the_file_is_private_and_swapped_on_once(bench: Bench) -> None:
    before = len(bench.fresh().driver().swap.active())
    driver = bench.after()
    status = driver.host.status(SWAP_FILE)
    assert status is not None and status.mode & 0o7777 == 0o600
    assert abs(status.size - (1 << 20)) <= 4096 or status.size == 1 << 20
    assert len(driver.swap.active()) == before + 1


@pytest.mark.operation("swap")
@pytest.mark.untouched
def test_d7_a_size_or_a_path_that_is_none_is_refused(bench: Bench) -> None:
    bench.refuses(InvalidInput, lambda d: d.swap.ensure_file(SWAP_FILE, 0, fs="ext4"))
    bench.refuses(InvalidInput, lambda d: d.swap.ensure_file("swapfile", 1, fs="ext4"))


@pytest.mark.operation("no-swap")
def test_d8_nothing_is_swapped_on_the_file_and_it_is_gone(bench: Bench) -> None:
    driver = bench.after()
    assert not driver.host.exists(SWAP_FILE)
    assert SWAP_FILE not in {space.path for space in driver.swap.active()}


@pytest.mark.operation("disk-timeout")
def test_d10_every_disk_has_the_timeout_and_a_wrong_one_is_refused(bench: Bench) -> None:
    timeouts = bench.after().devices.timeouts()
    assert timeouts and set(timeouts.values()) == {300}
    bench.refuses_each(
        InvalidInput, (0, -1, 3601), lambda d, seconds: d.devices.ensure_timeout(seconds)
    )


@pytest.mark.operation("disk-timeout")
def test_d9_a_reason_is_given_exactly_where_it_cannot_hibernate(bench: Bench) -> None:
    answer = bench.fresh().driver().devices.hibernation()
    assert answer.capable == (not answer.reasons)


@pytest.mark.operation("disc")
def test_c1_c2_the_disc_is_mounted_below_a_private_directory(bench: Bench) -> None:
    driver = bench.after()
    drive = driver.drives.list()[0]
    target = _shown(driver, DISC)
    assert driver.drives.mounted(drive) == target
    mount = next(mount for mount in driver.disks.mounts() if mount.target == target)
    closed = {"ro", "nosuid", "noexec"}  # a device outside devfs opens nothing on FreeBSD
    assert closed | (set() if driver.host.exists("/sbin/newfs") else {"nodev"}) <= set(
        mount.options
    )
    status = driver.host.status(DISC)
    assert status is not None and status.kind == "directory"
    assert list(driver.drives.ensure_mounted(drive, "/mnt/elsewhere")) == []


@pytest.mark.operation("disc")
@pytest.mark.untouched
def test_c2_a_drive_that_is_not_there_is_not_found(bench: Bench) -> None:
    bench.refuses(NotFound, lambda d: d.drives.ensure_mounted(Drive("/dev/no-such-drive"), DISC))


@pytest.mark.operation("disc")
@pytest.mark.untouched
def test_c1_the_list_is_stable_and_has_each_drive_once(bench: Bench) -> None:
    drives = bench.fresh().driver().drives
    nodes = [each.node for each in drives.list()]
    assert nodes and nodes == [each.node for each in drives.list()]
    assert len(set(nodes)) == len(nodes)
    assert drives.mounted(drives.list()[0]) == ""


@pytest.mark.operation("no-disc")
def test_c2_it_is_unmounted_and_the_directory_is_gone(bench: Bench) -> None:
    driver = bench.after()
    assert driver.drives.mounted(driver.drives.list()[0]) == ""
    assert not driver.host.exists(DISC)


@pytest.mark.operation("eject")
def test_c3_an_empty_drive_cannot_be_mounted(bench: Bench) -> None:
    driver = bench.after()
    drive = driver.drives.list()[0]
    if driver.drives.has_medium(drive) is not False:
        pytest.skip("this system cannot say whether the tray is empty, or it stays shut")
    with pytest.raises(NotFound):
        for action in driver.drives.ensure_mounted(drive, DISC):
            action.apply(driver.host)
