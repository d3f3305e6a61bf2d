# SPDX-License-Identifier: Apache-2.0
"""A provisioning that is only shown: against a captured machine, or this one without root."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path

from agentcore.azure import ovf
from agentcore.provisioning.goal import goal_of
from agentcore.provisioning.instance import instance_id
from agentcore.provisioning.tasks import FirstBoot, Materials
from agentcore.settings import ResourceDiskSettings, Settings
from lab.platform.ovf import document
from osdrivers import loader, trace
from osdrivers.errors import NotFound, first_line
from osdrivers.executor import carry_out
from osdrivers.host import Host
from osdrivers.identity import numbers

from .report import Report
from .wanted import RESOURCE_DISK, SWAP_MIB, wanted

MACHINES = Path(__file__).resolve().parents[2] / "tests" / "machines"
#: File systems that a family makes where it cannot make the usual one.
_FILE_SYSTEMS = {"freebsd": "ufs"}


def driver_of(root: str) -> loader.Loaded:
    """The driver that serves a tree."""
    return loader.load(Host(root, assume_tools=os.path.realpath(root) != "/"))


def planned(root: str, driver: str, reason: str) -> Report:
    """Show what would be done.

    :param driver: a system for which there is a captured machine; "" for the tree at ``root``.
    :raises NotFound: there is none for it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        if driver:
            from osdrivers.conformance.machines import machine

            captured = _captured(driver)
            host = machine(str(captured), f"{scratch}/root")
            name = captured.name
        else:
            host, name = Host(root, assume_tools=os.path.realpath(root) != "/"), root
        loaded = loader.load(host)
        report = _shown(loaded)
    report.reason = reason
    report.system.update(machine=name, driver=loaded.driver.name, because=loaded.choice.reason)
    print(f"{name}: driver {loaded.driver.name}, because {loaded.choice.reason}\n")
    for line in report.plan:
        print(f"  {line}")
    return report


def _shown(loaded: loader.Loaded) -> Report:
    asked = wanted()
    data = document(asked.machine)
    family = loaded.driver.name
    disk = ResourceDiskSettings(
        filesystem=_FILE_SYSTEMS.get(family, "ext4"),
        mount_point=RESOURCE_DISK,
        enable_swap=True,
        swap_size_mib=SWAP_MIB,
    )
    settings = dataclasses.replace(Settings(), resource_disk=disk)
    goal = goal_of(ovf.parse(data), settings)
    materials = Materials(ovf.scrub(data), instance_id(loaded.driver))
    boot = FirstBoot(loaded.driver, goal, settings, materials)
    report = Report()
    show = trace.lines_to(report.plan.append)
    tasks = (*boot.tasks(), *boot.every_boot())
    for outcome in carry_out(tasks, loaded.driver.host, show, dry_run=True):
        entry = {"task": outcome.task, "changes": outcome.changes, "seconds": 0.0}
        if outcome.error is not None:
            entry["error"] = first_line(outcome.error)
        report.tasks.append(entry)
    return report


def _captured(driver: str) -> Path:
    """The captured machine of a system: by its name, or by the driver it gets."""
    fits: list[tuple[bool, bool, tuple[int, ...], Path]] = []
    for directory in MACHINES.iterdir() if MACHINES.is_dir() else ():
        if not (directory / "machine.json").is_file():
            continue
        chosen = driver_of(str(directory))
        named = directory.name.startswith(f"{driver}-")
        if named or driver in (directory.name, chosen.driver.name, chosen.choice.entry.name):
            newest = numbers(directory.name)
            fits.append((directory.name == driver, named, newest, directory))
    found = max(fits)[-1] if fits else None
    if found is None:
        known = ", ".join(sorted(each.name for each in MACHINES.iterdir()))
        raise NotFound(f"no captured machine for {driver}", hint=f"there are {known}")
    return found
