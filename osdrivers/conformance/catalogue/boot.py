# SPDX-License-Identifier: Apache-2.0
"""Kernel command lines: B1, B2."""

from __future__ import annotations

from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

ADDED = "tried=1"

OPERATIONS: tuple[Operation, ...] = (
    Operation("B1", "boot-arguments", "boot", lambda d: d.boot.ensure_arguments([ADDED])),
    Operation(
        "B1",
        "boot-arguments-gone",
        "boot",
        lambda d: d.boot.ensure_arguments([], [ADDED]),
        ("boot-arguments",),
    ),
    Operation("B1", "serial-console", "boot", lambda d: d.boot.ensure_serial_console()),
    Operation("B2", "numa-policy", "boot", lambda d: d.boot.ensure_numa_policy()),
)
