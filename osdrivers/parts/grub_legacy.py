# SPDX-License-Identifier: Apache-2.0
"""GRUB before 2: menu.lst or grub.conf, often links to each other.

Source: info grub, Commands; update-grub(8) of that time (``# kopt=``); sysconfig bootloader
(DEFAULT_APPEND), from which the command lines of future kernels are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..host import Host
from .boot_documents import Document, Setting
from .kernel_arguments import Span

MENUS = ("/boot/grub/menu.lst", "/boot/grub/grub.conf")
_SYSCONFIG = "/etc/sysconfig/bootloader"
_KERNEL = re.compile(
    r"^[ \t]*(?:kernel|module)[ \t]+(?:--\S+[ \t]+)*(\S*(?:vmlinu|bzImage)\S*)([^\n]*)",
    re.MULTILINE,
)
_FUTURE = re.compile(r"^# kopt=([^\n]*)", re.MULTILINE)
_APPEND = re.compile(r'^DEFAULT_APPEND="([^"\n]*)"', re.MULTILINE)


class Menu:
    """Every menu there is, once: of two names of one file the first."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def documents(self) -> Sequence[Document]:
        menus = [Document(path, _lines) for path in self._menus()]
        future = [Document(_SYSCONFIG, _appended)] if self._host.exists(_SYSCONFIG) else []
        return (*future, *menus)

    def _menus(self) -> Iterator[str]:
        seen: set[str] = set()
        for path in MENUS:
            if self._host.exists(path):
                real = self._host.locate(path, follow=True)
                if real not in seen:
                    yield path
                seen.add(real)

    def commands(self) -> Sequence[tuple[str, ...]]:
        return ()

    def terminal(self, speed_baud: int) -> Sequence[Setting]:
        return [
            Setting(path, lambda text: _speaking(text, speed_baud), f"serial console {speed_baud}")
            for path in self._menus()
        ]


def _lines(text: str) -> Sequence[Span]:
    future = [Span("", found.start(1), found.end(1)) for found in _FUTURE.finditer(text)]
    return future + [
        Span(found[1], found.start(2), found.end(2)) for found in _KERNEL.finditer(text)
    ]


def _appended(text: str) -> Sequence[Span]:
    return [Span("", found.start(1), found.end(1)) for found in _APPEND.finditer(text)]


def _speaking(text: str, speed_baud: int) -> str:
    """Both commands before the first title; a menu that speaks already stays."""
    if re.search(r"^[ \t]*serial[ \t]", text, re.MULTILINE):
        return text
    lines = f"serial --unit=0 --speed={speed_baud}\nterminal --timeout=5 serial console\n"
    title = re.search(r"^[ \t]*title[ \t]", text, re.MULTILINE)
    at = title.start() if title else len(text)
    return text[:at] + lines + text[at:]
