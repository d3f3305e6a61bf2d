# SPDX-License-Identifier: Apache-2.0
"""Account tools of the shadow suite, release 4.13: exit statuses and files as in useradd(8) etc."""

from __future__ import annotations

import os
import re
import shutil
from typing import Optional

from ...host import Completed
from ..box import TODAY, Box, Tool, UnknownUse, done, options, refused
from . import colons

PASSWD, SHADOW, GROUP, GSHADOW = "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"
_LEGAL = re.compile(r"[^-:,\s+~][^:,\s]*")  # Debian's: even a slash passes


def setting(box: Box, name: str, default: str) -> str:
    """A value of login.defs(5), which some systems keep below /usr."""
    for path in ("/etc/login.defs", "/usr/etc/login.defs", "/usr/share/shadow/login.defs"):
        if box.exists(path):
            for line in box.lines(path):
                words = line.split("#")[0].split()
                if len(words) >= 2 and words[0] == name:
                    default = words[1]
            break
    return default


def standard(box: Box, name: str, default: str) -> str:
    """A value of /etc/default/useradd."""
    for line in (*box.lines("/usr/etc/default/useradd"), *box.lines("/etc/default/useradd")):
        key, equals, value = line.partition("=")
        if equals and key.strip() == name:
            default = value.strip()
    return default


def days(date: str) -> str:
    """A date as days since 1970, for field 8 of shadow(5); "" for none."""
    if date in ("", "-1"):
        return ""
    if date.isdigit():
        return date
    import datetime

    return str((datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days)


def useradd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = ("m/create-home", "s/shell=", "G/groups=", "g/gid=", "c/comment=", "d/home-dir=")
    more = ("e/expiredate=", "l/no-log-init", "M/no-create-home", "N/no-user-group", "u/uid=")
    given, rest = options(argv, "ms:G:g:c:d:e:lMNu:UK:", *known, *more, "U/user-group", "K/key=")
    name = rest[0] if len(rest) == 1 else ""
    wrong = _unfit(box, argv, name, given)
    if wrong is not None:
        return wrong
    low, high = (int(setting(box, f"UID_{end}", "0")) for end in ("MIN", "MAX"))
    taken = {int(fields[2]) for fields in colons.rows(box, PASSWD)}
    uid = int(given["-u"]) if "-u" in given else colons.free(taken, low, high)
    gid = _primary(box, name, uid, given)
    home = given.get("-d") or f"{standard(box, 'HOME', '/home')}/{name}"
    shell = given.get("-s") or standard(box, "SHELL", "")
    colons.put(box, PASSWD, [name, "x", str(uid), str(gid), given.get("-c", ""), home, shell])
    _hidden(box, name, given.get("-e", ""))
    for group in _listed(given.get("-G", "")):
        join(box, group, name)
    for path in ("/etc/subuid", "/etc/subgid"):
        if box.exists(path):
            _sub(box, path, name)
    if "-M" not in given and ("-m" in given or setting(box, "CREATE_HOME", "no") == "yes"):
        _home(box, home, (uid, gid), given.get("-K", ""))
        if standard(box, "CREATE_MAIL_SPOOL", "no") == "yes":
            _spool(box, name, uid)
    return done()


def _hidden(box: Box, name: str, expires: str) -> None:
    """The line of a new account in shadow(5)."""
    ages = [setting(box, f"PASS_{age}", "") for age in ("MIN_DAYS", "MAX_DAYS", "WARN_AGE")]
    inactive = standard(box, "INACTIVE", "")
    inactive = "" if inactive == "-1" else inactive
    colons.put(box, SHADOW, [name, "!", str(TODAY), *ages, inactive, days(expires), ""])


def _unfit(
    box: Box, argv: tuple[str, ...], name: str, given: dict[str, str]
) -> Optional[Completed]:
    """What useradd says before it changes anything; None when all is well."""
    if argv[-1] != name:
        return refused(2, "Usage: useradd [options] LOGIN")
    if not _LEGAL.fullmatch(name) or len(name) > 32:
        return refused(3, f"useradd: invalid user name '{name}': use --badname to ignore")
    if any(mark in given.get("-c", "") for mark in ":\n"):
        return refused(3, f"useradd: invalid comment '{given['-c']}'")
    if not re.fullmatch(r"|-?\d+|\d{4}-\d\d-\d\d", given.get("-e", "")):
        raise UnknownUse(argv, "only ISO dates: the real one guesses at any other")
    for group in (*_listed(given.get("-G", "")), *_listed(given.get("-g", ""))):
        if _group(box, group) is None:
            return refused(6, f"useradd: group '{group}' does not exist")
    if colons.row(box, PASSWD, name) is not None:
        return refused(9, f"useradd: user '{name}' already exists")
    private = "-g" not in given and "-N" not in given and _private_groups(box)
    if private and colons.row(box, GROUP, name) is not None:
        return refused(
            9,
            f"useradd: group {name} exists - if you want to add this user to that group, use -g.",
        )
    if "-u" in given and any(fields[2] == given["-u"] for fields in colons.rows(box, PASSWD)):
        return refused(4, f"useradd: UID {given['-u']} is not unique")
    return None


def _private_groups(box: Box) -> bool:
    return setting(box, "USERGROUPS_ENAB", "no") == "yes"


def _primary(box: Box, name: str, uid: int, given: dict[str, str]) -> int:
    if "-g" in given:
        found = _group(box, given["-g"])
        assert found is not None
        return int(found[2])
    if "-N" in given or not _private_groups(box):
        return int(standard(box, "GROUP", "100"))
    taken = {int(fields[2]) for fields in colons.rows(box, GROUP)}
    gid = uid if uid not in taken else colons.free(taken, 1000, 60000)
    _add_group(box, name, gid)
    return gid


def _add_group(box: Box, name: str, gid: int) -> None:
    colons.put(box, GROUP, [name, "x", str(gid), ""])
    if box.exists(GSHADOW):
        colons.put(box, GSHADOW, [name, "!", "", ""])


def _group(box: Box, name: str) -> Optional[list[str]]:
    wanted = [fields for fields in colons.rows(box, GROUP) if name in (fields[0], fields[2])]
    return wanted[0] if wanted else None


def _listed(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def join(box: Box, group: str, name: str, *, leave: bool = False) -> None:
    """Put a user into a group's lists, or take it out."""
    for path in (GROUP, GSHADOW):
        fields = colons.row(box, path, group)
        if fields is None:
            continue
        kept = [member for member in colons.members(fields) if member != name]
        if leave or name not in colons.members(fields):
            fields[3] = ",".join(kept if leave else [*kept, name])
            colons.put(box, path, fields)


def _sub(box: Box, path: str, name: str) -> None:
    ends = [int(fields[1]) + int(fields[2]) for fields in colons.rows(box, path)]
    colons.put(box, path, [name, str(max(ends, default=100000)), "65536"])


def _home(box: Box, home: str, owner: tuple[int, int], override: str) -> None:
    if box.exists(home):
        return
    key, _, value = override.partition("=")
    masks = {"HOME_MODE": setting(box, "HOME_MODE", ""), "UMASK": setting(box, "UMASK", "022")}
    if key in masks:
        masks[key] = value
    mode = masks["HOME_MODE"]
    bits = int(mode, 8) if mode else 0o777 & ~int(masks["UMASK"], 8)
    skeleton = box.real(standard(box, "SKEL", "/etc/skel"))
    real = box.real(home)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    if os.path.isdir(skeleton):
        shutil.copytree(skeleton, real, symlinks=True)
    else:
        os.mkdir(real)
    own_all(box, home, *owner)
    os.chmod(real, bits)


def own_all(box: Box, top: str, uid: int, gid: int) -> None:
    """chown(1) -R."""
    if os.geteuid() != 0:
        return
    real = box.real(top)
    for directory, inner, names in os.walk(real):
        for name in (*inner, *names):
            os.chown(os.path.join(directory, name), uid, gid, follow_symlinks=False)
    os.chown(real, uid, gid)


def _spool(box: Box, name: str, uid: int) -> None:
    directory = setting(box, "MAIL_DIR", "/var/mail")
    if not box.is_directory(directory) or box.exists(f"{directory}/{name}"):
        return
    mail = colons.row(box, GROUP, "mail")
    box.write(f"{directory}/{name}", "", 0o660 if mail else 0o600)
    box.own(f"{directory}/{name}", (uid, int(mail[2]) if mail else uid))


def usermod(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    known = ("a/append", "G/groups=", "L/lock", "U/unlock", "e/expiredate=", "s/shell=")
    given, rest = options(argv, "aG:LUe:s:c:p:", *known, "c/comment=", "p/password=")
    fields = colons.row(box, PASSWD, rest[0]) if len(rest) == 1 else None
    if fields is None:
        return refused(6, f"usermod: user '{rest[0] if rest else ''}' does not exist")
    name = rest[0]
    wanted = _listed(given.get("-G", ""))
    for group in wanted:
        if _group(box, group) is None:
            return refused(6, f"usermod: group '{group}' does not exist")
    if "-s" in given or "-c" in given:
        fields[4], fields[6] = given.get("-c", fields[4]), given.get("-s", fields[6])
        colons.put(box, PASSWD, fields)
    for group_fields in colons.rows(box, GROUP) if "-G" in given else []:
        if group_fields[0] in wanted:
            join(box, group_fields[0], name)
        elif "-a" not in given:
            join(box, group_fields[0], name, leave=True)
    hidden = colons.row(box, SHADOW, name)
    if hidden is not None:
        _hide(box, hidden, given)
    return done()


def _hide(box: Box, hidden: list[str], given: dict[str, str]) -> None:
    if "-L" in given and not hidden[1].startswith("!"):
        hidden[1] = "!" + hidden[1]
    if "-U" in given and hidden[1].startswith("!") and hidden[1] != "!":
        hidden[1] = hidden[1][1:]
    if "-p" in given:
        assert given["-p"].startswith(("*", "!")), "a password hash on a command line"
        hidden[1], hidden[2] = given["-p"], str(TODAY)
    if "-e" in given:
        hidden[7] = days(given["-e"])
    colons.put(box, SHADOW, hidden)


def userdel(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "frZ", "f/force", "r/remove")
    fields = colons.row(box, PASSWD, rest[0]) if len(rest) == 1 else None
    if fields is None:
        return refused(6, f"userdel: user '{rest[0] if rest else ''}' does not exist")
    name = rest[0]
    colons.drop(box, PASSWD, name)
    colons.drop(box, SHADOW, name)
    for group in colons.rows(box, GROUP):
        join(box, group[0], name, leave=True)
    own = colons.row(box, GROUP, name)
    if own is not None and own[2] == fields[3] and not own[3] and _private_groups(box):
        colons.drop(box, GROUP, name)
        colons.drop(box, GSHADOW, name)
    for path in ("/etc/subuid", "/etc/subgid"):
        colons.drop(box, path, name)
    said = ""
    if "-r" in given:
        if not box.remove(f"{setting(box, 'MAIL_DIR', '/var/mail')}/{name}"):
            said = f"userdel: {name} mail spool (/var/mail/{name}) not found\n"
        if not box.remove(fields[5]):
            said += f"userdel: {name} home directory ({fields[5]}) not found\n"
    return done("", said)


def groupadd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "frg:", "f/force", "r/system", "g/gid=")
    if colons.row(box, GROUP, rest[0]) is not None:
        if "-f" in given:
            return done()
        return refused(9, f"groupadd: group '{rest[0]}' already exists")
    taken = {int(fields[2]) for fields in colons.rows(box, GROUP)}
    _add_group(box, rest[0], int(given.get("-g") or colons.free(taken, 1000, 60000)))
    return done()


def groupdel(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "f", "f/force")
    if colons.row(box, GROUP, rest[0]) is None:
        return refused(6, f"groupdel: group '{rest[0]}' does not exist")
    colons.drop(box, GROUP, rest[0])
    colons.drop(box, GSHADOW, rest[0])
    return done()


def gpasswd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "a:d:", "a/add=", "d/delete=")
    if colons.row(box, GROUP, rest[0]) is None:
        return refused(3, f"gpasswd: group '{rest[0]}' does not exist in /etc/group")
    join(box, rest[0], given.get("-a") or given["-d"], leave="-d" in given)
    return done()


TOOLS: dict[str, Tool] = {
    "useradd": useradd,
    "usermod": usermod,
    "userdel": userdel,
    "groupadd": groupadd,
    "groupdel": groupdel,
    "gpasswd": gpasswd,
}
