# SPDX-License-Identifier: Apache-2.0
"""The packet filter: F, and N5."""

from __future__ import annotations

import ipaddress

from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

PLATFORM = ipaddress.ip_address("168.63.129.16")
GUARDED = (PLATFORM, ipaddress.ip_address("fd00::16"))

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "F1",
        "guard-ipv4",
        "firewall",
        lambda d: d.firewall.ensure_guarded([PLATFORM]),
        beds=("network",),
    ),
    Operation(
        "F3",
        "guard",
        "firewall",
        lambda d: d.firewall.ensure_guarded(GUARDED),
        ("guard-ipv4",),
        beds=("network",),
    ),
    Operation(
        "F2",
        "unguard",
        "firewall",
        lambda d: d.firewall.ensure_unguarded(),
        ("guard",),
        beds=("network",),
    ),
    Operation(
        "F5",
        "dhcp-allowed",
        "firewall",
        lambda d: d.firewall.ensure_dhcp_allowed(),
        beds=("network",),
    ),
)
