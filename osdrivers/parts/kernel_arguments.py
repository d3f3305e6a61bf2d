# SPDX-License-Identifier: Apache-2.0
"""Kernel command lines inside the files of boot loaders, changed token by token (B1, B2).

A loader says where in a text its command lines are; what is outside of them, and every token that
is not named, stays byte for byte.  Source: kernel documentation, admin-guide/kernel-parameters:
``--`` ends the kernel's own; of several ``console=`` the last becomes /dev/console.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

from ..errors import InvalidInput

_TOKEN = re.compile(r'(?:"[^"]*"|[^\s"])+')
_SCREEN = re.compile(r"console=tty\d+")
_REFUSED = re.compile(r"[\s\"'`$\\]|\A\Z|\A--\Z")
#: The last kernel that takes a Hyper-V machine's NUMA tables wrong.
_LAST_WITHOUT_NUMA = (2, 6, 37)


@dataclass(frozen=True)
class Change:
    """Tokens that a command line gets and loses.

    ``screen`` is added, before all of ``add``, where no console is a screen.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    screen: str = ""

    def consoles(self) -> Change:
        """The same, of consoles alone, and all that is removed."""
        return Change(tuple(each for each in self.add if is_console(each)), self.remove)

    def removal(self) -> Change:
        return Change((), self.remove)

    def apply(self, line: str, before: str = "") -> str:
        """``line`` as it should be; the tokens of ``before`` come before it, from elsewhere."""
        own, mark, rest = _own(line)
        for token in self.remove:
            own = _without(own, token)
        if self.screen and not any(_SCREEN.fullmatch(t) for t in (*tokens(before), *tokens(own))):
            own = _with(own, self.screen)
        last = next((each for each in reversed(self.add) if is_console(each)), "")
        for token in self.add:
            if token not in (*tokens(before), *tokens(own)):
                own = _with(own, token)
        consoles = [each for each in (*tokens(before), *tokens(own)) if is_console(each)]
        if last and consoles[-1] != last:
            own = _with(_without(own, last), last)
        return (
            f"{own} {mark}{rest}" if mark and not own.endswith((" ", "\t")) else own + mark + rest
        )

    def holds(self, words: Sequence[str]) -> bool:
        """Whether nothing is left to do on a command line of these tokens."""
        line = " ".join(words)
        return self.apply(line) == line


@dataclass(frozen=True)
class Span:
    """Where a command line is in a text.

    ``name`` is its kernel, "" of future ones.  ``before``: what precedes it from elsewhere.
    ``part``: ``all`` of it; ``consoles``: only removals, and consoles if it has some, because
    it is put behind another part; ``removals``: only those.
    """

    name: str
    start: int
    end: int
    before: str = ""
    part: str = "all"


Decision = Callable[[str], Change]
Spans = Callable[[str], Sequence[Span]]


def rewritten(text: str, spans: Iterable[Span], decide: Decision) -> str:
    """``text`` with its command lines changed as ``decide`` says for the kernel of each."""
    for span in sorted(spans, key=lambda each: -each.start):
        line, change = text[span.start : span.end], decide(span.name)
        if span.part == "removals":
            change = change.removal()
        elif span.part == "consoles":
            has = any(is_console(each) for each in tokens(line + " " + span.before))
            change = change.consoles() if has else change.removal()
        text = text[: span.start] + change.apply(line, span.before) + text[span.end :]
    return text


def tokens(line: str) -> tuple[str, ...]:
    """The arguments of a command line; double quotes protect white space."""
    return tuple(_TOKEN.findall(line))


def is_console(token: str) -> bool:
    return token.startswith("console=")


def checked(add: Sequence[str], remove: Sequence[str]) -> Change:
    """:raises InvalidInput: what is no token, or both wanted and unwanted."""
    for token in (*add, *remove):
        if _REFUSED.search(token):
            raise InvalidInput(
                f"{token!r} is no kernel argument", hint="no white space, quotes, $ or backslash"
            )
    both = sorted({*add} & {*remove})
    if both:
        raise InvalidInput(f"{both[0]} is to be added and removed")
    return Change(tuple(dict.fromkeys(add)), tuple(dict.fromkeys(remove)))


def version(kernel: str) -> tuple[int, ...]:
    """The version in a kernel's name, e.g. ``/vmlinuz-2.6.32-431.el6.x86_64``; () if none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", kernel.rpartition("/")[2])
    return tuple(int(number) for number in found.groups() if number) if found else ()


def numa_policy(release: tuple[int, ...]) -> Change:
    """B2: ``numa=off`` for kernels up to 2.6.37 and for no other; unknown ones are not touched."""
    if not release:
        return Change()
    old = release[:3] <= _LAST_WITHOUT_NUMA
    return Change(("numa=off",)) if old else Change((), ("numa=off",))


def _own(line: str) -> tuple[str, str, str]:
    """The kernel's arguments, the mark that ends them, and those of init."""
    found = re.search(r"(?<!\S)--(?!\S)", line)
    return (line[: found.start()], "--", line[found.end() :]) if found else (line, "", "")


def _places(line: str, token: str) -> Iterator[re.Match[str]]:
    return (found for found in _TOKEN.finditer(line) if found[0] == token)


def _without(line: str, token: str) -> str:
    for found in reversed(list(_places(line, token))):
        head, tail = line[: found.start()], line[found.end() :]
        line = head.rstrip(" \t") + tail if head.strip() else head + tail.lstrip(" \t")
    return line


def _with(line: str, token: str) -> str:
    kept = line.rstrip(" \t")
    return f"{kept} {token}{line[len(kept) :]}" if kept else f"{line}{token}"
