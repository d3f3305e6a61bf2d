# SPDX-License-Identifier: Apache-2.0
"""The image of the provisioning DVD."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lab.platform import dvd
from osdrivers.errors import FileFailed, InvalidInput

pytestmark = pytest.mark.tools

FILES = {"ovf-env.xml": b"<Environment/>", "Sub Directory/Long.Name-With_Case.txt": b"x" * 5000}
RECOGNITION = 16 * 2048


def descriptors(image: Path) -> set[bytes]:
    area = image.read_bytes()[RECOGNITION : RECOGNITION + 16 * 2048]
    return {area[at + 1 : at + 6] for at in range(0, len(area), 2048)}


@pytest.mark.parametrize("udf", [True, False])
def test_files_come_back_with_their_names(tmp_path: Path, udf: bool) -> None:
    dvd.make(tmp_path / "dvd.iso", FILES, udf=udf)
    names = dvd.unpack(tmp_path / "dvd.iso", tmp_path / "out")
    assert set(names) == set(FILES)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == FILES
    assert (b"NSR02" in descriptors(tmp_path / "dvd.iso")) == udf


def test_a_udf_only_image_has_no_iso_file_system(tmp_path: Path) -> None:
    dvd.make(tmp_path / "dvd.iso", FILES, iso=False)
    found = descriptors(tmp_path / "dvd.iso")
    assert b"NSR02" in found
    assert b"CD001" not in found


def test_image_and_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    image = tmp_path / "dvd.iso"
    image.write_bytes(b"")
    image.chmod(0o600)
    dvd.make(image, FILES)
    dvd.unpack(image, tmp_path / "out")
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (image, tmp_path / "out/ovf-env.xml")]
    assert modes == [0o600, 0o600]


@pytest.mark.parametrize("name", ["/etc/passwd", "../out", "a/../../b", ""])
def test_a_name_outside_the_image_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        dvd.make(tmp_path / "dvd.iso", {name: b""})


def test_an_image_without_file_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        dvd.make(tmp_path / "dvd.iso", FILES, udf=False, iso=False)
    (tmp_path / "zeros").write_bytes(bytes(100000))
    with pytest.raises(InvalidInput):
        dvd.unpack(tmp_path / "zeros", tmp_path)
    with pytest.raises(FileFailed):
        dvd.unpack(tmp_path / "nothing", tmp_path)
