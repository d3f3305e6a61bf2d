# SPDX-License-Identifier: Apache-2.0
"""What an image must not have: P1."""

from __future__ import annotations

from ..operation import HOME, Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

OPERATIONS: tuple[Operation, ...] = (
    Operation("P1", "no-leases", "cleanup", lambda d: d.cleanup.ensure_no_leases()),
    Operation("P1", "no-resolver", "cleanup", lambda d: d.cleanup.ensure_no_resolver()),
    Operation(
        "P1",
        "no-host-keys",
        "cleanup",
        lambda d: d.cleanup.ensure_no_host_keys(),
        ("host-keys",),
    ),
    Operation(
        "P1",
        "no-host-name",
        "cleanup",
        lambda d: d.cleanup.ensure_no_host_name(),
        ("host-name",),
    ),
    Operation("P1", "no-machine-id", "cleanup", lambda d: d.cleanup.ensure_no_machine_id()),
    Operation("P1", "no-random-seed", "cleanup", lambda d: d.cleanup.ensure_no_random_seed()),
    Operation(
        "P1", "no-history", "cleanup", lambda d: d.cleanup.ensure_no_history([HOME]), ("user",)
    ),
    Operation("P1", "no-logs", "cleanup", lambda d: d.cleanup.ensure_no_logs()),
)
