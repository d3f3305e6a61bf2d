# SPDX-License-Identifier: Apache-2.0
"""C1-C3: drives, discs, and giving them back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from osdrivers.actions import Mount
from osdrivers.api import Drive
from osdrivers.errors import AgentError, CommandFailed, CommandMissing, NotFound, Unsupported
from osdrivers.executor import Event, Task, carry_out
from osdrivers.host import Completed, Host
from osdrivers.parts.optical import Drives
from tests.osdrivers.parts.answering import Answer, machine, shown

SR0 = {
    "/sys/block/sr0/device/type": "5\n",
    "/sys/block/sr0/device/model": "Virtual CD/ROM  \n",
    "/sys/block/sr0/size": "2048\n",
    "/sys/block/sr0/dev": "11:0\n",
    "/dev/sr0": "x" * 4096,
}
SR1 = {path.replace("sr0", "sr1"): text for path, text in SR0.items()}
DISK = {"/sys/block/vdb/device/type": "0\n", "/sys/block/vdb/size": "2048\n", "/dev/vdb": ""}
DRIVE = Drive("/dev/sr0", "Virtual CD/ROM")
PRIVATE = "/run/disc"
POINT = f"{PRIVATE}/media"
UDF = '/dev/sr0: LABEL="rd_rdfe" TYPE="udf" USAGE="filesystem"\n'
NOTHING = Completed(2)
NO_MEDIUM = Completed(2, "", "blkid: error: /dev/sr0: No medium found")


def drives(root: Path, files: Mapping[str, str] = SR0, **commands: Answer) -> Drives:
    host = machine(root, {PRIVATE + "/": "", "/run/": "", **files}, {"mount": "", **commands})
    if (root / "run/disc").exists():
        (root / "run/disc").chmod(0o700)
    return Drives(host)


# ---------------------------------------------------------------- C1


def test_only_drives_are_listed_whatever_other_disks_are_called(tmp_path: Path) -> None:
    assert drives(tmp_path, {**SR1, **SR0, **DISK}).list() == (
        DRIVE,
        Drive("/dev/sr1", "Virtual CD/ROM"),
    )


def test_a_drive_of_an_old_ide_driver_is_listed(tmp_path: Path) -> None:
    files = {"/sys/block/hdc/size": "0\n", "/proc/ide/hdc/media": "cdrom\n"}
    files |= {"/sys/block/hda/size": "9\n", "/proc/ide/hda/media": "disk\n"}
    assert drives(tmp_path, files).list() == (Drive("/dev/hdc"),)


def test_no_drive_is_an_answer(tmp_path: Path) -> None:
    assert drives(tmp_path, {}).list() == ()
    assert Drives(machine(tmp_path, offline=True)).list() == ()


# ---------------------------------------------------------------- C2: asking


@pytest.mark.parametrize(
    ("size", "blkid", "node", "wanted"),
    [
        ("2048", UDF, "x", True),
        ("0", UDF, "x", False),
        ("2097151", NO_MEDIUM, "", False),
        ("2048", Completed(2), "x", True),
        ("2048", Completed(2), "", False),
        ("2048", None, "x", True),
        ("2048", None, "", False),
    ],
)
def test_a_medium_is_seen(
    tmp_path: Path, size: str, blkid: Answer | None, node: str, wanted: bool
) -> None:
    files = {**SR0, "/sys/block/sr0/size": f"{size}\n", "/dev/sr0": node}
    commands = {} if blkid is None else {"blkid": blkid}
    assert drives(tmp_path, files, **commands).has_medium(DRIVE) is wanted


def test_where_it_is_mounted_already_is_found(tmp_path: Path) -> None:
    table = "1 0 11:0 / /mnt/cdrom/secure ro - udf /dev/sr0 ro\n"
    assert drives(tmp_path, {**SR0, "/proc/self/mountinfo": table}).mounted(DRIVE) == (
        "/mnt/cdrom/secure"
    )
    assert drives(tmp_path / "other").mounted(DRIVE) == ""


# ---------------------------------------------------------------- C2: mounting


def tried(host: Host, plan: Any) -> tuple[list[str], AgentError | None]:
    lines: list[str] = []

    def observe(event: Event) -> None:
        if event.status == "started":
            lines.append(str(event.action))

    (outcome,) = carry_out([Task("disc", plan)], host, observe)
    return lines, outcome.error


def with_mount(*works: str, blkid: Answer = NOTHING, error: str = "") -> dict[str, Answer]:
    """mount(8) that knows some types of file system."""

    class Told(dict[str, Answer]):
        def get(self, words: str, default: Any = None) -> Any:
            if words.startswith("mount -t "):
                said = error or "mount: unknown filesystem type"
                return "" if words.split()[2] in works else Completed(32, "", said)
            return super().get(words, default)

    return Told({"mount": "", "blkid": blkid, "umount": ""})


def host_with(root: Path, commands: dict[str, Answer], **more: str) -> Host:
    host = machine(root, {PRIVATE + "/": "", **SR0, **more}, {})
    (root / "run/disc").chmod(0o700)
    vars(host.commands)["table"] = commands
    return host


def test_a_disc_is_mounted_read_only_and_closed_to_others(tmp_path: Path) -> None:
    plan = shown(drives(tmp_path, blkid=UDF).ensure_mounted(DRIVE, POINT))
    assert plan == [
        f"mkdir  {POINT} 0700",
        f"mount  -t udf -o ro,nosuid,nodev,noexec /dev/sr0 {POINT}",
    ]


def test_a_directory_above_is_made_private(tmp_path: Path) -> None:
    plan = shown(drives(tmp_path, blkid=UDF).ensure_mounted(DRIVE, "/mnt/cdrom/secure"))
    assert plan[:2] == ["mkdir  /mnt/cdrom 0700", "mkdir  /mnt/cdrom/secure 0700"]


@pytest.mark.parametrize(
    ("type", "closed"),
    [
        ("udf", "uid=0,gid=0,mode=0400,dmode=0500"),
        ("iso9660", "uid=0,gid=0,mode=0400,dmode=0500"),
        ("vfat", "uid=0,gid=0,umask=0277"),
    ],
)
def test_below_an_open_directory_the_files_are_closed(
    tmp_path: Path, type: str, closed: str
) -> None:
    found = drives(tmp_path, blkid=UDF.replace("udf", type))
    (tmp_path / "mnt").mkdir(mode=0o755)
    plan = list(found.ensure_mounted(DRIVE, "/mnt/disc"))
    assert (tmp_path / "mnt").stat().st_mode & 0o777 == 0o755
    (mount,) = [each for each in plan if isinstance(each, Mount)]
    assert ",".join(mount.options) == f"ro,nosuid,nodev,noexec,{closed}"


@pytest.mark.parametrize("works", ["udf", "iso9660", "vfat"])
def test_types_are_tried_one_by_one(tmp_path: Path, works: str) -> None:
    host = host_with(tmp_path, with_mount(works))
    lines, error = tried(host, lambda: Drives(host).ensure_mounted(DRIVE, POINT))
    assert error is None
    order = ("udf", "iso9660", "vfat")
    assert [line.split()[2] for line in lines if line.startswith("mount")] == list(
        order[: order.index(works) + 1]
    )


def test_what_the_disc_says_it_is_comes_first(tmp_path: Path) -> None:
    blkid = '/dev/sr0: TYPE="iso9660"\n'
    host = host_with(tmp_path, with_mount("iso9660", blkid=blkid))
    lines, _ = tried(host, lambda: Drives(host).ensure_mounted(DRIVE, POINT))
    assert [line.split()[2] for line in lines if line.startswith("mount")] == ["iso9660"]


def test_when_none_works_the_error_names_them_and_the_line_that_forbids_it(tmp_path: Path) -> None:
    forbidden = {"/etc/modprobe.d/cis.conf": "# hardening\ninstall udf /bin/true\n"}
    host = host_with(tmp_path, with_mount(), **forbidden)
    lines, error = tried(host, lambda: Drives(host).ensure_mounted(DRIVE, POINT))
    assert isinstance(error, Unsupported)
    assert "udf, iso9660, vfat" in str(error)
    assert "/etc/modprobe.d/cis.conf disables udf" in str(error)
    assert lines[-1] == f"remove {POINT}"
    assert not (tmp_path / "run/disc/media").exists()


def test_a_disc_that_goes_away_meanwhile_is_not_found(tmp_path: Path) -> None:
    host = host_with(tmp_path, with_mount(error="mount: no medium found on /dev/sr0."))
    lines, error = tried(host, lambda: Drives(host).ensure_mounted(DRIVE, POINT))
    assert isinstance(error, NotFound)
    assert sum(line.startswith("mount") for line in lines) == 1
    assert not (tmp_path / "run/disc/media").exists()


def test_an_empty_drive_and_no_drive_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no disc"):
        shown(drives(tmp_path, blkid=NO_MEDIUM).ensure_mounted(DRIVE, POINT))
    with pytest.raises(NotFound, match="no drive"):
        shown(drives(tmp_path).ensure_mounted(Drive("/dev/sr7"), POINT))


def test_a_missing_mount_is_named_before_anything(tmp_path: Path) -> None:
    found = Drives(machine(tmp_path, SR0, {"blkid": UDF}))
    with pytest.raises(CommandMissing, match="mount"):
        shown(found.ensure_mounted(DRIVE, POINT))


def test_a_disc_that_is_mounted_needs_nothing(tmp_path: Path) -> None:
    table = "1 0 11:0 / /media/disc ro - udf /dev/sr0 ro\n"
    found = drives(tmp_path, {**SR0, "/proc/self/mountinfo": table}, blkid=UDF)
    assert shown(found.ensure_mounted(DRIVE, POINT)) == []


# ---------------------------------------------------------------- C2: unmounting, C3

MOUNTED = {"/proc/self/mountinfo": f"1 0 11:0 / {POINT} ro - udf /dev/sr0 ro\n", POINT + "/": ""}


def test_unmounting_removes_the_directory_too(tmp_path: Path) -> None:
    found = drives(tmp_path, {**SR0, **MOUNTED}, umount="")
    assert shown(found.ensure_unmounted(POINT)) == [f"umount {POINT}", f"remove {POINT}"]


def test_unmounting_what_is_not_mounted_needs_nothing(tmp_path: Path) -> None:
    assert shown(drives(tmp_path).ensure_unmounted(POINT)) == []


def test_a_busy_disc_is_taken_from_the_tree_at_least(tmp_path: Path) -> None:
    plan = drives(tmp_path, {**SR0, **MOUNTED}).ensure_unmounted(POINT)
    assert str(next(plan)) == f"umount {POINT}"
    busy = CommandFailed(("umount", POINT), 32, "target is busy")
    assert str(plan.throw(busy)) == f"run    umount --lazy {POINT}"


@pytest.mark.parametrize(
    ("files", "commands", "line"),
    [
        ({}, {"eject": ""}, "run    eject /dev/sr0"),
        ({"/lib/udev/cdrom_id": ""}, {}, "run    /lib/udev/cdrom_id --eject-media /dev/sr0"),
        ({}, {}, ""),
    ],
)
def test_a_disc_is_ejected_with_what_there_is(
    tmp_path: Path, files: dict[str, str], commands: dict[str, Answer], line: str
) -> None:
    found = drives(tmp_path, {**SR0, **files}, blkid=UDF, **commands)
    assert "".join(shown(found.ensure_ejected(DRIVE))) == line


def test_an_empty_drive_is_not_ejected_again(tmp_path: Path) -> None:
    assert shown(drives(tmp_path, eject="", blkid=NO_MEDIUM).ensure_ejected(DRIVE)) == []
