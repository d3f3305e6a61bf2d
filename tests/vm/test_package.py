# SPDX-License-Identifier: Apache-2.0
"""The package as a layer of an image, as far as it can be seen without building one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.vm.cache import Cache
from lab.vm.package import NAME, Package, deb
from osdrivers.errors import CommandFailed, NotFound


@pytest.fixture
def tree(tmp_path: Path, source: Path) -> Path:
    """What a package is made of, in small."""
    made = tmp_path / "tree"
    for name in ("agentcore", "osdrivers", "conf", "packaging", "docs/man", "lab"):
        (made / name).mkdir(parents=True)
        (made / name / "file").write_text(name)
    for name in ("setup.cfg", "README.md", "NEWS.md", "LICENSE"):
        shutil.copyfile(source / name, made / name)
    return made


def test_only_what_is_in_the_package_has_it_built_anew(tree: Path, tmp_path: Path) -> None:
    package = Package(tree, Cache(tmp_path / "cache"))
    before = package.built_from
    (tree / "lab/file").write_text("changed")
    assert package.built_from == before
    (tree / "conf/file").write_text("changed")
    assert package.built_from != before


def test_a_build_that_fails_is_said_with_its_last_words(tree: Path, tmp_path: Path) -> None:
    (tree / "packaging/build.sh").write_text("#!/bin/sh\necho no such thing >&2\nexit 3\n")
    (tree / "packaging/build.sh").chmod(0o755)
    with pytest.raises(CommandFailed, match="no such thing"):
        Package(tree, Cache(tmp_path / "cache")).debs()


def test_a_package_is_found_by_its_own_name(tmp_path: Path) -> None:
    for name in ("agentcore-conformance_3.0.0.0_all.deb", "agentcore_3.0.0.0_all.deb"):
        (tmp_path / name).write_bytes(b"")
    assert deb(tmp_path, NAME).name == "agentcore_3.0.0.0_all.deb"
    with pytest.raises(NotFound, match="no package waagent"):
        deb(tmp_path, "waagent")
