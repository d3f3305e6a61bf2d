# SPDX-License-Identifier: Apache-2.0
"""EXTLINUX: the menu, and the file that update-extlinux(1) makes the next one from.

Both are changed, so the tool need not run.  Source: Syslinux, Config; update-extlinux.conf.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..host import Host
from .boot_documents import Document, Setting
from .kernel_arguments import Span

MENUS = ("/boot/extlinux.conf", "/boot/extlinux/extlinux.conf")
DEFAULTS = "/etc/update-extlinux.conf"
_OPTIONS = re.compile(r'^default_kernel_opts="([^"\n]*)"', re.MULTILINE)
_KERNEL = re.compile(r"^[ \t]*(?:LINUX|KERNEL)[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)
_APPEND = re.compile(r"^[ \t]*APPEND[ \t]+([^\n]*)", re.MULTILINE | re.IGNORECASE)


class Extlinux:
    def __init__(self, host: Host) -> None:
        self._host = host

    def documents(self) -> Sequence[Document]:
        future = [Document(DEFAULTS, _defaults)] if self._host.exists(DEFAULTS) else []
        return (*future, *(Document(path, _labels) for path in MENUS if self._host.exists(path)))

    def commands(self) -> Sequence[tuple[str, ...]]:
        return ()

    def terminal(self, speed_baud: int) -> Sequence[Setting]:
        menus = [path for path in MENUS if self._host.exists(path)]
        return [
            Setting(path, lambda text: _speaking(text, speed_baud), f"serial console {speed_baud}")
            for path in menus
        ]


def _defaults(text: str) -> Sequence[Span]:
    return [Span("", found.start(1), found.end(1)) for found in _OPTIONS.finditer(text)]


def _labels(text: str) -> Sequence[Span]:
    spans = []
    for found in _APPEND.finditer(text):
        kernels = [each for each in _KERNEL.finditer(text) if each.start() < found.start()]
        spans.append(Span(kernels[-1][1] if kernels else "entry", found.start(1), found.end(1)))
    return spans


def _speaking(text: str, speed_baud: int) -> str:
    """SERIAL must be the first directive of the file."""
    if re.search(r"^[ \t]*SERIAL[ \t]", text, re.MULTILINE | re.IGNORECASE):
        return text
    return f"SERIAL 0 {speed_baud}\n{text}"
