# SPDX-License-Identifier: Apache-2.0
"""The pretended account tools do what Debian's shadow suite and sudo do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from osdrivers.host import Host
from tests.conformance.compared import ACCOUNTS, Pair
from tests.osdrivers.parts.overlaid import overlaid

FILES = [f"/etc/{name}" for name in ACCOUNTS]
HASH = b"$6$saltsaltsalt$" + b"a" * 86
MAKE = ("useradd", "-m", "-s", "/bin/bash", "maria")


@dataclass(frozen=True)
class Case:
    """Commands in turn; ``stdin`` is the last one's."""

    name: str
    argvs: tuple[tuple[str, ...], ...]
    stdin: bytes = b""


def case(name: str, *argvs: tuple[str, ...], stdin: bytes = b"") -> Case:
    return Case(name, argvs, stdin)


CASES = (
    case("create", MAKE),
    case(
        "create with all",
        ("groupadd", "video-editors"),
        (
            *("useradd", "--create-home", "--shell", "/bin/sh", "--comment", "Some One"),
            *("--expiredate", "2030-01-02", "--groups", "sudo,adm,video-editors", "maria"),
        ),
    ),
    case("closed home", ("useradd", "-m", "-K", "UMASK=0027", "-d", "/home/maria", "maria")),
    case("home by its mode", ("useradd", "-m", "-K", "HOME_MODE=0711", "maria")),
    case("no password", MAKE, ("usermod", "-p", "!", "maria")),
    case(
        "close", MAKE, ("usermod", "-L", "-e", "1", "-G", "", "maria"), ("userdel", "-r", "maria")
    ),
    case("group by number", ("groupadd", "-g", "4321", "one"), MAKE),
    case("create twice", MAKE, MAKE),
    case("create two", MAKE, ("useradd", "-m", "jo")),
    case("create without home", ("useradd", "maria")),
    case("create elsewhere", ("useradd", "-m", "-d", "/srv/maria", "maria")),
    case("no group of its own", ("useradd", "-m", "-N", "maria")),
    case("group exists", ("groupadd", "maria"), MAKE),
    case("group given", ("groupadd", "maria"), ("useradd", "-m", "-g", "maria", "maria")),
    case("group missing", ("useradd", "-m", "-G", "sudo,nosuch", "maria")),
    case("number given", ("useradd", "-m", "-u", "4321", "maria"), ("useradd", "-m", "jo")),
    case("number taken", ("useradd", "-m", "-u", "0", "maria")),
    *(
        case(f"name {name!r}", ("useradd", "-m", name))
        for name in ("a.b", "_x", "1abc", "UP", "a:b", "a,b", "a b", "a/b", "x" * 32, "x" * 33, "")
    ),
    case("colon in comment", ("useradd", "-m", "-c", "a:b", "maria")),
    case("root again", ("useradd", "-m", "root")),
    case("join", MAKE, ("usermod", "-aG", "sudo,adm", "maria")),
    case("join twice", MAKE, *[("usermod", "--append", "--groups", "sudo", "maria")] * 2),
    case("join only", MAKE, ("usermod", "-G", "sudo", "maria"), ("usermod", "-G", "adm", "maria")),
    case("join what is missing", MAKE, ("usermod", "-aG", "nosuch", "maria")),
    case("change nobody", ("usermod", "-aG", "sudo", "nosuch")),
    case("lock", MAKE, ("usermod", "-L", "maria"), ("usermod", "-L", "maria")),
    case("lock root's", ("usermod", "--lock", "root")),
    case("replace root's", ("usermod", "--password", "*", "root")),
    case("other shell", MAKE, ("usermod", "-s", "/bin/sh", "-c", "Other", "maria")),
    case("expire", MAKE, ("usermod", "--expiredate", "2031-02-03", "maria")),
    case(
        "never expire",
        MAKE,
        ("usermod", "-e", "2031-02-03", "maria"),
        ("usermod", "-e", "", "maria"),
    ),
    case("delete", MAKE, ("userdel", "-f", "-r", "maria")),
    case("delete a member", MAKE, ("usermod", "-aG", "sudo", "maria"), ("userdel", "-r", "maria")),
    case("delete, keep the home", MAKE, ("userdel", "maria")),
    case("delete nobody", ("userdel", "-f", "-r", "maria")),
    case(
        "group", ("groupadd", "one"), ("groupadd", "one"), ("groupdel", "one"), ("groupdel", "one")
    ),
    case("gpasswd", MAKE, ("gpasswd", "-a", "maria", "adm"), ("gpasswd", "-d", "maria", "adm")),
    case("hash", MAKE, ("chpasswd", "-e"), stdin=b"maria:" + HASH + b"\n"),
    case("hash, long option", MAKE, ("chpasswd", "--encrypted"), stdin=b"maria:" + HASH + b"\n"),
    case("password", MAKE, ("chpasswd",), stdin=b"maria:a:b c$\xc3\xbc\n"),
    case("password of nobody", MAKE, ("chpasswd", "-e"), stdin=b"maria:*\nnosuch:*\n"),
    case("no colon", MAKE, ("chpasswd", "-e"), stdin=b"maria\n"),
    case("passwd -l", ("passwd", "-l", "root"), ("passwd", "-l", "root")),
    case("passwd -d", MAKE, ("passwd", "-d", "maria"), ("passwd", "-u", "maria")),
    case("unlock nothing", MAKE, ("passwd", "-u", "maria")),
    case("chage", MAKE, ("chage", "-d", "0", "maria"), ("chage", "-E", "2030-01-02", "maria")),
    case("chage nobody", ("chage", "-d", "0", "nosuch")),
)


@pytest.mark.parametrize("tried", CASES, ids=lambda tried: tried.name)
@overlaid
def test_account_tools_leave_what_the_real_ones_leave(host: Host, tried: Case) -> None:
    pair = Pair(host)
    for number, argv in enumerate(tried.argvs, 1):
        pair.run(*argv, stdin=tried.stdin if number == len(tried.argvs) else b"")
    pair.compare(FILES, ["/home", "/srv", "/var/mail"])


POLICIES = {
    "grant": "maria ALL=(ALL) NOPASSWD: ALL\n",
    "with comment": "# one\n\nmaria ALL=(ALL:ALL) ALL # two\n",
    "defaults": "Defaults env_reset\nDefaults:maria !requiretty\n",
    "alias": "User_Alias ADMINS = jo, maria\nADMINS ALL = (root) /bin/ls, /bin/cat\n",
    "number": "#1001 ALL=(ALL) ALL\n",
    "group": "%sudo ALL=(ALL:ALL) ALL\n",
    "escaped": "a\\.b ALL=(ALL) ALL\n",
    "continued": "maria ALL = \\\n  (ALL) ALL\n",
    "empty": "",
    "word": "maria\n",
    "bracket": "maria ALL=ALL) ALL\n",
    "no command": "maria ALL=(ALL)\n",
    "prose": "this is not sudoers\n",
    "include": "@includedir /etc/sudoers.d\n",
}


@pytest.mark.parametrize("mode", [0o440, 0o644, 0o600])
@pytest.mark.parametrize("name", POLICIES)
@overlaid
def test_visudo_accepts_and_refuses_what_the_real_one_does(
    host: Host, name: str, mode: int
) -> None:
    pair = Pair(host)
    pair.put("/etc/sudoers.d/README", "# nothing\n", 0o440)
    pair.put("/etc/tried", POLICIES[name], mode)
    pair.run("visudo", "-cf", "/etc/tried")
    pair.run("visudo", "-c", "-q", "-f", "/etc/tried")
    pair.put("/etc/sudoers", POLICIES[name], mode)
    pair.run("visudo", "-c")
    pair.put("/etc/sudoers", "@includedir /etc/sudoers.d\n", 0o440)
    pair.put("/etc/sudoers.d/tried", POLICIES[name], mode)
    pair.run("visudo", "-c")
