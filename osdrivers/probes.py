# SPDX-License-Identifier: Apache-2.0
"""What a machine is made of, found by looking (T3): never by the name of a distribution.

One value is made with the driver and asked by its parts; each answer is kept.  A new value is the
way to ask again, e.g. after packages were installed.
"""

from __future__ import annotations

import re
from functools import cached_property

from .errors import CommandMissing, CommandTimeout
from .host import Host

_SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")

_EFI = ("/boot", "/efi", "/boot/efi")
_IMAGES = tuple(f"{where}/EFI/Linux/*.efi" for where in _EFI)
_BOOT_LOADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("oem_grub", ("/oem/grub.cfg", "/usr/share/oem/grub.cfg")),
    ("bls", (*(f"{where}/loader/entries/*.conf" for where in _EFI), *_IMAGES)),
    ("grub2", ("/etc/default/grub", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")),
    ("grub_legacy", ("/boot/grub/menu.lst", "/boot/grub/grub.conf")),
    ("extlinux", ("/etc/update-extlinux.conf", "/boot/extlinux.conf", "/boot/extlinux/*.conf")),
)


class Probes:
    """Lazy facts about one host.  Nothing is read before it is asked for."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @cached_property
    def init(self) -> str:
        """``systemd``, ``openrc``, ``upstart``, ``sysv``, or "" when nothing tells.

        Of a running machine, what runs (sd_booted(3): the directory /run/systemd/system);
        of an offline root, what is installed.
        """
        host = self._host
        if not host.offline:
            if host.is_directory(f"{host.places.run}/systemd/system"):
                return "systemd"
            if host.exists("/sbin/openrc") and host.is_directory(f"{host.places.run}/openrc"):
                return "openrc"
            if self._upstart_runs:
                return "upstart"
            return "sysv" if host.is_directory("/etc/init.d") else ""
        if any(host.exists(path) for path in _SYSTEMD):
            return "systemd"
        if host.exists("/sbin/openrc"):
            return "openrc"
        if host.exists("/sbin/initctl") and host.is_directory("/etc/init"):
            return "upstart"
        return "sysv" if host.is_directory("/etc/init.d") else ""

    @property
    def _upstart_runs(self) -> bool:
        """Its socket is there, whatever its tool can say at this moment; unix(7)."""
        return "@/com/ubuntu/upstart" in self._host.read(f"{self._host.places.procfs}/net/unix", "")

    @cached_property
    def network_manager(self) -> str:
        """``NetworkManager``, ``networkd``, ``wicked``, ``ifupdown``, or "": what is running,
        or (offline) what is switched on."""
        host, run = self._host, self._host.places.run
        for name, running, wanted in (
            ("NetworkManager", f"{run}/NetworkManager", "NetworkManager.service"),
            ("wicked", f"{run}/wicked", "wicked.service"),
            ("networkd", f"{run}/systemd/netif", "systemd-networkd.service"),
        ):
            units = f"/etc/systemd/system/*.wants/{wanted}"
            if host.is_directory(running) if not host.offline else host.glob(units):
                return name
        return "ifupdown" if host.exists("/etc/network/interfaces") else ""

    @cached_property
    def usr_read_only(self) -> bool:
        """Whether /usr cannot be written: image-based systems (statvfs(3), never a name)."""
        return self._host.exists("/usr") and self._host.read_only("/usr")

    @cached_property
    def ostree(self) -> bool:
        """Whether the machine was booted from an ostree or bootc image."""
        return self._host.exists(f"{self._host.places.run}/ostree-booted")

    @cached_property
    def boot_loader(self) -> str:
        """``bls``, ``grub2``, ``grub_legacy``, ``extlinux``, ``oem_grub``, or "" when nothing
        tells: whose configuration is there.  Entries come first, since where GRUB reads them its
        own configuration has none.
        """
        for name, patterns in _BOOT_LOADERS:
            if any(self._host.glob(pattern) for pattern in patterns):
                return name
        return ""

    @cached_property
    def selinux(self) -> bool:
        """Whether SELinux is enabled (selinuxfs is mounted), enforcing or not."""
        mounted = (f"{self._host.places.sysfs}/fs/selinux/enforce", "/selinux/enforce")
        return any(self._host.exists(path) for path in mounted)

    @cached_property
    def kernel(self) -> tuple[int, ...]:
        """The running kernel's version, e.g. (6, 1, 0); () when there is none (offline)."""
        release = self._host.read(f"{self._host.places.procfs}/sys/kernel/osrelease", "")
        return tuple(int(number) for number in re.findall(r"\d+", release)[:3])

    @cached_property
    def systemd_version(self) -> int:
        """systemd's release, e.g. 252; 0 when it is not there or does not say."""
        try:
            text = self._host.ask("systemctl", "--version", timeout_s=10).stdout
        except (CommandMissing, CommandTimeout):
            return 0
        found = re.match(r"systemd (\d+)", text)
        return int(found[1]) if found else 0
