# SPDX-License-Identifier: Apache-2.0
"""Which beds a run is on, and why it is not on the others."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from .described import DESCRIPTION

#: Name -> what it is.
BEDS: Mapping[str, str] = {
    "pretend": "a captured machine, and commands that edit it",
    "root": "a disposable copy of a root tree, changed by its own tools",
    "network": "the same, with a DHCP server at the other end of its cable",
    "loop": "the same, with a loop device as its temporary disk",
    "booted": "a container that boots its own init",
    "vm": "a virtual machine",
}
#: Those on which the clauses meet the real tools of the tree that ``--root`` names.
REAL = ("root", "network", "loop")
#: Those that are somebody else's to run.
_ELSEWHERE: Mapping[str, str] = {
    "booted": "the kit has no such bed yet",
    "vm": "the lab runs it: make vm",
}


def given_root(config: pytest.Config) -> Path:
    """What ``--root`` names; the project's captured machines when it does not."""
    given = config.getoption("--root")
    return Path(given) if given else config.rootpath / "tests" / "machines"


def is_real_tree(top: Path) -> bool:
    """Whether it is the root of a system, and not a captured machine, nor several."""
    return (top / "etc").is_dir() and (top / "usr").is_dir() and not (top / DESCRIPTION).exists()


def real_tree(config: pytest.Config) -> Path:
    """The tree for the real beds: what ``--root`` names if it is one, else this machine's."""
    top = given_root(config)
    return top if is_real_tree(top) else Path("/")


def chosen(config: pytest.Config) -> tuple[str, ...]:
    """The beds of this run: those of ``--bed``, else what ``--root`` is good for."""
    given: list[str] = config.getoption("--bed")
    unknown = [bed for bed in given if bed not in BEDS]
    if unknown:
        raise pytest.UsageError(f"--bed: no bed {unknown[0]!r}: {', '.join(BEDS)}")
    return tuple(given) or (("root",) if is_real_tree(given_root(config)) else ("pretend",))


def why_not(bed: str) -> str:
    """What a bed lacks here, "" when it can be made."""
    if bed in _ELSEWHERE:
        return _ELSEWHERE[bed]
    if os.geteuid() != 0:
        return "needs root: accounts own files, and namespaces are made"
    if bed == "pretend":
        return ""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if bed == "loop" and not os.path.exists("/dev/loop-control"):
        return "needs loop devices: /dev/loop-control is not there"
    if bed == "network" and not shutil.which("dnsmasq", path="/usr/sbin:/sbin:/usr/bin"):
        return "needs dnsmasq, the server at the other end"
    return ""


def not_tried(config: pytest.Config, tried: frozenset[str]) -> Mapping[str, str]:
    """Every bed on which nothing was tried, and why."""
    on = chosen(config)
    return {
        bed: f"{what}: " + (why_not(bed) or (_UNSELECTED if bed in on else f"--bed {bed} tries it"))
        for bed, what in BEDS.items()
        if bed not in tried
    }


_UNSELECTED = "no clause and operation of this run is for it"
