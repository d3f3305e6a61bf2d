# SPDX-License-Identifier: Apache-2.0
"""What the descriptions say, and what their identity files choose, without making a tree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.beds.description import DESCRIPTIONS, MACHINES, Description, described, names
from osdrivers import loader
from osdrivers.errors import InvalidInput
from osdrivers.host import Host


def identity(description: Description, root: Path) -> None:
    """Lay down the files of a description, but not its packages."""
    for path in description.take:
        source = MACHINES / description.machine / path
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, root / path)
    for path, lines in description.files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("name", [each for each in names() if each != "debian"])
def test_its_identity_chooses_the_driver_that_it_is_described_with(
    name: str, tmp_path: Path
) -> None:
    description = described(name)
    identity(description, tmp_path)
    chosen = loader.load(Host(str(tmp_path))).driver
    assert chosen.name == description.driver


def test_every_family_has_a_tree() -> None:
    assert {described(name).driver for name in names()} >= {
        *("debian", "ubuntu", "rhel", "suse", "alpine", "devuan", "arch", "azurelinux"),
        *("flatcar", "linux"),
    }


def test_no_name_begins_with_another() -> None:
    """The cache keeps what begins alike together."""
    for name in names():
        assert not [each for each in names() if each.startswith(f"{name}-")]


def test_words_about_a_tree_do_not_make_it_anew(tmp_path: Path) -> None:
    said = json.loads((DESCRIPTIONS / "devuan.json").read_text())
    for changes, same in (({"about": "?"}, True), ({"packages": ["zip"]}, False)):
        (tmp_path / "devuan.json").write_text(json.dumps({**said, **changes}))
        changed = described("devuan", tmp_path)
        assert (changed.key == described("devuan").key) is same


def test_a_key_that_means_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.json").write_text(json.dumps({"about": "", "driver": "", "package": []}))
    with pytest.raises(InvalidInput, match="package"):
        described("some", tmp_path)


def test_a_tree_that_is_not_described_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no such tree"):
        described("plan9")
