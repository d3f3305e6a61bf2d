# SPDX-License-Identifier: Apache-2.0
"""Software of the distribution: P."""

from __future__ import annotations

from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

#: Every pretended repository has it.
NAME = "tree"

OPERATIONS: tuple[Operation, ...] = (
    Operation("P2", "package", "packages", lambda d: d.packages.ensure_installed([NAME])),
)
