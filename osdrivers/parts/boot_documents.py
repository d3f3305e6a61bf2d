# SPDX-License-Identifier: Apache-2.0
"""What a boot loader reads, and what tools make of it: the common ground of its parts (B1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Protocol

from ..api import BootEntry
from ..host import Host
from .kernel_arguments import Decision, Spans, rewritten, tokens


def _same(text: str) -> str:
    return text


@dataclass(frozen=True)
class Document:
    """A file with command lines.

    ``generated``: a tool makes it, so it is checked and put back, never edited.  ``prepare``
    makes room for a command line where the text has none.  ``finish`` is applied to a changed one.
    """

    path: str
    spans: Spans
    generated: bool = False
    prepare: Callable[[str], str] = _same
    finish: Callable[[str], str] = _same

    def entries(self, text: str) -> tuple[BootEntry, ...]:
        """The command lines of ``text`` that stand for a whole one."""
        found, text = [], self.prepare(text)
        for span in self.spans(text):
            if span.part == "all":
                words = f"{span.before} {text[span.start : span.end]}"
                found.append(BootEntry(span.name, tokens(words)))
        return tuple(found)

    def changed(self, text: str, decide: Decision) -> str:
        """``text`` as it should be."""
        ready = self.prepare(text)
        after = rewritten(ready, self.spans(ready), decide)
        return text if after == ready else self.finish(after)


@dataclass(frozen=True)
class Setting:
    """A change in a file that is no command line: a terminal, a login prompt."""

    path: str
    change: Callable[[str], str]
    summary: str


class Loader(Protocol):
    """One boot loader's configuration."""

    def documents(self) -> Sequence[Document]:
        """:raises Unsupported: command lines are part of signed images."""

    def commands(self) -> Sequence[tuple[str, ...]]:
        """What must run when a file was changed, to have effect."""

    def terminal(self, speed_baud: int) -> Sequence[Setting]:
        """What makes the loader itself speak on the first serial port."""


def text_of(host: Host, path: str) -> str:
    """A file's text, "" if there is none; bytes that are no UTF-8 come back as they were."""
    return host.read_bytes(path, b"").decode("utf-8", "surrogateescape")
