# SPDX-License-Identifier: Apache-2.0
"""Which machines, with which driver, and which operations a run is about."""

from __future__ import annotations

import importlib
import operator
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .. import loader
from ..api import Driver
from ..host import Host
from ..identity import detect
from .choice import REAL, chosen, given_root, real_tree, why_not
from .described import DESCRIPTION
from .trial import Build

_SYSTEMS = pytest.StashKey[Mapping[str, tuple[Path, tuple[str, ...]]]]()
_DRIVERS = pytest.StashKey[tuple[tuple[str, Driver], ...]]()


def machines(config: pytest.Config) -> dict[str, Path]:
    """Captured machines by name: below ``--root``, else below the project's tests/machines."""
    return machines_below(given_root(config)) if "pretend" in chosen(config) else {}


def machines_below(top: Path) -> dict[str, Path]:
    """The captured machine at ``top``, or those in it."""
    if (top / DESCRIPTION).is_file():
        return {top.name: top}
    if not top.is_dir():
        return {}
    return {each.name: each for each in sorted(top.iterdir()) if (each / DESCRIPTION).is_file()}


class Builds:
    """The driver that ``--driver`` names, else the one that detection chooses, once a machine."""

    def __init__(self, override: str = "") -> None:
        self._override = override
        self._known = loader.entries()

    def of(self, name: str, root: str) -> Build:
        """What builds the driver of the machine whose tree is at ``root``."""
        host = Host(root, assume_tools=True)
        identity = detect(host)
        chosen = loader.load(host, identity, self._override, known=self._known).choice
        module, _, function = (self._override or chosen.entry.target).partition(":")
        build: Build = operator.attrgetter(function)(importlib.import_module(module))
        return build


def builds(config: pytest.Config) -> Builds:
    return Builds(config.getoption("--driver"))


def systems(config: pytest.Config) -> Mapping[str, tuple[Path, tuple[str, ...]]]:
    """What is tried, by name: where its tree is, and the beds for it."""
    if _SYSTEMS not in config.stash:
        config.stash[_SYSTEMS] = dict(_systems(config))
    return config.stash[_SYSTEMS]


def _systems(config: pytest.Config) -> Iterator[tuple[str, tuple[Path, tuple[str, ...]]]]:
    for name, path in machines(config).items():
        yield name, (path, ("pretend",))
    beds = tuple(bed for bed in chosen(config) if bed in REAL and not why_not(bed))
    if beds:
        tree = real_tree(config)
        identity = detect(Host(os.fspath(tree), assume_tools=True))
        yield f"real-{identity.id}-{identity.version}".rstrip("-"), (tree, beds)


def drivers_of(config: pytest.Config) -> tuple[tuple[str, Driver], ...]:
    """Each system with its driver, which is built on the files as they lie there."""
    if _DRIVERS not in config.stash:
        chosen = builds(config)
        config.stash[_DRIVERS] = tuple(
            (name, chosen.of(name, os.fspath(path))(Host(os.fspath(path), assume_tools=True)))
            for name, (path, _) in systems(config).items()
        )
    return config.stash[_DRIVERS]
