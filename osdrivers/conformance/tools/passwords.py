# SPDX-License-Identifier: Apache-2.0
"""chpasswd(8), passwd(1), chage(1), and what ends a user's processes."""

from __future__ import annotations

from ...host import Completed
from ..box import TODAY, Box, Tool, UnknownUse, done, options, refused
from . import colons
from .sha512crypt import sha512_crypt
from .shadow import PASSWD, SHADOW, days


def chpasswd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Lines of ``name:password``; one unknown name, and none is changed."""
    given, _ = options(argv, "ec:s:", "e/encrypted", "c/crypt-method=", "s/sha-rounds=")
    lines = [line for line in stdin.decode(errors="surrogateescape").split("\n") if line]
    wanted, said = [], ""
    for number, line in enumerate(lines, 1):
        name, colon, password = line.partition(":")
        if not colon:
            said += f"chpasswd: line {number}: missing new password\n"
        elif colons.row(box, SHADOW, name) is None:
            said += f"chpasswd: line {number}: user '{name}' does not exist\n"
        elif "-e" not in given and len(password) < box.facts.get("password_length_min", 0):
            said += f"BAD PASSWORD: The password is shorter than the minimum\n(user {name})\n"
        wanted.append((name, password))
    if said:
        return refused(1, said + "chpasswd: error detected, changes ignored")
    for name, password in wanted:
        fields = colons.row(box, SHADOW, name)
        assert fields is not None
        data = password.encode(errors="surrogateescape")
        fields[1] = password if "-e" in given else sha512_crypt(data, f"pretend{name}"[:16])
        fields[2] = str(TODAY)
        colons.put(box, SHADOW, fields)
    return done()


def passwd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "ludSq", "l/lock", "u/unlock", "d/delete", "S/status", "q/quiet")
    name = rest[0] if rest else "root"
    fields = colons.row(box, SHADOW, name)
    if fields is None:
        return refused(1, f"passwd: user '{name}' does not exist")
    if "-S" in given:
        state = "L" if fields[1][:1] in "!*" and fields[1] else "P" if fields[1] else "NP"
        return done(f"{name} {state} 2025-11-08 {' '.join(fields[3:6])} -1\n")
    if "-l" in given and not fields[1].startswith("!"):
        fields[1] = "!" + fields[1]
    elif "-u" in given:
        if fields[1] in ("!", "!!"):
            return refused(
                3, "passwd: unlocking the password would result in a passwordless account."
            )
        fields[1] = fields[1].lstrip("!")
    elif "-d" in given:
        fields[1] = ""
    elif "-l" not in given:
        raise UnknownUse(argv, "it would ask at the terminal")
    colons.put(box, SHADOW, fields)
    return done()


def chage(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "d:E:M:m:", "d/lastday=", "E/expiredate=", "M/maxdays=")
    fields = colons.row(box, SHADOW, rest[0])
    if fields is None:
        return refused(1, f"chage: user '{rest[0]}' does not exist in /etc/passwd")
    for option, place in (("-d", 2), ("-m", 3), ("-M", 4), ("-E", 7)):
        if option in given:
            fields[place] = days(given[option])
    colons.put(box, SHADOW, fields)
    return done()


def processes_of(box: Box, owner: str) -> list[str]:
    """Ids of the processes of an account, by name or number."""
    known = colons.row(box, PASSWD, owner)
    uid = known[2] if known else owner
    return [pid for pid, process in box.remembered("processes").items() if process["uid"] == uid]


def pkill(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """pkill(1) and pgrep(1) of a user's processes: status 1 when none matched."""
    name = argv[0].rpartition("/")[2]
    words = ("-KILL", "-TERM", "-9", "-15")
    signals = [word for word in argv if word in words]
    rest = (argv[0], *(word for word in argv[1:] if word not in words))
    given, patterns = options(rest, "u:U:", "u/euid=", "U/uid=", "signal=")
    if patterns:
        raise UnknownUse(argv, "a pattern")
    owner = given.get("-u") or given["-U"]
    found = processes_of(box, owner)
    if name == "pgrep":
        return Completed(0 if found else 1, "".join(f"{pid}\n" for pid in found))
    running = box.remembered("processes")
    if found and (signals or "--signal" in given or name == "pkill"):
        box.remember("processes", {pid: running[pid] for pid in running if pid not in found})
    return Completed(0 if found else 1)


def loginctl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "", "no-pager", "no-ask-password")
    if rest[0] not in ("terminate-user", "kill-user", "disable-linger"):
        raise UnknownUse(argv, "verb")
    if colons.row(box, PASSWD, rest[1]) is None and not rest[1].isdigit():
        return refused(1, f"Failed to look up user {rest[1]}: No such process")
    running = box.remembered("processes")
    if rest[0] == "disable-linger":
        box.remove(f"/var/lib/systemd/linger/{rest[1]}")
    elif running:
        gone = processes_of(box, rest[1])
        box.remember("processes", {pid: running[pid] for pid in running if pid not in gone})
    return done()


TOOLS: dict[str, Tool] = {
    "chpasswd": chpasswd,
    "passwd": passwd,
    "chage": chage,
    "pkill": pkill,
    "pgrep": pkill,
    "loginctl": loginctl,
}
