# SPDX-License-Identifier: Apache-2.0
"""The description of one virtual machine of the platform, as a bed.

What is real: accounts, files, sshd, file systems, the disk, swap, routes, the host name.  What is
presented: the identity of the hardware.  The kernel of this machine has no VMBus and its firmware
another vendor, so the guest's /sys shows the entries by which an operating system finds the
temporary disk (first IDE controller, second device) and its own id; the disk behind them is a
loop device.  The disc is unpacked, because this kernel may have neither udf nor iso9660, and the
mount table names /dev/sr0 as its device.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.platform.machine import Machine
from osdrivers.conformance.beds.bed import Bed, File

from .interpreter import Interpreter

GATEWAY = "10.0.0.1"
WIRE_SERVER = "168.63.129.16"
METADATA = "169.254.169.254"
DISK_BYTES = 4 << 30
DVD_MOUNT_POINT = "/mnt/cdrom/secure"
DVD_DRIVE = "/dev/sr0"
AGENT = "/usr/sbin/waagent"
REAL_AGENT = "/usr/sbin/waagent-real"

#: What an image for this platform would have in its configuration.
OPTIONS: Mapping[str, str] = {
    "Provisioning.Agent": "waagent",
    "Provisioning.DecodeCustomData": "y",
    "Provisioning.ExecuteCustomData": "y",
    "ResourceDisk.Format": "y",
    "ResourceDisk.Filesystem": "ext4",
    "ResourceDisk.MountPoint": "/mnt/resource",
    "ResourceDisk.EnableSwap": "y",
    "ResourceDisk.SwapSizeMB": "256",
}
#: Traces of a life on a platform: an image that is generalised has none of them.
_TRACES = (
    *("/var/lib/waagent", "/var/log/waagent.log", "/etc/waagent.conf.d"),
    *("/var/lib/cloud", "/var/log/cloud-init.log", "/mnt/resource", "/mnt/cdrom"),
)
#: Nobody answers names here, and on the guest's own loopback that is said at once: a name server
#: beyond the network would be waited for, by sudo(8) for one.
_RESOLVER = File("/etc/resolv.conf", "nameserver 127.0.0.1\n")
_TEMPORARY_DISK = "{00000000-0001-8899-0000-000000000000}"


def bed_for(
    machine: Machine,
    interpreter: Interpreter,
    *,
    root: str = "/",
    options: Mapping[str, str] = OPTIONS,
    wrapper: str = "",
) -> Bed:
    """A copy of a root tree with the hardware and the network of ``machine``.

    :param interpreter: what runs the agent in it.
    :param options: lines of its waagent.conf.
    :param wrapper: a script to be the agent's command instead; the real one is beside it as
        ``waagent-real``.
    """
    agent: tuple[File, ...] = (File(AGENT, interpreter.command, 0o755),)
    if wrapper:
        agent = (File(REAL_AGENT, interpreter.command, 0o755), File(AGENT, wrapper, 0o755))
    configuration = "".join(f"{name}={value}\n" for name, value in options.items())
    return Bed(
        root=root,
        hostname="image",
        address=machine.address,
        mac=machine.mac,
        gateway=GATEWAY,
        fabric=(WIRE_SERVER, METADATA),
        disk_bytes=DISK_BYTES,
        swap_below=options.get("ResourceDisk.MountPoint", "") if _swaps(options) else "",
        sysfs=_hardware(machine),
        hidden_sysfs=("bus/vmbus", "class/dmi"),
        files=(File("/etc/waagent.conf", configuration), _RESOLVER, *agent),
        removed=_TRACES,
        shared=interpreter.shared,
    )


def _swaps(options: Mapping[str, str]) -> bool:
    return options.get("ResourceDisk.EnableSwap") == "y"


def _hardware(machine: Machine) -> tuple[File, ...]:
    device = f"bus/vmbus/devices/{_TEMPORARY_DISK.strip('{}')}"
    return (
        File(f"{device}/device_id", f"{_TEMPORARY_DISK}\n", 0o444),
        File(
            f"{device}/host1/target1:0:1/1:0:1:0/block/{{disk}}",
            link="/sys/devices/virtual/block/{disk}",
        ),
        File("class/dmi/id/sys_vendor", "Microsoft Corporation\n", 0o444),
        File("class/dmi/id/product_name", "Virtual Machine\n", 0o444),
        File("class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n", 0o444),
        File("class/dmi/id/product_uuid", f"{_as_firmware(machine.vm_id)}\n", 0o400),
    )


def _as_firmware(vm_id: str) -> str:
    """The firmware shows the first three groups in the other byte order (SMBIOS 3.6, 7.2.1)."""
    groups = vm_id.split("-")
    swapped = [bytes.fromhex(group)[::-1].hex() for group in groups[:3]]
    return "-".join((*swapped, *groups[3:]))
