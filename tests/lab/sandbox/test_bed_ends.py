# SPDX-License-Identifier: Apache-2.0
"""However a bed ends, nothing of it is left: no process, mount, swap or loop device."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from osdrivers.conformance.beds.bed import Bed
from osdrivers.conformance.beds.opened import BedEnded, OpenBed, opened
from osdrivers.conformance.beds.witness import HostState

pytestmark = [pytest.mark.sandbox, pytest.mark.alone]

BED = Bed(disk_bytes=1 << 30)
SWAP = """
set -e
mkfs.ext4 -q -F $1
mkdir -p /mnt/disk; mount $1 /mnt/disk
dd if=/dev/zero of=/mnt/disk/swapfile bs=1M count=8 status=none
chmod 600 /mnt/disk/swapfile; mkswap -q /mnt/disk/swapfile; swapon /mnt/disk/swapfile
"""
LAUNCHER = f"""
import sys
from osdrivers.conformance.beds.opened import Bed, opened
with opened(Bed(disk_bytes=1 << 30)) as bed:
    done = bed.guest.run(("sh", "-c", {SWAP!r}, "sh", bed.disk))
    print(done.status, bed.keeper, done.stderr, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def unchanged_host() -> Iterator[None]:
    before = HostState.first()
    yield
    assert before.differences(HostState.now()) == ()


def says(bed: OpenBed, command: str) -> str:
    ended = bed.guest.run(("sh", "-c", command))
    assert ended.status == 0, ended.stderr
    return ended.stdout


def test_nothing_is_left_after_an_end_in_order(unchanged_host: None) -> None:
    with opened(BED) as bed:
        says(bed, f"set -- {bed.disk}; {SWAP}")
        assert "swapfile" in Path("/proc/swaps").read_text()


def test_nothing_is_left_after_an_exception(unchanged_host: None) -> None:
    with pytest.raises(KeyError), opened(BED):
        raise KeyError


def test_nothing_is_left_after_the_first_process_of_the_guest_was_killed(
    unchanged_host: None,
) -> None:
    with opened(BED) as bed:
        says(bed, f"set -- {bed.disk}; {SWAP}")
        running = bed.guest.start(("sleep", "1000"))
        os.kill(bed.first, signal.SIGKILL)
        with pytest.raises(BedEnded):
            running.wait(60)
        with pytest.raises(BedEnded):
            bed.guest.run(("true",))


def test_nothing_is_left_after_the_keeper_was_killed(unchanged_host: None) -> None:
    with opened(BED) as bed:
        says(bed, f"set -- {bed.disk}; {SWAP}")
        os.kill(bed.keeper, signal.SIGKILL)
        with pytest.raises(BedEnded):
            bed.guest.run(("sleep", "1000"))


def test_the_keeper_cleans_up_after_its_launcher_was_killed(unchanged_host: None) -> None:
    launcher, keeper = _launched()
    ended = os.pidfd_open(keeper) if hasattr(os, "pidfd_open") else None
    launcher.kill()
    launcher.communicate()
    if ended is None:
        pytest.skip("no pidfd_open to wait with")
    assert select.select([ended], [], [], 120)[0]
    os.close(ended)


def test_the_next_start_cleans_up_after_both_were_killed(unchanged_host: None) -> None:
    launcher, keeper = _launched()
    os.kill(launcher.pid, signal.SIGSTOP)  # so that only the next start can clean up
    os.kill(keeper, signal.SIGKILL)
    launcher.kill()
    launcher.communicate()
    assert "swapfile" in Path("/proc/swaps").read_text()
    with opened(Bed()):
        pass


def _launched() -> tuple[subprocess.Popen[str], int]:
    """A launcher in another process, whose guest swaps, and its keeper."""
    launcher = subprocess.Popen(
        (sys.executable, "-c", LAUNCHER),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert launcher.stdout
    words = launcher.stdout.readline().split()
    assert words[0] == "0", words
    return launcher, int(words[1])


def test_beds_that_swap_are_open_one_after_the_other() -> None:
    name = f"swap-of-{os.getpid()}"
    swapping = Bed(disk_bytes=1 << 30, swap_below="/mnt/disk")
    with opened(swapping) as first, ThreadPoolExecutor() as pool:
        second = pool.submit(_swaps_in, swapping)
        says(first, f"set -- {first.disk}; {SWAP.replace('swapfile', name)}")
        assert not second.done()
        assert name in Path("/proc/swaps").read_text()
        os.kill(first.keeper, signal.SIGTERM)
        assert name not in second.result(60)


def _swaps_in(bed: Bed) -> str:
    with opened(bed) as other:
        return says(other, "cat /proc/swaps")
