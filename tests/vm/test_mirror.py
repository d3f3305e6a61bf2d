# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from lab.vm import mirror
from osdrivers.errors import NotFound

STANZAS = """\
Types: deb
# a remark between the fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""
LINES = """\
# deb http://remark.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-security main # trailing
deb http://other.example/apt stable main
"""


def machine(root: Path, files: dict[str, str], os_release: str) -> tuple[Path, Path]:
    apt = root / "apt"
    (apt / "sources.list.d").mkdir(parents=True)
    for name, text in files.items():
        (apt / name).write_text(text)
    (root / "os-release").write_text(os_release)
    return apt, root / "os-release"


def test_stanzas_of_the_suite_become_lines(tmp_path: Path) -> None:
    debian = "ID=debian\nVERSION_CODENAME=bookworm\n"
    places = machine(tmp_path, {"sources.list.d/debian.sources": STANZAS}, debian)
    assert mirror.lines(*places) == (
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian bookworm-updates main",
        "deb http://mirror.example/debian-security bookworm-security main",
    )


def test_one_line_entries_are_read_with_their_options(tmp_path: Path) -> None:
    places = machine(tmp_path, {"sources.list": LINES}, "ID=debian\nVERSION_CODENAME=bookworm\n")
    assert mirror.lines(*places) == (
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian bookworm-security main",
    )


def test_another_debian_release_asks_its_own_mirror_for_the_suite(tmp_path: Path) -> None:
    text = "deb http://mirror.example/debian trixie main\n"
    places = machine(tmp_path, {"sources.list": text}, 'ID=debian\nVERSION_CODENAME="trixie"\n')
    assert mirror.lines(*places) == ("deb http://mirror.example/debian bookworm main",)


@pytest.mark.parametrize("os_release", ["ID=ubuntu\nVERSION_CODENAME=noble\n", "ID=debian\n", ""])
def test_a_machine_without_debian_packages_is_told_what_to_do(
    tmp_path: Path, os_release: str
) -> None:
    text = "deb http://archive.example/ubuntu noble main\n"
    places = machine(tmp_path, {"sources.list": text}, os_release)
    with pytest.raises(NotFound, match="--mirror URL"):
        mirror.lines(*places)
