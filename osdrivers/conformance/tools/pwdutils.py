# SPDX-License-Identifier: Apache-2.0
"""useradd(8), usermod(8), userdel(8) of pwdutils, on a machine with that version.

Their files are those of the shadow suite, so each is told to it in its own options.
"""

from __future__ import annotations

from typing import Callable

from ...host import Completed
from ..box import Box, Tool, UnknownUse, options
from . import shadow

_Translation = Callable[[tuple[str, ...]], tuple[str, ...]]


def _useradd(argv: tuple[str, ...]) -> tuple[str, ...]:
    """There is no group of one's own, and the mode of a home is an option."""
    given, rest = options(argv, "c:d:e:f:G:g:k:mop:rs:u:U:")
    umask = ("-K", f"UMASK={given.pop('-U')}") if "-U" in given else ()
    return ("useradd", "-N", *umask, *_words(given), *rest)


def _usermod(argv: tuple[str, ...]) -> tuple[str, ...]:
    given, rest = options(argv, "A:c:d:e:f:G:g:Lmop:R:s:u:U")
    if "-A" in given:
        given["-a"], given["-G"] = "", given.pop("-A")
    return ("usermod", *_words(given), *rest)


def _userdel(argv: tuple[str, ...]) -> tuple[str, ...]:
    given, rest = options(argv, "rf")
    if "-f" in given and "-r" not in given:
        raise UnknownUse(argv, "-f only says how -r works")
    return ("userdel", *_words(given), *rest)


def _words(given: dict[str, str]) -> list[str]:
    alone = ("-a", "-L", "-U", "-m", "-o", "-r", "-f")
    return [word for key, value in given.items() for word in (key, value)[: 1 + (key not in alone)]]


def _either(shadows: Tool, translated: _Translation) -> Tool:
    """The tool of pwdutils on a machine that has them, else that of the shadow suite."""

    def tool(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
        return shadows(box, translated(argv) if box.version("pwdutils") else argv, stdin)

    return tool


TOOLS: dict[str, Tool] = {
    "useradd": _either(shadow.useradd, _useradd),
    "usermod": _either(shadow.usermod, _usermod),
    "userdel": _either(shadow.userdel, _userdel),
}
