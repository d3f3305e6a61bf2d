# SPDX-License-Identifier: Apache-2.0
"""Random bytes: B3.  The table of a pretend machine holds the canary, which nobody may say."""

from __future__ import annotations

from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

OPERATIONS: tuple[Operation, ...] = (
    Operation("B3", "entropy", "entropy", lambda d: d.entropy.ensure_seeded()),
)
