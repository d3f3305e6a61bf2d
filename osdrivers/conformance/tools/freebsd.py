# SPDX-License-Identifier: Apache-2.0
"""FreeBSD's accounts, services, name and network: pw(8), sysrc(8), service(8), route(8), ...

Composed from the manual pages: there is no FreeBSD here to compare with (``unproved.json``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused
from . import freebsd_disks, names, packages, passwords

MASTER, PASSWD, GROUP = "/etc/master.passwd", "/etc/passwd", "/etc/group"
_DATAERR, _NOUSER = 65, 67


def _row(box: Box, name: str) -> list[str]:
    return next((r for r in (line.split(":") for line in box.lines(MASTER)) if r[0] == name), [])


def _save(box: Box, row: list[str], remove: str = "") -> None:
    """Change master.passwd, and passwd as pwd_mkdb(8) makes it."""
    lines = box.lines(MASTER)
    rows = [line.split(":") for line in lines]
    kept = [r for r in rows if r[0] != remove]
    known = [r[0] for r in kept]
    if row:
        kept = [row if r[0] == row[0] else r for r in kept]
        if row[0] not in known:
            kept.append(row)
    box.write(MASTER, "".join(":".join(r) + "\n" for r in kept))
    plain = [[r[0], "*", r[2], r[3], r[7], r[8], r[9]] for r in kept if len(r) == 10]
    box.write(PASSWD, "".join(":".join(r) + "\n" for r in plain))


def _members(box: Box, group: str, name: str, *, leave: bool = False) -> None:
    def change(lines: list[str]) -> list[str]:
        made = []
        for line in lines:
            row = line.split(":")
            members = [each for each in row[3].split(",") if each]
            if row[0] == group or leave:
                members = [each for each in members if each != name]
                members += [] if leave else [name]
            made.append(":".join([*row[:3], ",".join(members)]))
        return made

    box.change(GROUP, change)


def pw(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    verb, rest = argv[1], list(argv[2:])
    if rest and not rest[0].startswith("-"):
        rest = ["-g" if verb.startswith("group") else "-n", *rest]
    given, left = options(
        (argv[0], *rest), "n:md:s:M:G:c:e:h:H:rg:u:" if verb != "groupmod" else "g:m:"
    )
    if left:
        raise UnknownUse(argv, left[0])
    if verb == "groupmod":
        _members(box, given["-g"], given["-m"])
        return done()
    name = given["-n"]
    if verb == "useradd":
        return _useradd(box, name, given)
    row = _row(box, name)
    if not row:
        return refused(_NOUSER, f"pw: no such user `{name}'")
    if verb == "usermod":
        return _usermod(box, argv, row, given, stdin)
    if verb == "lock":
        if row[1].startswith("*LOCKED*"):
            return refused(_DATAERR, f"pw: user '{name}' is already locked")
        _save(box, [row[0], "*LOCKED*" + row[1], *row[2:]])
        return done()
    if verb == "userdel":
        _save(box, [], remove=name)
        _members(box, "", name, leave=True)
        box.change(GROUP, lambda lines: [each for each in lines if not each.startswith(f"{name}:")])
        if "-r" in given and box.exists(row[8]):
            box.remove(row[8])
        return done()
    raise UnknownUse(argv, verb)


def _useradd(box: Box, name: str, given: Mapping[str, str]) -> Completed:
    if _row(box, name):
        return refused(_DATAERR, f"pw: login name `{name}' already exists")
    taken = {int(line.split(":")[2]) for line in box.lines(MASTER)}
    uid = next(number for number in range(1001, 32000) if number not in taken)
    box.change(GROUP, lambda lines: [*lines, f"{name}:*:{uid}:"])
    home = given.get("-d", f"/home/{name}")
    expires = given.get("-e", "0")
    row = [name, "*", str(uid), str(uid), "", "0", expires]
    _save(box, [*row, given.get("-c", "User &"), home, given.get("-s", "/bin/sh")])
    for group in filter(None, given.get("-G", "").split(",")):
        _members(box, group, name)
    if "-m" in given and not box.exists(home):
        box.make_directory(home, int(given.get("-M", "0755"), 8), (uid, uid))
        for entry in box.names("/usr/share/skel"):
            path = f"{home}/{entry[3:] if entry.startswith('dot.') else entry}"
            box.write(path, box.read(f"/usr/share/skel/{entry}"), 0o644)
            box.own(path, (uid, uid))
    return done()


def _usermod(
    box: Box, argv: tuple[str, ...], row: list[str], given: Mapping[str, str], stdin: bytes
) -> Completed:
    fields = list(row)
    for option, at in (("-s", 9), ("-c", 7), ("-e", 6), ("-d", 8)):
        if option in given:
            fields[at] = given[option]
    if given.get("-h") == "-":
        fields[1] = "*" if not fields[1].startswith("*") else fields[1]
    elif "-h" in given or "-H" in given:
        text = stdin.decode().split("\n")[0][:128]
        if not text or ("-H" in given and ":" in text):
            return refused(_DATAERR, "pw: empty password read on file descriptor 0")
        if "-h" in given:
            raise UnknownUse(argv, "a password in clear text: hash it")
        fields[1] = text
    if fields != row:
        _save(box, fields)
    return done()


def sysrc(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1] == "-x" and len(argv) == 3:
        box.change("/etc/rc.conf", lambda lines: [
            line for line in lines if not line.startswith(f"{argv[2]}=")])  # fmt: skip
        return done()
    if len(argv) != 2 or "=" not in argv[1]:
        raise UnknownUse(argv, "only NAME=VALUE")
    key, _, value = argv[1].partition("=")
    line = f'{key}="{value}"'

    def change(lines: list[str]) -> list[str]:
        if any(each.startswith(f"{key}=") for each in lines):
            return [line if each.startswith(f"{key}=") else each for each in lines]
        return [*lines, line]

    box.change("/etc/rc.conf", change)
    return done(f"{key}: -> {value}\n")


def service(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    name, verb = argv[1], argv[2]
    if name == "dhclient" and verb == "restart" and len(argv) == 4:
        return _dhclient_again(box, argv[3])
    if not any(box.exists(f"{where}/{name}") for where in ("/etc/rc.d", "/usr/local/etc/rc.d")):
        return refused(1, f"{name} does not exist in /etc/rc.d or the local startup directories")
    running = box.remembered("scripts")
    is_running = running.get(name) == "running"
    if verb == "onestatus":
        text = f"{name} is {'' if is_running else 'not '}running."
        return done(f"{text}\n") if is_running else refused(1, "", f"{text}\n")
    wanted = {"onestart": True, "onestop": False, "onereload": is_running, "onerestart": True}
    if verb not in wanted:
        raise UnknownUse(argv, verb)
    if wanted[verb] != is_running:
        box.remember("scripts", {**running, name: "running" if wanted[verb] else "stopped"})
    return done()


def _dhclient_again(box: Box, interface: str) -> Completed:
    """rc.d/dhclient takes an interface, if rc.conf(5) says that it has DHCP."""
    if f'ifconfig_{interface}="SYNCDHCP"' not in box.read("/etc/rc.conf", ""):
        return refused(1, f"'{interface}' is not a DHCP-enabled interface")
    found = re.findall(r'^send host-name "([^"]*)";', box.read("/etc/dhclient.conf", ""), re.M)
    box.remember("dhcp", {**box.remembered("dhcp"), interface: found[-1] if found else ""})
    return done()


def kenv(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    value = box.facts.get("kenv", {}).get(argv[-1])
    return done(f"{value}\n") if value else Completed(1)


def ifconfig(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:] != ("-a",):
        raise UnknownUse(argv, "only -a")
    return done(box.read("/.machine/ifconfig"))


def netstat(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:3] != ("-rnW", "-f"):
        raise UnknownUse(argv, "only -rnW -f FAMILY")
    head = (
        "Routing tables\n\nInternet:\nDestination        Gateway            Flags   Netif Expire\n"
    )
    family = box.remembered("routes").get(argv[3], {})
    rows = [f"{to:18} {via:18} UGS     {device}" for to, (via, device) in sorted(family.items())]
    return done(head + "".join(f"{row}\n" for row in rows))


def route(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words = [word for word in argv[2:] if word not in ("-n",)]
    verb = words.pop(0)
    family = "inet6" if "-inet6" in words else "inet"
    words = [word for word in words if word not in ("-inet6", "-net")]
    link = "-interface" in words
    words = [word for word in words if word != "-interface"]
    to = "default" if re.fullmatch(r"(0\.0\.0\.0|::)/0", words[0]) else words[0]
    if to.endswith("/32"):
        to = to[:-3]
    routes = box.remembered("routes")
    table = dict(routes.get(family, {}))
    if verb == "add" and to in table:
        return refused(1, f"route: message indicates error: File exists\nadd net {to}: gateway")
    if verb == "delete":
        if to not in table:
            return refused(1, "route: writing to routing socket: No such process")
        del table[to]
    elif verb in ("add", "change"):
        table[to] = ("link#1", words[1]) if link else (words[1], "hn0")
    else:
        raise UnknownUse(argv, verb)
    box.remember("routes", {**routes, family: table})
    return done()


TOOLS: dict[str, Tool] = {
    "pw": pw,
    "pkg": packages.pkg,
    "sysrc": sysrc,
    "service": service,
    "kenv": kenv,
    "ifconfig": ifconfig,
    "netstat": netstat,
    "route": route,
    "hostname": names.hostname,
    "pkill": passwords.pkill,
    **freebsd_disks.TOOLS,
}
