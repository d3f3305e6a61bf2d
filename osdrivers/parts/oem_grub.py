# SPDX-License-Identifier: Apache-2.0
"""grub.cfg of an OEM partition, which a fixed GRUB configuration reads: variables of the command
line.  ``linux_append`` comes last on it.  No tool has to run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..host import Host
from .boot_documents import Document, Setting
from .kernel_arguments import Span

DIRECTORIES = ("/oem", "/usr/share/oem")
_SET = re.compile(r'^[ \t]*set[ \t]+linux_(append|console)="([^"\n]*)"', re.MULTILINE)


class OemGrub:
    def __init__(self, host: Host) -> None:
        self._host = host

    def documents(self) -> Sequence[Document]:
        where = next((d for d in DIRECTORIES if self._host.exists(f"{d}/grub.cfg")), "")
        where = where or next((d for d in DIRECTORIES if self._host.is_directory(d)), "/oem")
        return [Document(f"{where}/grub.cfg", _variables, prepare=_with_append)]

    def commands(self) -> Sequence[tuple[str, ...]]:
        return ()

    def terminal(self, speed_baud: int) -> Sequence[Setting]:
        """Nothing: the fixed configuration speaks on both already."""
        return ()


def _variables(text: str) -> Sequence[Span]:
    found = list(_SET.finditer(text))
    console = next((each[2] for each in reversed(found) if each[1] == "console"), "")
    last = max((each.start() for each in found if each[1] == "append"), default=-1)
    spans = []
    for each in found:
        whole = each.start() == last
        before = console if whole else ""
        part = "all" if whole else "removals"
        spans.append(Span("", each.start(2), each.end(2), before, part))
    return spans


def _with_append(text: str) -> str:
    if any(each[1] == "append" for each in _SET.finditer(text)):
        return text
    ended = text if text.endswith("\n") or not text else text + "\n"
    return f'{ended}set linux_append=""\n'
