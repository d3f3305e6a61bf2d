# SPDX-License-Identifier: Apache-2.0
"""Account tools of BusyBox: adduser, addgroup, deluser, delgroup; any failure has the status 1."""

from __future__ import annotations

from ...host import Completed
from ..box import TODAY, Box, Tool, UnknownUse, done, options, refused
from . import colons
from .shadow import GROUP, GSHADOW, PASSWD, SHADOW, join

_FIRST, _LAST = 1000, 60000


def adduser(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = ("h/home=", "g/gecos=", "s/shell=", "G/ingroup=", "u/uid=", "k/skel=")
    given, rest = options(argv, "h:g:s:G:DSHu:k:", *known)
    if "-D" not in given:
        raise UnknownUse(argv, "it would ask for a password")
    if len(rest) != 1 or "-S" in given or "-H" not in given:
        raise UnknownUse(argv, "only a person, without a home")
    (name,) = rest
    group = given.get("-G", "")
    if colons.row(box, PASSWD, name) is not None:
        return refused(1, f"adduser: user '{name}' in use")
    if not group and colons.row(box, GROUP, name) is not None:
        return refused(1, f"adduser: group '{name}' in use")
    if group and colons.row(box, GROUP, group) is None:
        return refused(1, f"adduser: unknown group {group}")
    uid = int(given.get("-u") or _free(box, both=not group))
    gid = int((colons.row(box, GROUP, group) or [])[2]) if group else uid
    home, shell = given.get("-h", f"/home/{name}"), given.get("-s", "/bin/ash")
    gecos = given.get("-g", "Linux User,,,")
    colons.put(box, PASSWD, [name, "x", str(uid), str(gid), gecos, home, shell])
    colons.put(box, SHADOW, [name, "!", str(TODAY), "0", "99999", "7", "", "", ""])
    if group:
        join(box, group, name)
    else:
        _add_group(box, name, gid)
    return done()


def _free(box: Box, *, both: bool) -> int:
    """The first number that no account (and no group) has."""
    files = (PASSWD, GROUP) if both else (PASSWD,)
    taken = {int(fields[2]) for path in files for fields in colons.rows(box, path)}
    return next(number for number in range(_FIRST, _LAST) if number not in taken)


def _add_group(box: Box, name: str, gid: int) -> None:
    colons.put(box, GROUP, [name, "x", str(gid), ""])
    if box.exists(GSHADOW):
        colons.put(box, GSHADOW, [name, "!", "", ""])


def addgroup(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "g:S", "g/gid=", "S/system")
    if len(rest) == 2 and not given:
        if colons.row(box, PASSWD, rest[0]) is None:
            return refused(1, f"addgroup: unknown user {rest[0]}")
        if colons.row(box, GROUP, rest[1]) is None:
            return refused(1, f"addgroup: unknown group {rest[1]}")
        join(box, rest[1], rest[0])
        return done()
    if len(rest) != 1 or "-g" not in given:
        raise UnknownUse(argv, "only a membership, or a group with a number")
    if any(given["-g"] == fields[2] or rest[0] == fields[0] for fields in colons.rows(box, GROUP)):
        return refused(1, f"addgroup: group '{rest[0]}' in use")
    _add_group(box, rest[0], int(given["-g"]))
    return done()


def deluser(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "", "remove-home")
    if len(rest) != 1 or given:
        raise UnknownUse(argv, "only one account, and its home stays")
    (name,) = rest
    if colons.row(box, PASSWD, name) is None:
        return refused(1, f"deluser: unknown user {name}")
    colons.drop(box, PASSWD, name)
    colons.drop(box, SHADOW, name)
    for fields in colons.rows(box, GROUP):
        join(box, fields[0], name, leave=True)
    own = colons.row(box, GROUP, name)
    return _drop_group(box, own) if own is not None else done()


def _drop_group(box: Box, group: list[str]) -> Completed:
    for fields in colons.rows(box, PASSWD):
        if fields[3] == group[2]:
            said = f"delgroup: '{fields[0]}' still has '{group[0]}' as their primary group!"
            return refused(1, said)
    colons.drop(box, GROUP, group[0])
    colons.drop(box, GSHADOW, group[0])
    return done()


def delgroup(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) != 3:
        raise UnknownUse(argv, "only a membership")
    if colons.row(box, PASSWD, argv[1]) is None:
        return refused(1, f"delgroup: unknown user {argv[1]}")
    if colons.row(box, GROUP, argv[2]) is None:
        return refused(1, f"delgroup: unknown group {argv[2]}")
    join(box, argv[2], argv[1], leave=True)
    return done()


TOOLS: dict[str, Tool] = {
    "adduser": adduser,
    "addgroup": addgroup,
    "deluser": deluser,
    "delgroup": delgroup,
}
