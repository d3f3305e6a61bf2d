# SPDX-License-Identifier: Apache-2.0
"""The temporary disk of a Hyper-V guest, by its virtual controller (D2).

Source: storvsc(4), camcontrol(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from osdrivers.host import Host

#: The same identities as on Linux: generation 1 has a controller of its own, generation 2 LUN 1.
IDE_TEMPORARY = "00000000-0001-8899-0000-000000000000"
SCSI_SYSTEM = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
TEMPORARY_LUN = 1
_PNPINFO = re.compile(r"^dev\.storvsc\.(\d+)\.%pnpinfo: .*?deviceid=([0-9a-fA-F-]{36})", re.M)
_BUS = re.compile(r"^scbus(\d+) on (?:storvsc|blkvsc)(\d+) ", re.M)
_DEVICE = re.compile(r" at scbus(\d+) target \d+ lun (\d+) \(([^)]*)\)")


def temporary_disks(host: Host) -> tuple[tuple[str, str], ...]:
    """(disk name, evidence) of every disk at the address of the temporary one."""
    said = host.ask("sysctl", "dev.storvsc")
    if said.status != 0:  # no such driver: not a guest of this platform
        return ()
    controllers = dict(_PNPINFO.findall(said.stdout))
    listed = host.run("camcontrol", "devlist", "-b")
    buses = {unit: bus for bus, unit in _BUS.findall(listed)}
    devices = host.run("camcontrol", "devlist")
    return tuple(_found(controllers, buses, devices))


def _found(
    controllers: dict[str, str], buses: dict[str, str], devices: str
) -> Iterator[tuple[str, str]]:
    for unit, identity in controllers.items():
        identity = identity.lower()
        for bus, lun, names in _DEVICE.findall(devices):
            if bus != buses.get(unit):
                continue
            right = identity == IDE_TEMPORARY or (
                identity == SCSI_SYSTEM and int(lun) == TEMPORARY_LUN
            )
            for name in names.split(","):  # (pass1,da1) and (da1,pass1) both occur
                if right and re.fullmatch(r"da\d+", name):
                    yield name, f"storvsc{unit} {identity} lun {lun}"
