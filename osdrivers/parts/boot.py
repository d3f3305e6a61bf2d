# SPDX-License-Identifier: Apache-2.0
"""Kernel command lines of every entry, whatever boot loader there is (B1, B2).

The loader is found by its files at the first question.  A change is whole or not at all: when
a tool fails, or says that it did what it did not do, the files are put back as they were.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Callable, Optional

from ..actions import EditFile, MakeDirectory, Plan, Remove, Run, Verify
from ..api import BootEntry
from ..errors import AgentError, InvalidInput, NotFound
from ..host import Host
from ..probes import Probes
from . import bls, extlinux, getty, grub2, grub_legacy, kernel_arguments, oem_grub, rpm_ostree
from .boot_documents import Document, Loader, Setting, text_of
from .kernel_arguments import Change, Decision

_LOADERS: Mapping[str, Callable[[Host], Loader]] = {
    "bls": bls.Entries,
    "grub2": grub2.Grub2,
    "grub_legacy": grub_legacy.Menu,
    "extlinux": extlinux.Extlinux,
    "oem_grub": oem_grub.OemGrub,
}
_SPEEDS_BAUD = (9600, 19200, 38400, 57600, 115200)
_AARCH64 = b"\xb7\x00"  # e_machine of elf(5)
_PROGRAMS = ("/sbin/init", "/usr/lib/systemd/systemd", "/bin/sh")
_MAKING_S = 300.0
#: Since 3.0 every Hyper-V console comes up early by itself.
_EARLY_PRINTK_BEFORE = (3,)


class Boot:
    """The boot loader that the machine has."""

    def __init__(self, host: Host, probes: Probes) -> None:
        self._host, self._probes = host, probes

    @cached_property
    def _loader(self) -> Loader:
        """:raises NotFound: no boot loader that is known."""
        name = self._probes.boot_loader
        if not name:
            raise NotFound("no configuration of a boot loader", hint="is /boot mounted?")
        return _LOADERS[name](self._host)

    def entries(self) -> tuple[BootEntry, ...]:
        if self._probes.ostree:
            return rpm_ostree.Deployment(self._host).entries()
        if not self._probes.boot_loader:
            return ()
        found = list(self._entries())
        return tuple(sorted(found, key=lambda entry: bool(entry.name)))

    def _entries(self) -> Iterator[BootEntry]:
        for each in self._loader.documents():
            yield from each.entries(text_of(self._host, each.path))

    def ensure_arguments(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Plan:
        change = kernel_arguments.checked(add, remove)
        yield from self._ensure(lambda _: change, (), " ".join((*add, *(f"-{r}" for r in remove))))

    def ensure_serial_console(self, *, speed_baud: int = 115200) -> Plan:
        if speed_baud not in _SPEEDS_BAUD:
            raise InvalidInput(f"{speed_baud} is no speed of a serial port", hint="e.g. 115200")
        port = self._port
        serial = f"console={port},{speed_baud}n8"

        def decide(kernel: str) -> Change:
            release = kernel_arguments.version(kernel)
            old = bool(release) and release < _EARLY_PRINTK_BEFORE and port == "ttyS0"
            early = (f"earlyprintk={port},{speed_baud}",) if old else ()
            return Change((*early, serial), screen="console=tty1")

        settings: tuple[Setting, ...] = ()
        if not self._probes.ostree:
            prompts = getty.settings(self._host, self._probes.init, port, speed_baud)
            settings = (*self._loader.terminal(speed_baud), *prompts)
        yield from self._ensure(decide, settings, serial)

    @property
    def _port(self) -> str:
        for path in _PROGRAMS:
            head = self._host.read_bytes(path, b"", limit_bytes=20)
            if head.startswith(b"\x7fELF"):
                return "ttyAMA0" if head[18:20] == _AARCH64 else "ttyS0"
        return "ttyS0"

    def ensure_numa_policy(self) -> Plan:
        newest = max((kernel_arguments.version(each.name) for each in self.entries()), default=())

        def decide(kernel: str) -> Change:
            return kernel_arguments.numa_policy(kernel_arguments.version(kernel) or newest)

        yield from self._ensure(decide, (), "NUMA policy")

    def _ensure(self, decide: Decision, settings: Sequence[Setting], what: str) -> Plan:
        if self._probes.ostree:
            yield from rpm_ostree.Deployment(self._host).ensure(decide, what)
            return
        edits = [each for each in self._edits(decide, settings) if not self._done(each)]
        if not edits and self._holds(decide):
            return
        loader = self._loader
        commands = loader.commands()
        self._host.require(*(argv[0] for argv in commands))
        made = [each.path for each in loader.documents() if each.generated]
        before = {path: self._present(path) for path in (*(e.path for e in edits), *made)}
        try:
            for where in dict.fromkeys(posixpath.dirname(each.path) for each in edits):
                if not self._host.is_directory(where):
                    yield MakeDirectory(where)
            for each in edits:
                yield EditFile(each.path, _on_bytes(each), each.summary)
            for argv in commands:
                yield Run(argv, timeout_s=_MAKING_S)
            yield Verify(f"every boot entry has {what}", lambda: self._holds(decide))
        except AgentError:
            yield from self._put_back(before)
            raise

    def _edits(self, decide: Decision, settings: Sequence[Setting]) -> Iterator[Setting]:
        for each in self._loader.documents():
            if not each.generated:
                yield Setting(each.path, _changing(each, decide), "kernel arguments")
        yield from settings

    def _done(self, setting: Setting) -> bool:
        text = text_of(self._host, setting.path)
        return setting.change(text) == text

    def _holds(self, decide: Decision) -> bool:
        """Whether every command line is as it should be, read anew."""
        for each in self._loader.documents():
            text = text_of(self._host, each.path)
            if each.changed(text, decide) != text:
                return False
        return True

    def _present(self, path: str) -> Optional[bytes]:
        return self._host.read_bytes(path) if self._host.exists(path) else None

    def _put_back(self, before: dict[str, Optional[bytes]]) -> Plan:
        for path, content in before.items():
            now = self._present(path)
            if now == content:
                continue
            if content is None:
                yield Remove(path)
            else:
                yield EditFile(path, _always(content), "as it was")


def _changing(document: Document, decide: Decision) -> Callable[[str], str]:
    return lambda text: document.changed(text, decide)


def _always(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content


def _on_bytes(setting: Setting) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        return setting.change(text).encode("utf-8", "surrogateescape")

    return change
