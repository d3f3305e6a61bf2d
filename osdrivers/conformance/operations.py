# SPDX-License-Identifier: Apache-2.0
"""The catalogue of operations that change a machine, each with arguments that are right.

The universal clauses run over all of it.  An operation that is new to the contract gets its entry
in the file of its subject below ``catalogue/``, and is held by every clause at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from .catalogue import (
    accounts,
    boot,
    entropy,
    firewall,
    image,
    network,
    packages,
    rdma,
    services,
    ssh,
    storage,
)
from .catalogue.network import ROUTE
from .operation import CANARY, HASHED, Operation

__all__ = ["BY_NAME", "CANARY", "HASHED", "OPERATIONS", "ROUTE", "Operation", "before"]

OPERATIONS: tuple[Operation, ...] = (
    *accounts.OPERATIONS,
    *ssh.OPERATIONS,
    *network.OPERATIONS,
    *firewall.OPERATIONS,
    *storage.OPERATIONS,
    *entropy.OPERATIONS,
    *services.OPERATIONS,
    *packages.OPERATIONS,
    *boot.OPERATIONS,
    *rdma.OPERATIONS,
    *image.OPERATIONS,
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def before(operation: Operation) -> Iterator[Operation]:
    """The operations that make the preconditions, in order."""
    for name in operation.after:
        yield BY_NAME[name]
