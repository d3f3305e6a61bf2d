# SPDX-License-Identifier: Apache-2.0
"""Random bytes that the hypervisor hands over in an ACPI table, for the kernel's pool (B3).

Kernels since 5.18 take them themselves; on older ones they matter before the first host key is
made.  They are mixed in, and count as no entropy: random(4).
"""

from __future__ import annotations

from ..actions import Plan, WriteFile, WriteNode
from ..host import Host, Secret

TABLE = "firmware/acpi/tables/OEM0"
LIMIT_BYTES = 1 << 16
_MARKER = "entropy-of-hypervisor"


class Entropy:
    """Once per boot: a file in the run directory holds the boot's id."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def ensure_seeded(self) -> Plan:
        host = self._host
        if host.offline:
            return
        boot = host.read_bytes(f"{host.places.procfs}/sys/kernel/random/boot_id", b"").strip()
        marker = f"{host.places.run}/{_MARKER}"
        if boot and host.read_bytes(marker, b"").strip() == boot:
            return
        table = host.read_bytes(f"{host.places.sysfs}/{TABLE}", b"", limit_bytes=LIMIT_BYTES)
        if not table:
            return
        yield WriteNode(f"{host.places.devices}/random", Secret(table))
        if boot:
            yield WriteFile(marker, boot + b"\n", 0o644, booted=True)
