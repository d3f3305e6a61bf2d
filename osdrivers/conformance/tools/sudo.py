# SPDX-License-Identifier: Apache-2.0
"""visudo(8): the syntax of sudoers(5) as far as a grant needs it, includes followed."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused

_USER = r"(?:[%+]?[\w.@\\-]+|[%]?#\d+|\"[^\"]+\"|ALL)"
_COMMAND = r"!?(?:ALL|list|sudoedit\s[^,()]+|/[^,()=:]*|[A-Z][A-Z0-9_]*)"
_RUNAS = r"(?:\([^()]*\)\s*)?(?:[A-Z_]+\s*:\s*)*"
_RULE = re.compile(
    rf"{_USER}(?:\s*,\s*{_USER})*\s+[^=()]+=\s*{_RUNAS}{_COMMAND}(?:\s*,\s*{_RUNAS}{_COMMAND})*"
)
_DEFAULTS = re.compile(r"Defaults(?:[:@>!]\S+)?\s+\S.*")
_ALIAS = re.compile(r"(?:User|Runas|Host|Cmnd|Cmd)_Alias\s+[A-Z][A-Z0-9_]*\s*=\s*\S.*")
_INCLUDE = re.compile(r"[@#](include|includedir)\s+(\S.*)")


_DEEPEST = 5


class _TooDeep(Exception):
    """A policy that includes itself."""


def _main(box: Box) -> str:
    places = ("/usr/local/etc/sudoers",) if box.facts["system"] == "freebsd" else ()
    known: tuple[str, ...] = (*places, "/etc/sudoers", "/usr/etc/sudoers")
    return next((path for path in known if box.exists(path)), known[0])


def _files(box: Box, path: str, depth: int = 0) -> Iterator[str]:
    """A policy file and all that it includes."""
    if depth > _DEEPEST:
        raise _TooDeep(path)
    yield path
    for line in box.lines(path):
        found = _INCLUDE.match(line)
        if found and found[1] == "include":
            yield from _files(box, found[2].strip(), depth + 1)
        elif found:
            for name in box.names(found[2].strip()):
                if "." not in name and not name.endswith("~"):
                    yield from _files(box, f"{found[2].strip()}/{name}", depth + 1)


def _wrong(box: Box, path: str) -> str:
    """The first syntax error of a file, as visudo words it."""
    if not box.exists(path):
        return f"visudo: unable to open {path}: No such file or directory"
    text = re.sub(r"\\\n", " ", box.read(path))
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"\s+#(?!\d).*", "", line).strip()
        known = (_DEFAULTS, _ALIAS, _RULE, _INCLUDE)
        strange = line and not any(form.fullmatch(line) for form in known)
        if strange and (not line.startswith("#") or re.match(r"#\d", line)):
            return f"{path}:{number}:{len(line)}: syntax error\n{line}\n^"
    return ""


def visudo(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "cf:qsOP", "c/check", "f/file=", "q/quiet", "s/strict")
    if "-c" not in given or rest:
        raise UnknownUse(argv, "it would start an editor")
    said, quiet = "", "-q" in given
    try:
        files = list(_files(box, given.get("-f") or _main(box)))
    except _TooDeep as loop:
        return refused(1, "" if quiet else f"visudo: {loop}: too many levels of includes")
    for path in files:
        wrong = _wrong(box, path) or (
            "" if "-f" in given and "-P" not in given else _mode(box, path)
        )
        if wrong:
            return refused(1, "" if quiet else wrong, said)
        said += "" if quiet else f"{path}: parsed OK\n"
    return done(said)


def _mode(box: Box, path: str) -> str:
    import os

    status = os.stat(box.real(path))
    if stat.S_IMODE(status.st_mode) not in (0o440, 0o400):
        return f"{path}: bad permissions, should be mode 0440"
    return ""


def doas(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """doas -C FILE: whether every line is a rule."""
    if len(argv) != 3 or argv[1] != "-C":
        raise UnknownUse(argv, "only -C FILE")
    for number, line in enumerate(box.lines(argv[2]), 1):
        words = line.partition("#")[0].split()
        if words and words[0] not in ("permit", "deny"):
            return refused(1, f"doas: syntax error at line {number}")
    return done()


TOOLS: dict[str, Tool] = {"visudo": visudo}
DOAS: dict[str, Tool] = {"doas": doas}
