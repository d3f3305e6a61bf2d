# SPDX-License-Identifier: Apache-2.0
"""The contract between an agent and an operating system.  Read this file first.

A *driver* is a value: one object for each capability, ``None`` where the system has none.  A
capability's method either *asks* (returns a fact, changes nothing) or *ensures*: a generator of
actions that lead to an end state, empty if the state holds already.  An ensuring method

- checks its input and its tools before its first action (InvalidInput, Unsupported,
  CommandMissing, Conflict, UnsafeRefused), so a refusal leaves the machine untouched;
- reads what it decides on before it yields what changes it, and yields the same actions whether
  they are carried out or only shown: what depends on an earlier effect is resolved in the action;
- gets the error of a failed action thrown in at its ``yield``, may yield what undoes its work,
  and raises again;
- asks by reading files where it can, so that it answers for an offline root too.

Letters and numbers (U2, S1, ...) are those of the operation catalogue in ``docs/operations.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Optional

from ..host import Host
from .accounts import (
    Account,
    Hash,
    Labels,
    Password,
    Plain,
    Sudo,
    User,
    Users,
)
from .network import (
    Address,
    Dhcp,
    DhcpClient,
    Firewall,
    Hostname,
    Interface,
    InterfaceAddress,
    InterfaceNames,
    Lease,
    Links,
    Network,
    Prefix,
    Route,
)
from .ssh import (
    HostKey,
    Sshd,
    SshKeys,
)
from .storage import (
    Content,
    Devices,
    Disk,
    Disks,
    Drive,
    Drives,
    Hibernation,
    Mounted,
    Swap,
    SwapSpace,
)
from .system import (
    Boot,
    BootEntry,
    Cleanup,
    Entropy,
    Firmware,
    InfinibandAddress,
    Packages,
    Rdma,
    Service,
    Services,
)

__all__ = [
    "Account",
    "Address",
    "Boot",
    "BootEntry",
    "Cleanup",
    "Content",
    "Devices",
    "Dhcp",
    "DhcpClient",
    "Disk",
    "Disks",
    "Drive",
    "Driver",
    "Drives",
    "Entropy",
    "Firewall",
    "Firmware",
    "Hash",
    "Hibernation",
    "HostKey",
    "Hostname",
    "InfinibandAddress",
    "Interface",
    "InterfaceAddress",
    "InterfaceNames",
    "Labels",
    "Lease",
    "Links",
    "Mounted",
    "Network",
    "Packages",
    "Password",
    "Plain",
    "Prefix",
    "Rdma",
    "Route",
    "Service",
    "Services",
    "SshKeys",
    "Sshd",
    "Sudo",
    "Swap",
    "SwapSpace",
    "User",
    "Users",
]


@dataclass(frozen=True)
class Driver:
    """An operating system, as far as an agent needs it.

    ``host`` is the machine with the places of this system.  A derivative is
    ``replace(debian(host), users=...)``.  A further capability becomes a field with the
    default None, so that a driver written today stays whole.
    """

    name: str
    host: Host
    users: Users
    services: Services
    hostname: Hostname
    sudo: Optional[Sudo] = None
    keys: Optional[SshKeys] = None
    labels: Optional[Labels] = None
    sshd: Optional[Sshd] = None
    network: Optional[Network] = None
    dhcp: Optional[Dhcp] = None
    disks: Optional[Disks] = None
    swap: Optional[Swap] = None
    drives: Optional[Drives] = None
    firmware: Optional[Firmware] = None
    links: Optional[Links] = None
    interface_names: Optional[InterfaceNames] = None
    firewall: Optional[Firewall] = None
    devices: Optional[Devices] = None
    boot: Optional[Boot] = None
    entropy: Optional[Entropy] = None
    packages: Optional[Packages] = None
    rdma: Optional[Rdma] = None
    cleanup: Optional[Cleanup] = None

    def parts(self) -> Mapping[str, str]:
        """Capability -> the part behind it (its module's last name), "" where there is none."""
        named = {}
        for field in fields(self):
            if field.name not in ("name", "host"):
                part = getattr(self, field.name)
                named[field.name] = type(part).__module__.rpartition(".")[2] if part else ""
        return named
