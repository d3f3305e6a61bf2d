# SPDX-License-Identifier: Apache-2.0
"""RDMA devices: driver, modules, addresses, and the provider of uDAPL (R1-R4).

Source: kernel documentation, infiniband/ipoib; modules-load.d(5); dat.conf(5); RFC 4391, 9.1.1
(hardware addresses of 20 bytes, whose last eight are the port's GUID).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from ipaddress import IPv4Address

from ..actions import EditFile, MakeDirectory, Plan, Run, Verify
from ..api import InfinibandAddress
from ..errors import Conflict, InvalidInput, NotFound
from ..host import Host
from ..probes import Probes
from . import kvp_pool, network_direct
from .network_direct import MODULE, Supply

MODULES = ("rdma_ucm", "ib_umad", "ib_uverbs", "ib_ipoib", "mlx5_ib")
PROVIDERS = ("/etc/dat.conf", "/etc/rdma/dat.conf", "/usr/local/etc/dat.conf")
_LOADED_BY_SYSTEMD, _LOADED_BY_SCRIPTS = "/etc/modules-load.d/infiniband.conf", "/etc/modules"
_INFINIBAND = "32"  # ARPHRD_INFINIBAND
_UP = 1  # IFF_UP
_PREFIX = 16
_PROVIDER = re.compile(
    rb'^(ofa-v2-ib0[ \t]+u2\.0[ \t]+nonthreadsafe[ \t][^"\n]*")([^"\n]*)(")', re.MULTILINE
)


class Rdma:
    """``supply`` is how this system gets a driver for the firmware."""

    def __init__(self, host: Host, probes: Probes, supply: Supply) -> None:
        self._host, self._probes, self._supply = host, probes, supply

    def firmware_version(self) -> str:
        return kvp_pool.read(self._host).get("NdDriverVersion", "")

    def driver_version(self) -> str:
        return self._supply.version()

    def ensure_driver(self, version: str) -> Plan:
        if not re.fullmatch(r"\d+(\.\d+)*", version):
            raise InvalidInput(f"{version!r} is no version of firmware", hint="e.g. 142.0")
        yield from self._supply.ensure(version)

    def restart_required(self) -> bool:
        found = self._host.glob(f"{self._host.places.sysfs}/module/{MODULE}*/version")
        loaded = {self._host.read(path).strip() for path in found}
        installed = network_direct.module_version(self._host) if loaded else ""
        return bool(installed) and installed not in loaded

    # ---- R3

    def ensure_modules(self) -> Plan:
        host = self._host
        missing = [] if host.offline else [name for name in MODULES if not self._loaded(name)]
        if missing:
            host.require("modprobe", package="kmod")
        scripts = self._probes.init in ("sysv", "upstart")
        path = _LOADED_BY_SCRIPTS if scripts else _LOADED_BY_SYSTEMD
        if _listed(host.read_bytes(path, b"")) != host.read_bytes(path, b""):
            if not host.is_directory(posixpath.dirname(path)):
                yield MakeDirectory(posixpath.dirname(path))
            yield EditFile(path, _listed, " ".join(MODULES))
        for name in missing:
            yield Run(("modprobe", name), booted=True)
        if missing:
            what = f"{' '.join(missing)} are loaded"
            yield Verify(what, lambda: all(self._loaded(name) for name in missing), booted=True)

    def _loaded(self, module: str) -> bool:
        return self._host.exists(f"{self._host.places.sysfs}/module/{module}")

    def ensure_addresses(self, addresses: Sequence[InfinibandAddress]) -> Plan:
        wanted = [(self._interface(each.mac), each.address) for each in addresses]
        stale = [pair for pair in wanted if not self._has(*pair) or not self._up(pair[0])]
        if stale:
            self._host.require("ip", package="iproute2")
        for name, address in stale:
            if not self._has(name, address):
                words = ("ip", "addr", "replace", f"{address}/{_PREFIX}", "dev", name)
                yield Run(words, booted=True)
            if not self._up(name):
                yield Run(("ip", "link", "set", name, "up"), booted=True)
            yield self._addressed(name, address)

    def _addressed(self, name: str, address: IPv4Address) -> Verify:
        return Verify(
            f"{name} has {address} and is up",
            lambda: self._has(name, address) and self._up(name),
            booted=True,
        )

    def _interface(self, mac: str) -> str:
        digits = re.sub(r"[:.\-]", "", mac).lower()
        if not re.fullmatch(r"[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{40}", digits):
            raise InvalidInput(f"{mac!r} is no hardware address")
        net = f"{self._host.places.sysfs}/class/net"
        found = [
            name
            for name in self._host.names(net)
            if self._host.read(f"{net}/{name}/type", "").strip() == _INFINIBAND
            and same_port(self._host.read(f"{net}/{name}/address", ""), digits)
        ]
        if not found:
            raise NotFound(f"no IPoIB interface with address {mac}", hint="is ib_ipoib loaded?")
        if len(found) > 1:
            raise Conflict(f"{' and '.join(found)} both have address {mac}")
        return found[0]

    def _has(self, name: str, address: IPv4Address) -> bool:
        text = network_direct.asked(self._host, "ip", "-o", "-4", "addr", "show", "dev", name)
        return f" {address}/{_PREFIX} " in f"{text} "

    def _up(self, name: str) -> bool:
        flags = self._host.read(f"{self._host.places.sysfs}/class/net/{name}/flags", "0").strip()
        return bool(int(flags or "0", 16) & _UP)

    # ---- R4

    def ensure_provider(self, address: IPv4Address) -> Plan:
        path = next((each for each in PROVIDERS if self._host.exists(each)), "")
        if not path:
            raise NotFound("no dat.conf", hint="install the package of uDAPL")
        device, text = f"{address} 0".encode(), self._host.read_bytes(path)
        if not _PROVIDER.search(text):
            raise NotFound(f"{path} has no provider ofa-v2-ib0")

        def change(now: bytes) -> bytes:
            return _PROVIDER.sub(lambda found: found[1] + device + found[3], now)

        if change(text) != text:
            yield EditFile(path, change, f"ofa-v2-ib0 at {address}")


def _listed(text: bytes) -> bytes:
    known = {line.partition(b"#")[0].strip().decode() for line in text.splitlines()}
    missing = [name for name in MODULES if name not in known]
    if not missing:
        return text
    ended = text if text.endswith(b"\n") or not text else text + b"\n"
    return ended + "".join(f"{name}\n" for name in missing).encode()


def same_port(hardware: str, digits: str) -> bool:
    """Whether the last bytes of a hardware address are this port's.

    ``digits``: all of it, its GUID, or the six bytes that the GUID was made of: RFC 4291, A.
    """
    own = hardware.strip().replace(":", "").lower()
    if len(own) != 40:
        return False
    if own.endswith(digits):
        return True
    if len(digits) != 12:
        return False
    guid, first = own[-16:], int(digits[:2], 16)
    heads = {f"{number:02x}{digits[2:6]}" for number in (first, first ^ 2)}
    return guid[:6] in heads and guid[10:] == digits[6:]
