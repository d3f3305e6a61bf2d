# SPDX-License-Identifier: Apache-2.0
"""The trees that ``make beds`` made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable

import pytest

from lab.beds import tree
from lab.beds.description import described
from osdrivers.errors import NotFound


@pytest.fixture(scope="session")
def made() -> Callable[[str], Path]:
    """The root of a tree by its name; the test is skipped where it was not made."""

    def found(name: str) -> Path:
        try:
            return tree.kept(described(name))
        except NotFound as error:
            pytest.skip(str(error))

    return found


@pytest.fixture
def copied(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a tree that a test may change."""

    def copy(name: str) -> Path:
        root = tmp_path / name
        shutil.copytree(made(name), root, symlinks=True)
        return root

    return copy
