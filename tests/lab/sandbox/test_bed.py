# SPDX-License-Identifier: Apache-2.0
"""A bed: what the guest sees, and that nothing of it stays, however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from osdrivers.conformance.beds.bed import Bed, File, Share
from osdrivers.conformance.beds.opened import OpenBed, opened
from osdrivers.conformance.beds.witness import HostState
from osdrivers.errors import CommandTimeout, OperationError

pytestmark = [pytest.mark.sandbox, pytest.mark.alone]

FAR = "168.63.129.16"
BLOCK = "devices/{disk}-is-here/block/{disk}"
BED = Bed(
    hostname="guest1",
    fabric=(FAR,),
    disk_bytes=2 << 30,
    sysfs=(
        File(f"bus/vmbus/{BLOCK}", link="/sys/devices/virtual/block/{disk}"),
        File("bus/vmbus/devices/one/device_id", "{0}\n", 0o444),
    ),
    hidden_sysfs=("bus/vmbus", "bus/platform"),
    files=(File("/etc/new", "made\n", 0o640), File("/etc/hostname", "guest1\n")),
    removed=("/etc/ssh", "/etc/does-not-exist"),
    shared=(Share(str(Path(__file__).parent)), Share("/etc", "/srv/etc-of-host")),
)


@pytest.fixture(scope="module")
def bed() -> Iterator[OpenBed]:
    with opened(BED) as each:
        yield each


@pytest.fixture
def unchanged_host() -> Iterator[None]:
    before = HostState.first()
    yield
    assert before.differences(HostState.now()) == ()


def says(bed: OpenBed, command: str) -> str:
    ended = bed.guest.run(("sh", "-c", command))
    assert ended.status == 0, ended.stderr
    return ended.stdout


def test_the_guest_has_its_own_name_and_the_host_keeps_its(bed: OpenBed) -> None:
    assert says(bed, "hostname; echo other >/proc/sys/kernel/hostname; hostname") == (
        "guest1\nother\n"
    )
    assert os.uname().nodename not in ("guest1", "other")


def test_the_far_end_is_behind_the_default_route(bed: OpenBed) -> None:
    assert "default via 10.0.0.1 dev eth0" in says(bed, "ip route")
    listen = "import socket; s = socket.create_server(('', 80)); s.accept()[0].send(b'hello')"
    call = (
        f"import socket; s = socket.create_connection(('{FAR}', 80), 60); print(s.recv(9).decode())"
    )
    with bed.fabric.start((sys.executable, "-c", f"{listen}")):
        waiting = "until ss -Hltn sport 80 | grep -q .; do :; done"
        assert bed.fabric.run(("sh", "-c", waiting), timeout_s=60).status == 0
        answer = bed.guest.run((sys.executable, "-c", call))
    assert answer.stdout == "hello\n", answer.stderr


def test_the_host_has_no_route_to_what_exists_in_a_bed(bed: OpenBed) -> None:
    local = subprocess.run(("ip", "-o", "address"), capture_output=True, text=True, check=True)
    assert FAR not in local.stdout and "10.0.0.4" not in local.stdout


def test_what_the_guest_writes_stays_in_its_copy(bed: OpenBed) -> None:
    says(bed, "echo x >>/etc/passwd; rm /etc/group; mkdir /home/somebody; touch /var/tmp/x")
    assert not Path("/home/somebody").exists()
    assert "\nx\n" not in Path("/etc/passwd").read_text()
    changed = sorted(os.listdir(f"{bed.upper['']}/etc"))
    assert {"group", "hostname", "new", "passwd", "ssh"} <= set(changed)


def test_files_are_written_and_removed_before_the_guest_starts(bed: OpenBed) -> None:
    assert says(bed, "stat -c %a /etc/new; cat /etc/new; ls /etc/ssh || true") == "640\nmade\n"


def test_the_scratch_directory_is_for_the_host_only(bed: OpenBed) -> None:
    found = os.stat(bed.scratch)
    device = f" {os.major(found.st_dev)}:{os.minor(found.st_dev)} "
    assert device not in says(bed, "cat /proc/self/mountinfo")


def test_the_guest_runs_nothing_but_what_it_is_told_to(bed: OpenBed) -> None:
    pids = says(bed, "ls -d /proc/[0-9]*; true").split()
    assert len(pids) == 2  # the first process and sh
    assert says(bed, "ls /run") == "lock\n"


def test_the_guest_can_do_its_host_no_harm(bed: OpenBed) -> None:
    for command in (
        "mknod /var/tmp/node b 254 0",
        "date -s 2020-01-01",
        "echo 1 >/proc/sys/vm/drop_caches",
        "echo s >/proc/sysrq-trigger",
        "echo x >/sys/kernel/uevent_seqnum",
        f"touch {Path(__file__).parent}/x",
    ):
        assert bed.guest.run(("sh", "-c", command)).status != 0, command
    nodes = says(bed, "find /dev -type b")
    assert set(nodes.split()) == {bed.disk}
    capabilities = int(says(bed, "grep CapEff /proc/self/status").split()[1], 16)
    assert not capabilities & (1 << 27 | 1 << 16 | 1 << 25)


def test_sysfs_shows_the_guests_interfaces_and_what_was_added(bed: OpenBed) -> None:
    assert says(bed, "ls /sys/class/net").split() == ["eth0", "lo"]
    assert says(bed, "cat /sys/bus/vmbus/devices/one/device_id") == "{0}\n"
    assert says(bed, "cat /sys/bus/vmbus/devices/*/block/*/size").strip() == str((2 << 30) // 512)
    assert bed.guest.run(("ls", "/sys/bus/platform")).status != 0


def test_directories_of_the_host_are_shared_where_wanted(bed: OpenBed) -> None:
    assert says(bed, f"ls {Path(__file__).parent}").split().count("test_bed.py") == 1
    assert says(bed, "ls /srv/etc-of-host/passwd").strip() == "/srv/etc-of-host/passwd"


def test_a_disc_is_mounted_read_only_from_its_drive(bed: OpenBed, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/side").write_text("disc\n")
    bed.insert("/dev/sr0", "/media/disc", str(tmp_path))
    assert says(bed, "cat /media/disc/in/side; grep /media/disc /proc/mounts").startswith(
        "disc\n/dev/sr0 /media/disc tmpfs ro,"
    )
    assert bed.guest.run(("touch", "/media/disc/x")).status != 0


def test_nodes_of_partitions_come_and_go_with_the_partitions(bed: OpenBed) -> None:
    node, disk = f"{bed.disk}p1", bed.disk
    appears = f"until [ -b {node} ]; do :; done"
    goes = f"while [ -b {node} ]; do :; done"
    says(bed, f"echo type=linux | sfdisk -q --label gpt {disk}; partx --update {disk}")
    assert bed.guest.run(("sh", "-c", appears), timeout_s=60).status == 0
    assert says(bed, f"stat -c %a {node}") == "660\n"
    says(bed, f"wipefs -qa {disk}; partx --delete {disk} 2>/dev/null || true")
    assert bed.guest.run(("sh", "-c", goes), timeout_s=60).status == 0


def test_cpu_time_of_a_program_is_told_apart_from_that_of_its_tools(bed: OpenBed) -> None:
    busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    alone = bed.guest.run(("sh", "-c", busy))
    tool = bed.guest.run(("sh", "-c", f"sh -c '{busy}'; true"))
    assert alone.own_cpu_s > alone.tools_cpu_s == 0
    assert tool.tools_cpu_s > tool.own_cpu_s


def test_input_output_and_status_come_through(bed: OpenBed) -> None:
    ended = bed.guest.run(("sh", "-c", "cat; echo no >&2; exit 3"), stdin=b"yes\n")
    assert (ended.status, ended.stdout, ended.stderr) == (3, "yes\n", "no\n")
    assert bed.guest.run(("sh", "-c", "kill -TERM $$")).status == -signal.SIGTERM
    missing = bed.guest.run(("no-such-program",))
    assert missing.status == 127 and "no-such-program" in missing.stderr


def test_a_program_that_does_not_end_is_killed(bed: OpenBed) -> None:
    with pytest.raises(CommandTimeout):
        bed.guest.run(("sleep", "1000"), timeout_s=0.05)
    assert bed.guest.run(("pgrep", "-x", "sleep")).stdout == ""


def test_a_program_can_be_killed_by_a_signal(bed: OpenBed) -> None:
    with bed.guest.start(("sleep", "1000")) as sleeping:
        assert sleeping.running()
        sleeping.signal(signal.SIGKILL)
        assert sleeping.wait(60).status == -signal.SIGKILL


def test_a_tree_other_than_the_machines_own_can_be_the_root(
    tmp_path: Path, unchanged_host: None
) -> None:
    root = tmp_path / "a:tree,with=marks"
    for program in ("sh", "cat", "ls"):
        _install(shutil.which(program) or "", root)
    (root / "etc").mkdir()
    (root / "etc/issue").write_text("another system\n")
    with opened(Bed(root=str(root), files=(File("/etc/new", "x"),))) as bed:
        assert says(bed, "cat /etc/issue; echo y >/etc/issue") == "another system\n"
        assert says(bed, "ls /etc") == "issue\nnew\n"
    assert (root / "etc/issue").read_text() == "another system\n"
    assert os.listdir(root / "etc") == ["issue"]


def _install(program: str, root: Path) -> None:
    """Copy a program and its libraries."""
    listed = subprocess.run(("ldd", program), capture_output=True, text=True, check=True)
    for path in [program, *re.findall(r"(/\S+) \(", listed.stdout)]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def test_a_root_that_is_not_there_is_an_error_of_one_line(
    tmp_path: Path, unchanged_host: None
) -> None:
    with (
        pytest.raises(OperationError, match="nowhere") as raised,
        opened(Bed(root=str(tmp_path / "nowhere"))),
    ):
        pass
    assert "\n" not in str(raised.value)
