# SPDX-License-Identifier: Apache-2.0
"""modprobe(8) and modinfo(8) of the modules that ``machine.json`` lists with their versions."""

from __future__ import annotations

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused
from . import drives


def modprobe(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = box.facts.get("kernel_modules", {})
    given, names = options(argv, "Rqba", "q/quiet", "b/use-blacklist", "a/all", "R/resolve-alias")
    if "-R" in given:
        found = [_resolved(box, names[0])] if _resolved(box, names[0]) in known else []
        failure = refused(1, f"modprobe: FATAL: Module {names[0]} not found.")
        return done(f"{found[0]}\n") if found else failure
    if not set(names) <= set(known):
        return drives.modprobe(box, argv, stdin)
    for name in names:
        if not box.exists(f"/sys/module/{name}"):
            box.make_directory(f"/sys/module/{name}")
    return done()


def _resolved(box: Box, name: str) -> str:
    """The module of an alias; the last line counts."""
    found = name
    for entry in box.names("/etc/modprobe.d"):
        for line in box.lines(f"/etc/modprobe.d/{entry}"):
            words = line.split()
            if words[:2] == ["alias", name] and len(words) == 3:
                found = words[2]
    return found


def modinfo(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = box.facts.get("kernel_modules", {})
    given, names = options(argv, "F:", "F/field=")
    if given.get("-F", "version") != "version" or len(names) != 1:
        raise UnknownUse(argv, "only the version of one module")
    name = _resolved(box, names[0])
    if name not in known:
        return refused(1, f"modinfo: ERROR: Module {names[0]} not found.")
    return done(f"{known[name]}\n" if "-F" in given else f"version:        {known[name]}\n")


TOOLS: dict[str, Tool] = {"modprobe": modprobe, "modinfo": modinfo}
