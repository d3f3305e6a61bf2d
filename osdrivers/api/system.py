# SPDX-License-Identifier: Apache-2.0
"""Services, packages, boot, entropy, RDMA, what an image must not have, and firmware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Protocol

from ..actions import Plan


@dataclass(frozen=True)
class Service:
    """A service of the agent's own, in words that every init system has (V3).

    ``command`` is absolute.  ``oneshot``: it runs at boot and ends.  ``early``: before the
    network is configured; else after it is.  ``environment`` holds no secret.
    """

    name: str
    description: str
    command: tuple[str, ...]
    oneshot: bool = False
    early: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


class Services(Protocol):
    """Long-running programs under the init system (V1, V3).

    Names are logical: ``agent ssh network dhcp``; the driver maps them to units.  An unknown
    one is taken as the unit's own name.
    """

    def active(self, name: str) -> bool: ...

    def enabled(self, name: str) -> bool: ...

    def ensure_started(self, name: str) -> Plan: ...

    def ensure_stopped(self, name: str) -> Plan: ...

    def ensure_enabled(self, name: str) -> Plan:
        """Starts at boot.  :raises NotFound: no such unit.  :raises Conflict: it is masked."""

    def ensure_disabled(self, name: str) -> Plan: ...

    def restart(self, name: str, *, reload: bool = False) -> Plan:
        """Restart, or re-read configuration, if it runs; not idempotent by nature."""

    def ensure_installed(self, service: Service) -> Plan:
        """V3: the init system knows the service and starts it at boot; it is not started now.

        Written only where an administrator's own files are, never below /usr.
        :raises InvalidInput: a name that is no file name, or a command that is not absolute.
        :raises Conflict: a service of that name is there that is not ours.
        """

    def ensure_uninstalled(self, name: str) -> Plan:
        """V3: what :meth:`ensure_installed` made is stopped and gone; nobody else's is touched."""


class Packages(Protocol):
    """Software of the distribution."""

    def installed(self, name: str) -> str:
        """The version of an installed package, "" when it is not installed."""

    def ensure_installed(self, names: Sequence[str]) -> Plan:
        """These packages are installed, from the repositories that the administrator set up.

        One that is there already, whatever its version, is left as it is.
        :raises InvalidInput: not the name of a package.  :raises NotFound: no repository has it.
        :raises Busy: another package manager runs.  :raises ReadOnlyTarget: an image-based system.
        """


# ---------------------------------------------------------------- boot


@dataclass(frozen=True)
class BootEntry:
    """A kernel command line: that of an installed kernel, or (``name`` "") of future ones."""

    name: str
    arguments: tuple[str, ...]


class Boot(Protocol):
    """The boot loader's configuration (B1, B2)."""

    def entries(self) -> tuple[BootEntry, ...]:
        """Every command line there is; future kernels' first."""

    def ensure_arguments(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Plan:
        """B1: every entry has all of ``add`` and none of ``remove``, token by token.

        Other tokens stay as and where they are; of several ``console=`` the last of ``add`` comes
        last, since that becomes /dev/console.  :raises InvalidInput: a token with white space or
        quotes.  :raises ReadOnlyTarget: an image-based system.  :raises Unsupported: command
        lines are part of signed images.  :raises PostconditionFailed: a tool claimed success
        without effect; what was there before is restored.
        """

    def ensure_serial_console(self, *, speed_baud: int = 115200) -> Plan:
        """B1: kernel, boot loader and a login prompt speak on the first serial port."""

    def ensure_numa_policy(self) -> Plan:
        """B2: ``numa=off`` for kernels up to 2.6.37, and for no other."""


class Entropy(Protocol):
    """Random bytes from the hypervisor (B3)."""

    def ensure_seeded(self) -> Plan:
        """Mixes the ACPI table OEM0 into the kernel's pool, once per boot.

        Nothing where there is no such table.  Its bytes are never said.
        """


# ---------------------------------------------------------------- RDMA


@dataclass(frozen=True)
class InfinibandAddress:
    """The IPv4 address that the platform gives the InfiniBand port with that hardware address."""

    mac: str
    address: IPv4Address


class Rdma(Protocol):
    """Drivers and addresses of RDMA devices (R1-R4)."""

    def firmware_version(self) -> str:
        """R1: the version of the Network Direct firmware as the hypervisor says it, e.g.
        ``142.0``; "" where there is none.  Source: key NdDriverVersion of the KVP pool.
        """

    def driver_version(self) -> str:
        """R2: the version of the driver that is installed for it, "" where there is none."""

    def ensure_driver(self, version: str) -> Plan:
        """R2: the driver for that firmware is installed.  The machine is never restarted:
        :meth:`restart_required` tells.

        :raises NotFound: no package for that version.
        """

    def restart_required(self) -> bool:
        """R2: the loaded module is not the installed one."""

    def ensure_modules(self) -> Plan:
        """R3: the kernel modules for InfiniBand verbs and IPoIB are loaded, and are at boot."""

    def ensure_addresses(self, addresses: Sequence[InfinibandAddress]) -> Plan:
        """R3: each IPoIB interface of these hardware addresses has its IPv4 address and is up.

        :raises NotFound: no interface has that hardware address.
        """

    def ensure_provider(self, address: IPv4Address) -> Plan:
        """R4: dat.conf(5) leads uDAPL's ofa-v2-ib0 to that address; other lines stay.

        :raises NotFound: no dat.conf.
        """


# ---------------------------------------------------------------- making an image


class Cleanup(Protocol):
    """What makes a machine this one and not another, removed before it becomes an image (P1).

    Nothing outside the listed places is touched, and what is absent is no failure.  Root's
    password is :meth:`Users.ensure_root_password_disabled`, rules for interface names are
    :class:`InterfaceNames`.  Each works on an image that does not run.

    :raises UnsafeRefused: a listed place, or a directory on the way, is a link, or something is
        mounted in it: nothing is touched.
    """

    def ensure_no_leases(self) -> Plan:
        """DHCP leases and client identifiers of every client."""

    def ensure_no_resolver(self) -> Plan:
        """resolv.conf, if it is a regular file that nothing manages."""

    def ensure_no_host_keys(self) -> Plan:
        """The SSH server's keys, those with a default name."""

    def ensure_no_host_name(self) -> Plan:
        """The persistent host name, "localhost" where there must be one, and what tells it to a
        DHCP server; the running kernel keeps its own.
        """

    def ensure_no_machine_id(self) -> Plan:
        """machine-id(5), emptied where systemd makes a new one then and deleted elsewhere, D-Bus's
        copy, and BSD's hostid.
        """

    def ensure_no_random_seed(self) -> Plan:
        """Seeds that would be equal on each copy."""

    def ensure_no_history(self, homes: Sequence[str]) -> Plan:
        """Command histories in these home directories and root's.  A shell that runs writes its
        own when it ends.
        """

    def ensure_no_logs(self) -> Plan:
        """Logs of the system and the agent: emptied where a daemon holds them, else removed."""


class Firmware(Protocol):
    """What the virtual hardware says of itself."""

    def uuid(self) -> str:
        """The machine's SMBIOS UUID in lower case as the firmware tables have it, "" if unknown.

        Its first three groups may be byte-swapped against what the platform prints.
        Source: SMBIOS 3.6, 7.2.1.
        """
