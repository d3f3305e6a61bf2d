# SPDX-License-Identifier: Apache-2.0
"""Plans of the daemon that change the machine: what each word of ``waagent apply`` does."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable

from agentcore.errors import UsageError
from agentcore.provisioning import naming
from agentcore.provisioning.link import Link
from agentcore.provisioning.tasks import routes_task
from agentcore.settings import Settings
from osdrivers.api import Driver, Route
from osdrivers.errors import InvalidInput
from osdrivers.executor import Task

#: Linux up to this version panics or slows down with the virtual NUMA of the host.
LAST_WITHOUT_VNUMA = (2, 6, 37)
Work = Callable[[Driver, Settings, Sequence[str]], Iterator[Task]]


def tasks(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    """The tasks of one word with its arguments.

    :raises UsageError: there is no such word, or its arguments are others.
    """
    known = _KNOWN.get(words[0] if words else "")
    if known is None:
        raise UsageError(f"waagent apply {words[0] if words else ''}".rstrip(), hint=_listed())
    return known(driver, settings, words[1:])


def _boot(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    """What belongs to every start of the daemon: entropy of the host, the NUMA policy of old
    kernels, timeouts of disks."""
    if driver.entropy is not None:
        yield Task("entropy", driver.entropy.ensure_seeded, required=False)
    # Later kernels need nothing, and their boot loader may be out of sight.
    if driver.boot is not None and _kernel(driver) <= LAST_WITHOUT_VNUMA:
        yield Task("numa", driver.boot.ensure_numa_policy, required=False)
    yield from _timeouts(driver, settings, ())


def _kernel(driver: Driver) -> tuple[int, ...]:
    """The running kernel's version; nothing is older than one that does not say."""
    release = driver.host.read(f"{driver.host.places.procfs}/sys/kernel/osrelease", "")
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", release)
    return tuple(map(int, found.groups())) if found else (99,)


def _timeouts(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    wanted, devices = settings.system.root_device_scsi_timeout_s, driver.devices
    if wanted is not None and devices is not None:
        yield Task("scsi-timeout", lambda: devices.ensure_timeout(wanted), required=False)


def _firewall(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    """``ADDRESS`` or ``off``."""
    (address,) = _counted(words, 1)
    firewall = driver.firewall
    if firewall is None:
        return
    if address == "off":
        yield Task("firewall", firewall.ensure_unguarded, required=False)
        return
    guarded = (_address(address),)
    yield Task("firewall", lambda: firewall.ensure_guarded(guarded), required=False)


def _host_name(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    """``NAME``: tell the DHCP server of it."""
    (name,) = _counted(words, 1)
    yield Task("publish-name", lambda: naming.publish(driver, name))


def _routes(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    """``DESTINATION,GATEWAY,INTERFACE`` ...: routes that a restarted client took away; a
    gateway of ``-`` is on the link."""
    yield routes_task(driver, [_route(word) for word in words])


def _names(driver: Driver, settings: Settings, words: Sequence[str]) -> Iterator[Task]:
    names = driver.interface_names
    if names is not None:
        yield Task("interface-names", lambda: names.ensure_unpinned(), required=False)


_KNOWN: Mapping[str, Work] = {
    "start": _boot,
    "firewall": _firewall,
    "host-name": _host_name,
    "interface-names": _names,
    "routes": _routes,
    "scsi-timeout": _timeouts,
}


def wanted_routes(link: Link) -> tuple[str, ...]:
    """Routes of a DHCP offer as words."""
    return tuple(
        f"{each.destination},{each.gateway or '-'},{each.interface}" for each in link.routes
    )


def _route(word: str) -> Route:
    destination, gateway, interface = _counted(word.split(","), 3)
    try:
        network = ipaddress.ip_network(destination)
    except ValueError as wrong:
        raise InvalidInput(f"the route {word[:60]!r} has no destination") from wrong
    return Route(network, None if gateway == "-" else _address(gateway), interface)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as wrong:
        raise InvalidInput(f"{text[:60]!r} is no address") from wrong


def _counted(words: Sequence[str], count: int) -> Sequence[str]:
    if len(words) != count:
        raise UsageError(f"waagent apply: {count} arguments are needed, not {len(words)}")
    return words


def _listed() -> str:
    return f"one of {' '.join(sorted((*_KNOWN, 'accounts')))}"
