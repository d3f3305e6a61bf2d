# SPDX-License-Identifier: Apache-2.0
"""What the loader tells the kernel, and the login prompt of the serial console (B1).

The files are changed themselves: of several assignments of a variable the last counts, and all of
them are changed or removed.  Source: loader.conf(5), ttys(5), uart(4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Callable

from osdrivers.actions import EditFile, Plan, Verify
from osdrivers.api import BootEntry
from osdrivers.errors import InvalidInput
from osdrivers.host import Host

PATH, TTYS = "/boot/loader.conf", "/etc/ttys"
_VARIABLE = re.compile(r"^[ \t]*([\w.-]+)[ \t]*=[ \t]*(\"[^\"\n]*\"|[^\s#]*)", re.MULTILINE)
_TOKEN = re.compile(r"([\w.-]+)=([^\"'\s\\]*)")
_PROMPT = '"/usr/libexec/getty 3wire"\tvt100\tonifconsole\tsecure'

_SPEEDS_BAUD = (9600, 19200, 38400, 57600, 115200)


class Boot:
    """An argument is a variable, ``NAME=VALUE``; there is one list for all kernels."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def entries(self) -> tuple[BootEntry, ...]:
        found = _values(self._host.read(PATH, ""))
        return (BootEntry("", tuple(f"{name}={value}" for name, value in found.items())),)

    def ensure_arguments(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Plan:
        for token in (*add, *remove):
            if not _TOKEN.fullmatch(token):
                raise InvalidInput(f"{token!r} is no variable of the loader", hint="NAME=VALUE")
        if {*add} & {*remove}:
            raise InvalidInput(f"{sorted({*add} & {*remove})[0]} is to be added and removed")
        wanted = dict(token.split("=", 1) for token in add)
        yield from self._ensure(wanted, [token.split("=", 1) for token in remove])

    def ensure_serial_console(self, *, speed_baud: int = 115200) -> Plan:
        if speed_baud not in _SPEEDS_BAUD:
            raise InvalidInput(f"{speed_baud} is no speed of a serial port", hint="e.g. 115200")
        wanted = {
            "boot_multicons": "YES",
            "boot_serial": "YES",
            "comconsole_speed": str(speed_baud),
            "console": "comconsole efi vidconsole",
        }
        yield from self._ensure(wanted, [])
        text = self._host.read(TTYS, "")
        if text and _prompting(text) != text:
            yield EditFile(TTYS, _on_bytes(_prompting), "getty on ttyu0")

    def ensure_numa_policy(self) -> Plan:
        """Nothing: it is a fault of Linux."""
        yield from ()

    def _ensure(self, wanted: dict[str, str], unwanted: Sequence[Sequence[str]]) -> Plan:
        def change(text: str) -> str:
            return _changed(text, wanted, unwanted)

        def holds() -> bool:
            text = self._host.read(PATH, "")
            return change(text) == text

        if not holds():
            summary = " ".join((*wanted, *(f"-{name}" for name, _ in unwanted)))
            yield EditFile(PATH, _on_bytes(change), summary)
            yield Verify(f"{PATH} has {summary}", holds)


def _values(text: str) -> dict[str, str]:
    return {found[1]: found[2].strip('"') for found in _VARIABLE.finditer(text)}


def _changed(text: str, wanted: dict[str, str], unwanted: Sequence[Sequence[str]]) -> str:
    for name, value in unwanted:
        if _values(text).get(name) == value:
            text = re.sub(rf"^[ \t]*{re.escape(name)}[ \t]*=[^\n]*\n?", "", text, flags=re.M)
    for name, value in wanted.items():
        known = _values(text)
        if known.get(name) == value:
            continue
        if name in known:
            found = [each for each in _VARIABLE.finditer(text) if each[1] == name][-1]
            text = f'{text[: found.start(2)]}"{value}"{text[found.end(2) :]}'
        else:
            ended = text if text.endswith("\n") or not text else text + "\n"
            text = f'{ended}{name}="{value}"\n'
    return text


def _prompting(text: str) -> str:
    """The line of the first serial port: on when it is a console."""
    found = re.search(r"^ttyu0[ \t]+[^\n]*", text, re.MULTILINE)
    if found is None:
        return (text if text.endswith("\n") else text + "\n") + f"ttyu0\t{_PROMPT}\n"
    if re.search(r"[ \t](?:on|onifconsole|onifexists)(?=[ \t]|$)", found[0].partition("#")[0]):
        return text
    return f"{text[: found.start()]}ttyu0\t{_PROMPT}{text[found.end() :]}"


def _on_bytes(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        return change(text).encode("utf-8", "surrogateescape")

    return changed
