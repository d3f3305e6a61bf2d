# SPDX-License-Identifier: Apache-2.0
"""Ways in which a part can be wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from osdrivers import loader
from osdrivers.actions import (
    EditFile,
    Plan,
    Remove,
    Run,
    Verify,
    WriteFile,
)
from osdrivers.api import Driver
from osdrivers.errors import AgentError, CommandFailed, FileFailed
from osdrivers.host import Host
from osdrivers.identity import detect

Method = Callable[..., Any]


class Instead:
    """A part, some of whose methods are others; they get the driver and the sound method first."""

    def __init__(self, driver: Driver, part: Any, methods: Mapping[str, Method]) -> None:
        self._driver, self._part, self._methods = driver, part, methods

    def __getattr__(self, name: str) -> Any:
        sound = getattr(self._part, name)
        if name not in self._methods:
            return sound
        return lambda *given, **named: self._methods[name](self._driver, sound, *given, **named)


@dataclass(frozen=True)
class Fault:
    """What is broken, and the clause and operation that must show it."""

    clause: str
    operation: str
    capability: str
    method: str
    broken: Method
    machine: str = "debian-12"


def nothing(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    yield from ()


def accepting(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    """Does the work, but refuses nothing."""
    with contextlib.suppress(AgentError):
        yield from sound(*given, **named)


def then(*actions: Any) -> Method:
    """The sound plan, and something that spoils it."""

    def plan(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
        yield from sound(*given, **named)
        yield from actions

    return plan


def each_time(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    yield from sound(*given, **named)
    yield WriteFile("/etc/always", b"again\n")


def while_shown(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    driver.host.write("/etc/asked", b"x\n")
    yield from sound(*given, **named)


def half(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    if not driver.host.exists("/etc/first"):
        yield WriteFile("/etc/first", b"x\n")
        yield WriteFile("/etc/second", b"x\n")
    yield from sound(*given, **named)


def after_command(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    if driver.users.get(given[0].name) is None:
        yield from sound(*given, **named)
        yield WriteFile("/etc/second", b"x\n")


def saying(driver: Driver, sound: Method, name: str, password: Any, **named: Any) -> Plan:
    yield from sound(name, password, **named)
    yield Verify(f"the password is {password.secret.reveal().decode()}", lambda: True)


def under_umask(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    def made() -> bool:
        os.makedirs(driver.host.root + "/etc/loose", 0o777, exist_ok=True)
        return True

    yield from sound(*given, **named)
    if not driver.host.exists("/etc/loose"):
        yield Verify("it is made", made)


def unchecked(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    if not driver.host.exists("/etc/early"):
        yield WriteFile("/etc/early", b"x\n")
    yield from sound(*given, **named)


def own_error(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    try:
        yield from sound(*given, **named)
    except CommandFailed as failure:
        raise KeyError("no such status") from failure


def credulous(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    for action in sound(*given, **named):
        yield Verify(str(action), lambda: True) if action.kind == "verify" else action


def parsing(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    (_name,) = driver.host.ask("hostname").stdout.split()
    yield from sound(*given, **named)
    yield Run(("hostname",))


def blind_to_files(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    for action in sound(*given, **named):
        with contextlib.suppress(FileFailed):
            yield action


def per_process(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    yield from sound(*given, **named)
    yield WriteFile(f"/etc/by-{os.getpid()}", b"x\n")


def through_links(driver: Driver, sound: Method, *given: Any, **named: Any) -> Plan:
    for path in driver.host.glob("/var/lib/dhcp/dhclient*"):
        yield Remove(path)
    with contextlib.suppress(AgentError):
        yield from sound(*given, **named)


def no(driver: Driver, sound: Method, *given: Any, **named: Any) -> bool:
    return False


def edited(path: str, old: bytes, new: bytes) -> EditFile:
    return EditFile(path, lambda text: text.replace(old, new), "spoilt")


def answering(answer: Any) -> Method:
    """An ask that says the same whatever is so."""
    return lambda driver, sound, *given, **named: answer


def on(driver: Driver, fault: Fault) -> Driver:
    """The driver with that fault."""
    part = getattr(driver, fault.capability)
    broken: Any = Instead(driver, part, {fault.method: fault.broken})
    changes: dict[str, Any] = {fault.capability: broken}
    return dataclasses.replace(driver, **changes)


@functools.cache
def known() -> Sequence[loader.Entry]:
    """What is installed: listed once, since a driver is built hundreds of times."""
    return loader.entries()


def sound(host: Host) -> Driver:
    """The system's own driver."""
    return loader.load(host, detect(host), known=known()).driver
