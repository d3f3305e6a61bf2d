# SPDX-License-Identifier: Apache-2.0
"""What is tried: a clause on an operation of a machine, in a bed; and what need not be twice.

A slow clause (``each_part``) is tried on one of several machines on which the same parts do the
same: the same actions on the same files with the same tools, as the undisturbed run shows.  The
report says of the others where it was tried; ``--thorough`` tries it on each.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ..errors import first_line
from ..host import Host
from .bench import Captured
from .box import UnknownUse
from .operation import Operation
from .operations import BY_NAME, OPERATIONS
from .selection import builds, drivers_of, machines, systems

#: (machine, operation) -> clause -> the machine on which it was tried for both.
Shared = dict[tuple[str, str], dict[str, str]]
_CAPTURED = pytest.StashKey[Captured]()
_SHARED = pytest.StashKey[Shared]()


def captured_of(config: pytest.Config) -> Captured:
    """The captured machines of this process, their disks in memory where there is room for it:
    thousands of small files are synchronised.
    """
    if _CAPTURED not in config.stash:
        memory = "/dev/shm"
        upper = memory if os.path.isdir(memory) else None
        directory = tempfile.TemporaryDirectory(prefix="osdrivers-", dir=upper)
        config.add_cleanup(directory.cleanup)
        config.stash[_CAPTURED] = Captured(machines(config), builds(config), Path(directory.name))
        config.add_cleanup(config.stash[_CAPTURED].close)
    return config.stash[_CAPTURED]


def shared_of(config: pytest.Config) -> Shared:
    """What was left out, as far as clauses were collected."""
    return config.stash.setdefault(_SHARED, {})


def _doing(config: pytest.Config, name: str, operation: Operation) -> object:
    """What the operation does there, in the terms by which two machines are alike."""
    if os.geteuid() != 0:
        return ""
    try:
        ran = captured_of(config).undisturbed(name, operation).ran
    except (Exception, UnknownUse) as fault:  # the clauses of this machine will show it
        return (name, first_line(fault))
    return tuple(_shape(event.action) for event in ran.events if event.action is not None)


def _shape(action: Any) -> tuple[str, str]:
    fields: Mapping[str, Any] = action.fields()
    return (str(action.kind), str(fields["argv"][0] if "argv" in fields else fields.get("path")))


def asked_for(config: pytest.Config, machine: str, operation: str) -> bool:
    """Whether ``--operation`` is not given, or names it, for every machine or for this one."""
    given: list[str] = config.getoption("--operation")
    return not given or operation in given or f"{machine}:{operation}" in given


def refuse_unknown_operations(config: pytest.Config) -> None:
    """A name that is nearly right would select nothing, and what is left would hold."""
    for given in config.getoption("--operation"):
        if given.rpartition(":")[2] not in BY_NAME:
            raise pytest.UsageError(f"--operation: no operation {given!r}: {', '.join(BY_NAME)}")


def taking_part(capability: object) -> frozenset[str]:
    """The classes of a capability and of the parts it holds: what its operations may run.

    Two machines with equal ones differ in data alone, so a slow clause is tried on the first.
    """
    found: set[str] = set()
    pending = [capability]
    while pending:
        part = pending.pop()
        kind = f"{type(part).__module__}.{type(part).__qualname__}"
        if isinstance(part, (tuple, list)):
            pending += part
        elif not isinstance(part, Host) and hasattr(part, "__dict__") and kind not in found:
            found.add(kind)
            pending += vars(part).values()
    return frozenset(found)


def cases(metafunc: pytest.Metafunc) -> None:
    """Every machine, and for tests of single operations each operation that it supports."""
    if "operation" not in metafunc.fixturenames:
        found = list(machines(metafunc.config)) or [_nothing("")]
        metafunc.parametrize("machine_name", found)
        return
    names = ("machine_name", "operation", "bed_name")
    pairs = [*_pairs(metafunc)]
    if not pairs and not systems(metafunc.config):
        pairs = [_nothing("", OPERATIONS[0], "pretend")]
    metafunc.parametrize(names, pairs)


def _nothing(*values: object) -> Any:
    return pytest.param(*values, marks=pytest.mark.skip(reason="nothing to try: see --root, --bed"))


def _pairs(metafunc: pytest.Metafunc) -> Iterator[Any]:
    marked, config = metafunc.definition.get_closest_marker, metafunc.config
    once = marked("each_part") is not None and not config.getoption("--thorough")
    only, on = marked("operation"), marked("bed")
    seen: dict[object, str] = {}
    for name, driver in drivers_of(config):
        for bed in systems(config)[name][1]:
            if bed not in (on.args if on is not None else ("pretend",)):
                continue
            for operation in OPERATIONS:
                if only is not None and operation.name not in only.args:
                    continue
                if not operation.is_for(bed, driver) or not asked_for(config, name, operation.name):
                    continue
                if once and bed == "pretend":
                    parts = taking_part(getattr(driver, operation.capability))
                    alike = (operation.name, parts, _doing(config, name, operation))
                    if alike in seen:
                        left_out = shared_of(config).setdefault((name, operation.name), {})
                        left_out[metafunc.definition.originalname] = seen[alike]
                        continue
                    seen[alike] = name
                id = f"{name}-{operation.name}" + ("" if bed == "pretend" else f"-{bed}")
                yield pytest.param(name, operation, bed, id=id)
