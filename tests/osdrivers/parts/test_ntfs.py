# SPDX-License-Identifier: Apache-2.0
"""D6: a look into the platform's volume before it is overwritten."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from osdrivers.errors import CommandFailed, UnsafeRefused
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host
from osdrivers.parts import ntfs
from tests.osdrivers.parts.answering import machine, shown

KERNEL = {"/proc/sys/kernel/osrelease": "6.1.0-18-cloud-amd64\n"}
WITH_NTFS3 = {**KERNEL, "/proc/filesystems": "nodev\ttmpfs\n\text4\n\tntfs3\n"}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, ""),
        ({"/proc/filesystems": "\text4\n"}, ""),
        (WITH_NTFS3, "ntfs3"),
        (
            {
                **KERNEL,
                "/lib/modules/6.1.0-18-cloud-amd64/modules.dep": "a/fs/ntfs3/ntfs3.ko.xz: x\n",
            },
            "ntfs3",
        ),
        (
            {
                **KERNEL,
                "/lib/modules/6.1.0-18-cloud-amd64/modules.dep": "kernel/fs/ntfs/ntfs.ko:\n",
            },
            "ntfs",
        ),
        ({"/sbin/mount.ntfs-3g": "", "/dev/fuse": ""}, "ntfs-3g"),
        ({"/sbin/mount.ntfs-3g": ""}, ""),
    ],
)
def test_what_can_read_it_is_found_by_files(
    tmp_path: Path, files: dict[str, str], wanted: str
) -> None:
    assert ntfs.driver(machine(tmp_path, files)) == wanted


def test_where_nothing_can_read_it_nothing_is_done(tmp_path: Path) -> None:
    assert shown(ntfs.ensure_no_files(machine(tmp_path, KERNEL), "/dev/sdb1")) == []


def test_it_is_mounted_read_only_and_taken_down_again(tmp_path: Path) -> None:
    assert shown(ntfs.ensure_no_files(machine(tmp_path, WITH_NTFS3), "/dev/sdb1")) == [
        "mkdir  /run/temporary-storage 0700",
        "mount  -t ntfs3 -o ro,nosuid,nodev,noexec /dev/sdb1 /run/temporary-storage",
        "verify nobody's files are on /dev/sdb1",
        "umount /run/temporary-storage",
        "remove /run/temporary-storage",
    ]


def test_where_mounting_fails_the_label_has_to_do(tmp_path: Path) -> None:
    plan = ntfs.ensure_no_files(machine(tmp_path, WITH_NTFS3), "/dev/sdb1")
    next(plan)
    next(plan)
    assert str(plan.throw(CommandFailed(("mount",), 32, "hibernated"))).startswith("remove")
    assert list(plan) == []


@pytest.mark.parametrize(
    ("names", "clean"),
    [
        ((), True),
        (("DATALOSS_WARNING_README.txt", "System Volume Information", "$RECYCLE.BIN"), True),
        (("dataloss_warning_readme.txt",), True),
        (("DATALOSS_WARNING_README.txt", "thesis.doc"), False),
    ],
)
def test_files_of_somebody_are_named_and_the_volume_is_taken_down(
    tmp_path: Path, names: tuple[str, ...], clean: bool
) -> None:
    files = {f"/run/temporary-storage/{name}": "" for name in names}
    host = machine(tmp_path, {**WITH_NTFS3, **files}, {"mount": "", "umount": ""})
    (outcome,) = carry_out(
        [Task("look", lambda: ntfs.ensure_no_files(host, "/dev/sdb1"))], host, lambda event: None
    )
    assert vars(host.commands)["calls"][-1] == "umount /run/temporary-storage"
    if not clean:
        assert isinstance(outcome.error, UnsafeRefused)
        assert "thesis.doc" in str(outcome.error)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[str]:
    """A real NTFS volume on a loop device, by ntfs-3g."""
    if not (shutil.which("mkntfs", path="/usr/sbin:/sbin") and os.path.exists("/dev/fuse")):
        pytest.skip("ntfs-3g is not installed")
    image = tmp_path / "image"
    with image.open("wb") as stream:
        stream.truncate(32 << 20)
    loop = run("losetup", "--find", "--show", str(image))
    try:
        run("mkntfs", "-Q", "-F", "-q", "-L", "Temporary Storage", loop)
        yield loop
    finally:
        run("losetup", "--detach", loop)


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=True)
    return done.stdout.strip()


@pytest.mark.sandbox
def test_a_real_volume_is_looked_into(volume: str, tmp_path: Path) -> None:
    host = Host("/").with_places(run=str(tmp_path / "run"))

    def look() -> Exception | None:
        task = Task("look", lambda: ntfs.ensure_no_files(host, volume))
        (outcome,) = carry_out([task], host, lambda event: None)
        return outcome.error

    if ntfs.driver(host) == "":
        pytest.skip("this kernel cannot read NTFS")
    assert look() is None
    point = tmp_path / "point"
    point.mkdir()
    run("mount", "-t", ntfs.driver(host), volume, str(point))
    (point / "thesis.doc").write_text("years")
    run("umount", str(point))
    assert isinstance(look(), UnsafeRefused)
    assert not (tmp_path / "run/temporary-storage").exists()
