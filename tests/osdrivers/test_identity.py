# SPDX-License-Identifier: Apache-2.0
"""T1: what a machine's files call it, for every system the contract names, and for broken files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from osdrivers import loader
from osdrivers.errors import CommandMissing
from osdrivers.host import Completed, Host, Secret
from osdrivers.identity import Identity, canonical, detect, numbers
from osdrivers.loader import Entry, choose

#: Where the files of the table have their versions; SLES 11 has its service pack on its own line.
VERSION = re.compile(
    r"^(VERSION_ID=[\"\']?[a-z]?|VERSION = |USERLAND_VERSION=\"|[^=\n]*? (?=\d)|(?=\d))[\d.]+",
    re.MULTILINE,
)
CASES = json.loads((Path(__file__).parents[1] / "data" / "identities.json").read_text())


def tree(root: Path, files: dict[str, str]) -> Host:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())
    return Host(str(root))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_system_is_named_by_its_files(tmp_path: Path, case: dict[str, object]) -> None:
    files = case["files"]
    assert isinstance(files, dict)
    found = detect(tree(tmp_path, files))
    said = {
        "id": found.id,
        "version": found.version,
        "like": " ".join(found.like),
        "variant": found.variant,
        "source": found.source,
        "kernel": found.kernel,
    }
    wanted = {
        "version": "",
        "like": "",
        "variant": "",
        "kernel": "linux",
        "source": "/etc/os-release",
    }
    assert said == {**wanted, **{key: case[key] for key in said if key in case}}


def test_more_than_sixty_systems_are_in_the_table() -> None:
    assert len({json.dumps(case["files"]) for case in CASES}) >= 60
    assert len({(case["id"], case.get("version"), case.get("like")) for case in CASES}) >= 60


@pytest.fixture(scope="module")
def known() -> tuple[Entry, ...]:
    ours = ("osdrivers.", "agentcore_freebsd.")
    return tuple(each for each in loader.entries() if each.target.startswith(ours))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_system_gets_its_driver(
    tmp_path: Path, case: dict[str, Any], known: tuple[Entry, ...]
) -> None:
    assert choose(detect(tree(tmp_path, case["files"])), known).entry.name == case["driver"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_version_of_the_far_future_gets_the_newest_driver(
    tmp_path: Path, case: dict[str, Any], known: tuple[Entry, ...]
) -> None:
    files = {path: VERSION.sub(r"\g<1>99999999.9", text) for path, text in case["files"].items()}
    entry = choose(detect(tree(tmp_path, files)), known).entry
    mine = [each for each in known if each.id == entry.id]
    assert entry.since == max(each.since for each in mine)
    before = next(each for each in known if each.name == case["driver"])
    assert entry.id in (before.id, case["id"])


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("12", (12,)),
        ("22.04", (22, 4)),
        ("7 (Core)", (7,)),
        ("12.1.0.1", (12, 1, 0, 1)),
        ("n/sid", ()),
        ("rolling", ()),
        ("", ()),
        ("20240520", (20240520,)),
        ("9" * 5000, (int("9" * 18),) * 6),
    ],
)
def test_a_version_is_compared_as_numbers(version: str, wanted: tuple[int, ...]) -> None:
    assert numbers(version) == wanted


def test_a_hyphen_and_an_underscore_are_the_same_name() -> None:
    assert canonical("SLE_HPC") == canonical("sle-hpc")


HOSTILE = {
    "binary": bytes(range(256)) * 64,
    "nothing": b"",
    "open-quote": b'NAME="Debian\nID=debian\nVERSION_ID=12\n',
    "not-utf8": b'NAME="\xff\xfe"\nID=debian\nVERSION_ID="12"\n',
    "no-keys": b"debian 12\n",
    "nul": b"ID=deb\0ian\n",
    "only-quotes": b"ID=\"\"\nVERSION_ID=''\n",
    "spaces": b"ID =debian\n ID = debian\n",
    "shell": b'ID="$(touch /tmp/pwned)"\n',
    "path": b'ID="../../etc"\n',
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_broken_file_raises_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_bytes(HOSTILE[name])
    found = detect(Host(str(tmp_path)))
    assert all(mark.isalnum() or mark in "-_.+" for mark in found.id)


PLACES = (
    "etc/os-release",
    "usr/lib/os-release",
    "etc/oracle-release",
    "etc/centos-release",
    "etc/redhat-release",
    "etc/SuSE-release",
    "etc/debian_version",
    "etc/alpine-release",
    "etc/arch-release",
    "etc/gentoo-release",
    "bin/freebsd-version",
)
SYSTEMS = {"debian", "alpine", "arch", "gentoo", "rhel", "centos", "oracle", "suse", "freebsd"}


@pytest.mark.parametrize("place", PLACES)
def test_whatever_lies_in_any_of_the_places_raises_nothing(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    seen = set()
    for content in (*HOSTILE.values(), b"\r\n" * 9, b"x" * (1 << 20), b"9." * 99_999):
        path.write_bytes(content)
        seen.add(detect(Host(str(tmp_path))).id)
    path.unlink()
    for target in ("gone", path.name, "/proc/self/mem"):
        path.symlink_to(target)
        seen.add(detect(Host(str(tmp_path))).id)
        path.unlink()
    path.mkdir()
    seen.add(detect(Host(str(tmp_path))).id)
    assert "generic" in seen
    if not place.endswith("os-release"):  # there the file names itself, as one of HOSTILE does
        assert seen <= {"generic", *SYSTEMS}


def test_a_file_that_ends_anywhere_raises_nothing_and_never_names_another(tmp_path: Path) -> None:
    text = 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\nID_LIKE="x y"\n'
    (tmp_path / "etc").mkdir()
    for length in range(len(text) + 1):
        (tmp_path / "etc/os-release").write_text(text[:length])
        found = detect(Host(str(tmp_path)))
        assert "debian".startswith(found.id) or found.id == "generic"
        if "ID=debian" in text[:length]:
            assert (found.id, found.version) == ("debian", "12")


@pytest.mark.parametrize("name", ["open-quote", "not-utf8"])
def test_lines_that_can_be_read_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_bytes(HOSTILE[name])
    found = detect(Host(str(tmp_path)))
    assert found.version == "12"


def test_a_file_of_a_mebibyte_is_read_no_further_than_its_beginning(tmp_path: Path) -> None:
    noise = "".join(f"X{number}=y\n" for number in range(120_000))
    found = detect(
        tree(tmp_path, {"etc/os-release": f"ID=debian\nVERSION_ID=12\n{noise}ID=other\n"})
    )
    assert (found.id, found.version) == ("debian", "12")


def test_a_line_of_a_mebibyte_is_no_name(tmp_path: Path) -> None:
    found = detect(tree(tmp_path, {"etc/os-release": f"NAME={'x' * (1 << 20)}\nID=debian\n"}))
    assert len(found.name) <= 200


def test_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = 'ID=debian\r\nVERSION_ID="12"\r\nID_LIKE=""\r\n'
    found = detect(tree(tmp_path, {"etc/os-release": text}))
    assert (found.id, found.version) == ("debian", "12")


def test_of_a_repeated_key_the_last_counts(tmp_path: Path) -> None:
    found = detect(tree(tmp_path, {"etc/os-release": "ID=debian\nID=ubuntu\nVERSION_ID=1"}))
    assert (found.id, found.version) == ("ubuntu", "1")


def test_a_dangling_link_is_passed_over(tmp_path: Path) -> None:
    host = tree(tmp_path, {"usr/lib/os-release": "ID=arch\n"})
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").symlink_to("../run/gone")
    assert detect(host).source == "/usr/lib/os-release"


def test_links_in_a_circle_are_passed_over(tmp_path: Path) -> None:
    host = tree(tmp_path, {"usr/lib/os-release": "ID=arch\n"})
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").symlink_to("os-release")
    assert detect(host).id == "arch"


def test_an_absolute_link_stays_in_the_root(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("ID=outside\n")
    host = tree(tmp_path / "root", {"usr/lib/os-release": "ID=inside\n"})
    (tmp_path / "root/etc").mkdir()
    (tmp_path / "root/etc/os-release").symlink_to("/usr/lib/os-release")
    assert detect(host).id == "inside"
    (tmp_path / "root/etc/os-release").unlink()
    (tmp_path / "root/etc/os-release").symlink_to(f"{tmp_path}/outside")
    assert detect(host).source == "/usr/lib/os-release"


def test_a_directory_in_its_place_is_passed_over(tmp_path: Path) -> None:
    host = tree(tmp_path, {"etc/os-release/file": "ID=x\n", "usr/lib/os-release": "ID=arch\n"})
    assert detect(host).id == "arch"


def test_an_empty_root_is_generic(tmp_path: Path) -> None:
    assert detect(Host(str(tmp_path))) == Identity("generic")


def test_detection_asks_no_command_where_files_tell(tmp_path: Path) -> None:
    tree(tmp_path, {"etc/os-release": "ID=debian\nVERSION_ID=12\n"})
    assert detect(Host(str(tmp_path), commands=Uname("never"), offline=False)).id == "debian"


class Uname:
    """A machine with one command."""

    def __init__(self, says: str) -> None:
        self.says = says

    def find(self, command: str) -> str:
        return f"/usr/bin/{command}"

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        assert self.says != "never"
        if not self.says:
            raise CommandMissing(argv[0])
        return Completed(0, self.says)


@pytest.mark.parametrize(
    ("says", "id", "version", "kernel"),
    [
        ("FreeBSD 13.2-RELEASE-p4\n", "freebsd", "13.2", "freebsd"),
        ("OpenBSD 7.5\n", "openbsd", "7.5", "openbsd"),
        ("Linux 6.1.0-18-amd64\n", "generic", "", "linux"),
        ("garbage", "generic", "", "linux"),
        ("", "generic", "", "linux"),
    ],
)
def test_a_running_system_without_files_is_named_by_its_kernel(
    tmp_path: Path, says: str, id: str, version: str, kernel: str
) -> None:
    found = detect(Host(str(tmp_path), commands=Uname(says), offline=False))
    assert (found.id, found.version, found.kernel) == (id, version, kernel)


def test_the_kernel_of_this_machine_says_nothing_of_an_image(tmp_path: Path) -> None:
    assert detect(Host(str(tmp_path), commands=Uname("never"))).id == "generic"
