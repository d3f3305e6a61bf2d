# SPDX-License-Identifier: Apache-2.0
"""D3-D6 with the real tools on a real (loop) disk, in a disposable copy of this machine."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from osdrivers.conformance.beds.bed import Bed, File, Share
from osdrivers.conformance.beds.opened import OpenBed, opened

pytestmark = pytest.mark.sandbox

GUEST = Path(__file__).with_name("disk_guest.py")
PROJECT = Path(__file__).parents[3]
DEVICE = "bus/vmbus/devices/temporary"
SIZE = 1 << 29
BED = Bed(
    disk_bytes=SIZE,
    sysfs=(
        File(f"{DEVICE}/device_id", "{00000000-0001-8899-0000-000000000000}\n", 0o444),
        File(
            f"{DEVICE}/host0/target0:0:1/0:0:1:0/block/{{disk}}",
            link="/sys/devices/virtual/block/{disk}",
        ),
    ),
    hidden_sysfs=("bus/vmbus",),
    shared=(Share(str(PROJECT)),),
)


class Guest:
    """A bed with a blank temporary disk."""

    def __init__(self, bed: OpenBed) -> None:
        self.bed = bed

    def status(self, code: str) -> int:
        return self.run(code)[0]

    def __call__(self, code: str) -> dict[str, Any]:
        """Run code with the names of disk_guest.py; what it told."""
        status, stdout, stderr = self.run(code)
        assert status == 0, stderr
        told: dict[str, Any] = json.loads(stdout.splitlines()[-1])
        return told

    def run(self, code: str) -> tuple[int, str, str]:
        """Status, what it told, and its complaints."""
        ended = self.bed.guest.run(
            ("env", f"PYTHONPATH={PROJECT}", sys.executable, str(GUEST), code), timeout_s=120
        )
        return ended.status, ended.stdout, ended.stderr


@contextmanager
def fresh() -> Iterator[Guest]:
    with opened(BED) as bed:
        yield Guest(bed)


@pytest.fixture
def guest() -> Iterator[Guest]:
    with fresh() as each:
        yield each


@pytest.fixture(scope="module")
def lasting() -> Iterator[Guest]:
    """One bed for tests that leave nothing mounted."""
    with fresh() as each:
        yield each


def needs(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            pytest.skip(f"{tool} is not installed")


PREPARE = "lambda: disks.ensure_prepared(disk, {fs!r})"


# ---------------------------------------------------------------- making it usable


@pytest.mark.parametrize("fs", ["ext3", "ext4", "xfs", "btrfs", "vfat"])
@pytest.mark.parametrize("tool", ["sfdisk", "parted"])
def test_a_blank_disk_becomes_one_partition_with_our_label(
    lasting: Guest, fs: str, tool: str
) -> None:
    needs(f"mkfs.{fs}", tool)
    told = lasting(
        f"blank()\ndisks = with_parted(host) if {tool!r} == 'parted' else disks\n"
        "tell(before=disks.inspect(disk).state)\n"
        f"plan = lambda: disks.ensure_prepared(disk, {fs!r})\n"
        "tell(dry=tried(plan, dry=True), real=tried(plan), again=tried(plan))\n"
        "content = disks.inspect(disk)\n"
        "tell(after=content.state, fs=content.fs, partition=content.partition, part=part)\n"
        "tell(blkid=run('blkid', '-p', part), table=run('sfdisk', '-J', disk.node))\n"
    )
    assert told["before"] == "blank"
    assert told["real"]["error"] == ""
    assert told["dry"]["lines"] == told["real"]["lines"]
    assert told["again"]["lines"] == []
    assert (told["after"], told["fs"], told["partition"]) == ("ours", fs, told["part"])
    assert f'TYPE="{fs}"' in told["blkid"]
    assert 'LABEL="az_resource"' in told["blkid"] or 'LABEL="AZ_RESOURCE"' in told["blkid"]
    (row,) = json.loads(told["table"])["partitiontable"]["partitions"]
    assert row["start"] * 512 <= 1 << 20
    assert row["size"] * 512 > SIZE - (4 << 20)


def test_the_chain_of_prepare_mount_readme_is_foretold_and_happens_once(guest: Guest) -> None:
    told = guest(
        "def plan():\n"
        "    yield from disks.ensure_prepared(disk, 'ext4')\n"
        "    yield from disks.ensure_mounted(disk, '/mnt/resource', 'ext4', ('noatime',))\n"
        "    yield from disks.ensure_readme('/mnt/resource', 'lost')\n"
        "tell(dry=tried(plan, dry=True), real=tried(plan), again=tried(plan))\n"
        "found = disks.mounts()[-1]\n"
        "tell(target=found.target, options=found.options)\n"
        "run('umount', '/mnt/resource')\n"
        "def later():\n"
        "    yield from disks.ensure_prepared(disk, 'ext4')\n"
        "    yield from disks.ensure_mounted(disk, '/mnt/resource', 'ext4', ('noatime',))\n"
        "tell(dry2=tried(later, dry=True), real2=tried(later))\n"
        "tell(kept=host.read('/mnt/resource/DATALOSS_WARNING_README.txt'))\n"
    )
    assert told["dry"]["lines"] == told["real"]["lines"]
    assert told["real"]["error"] == ""
    assert told["again"]["lines"] == []
    assert told["target"] == "/mnt/resource"
    assert "noatime" in told["options"]
    assert told["dry2"] == told["real2"]
    assert not any("mkfs" in line for line in told["real2"]["lines"])
    assert told["kept"] == "lost"


def test_ours_with_another_file_system_is_made_anew_unless_it_is_mounted(guest: Guest) -> None:
    told = guest(
        "tried(lambda: disks.ensure_prepared(disk, 'ext4'))\n"
        "tried(lambda: disks.ensure_mounted(disk, '/mnt/resource', 'ext4'))\n"
        "tell(mounted=tried(lambda: disks.ensure_prepared(disk, 'ext3')))\n"
        "run('umount', '/mnt/resource')\n"
        "tell(free=tried(lambda: disks.ensure_prepared(disk, 'ext3')))\n"
        "tell(fs=disks.inspect(disk).fs)\n"
    )
    assert told["mounted"]["error"] == "UnsafeRefused"
    assert told["mounted"]["lines"] == []
    assert "mounted at /mnt/resource" in told["mounted"]["message"]
    assert told["free"]["error"] == ""
    assert told["fs"] == "ext3"


# ---------------------------------------------------------------- what must not be lost

GPT = "label: gpt\\n"
FOREIGN = {
    "ext4-without-table": "run('mkfs.ext4', '-F', '-q', disk.node)",
    "xfs-without-table": "run('mkfs.xfs', '-f', '-q', disk.node)",
    "swap-without-table": "run('mkswap', disk.node)",
    "luks": (
        "Path('/tmp/key').write_text('secret')\n"
        "run('cryptsetup', '-q', 'luksFormat', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations',"
        " '1000', disk.node, '/tmp/key')"
    ),
    "lvm": (
        "run('pvcreate', '--config', 'devices/use_devicesfile=0 global/locking_type=0', "
        "'-ff', '-y', disk.node)"
    ),
    "md-at-the-end": (
        # A superblock of version 1.0: 8 KiB from the end, magic a92b4efc, major version 1.
        "import struct\n"
        "at = disk.size_bytes - 8192 - (disk.size_bytes % 4096)\n"
        "block = bytearray(4096)\n"
        "struct.pack_into('<IIII16s32sQ', block, 0, 0xA92B4EFC, 1, 0, 0, b'u' * 16, b'm' * 32, 1)\n"
        "struct.pack_into('<Q', block, 144, at // 512)\n"
        "words = struct.unpack('<64I', block[:256])\n"
        "sum64 = sum(words)\n"
        "struct.pack_into('<I', block, 216, ((sum64 & 0xFFFFFFFF) + (sum64 >> 32)) & 0xFFFFFFFF)\n"
        "with open(disk.node, 'r+b') as f:\n"
        "    f.seek(at); f.write(block)\n"
    ),
    "plain-dm-crypt": ("with open(disk.node, 'r+b') as f:\n    f.write(os.urandom(4 << 20))"),
    "data-behind-zeros-of-a-sector": (
        "with open(disk.node, 'r+b') as f:\n    f.seek(512 * 100); f.write(b'precious')"
    ),
    "ext4-in-a-partition": (
        f"run('sfdisk', '-q', disk.node, stdin=b'{GPT}size=100M\\n'); "
        "reread(1); run('mkfs.ext4', '-F', '-q', '-L', 'data', part)"
    ),
    "two-partitions": (
        f"run('sfdisk', '-q', disk.node, stdin=b'{GPT}size=100M\\nsize=100M\\n'); reread(1)"
    ),
    "one-unnamed-empty-partition": f"run('sfdisk', '-q', disk.node, stdin=b'{GPT}size=100M\\n')",
    "mbr-with-linux-partition": (
        "run('sfdisk', '-q', disk.node, stdin=b'label: dos\\ntype=83\\n'); "
        "reread(1); run('mkfs.ext4', '-F', '-q', part)"
    ),
    "damaged-gpt-with-a-good-backup": (
        f"run('sfdisk', '-q', disk.node, stdin=b'{GPT}size=100M\\nsize=100M\\n')\n"
        "with open(disk.node, 'r+b') as f:\n"
        "    f.seek(512); f.write(bytes(512))"
    ),
    "luks-in-a-partition-of-our-name": (
        "tried(lambda: disks.ensure_prepared(disk, 'ext4'))\n"
        "Path('/tmp/key').write_text('secret')\n"
        "run('cryptsetup', '-q', 'luksFormat', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations',"
        " '1000', part, '/tmp/key')"
    ),
    "raw-data-in-our-partition": (
        "tried(lambda: disks.ensure_prepared(disk, 'ext4'))\n"
        "run('wipefs', '-q', '-a', part)\n"
        "with open(part, 'r+b') as f:\n"
        "    f.write(os.urandom(4 << 20))"
    ),
    "ntfs-of-another-label": (
        "run('sfdisk', '-q', disk.node, stdin=b'label: dos\\ntype=7\\n')\n"
        "reread(1); run('mkntfs', '-Q', '-F', '-q', '-L', 'Backup', part)"
    ),
    "ntfs-without-table": "run('mkntfs','-Q','-F','-q','-L','Temporary Storage', disk.node)",
    "stock-volume-beside-another": (
        "run('sfdisk', '-q', disk.node, stdin=b'label: dos\\nsize=100M,type=7\\ntype=83\\n')\n"
        "reread(1, 2)\n"
        "run('mkntfs', '-Q', '-F', '-q', '-L', 'Temporary Storage', part)"
    ),
}
TOOLS = {"luks": "cryptsetup", "lvm": "pvcreate", "ntfs": "mkntfs", "stock": "mkntfs"}


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_somebodys_data_is_refused_named_and_untouched(lasting: Guest, name: str) -> None:
    needs(*(tool for start, tool in TOOLS.items() if name.startswith(start)))
    told = lasting(
        f"blank()\n{FOREIGN[name]}\n"
        "run('sync')\n"
        "before = written()\n"
        "content = disks.inspect(disk)\n"
        "tell(state=content.state, what=content.what)\n"
        "tell(plans=[tried(lambda: disks.ensure_prepared(disk, 'ext4')),\n"
        "            tried(lambda: with_parted(host).ensure_prepared(disk, 'ext4'))])\n"
        "tell(same=written() == before)\n"
    )
    assert told["state"] == "foreign"
    assert told["same"]
    for plan in told["plans"]:
        assert (plan["error"], plan["lines"]) == ("UnsafeRefused", [])
        assert told["what"] in plan["message"] or "holds" in plan["message"]


MOUNTED = (
    "run('mkfs.ext4', '-F', '-q', disk.node)\n"
    "os.makedirs('/mnt/data'); run('mount', disk.node, '/mnt/data')\n"
)


def test_a_mounted_disk_is_refused_and_says_where(guest: Guest) -> None:
    told = guest(MOUNTED + "tell(plan=tried(lambda: disks.ensure_prepared(disk, 'ext4')))")
    assert told["plan"]["error"] == "UnsafeRefused"
    assert "/mnt/data" in told["plan"]["message"]
    assert told["plan"]["lines"] == []


def test_a_disk_that_is_swapped_on_is_refused(guest: Guest) -> None:
    told = guest(
        "run('mkswap', disk.node); run('swapon', disk.node)\n"
        "try:\n"
        "    tell(plan=tried(lambda: disks.ensure_prepared(disk, 'ext4')))\n"
        "finally:\n"
        "    run('swapoff', disk.node)\n"
    )
    assert told["plan"]["error"] == "UnsafeRefused"


def test_inspecting_writes_nothing_even_where_it_could_not(guest: Guest) -> None:
    told = guest(
        "run('sfdisk', '-q', disk.node, stdin=b'label: dos\\ntype=7\\n')\n"
        "run('sync'); before = written()\n"
        # Back again, or the next user of the loop device finds it read-only.
        "run('blockdev', '--setro', disk.node)\n"
        "try:\n"
        "    tell(state=disks.inspect(disk).state, parted=with_parted(host).inspect(disk).state)\n"
        "finally:\n"
        "    run('blockdev', '--setrw', disk.node)\n"
        "tell(same=written() == before)\n"
    )
    assert told == {"state": "foreign", "parted": "foreign", "same": True}


# ---------------------------------------------------------------- the volume of the platform

STOCK_MBR = (
    "run('sfdisk', '-q', disk.node, stdin=b'label: dos\\ntype=7\\n')\n"
    "reread(1)\n"
    "run('mkntfs', '-Q', '-F', '-q', '-L', 'Temporary Storage', part)\n"
)
STOCK_GPT = (
    "run('sfdisk', '-q', disk.node, stdin=b'label: gpt\\n"
    "size=16M,type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE\\n"
    "type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\\n')\n"
    "reread(1, 2)\n"
    "run('mkntfs', '-Q', '-F', '-q', '-L', 'Temporary Storage', disk.node + 'p2')\n"
)


@pytest.mark.parametrize("stock", [STOCK_MBR, STOCK_GPT], ids=["mbr", "gpt"])
@pytest.mark.parametrize("tool", ["sfdisk", "parted"])
def test_the_stock_volume_is_replaced(lasting: Guest, stock: str, tool: str) -> None:
    needs("mkntfs", tool)
    told = lasting(
        f"blank()\n{stock}disks = with_parted(host) if {tool!r} == 'parted' else disks\n"
        "tell(before=disks.inspect(disk).state)\n"
        "plan = lambda: disks.ensure_prepared(disk, 'ext4')\n"
        "tell(dry=tried(plan, dry=True), real=tried(plan), again=tried(plan))\n"
        "tell(after=disks.inspect(disk).state, sigs=run('wipefs', '-n', '-p', disk.node))\n"
    )
    assert told["before"] == "stock"
    assert told["real"]["error"] == ""
    assert told["dry"]["lines"] == told["real"]["lines"]
    assert told["again"]["lines"] == []
    assert told["after"] == "ours"


def test_the_stock_volume_is_kept_on_request(guest: Guest) -> None:
    needs("mkntfs")
    told = guest(
        f"{STOCK_MBR}run('sync'); before = written()\n"
        "tell(kept=tried(lambda: disks.ensure_prepared(disk, 'ext4', preserve_stock=True)))\n"
        "tell(ntfs=tried(lambda: disks.ensure_prepared(disk, 'ntfs')))\n"
        "tell(same=written() == before)\n"
    )
    assert told["kept"]["error"] == "UnsafeRefused"
    assert "Temporary Storage" in told["kept"]["message"]
    assert (told["ntfs"]["error"], told["ntfs"]["lines"]) == ("", [])
    assert told["same"]


def test_what_is_not_made_here_is_unsupported_before_anything(guest: Guest) -> None:
    told = guest(
        "for fs in ('ntfs', 'zfs', '', 'ext4; rm'):\n"
        "    tell(**{fs: tried(lambda: disks.ensure_prepared(disk, fs))})"
    )
    for plan in told.values():
        assert (plan["error"], plan["lines"]) == ("Unsupported", [])


# ---------------------------------------------------------------- interruption, missing tools


@pytest.mark.parametrize("tool", ["sfdisk", "parted"])
def test_a_kill_after_any_action_is_made_good_by_the_next_run(tool: str) -> None:
    needs(tool)
    choice = f"disks = with_parted(host) if {tool!r} == 'parted' else disks\n"
    stock = STOCK_MBR if shutil.which("mkntfs", path="/usr/sbin:/sbin") else ""
    plan = (
        f"P = '/mnt/resource/swap-{secrets.token_hex(4)}'\n"
        "def plan():\n"
        "    yield from disks.ensure_prepared(disk, 'ext4')\n"
    )
    rest = (
        "    yield from disks.ensure_mounted(disk, '/mnt/resource', 'ext4')\n"
        "    yield from swap.ensure_file(P, 16, fs='ext4')\n"
    )
    plan += rest if tool == "sfdisk" else ""
    with fresh() as guest:
        lines = guest(f"{choice}{stock}{plan}tell(dry=tried(plan, dry=True))")["dry"]["lines"]
    changes = [at for at, line in enumerate(lines, 1) if not line.startswith("verify")]
    assert len(changes) > 2
    for stop in changes:
        with fresh() as guest:
            until_killed = f"{choice}{stock}{plan}tell(ended=tried(plan, stop_after={stop}))"
            assert guest.run(until_killed)[:2] == (-9, "")
            told = guest(
                f"{choice}{plan}tell(real=tried(plan), again=tried(plan))\n"
                "tell(state=disks.inspect(disk).state, swap=len(swapped(P)))\n"
                "tried(lambda: swap.ensure_off(P))"
            )
            assert told["real"]["error"] == "", f"killed after {stop}: {told['real']['message']}"
            assert told["again"]["lines"] == []
            assert (told["state"], told["swap"]) == ("ours", int(tool == "sfdisk"))


def test_a_missing_tool_is_named_and_the_disk_untouched(guest: Guest) -> None:
    told = guest(
        "before = written()\n"
        "for lacking in ('blkid', 'mkfs.ext4', 'sfdisk'):\n"
        "    host = machine(lacking, *(('parted',) if lacking == 'sfdisk' else ()))\n"
        "    disks = with_sfdisk(host)\n"
        "    tell(**{lacking: tried(lambda: disks.ensure_prepared(disk, 'ext4'))})\n"
        "tell(same=written() == before)\n"
    )
    assert told.pop("same")
    for lacking, plan in told.items():
        assert (plan["error"], plan["lines"]) == ("CommandMissing", [])
        assert lacking in plan["message"]


# ---------------------------------------------------------------- mounting

READY = "tried(lambda: disks.ensure_prepared(disk, 'ext4'))\n"
MOUNT = "lambda: disks.ensure_mounted(disk, '/mnt/resource', 'ext4')"


def test_an_existing_mount_anywhere_is_accepted(guest: Guest) -> None:
    told = guest(
        f"{READY}os.makedirs('/mnt/else'); run('mount', part, '/mnt/else')\n"
        f"tell(plan=tried({MOUNT}))"
    )
    assert (told["plan"]["error"], told["plan"]["lines"]) == ("", [])


def test_a_bind_mount_of_it_counts_and_one_of_another_does_not(guest: Guest) -> None:
    told = guest(
        f"{READY}os.makedirs('/mnt/a'); os.makedirs('/mnt/resource'); os.makedirs('/srv/x')\n"
        "run('mount', '--bind', '/srv/x', '/mnt/a')\n"
        f"tell(plan=tried({MOUNT}), mounted=disks.mounts()[-1].source)"
    )
    assert told["plan"]["error"] == ""
    assert told["mounted"].endswith("p1")


OBSTACLES = {
    "another-mount": ("os.makedirs(M); run('mount', '-t', 'tmpfs', 'none', M)", "Conflict"),
    "link": ("os.symlink('/etc', M)", "Conflict"),
    "file": ("Path(M).write_text('')", "Conflict"),
    "fstab": ("open('/etc/fstab','a').write('/dev/vdz1 '+M+' ext4 rw 0 2\\n')", "UnsafeRefused"),
}


@pytest.mark.parametrize("name", sorted(OBSTACLES))
def test_a_mount_point_with_another_purpose_is_refused(guest: Guest, name: str) -> None:
    make, error = OBSTACLES[name]
    told = guest(f"M = '/mnt/resource'\n{READY}{make}\ntell(plan=tried({MOUNT}))")
    assert (told["plan"]["error"], told["plan"]["lines"]) == (error, [])
    assert "/mnt/resource" in told["plan"]["message"]


def test_a_mount_point_that_is_no_path_is_refused(guest: Guest) -> None:
    told = guest(
        f"{READY}for directory in ('', '/', 'mnt', '/mnt/../etc', '/mnt/a\\nb'):\n"
        "    tell(**{directory: tried(lambda: disks.ensure_mounted(disk, directory, 'ext4'))})\n"
        "tell(option=tried(lambda: disks.ensure_mounted(disk, '/mnt/x', 'ext4', ('a b',))))"
    )
    for plan in told.values():
        assert (plan["error"], plan["lines"]) == ("InvalidInput", [])


def test_mounting_never_formats(guest: Guest) -> None:
    told = guest(
        "with open(disk.node, 'r+b') as f:\n    f.write(os.urandom(1 << 20))\n"
        "before = written()\n"
        f"tell(plan=tried({MOUNT}), same=written() == before)"
    )
    assert told["plan"]["error"] == "CommandFailed"
    assert not any("mkfs" in line for line in told["plan"]["lines"])
    assert told["same"]


# ---------------------------------------------------------------- swap

# The kernel has one table of swap for all namespaces: names that no other bed has.
SWAP = (
    "tried(lambda: disks.ensure_prepared(disk, {fs!r}))\n"
    "tried(lambda: disks.ensure_mounted(disk, '/mnt/resource', {fs!r}))\n"
    "P = '/mnt/resource/{name}'\n"
    "def on(size): return lambda: swap.ensure_file(P, size, fs={fs!r})\n"
)


def swap_code(fs: str) -> str:
    return SWAP.format(fs=fs, name=f"swap-{secrets.token_hex(4)}")


OFF = "\ntried(lambda: swap.ensure_off(P))\n"


@pytest.mark.proves("swap", "no-swap", bed="loop", tools=("mkswap", "swapon", "swapoff"))
@pytest.mark.parametrize("fs", ["ext3", "ext4", "xfs", "btrfs"])
def test_a_swap_file_is_made_resized_and_taken_down(guest: Guest, fs: str) -> None:
    needs(f"mkfs.{fs}")
    told = guest(
        swap_code(fs) + "def state():\n"
        "    found = os.stat(P)\n"
        "    holes = found.st_blocks * 512 < found.st_size\n"
        "    return [swapped(P), oct(found.st_mode & 0o777), holes]\n"
        "tell(dry=tried(on(64), dry=True), made=tried(on(64)), first=state())\n"
        "tell(again=[tried(on(64)) for _ in range(5)])\n"
        "tell(grown=tried(on(96)), second=state(), shrunk=tried(on(32)), third=state())\n"
        "tell(off=tried(lambda: swap.ensure_off(P)), left=len(swapped(P)))\n"
        "tell(gone=not os.path.exists(P), off2=tried(lambda: swap.ensure_off(P)))\n"
    )
    assert told["made"]["error"] == told["grown"]["error"] == told["shrunk"]["error"] == ""
    assert told["dry"]["lines"] == told["made"]["lines"]
    for key, mib in (("first", 64), ("second", 96), ("third", 32)):
        (size_kib,), mode, holes = told[key]
        assert mib * 1024 * 0.9 < size_kib < mib * 1024  # blocks of 1 KiB scatter some pages
        assert (mode, holes) == ("0o600", False)
    assert all(plan["lines"] == [] for plan in told["again"])
    assert (told["left"], told["gone"], told["off2"]["lines"]) == (0, True, [])


#: What a kill in the middle of writing leaves, then a fresh process.
KILLED = (
    "child = os.fork()\n"
    "if not child:\n"
    "    import threading\n"
    "    filling = next(a for a in on(96)() if isinstance(a, (FillFile, FillWithoutCow)))\n"
    "    threading.Thread(target=filling.apply, args=(host,), daemon=True).start()\n"
    "    while not os.path.exists(P) or os.stat(P).st_size == 0: pass\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
    "os.waitpid(child, 0)\n"
)


@pytest.mark.parametrize("fs", ["ext3", "ext4", "xfs", "btrfs"])
def test_a_swap_file_that_was_being_filled_is_made_whole(guest: Guest, fs: str) -> None:
    needs(f"mkfs.{fs}")
    told = guest(
        swap_code(fs) + KILLED + "tell(killed=os.path.exists(P), plan=tried(on(64)))\n"
        "tell(active=swapped(P), again=tried(on(64)))" + OFF
    )
    assert told["killed"]
    assert told["plan"]["error"] == ""
    assert 64 * 1024 * 0.9 < told["active"][0] < 64 * 1024
    assert told["again"]["lines"] == []


@pytest.mark.parametrize("fs", ["ext3", "ext4", "xfs", "btrfs"])
def test_a_partly_written_swap_file_is_made_whole(guest: Guest, fs: str) -> None:
    needs(f"mkfs.{fs}")
    told = guest(
        swap_code(fs) + "with open(P, 'wb') as f: f.write(bytes(1 << 20)); f.truncate(64 << 20)\n"
        "tell(plan=tried(on(64)), active=swapped(P))" + OFF
    )
    assert told["plan"]["error"] == ""
    assert 64 * 1024 * 0.9 < told["active"][0] < 64 * 1024


#: Ways to lose the mount by which the kernel knows a swap file.
LOST = {
    "unmounted-lazily": (
        "tried(on(64)); run('umount', '-l', '/mnt/resource')\n"
        "tried(lambda: disks.ensure_mounted(disk, '/mnt/resource', FS))\n"
    ),
    "namespace-gone": (
        "run('umount', '/mnt/resource')\n"
        "code = f\"run('mount', part, '/mnt/resource'); tried(lambda: swap.ensure_file({P!r}, 64,"
        ' fs={FS!r}))"\n'
        "run('unshare', '--mount', sys.executable, sys.argv[0], code)\n"
        "tried(lambda: disks.ensure_mounted(disk, '/mnt/resource', FS))\n"
    ),
}


@pytest.mark.parametrize(
    ("fs", "way"),
    [(fs, "unmounted-lazily") for fs in ("ext3", "ext4", "xfs", "btrfs")]
    + [("ext4", "namespace-gone")],
)
def test_a_swap_file_is_known_though_its_mount_is_gone(guest: Guest, fs: str, way: str) -> None:
    needs(f"mkfs.{fs}")
    told = guest(
        swap_code(fs) + f"FS = {fs!r}\n{LOST[way]}"
        "tell(named=swapped(P), other=[a.path for a in swap.active()], again=tried(on(64)))\n"
        "tell(grown=tried(on(96)), size=os.stat(P).st_size, mine=swapped(P))\n"
        "tell(off=tried(lambda: swap.ensure_off(P)), left=len(swap.active()), path=P)\n"
    )
    assert told["named"] == []
    assert told["path"].replace("/mnt/resource", "") in told["other"]
    assert told["again"] == {"lines": [], "error": "", "message": ""}
    assert (told["grown"]["error"], told["size"]) == ("", 96 << 20)
    assert len(told["mine"]) == 1
    assert (told["off"]["error"], told["left"]) == ("", len(told["other"]) - 1)


def test_other_swap_is_left_alone(guest: Guest) -> None:
    told = guest(
        swap_code("ext4") + "Q = P + '-other'\n"
        "host.fill(Q, 16 << 20, allocate=True); run('mkswap', Q); run('swapon', Q)\n"
        "tried(on(32)); tried(lambda: swap.ensure_off(P))\n"
        "tell(kept=Q in [a.path for a in swap.active()]); run('swapoff', Q)\n"
    )
    assert told["kept"]


def test_a_swap_file_that_would_fill_the_disk_is_refused(guest: Guest) -> None:
    told = guest(swap_code("ext4") + "tell(plan=tried(on(470)), there=os.path.exists(P))")
    assert told["plan"]["error"] == "NoSpace"
    assert "MiB are free" in told["plan"]["message"]
    assert not told["there"]


def test_a_second_run_after_a_reboot_is_foretold_though_the_disk_is_not_mounted(
    guest: Guest,
) -> None:
    told = guest(
        swap_code("ext4") + "tried(on(64)); run('swapoff', P); run('umount', '/mnt/resource')\n"
        "def plan():\n"
        "    yield from disks.ensure_prepared(disk, 'ext4')\n"
        "    yield from disks.ensure_mounted(disk, '/mnt/resource', 'ext4')\n"
        "    yield from swap.ensure_file(P, 64, fs='ext4')\n"
        "tell(dry=tried(plan, dry=True), real=tried(plan), again=tried(plan))\n"
        "tell(active=len(swapped(P)))" + OFF
    )
    assert told["dry"] == told["real"]
    assert not any("mkfs" in line for line in told["real"]["lines"])
    assert told["again"]["lines"] == []
    assert told["active"] == 1


REFUSED = {
    "'/mnt/s', 64, fs='tmpfs'": "Unsupported",
    "'/mnt/s', 64, fs='ntfs'": "Unsupported",
    "'/mnt/s', 64, fs='ext4', encrypted=True": "Unsupported",
    "'/mnt/s', 0, fs='ext4'": "InvalidInput",
    "'/mnt/s', -1, fs='ext4'": "InvalidInput",
    "'mnt/s', 64, fs='ext4'": "InvalidInput",
    "'/mnt/../s', 64, fs='ext4'": "InvalidInput",
}


def test_swap_that_cannot_be_is_refused_before_anything(guest: Guest) -> None:
    code = "".join(
        f"tell(**{{{call!r}: tried(lambda: swap.ensure_file({call}))}})\n" for call in REFUSED
    )
    told = guest(code)
    assert {call: plan["error"] for call, plan in told.items()} == REFUSED
    assert not any(plan["lines"] for plan in told.values())
