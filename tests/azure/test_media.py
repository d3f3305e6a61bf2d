# SPDX-License-Identifier: Apache-2.0
"""Drives are directories, mounting is entering one; the files are real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable

import pytest

from agentcore.azure.media import Medium, read_media
from agentcore.azure.retry import ONCE, RetryPolicy
from osdrivers.errors import CommandFailed, InvalidInput, NotFound
from osdrivers.host import Host
from tests.azure.samples import ovf
from tests.azure.servers import PretendClock

PATIENT = RetryPolicy(deadline_s=60, first_s=1, factor=2, cap_s=5, jitter=0)


class Bay:
    """Drives below a directory: a missing directory is an empty drive."""

    def __init__(self, root: Path, *names: str) -> None:
        self.host = Host(str(root))
        self.root = root
        self.names = list(names)
        self.mounted: list[str] = []
        self.broken: set[str] = set()
        self.looked = 0
        self.each_look: Callable[[], None] = lambda: None

    def insert(self, name: str, file: str = "ovf-env.xml", data: bytes = b"") -> None:
        (self.root / name).mkdir()
        (self.root / name / file).write_bytes(data or ovf())

    def drives(self) -> list[str]:
        self.looked += 1
        self.each_look()
        return [f"/dev/{name}" for name in self.names]

    @contextmanager
    def opened(self, device: str) -> Iterator[str]:
        name = device.rpartition("/")[2]
        if name in self.broken:
            raise CommandFailed(("mount", device), 32, "wrong fs type")
        if not (self.root / name).is_dir():
            raise NotFound(f"{device} has no disc in it")
        self.mounted.append(name)
        try:
            yield f"/{name}"
        finally:
            self.mounted.remove(name)

    def read(self, retry: RetryPolicy = ONCE) -> Medium:
        self.clock = PretendClock()
        return read_media(self.drives, self.opened, self.host.read_bytes, retry, self.clock)


def test_the_document_is_read_and_the_disc_let_go(tmp_path: Path) -> None:
    bay = Bay(tmp_path, "sr0")
    bay.insert("sr0")
    assert bay.read() == Medium("/dev/sr0", "/sr0/ovf-env.xml", ovf())
    assert bay.mounted == []


def test_the_right_one_of_several_drives_is_found(tmp_path: Path) -> None:
    bay = Bay(tmp_path, "sr0", "sr1", "sr2", "sr3")
    bay.insert("sr1", "meta-data")
    bay.broken.add("sr2")
    bay.insert("sr3")
    assert bay.read().device == "/dev/sr3"
    assert bay.mounted == []


@pytest.mark.parametrize("data", [b"\0", b" \n"])
def test_a_disc_with_an_empty_document_is_passed_over(tmp_path: Path, data: bytes) -> None:
    bay = Bay(tmp_path, "sr0", "sr1")
    bay.insert("sr0", data=data)
    bay.insert("sr1")
    assert bay.read().device == "/dev/sr1"


def test_a_device_that_appears_late_is_waited_for(tmp_path: Path) -> None:
    bay = Bay(tmp_path)

    def appear() -> None:
        if bay.looked == 3:
            bay.names.append("sr0")
            bay.insert("sr0")

    bay.each_look = appear
    assert bay.read(PATIENT).device == "/dev/sr0"
    assert bay.clock.waits == [1, 2]


def test_a_disc_that_is_inserted_late_is_waited_for(tmp_path: Path) -> None:
    bay = Bay(tmp_path, "sr0")
    bay.each_look = lambda: bay.insert("sr0") if bay.looked == 2 else None
    assert bay.read(PATIENT).device == "/dev/sr0"


def test_no_drive_at_all_is_one_clear_error(tmp_path: Path) -> None:
    bay = Bay(tmp_path)
    with pytest.raises(NotFound, match=r"no provisioning disc.*no drive for it.*--ovf") as caught:
        bay.read(PATIENT)
    assert type(caught.value) is NotFound
    assert not caught.value.retryable
    assert bay.clock.now_s == 60
    assert "\n" not in str(caught.value)


def test_the_error_has_each_drives_own_reason(tmp_path: Path) -> None:
    bay = Bay(tmp_path, "sr0", "sr1", "sr2")
    bay.insert("sr1", "meta-data")
    bay.broken.add("sr2")
    with pytest.raises(NotFound) as caught:
        bay.read()
    text = str(caught.value)
    assert "/dev/sr0: /dev/sr0 has no disc in it" in text
    assert "/dev/sr1: ovf-env.xml: No such file or directory" in text
    assert "/dev/sr2: mount exited with 32: wrong fs type" in text


def test_each_failed_attempt_is_told(tmp_path: Path) -> None:
    bay = Bay(tmp_path)
    lines: list[str] = []
    policy = RetryPolicy(deadline_s=1, first_s=1, jitter=0)
    with pytest.raises(NotFound):
        read_media(
            bay.drives, bay.opened, bay.host.read_bytes, policy, PretendClock(), told=lines.append
        )
    assert lines == ["there is no drive for it; looking again in 1.0 s"]


def test_an_error_that_is_not_of_a_drive_is_not_waited_out(tmp_path: Path) -> None:
    bay = Bay(tmp_path)

    def refuse() -> None:
        raise InvalidInput("a wrong mount point")

    bay.each_look = refuse
    with pytest.raises(InvalidInput):
        bay.read(PATIENT)
    assert bay.clock.waits == []
