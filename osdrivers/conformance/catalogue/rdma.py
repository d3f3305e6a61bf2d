# SPDX-License-Identifier: Apache-2.0
"""RDMA: R.  Only a machine whose pool tells of firmware needs its driver."""

from __future__ import annotations

import ipaddress

from ...actions import Plan
from ...api import Driver, InfinibandAddress
from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

MAC = "00155D33FF1D"
PORT = ipaddress.IPv4Address("172.16.1.4")


def _driver(driver: Driver) -> Plan:
    assert driver.rdma is not None
    firmware = driver.rdma.firmware_version()
    if firmware:
        yield from driver.rdma.ensure_driver(firmware)


def _addresses(driver: Driver) -> Plan:
    """Of the port that a machine of the kit has."""
    assert driver.rdma is not None
    if driver.host.exists(f"{driver.host.places.sysfs}/class/net/ib0"):
        yield from driver.rdma.ensure_addresses([InfinibandAddress(MAC, PORT)])


OPERATIONS: tuple[Operation, ...] = (
    Operation("R2", "rdma-driver", "rdma", _driver),
    Operation("R3", "rdma-modules", "rdma", lambda d: d.rdma.ensure_modules()),
    Operation("R3", "rdma-addresses", "rdma", _addresses),
    Operation("R4", "rdma-provider", "rdma", lambda d: d.rdma.ensure_provider(PORT)),
)
