# SPDX-License-Identifier: Apache-2.0
"""Faults on disks and drives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from osdrivers.actions import Mount, Plan, WriteFile
from osdrivers.api import Disk, Driver, Hibernation
from tests.conformance.faults.plans import Fault, Method, accepting, answering, nothing, then


def resource_as_root(driver: Driver, sound: Method) -> frozenset[str]:
    return frozenset({driver.disks.resource().node})  # type: ignore


def root_as_local(driver: Driver, sound: Method) -> tuple[Disk, ...]:
    return tuple(Disk(node, 1 << 30) for node in driver.disks.root())  # type: ignore


def opened_wide(driver: Driver, sound: Method, *given: Any) -> Plan:
    for action in sound(*given):
        wide = isinstance(action, Mount)
        yield dataclasses.replace(action, options=("ro",)) if wide else action


def each_twice(driver: Driver, sound: Method) -> Any:
    return sound() * 2


_ALWAYS = then(WriteFile("/etc/always", b"x\n"))
FAULTS: Mapping[str, Fault] = {
    "whose-root": Fault("d1_d2", "disk", "disks", "root", resource_as_root),
    "unsafe": Fault("d4_the_disk", "disk", "disks", "ensure_prepared", accepting),
    "local": Fault("d2_d4_local", "local-disks", "disks", "local", root_as_local),
    "swap-size": Fault("d7_a_size", "swap", "swap", "ensure_file", accepting),
    "sleep": Fault(
        "d9_a_reason",
        "disk-timeout",
        "devices",
        "hibernation",
        answering(Hibernation(True, ("no swap",))),
    ),
    "wide": Fault("c1_c2", "disc", "drives", "ensure_mounted", opened_wide),
    "no-drive": Fault("c2_a_drive", "disc", "drives", "ensure_mounted", accepting),
    "drives": Fault("c1_the_list", "disc", "drives", "list", each_twice),
    "tray": Fault("c3_an_empty", "eject", "drives", "ensure_mounted", accepting),
    "entropy": Fault("b3_the_table", "entropy", "entropy", "ensure_seeded", nothing),
    "no-table": Fault("b3_without", "entropy", "entropy", "ensure_seeded", _ALWAYS),
}
