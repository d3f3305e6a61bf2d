# SPDX-License-Identifier: Apache-2.0
"""chkconfig(8), insserv(8) and initctl(8): init systems that came before systemd.

Jobs of upstart are ``/etc/init/NAME.conf``; which of them run is kept under ``jobs``.
"""

from __future__ import annotations

import re

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, refused


def _header(box: Box, name: str) -> str:
    return box.read(f"/etc/init.d/{name}", "")


def chkconfig(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Links of /etc/rcN.d, by the ``chkconfig:`` line: levels, start, stop."""
    words = argv[1:]
    if box.is_directory("/etc/init.d/rc3.d"):
        return _of_suse(box, argv)
    name = words[1] if words[0].startswith("--") else words[0]
    verb = words[0] if words[0].startswith("--") else words[1]
    if verb not in ("--add", "--del", "on", "off") or len(words) != 2:
        raise UnknownUse(argv, "verb")
    if not box.exists(f"/etc/init.d/{name}"):
        said = f"error reading information on service {name}: No such file or directory"
        return refused(1, said)
    found = re.search(r"^#\s*chkconfig:\s*(\S+)\s+(\d+)\s+(\d+)", _header(box, name), re.M)
    levels, start, stop = found.groups() if found else ("2345", "50", "50")
    present = [path for level in "0123456" for path in _links(box, f"/etc/rc{level}.d", name)]
    if verb == "--add" and present:
        return done()
    for path in present:
        box.remove(path)
    if verb == "--del":
        return done()
    wanted = set("" if levels == "-" else levels)
    if verb in ("on", "off"):
        wanted = (wanted | set("2345")) if verb == "on" else set()
    for level in "0123456":
        kind, number = ("S", start) if level in wanted else ("K", stop)
        box.link(f"/etc/rc{level}.d/{kind}{int(number):02}{name}", f"../init.d/{name}")
    return done()


def _of_suse(box: Box, argv: tuple[str, ...]) -> Completed:
    """A script there, which leaves the links to insserv."""
    verb, name = (argv[1], argv[2]) if argv[1].startswith("--") else (argv[2], argv[1])
    gone = ("-r",) if verb in ("--del", "off") else ()
    return insserv(box, ("insserv", *gone, name), b"")


def insserv(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Links of /etc/init.d/rcN.d, by the script's LSB header."""
    words = [word for word in argv[1:] if word != "-r"]
    if len(words) != 1 or words[0].startswith("-"):
        raise UnknownUse(argv, "one script, or -r and one")
    (name,) = words
    if not box.exists(f"/etc/init.d/{name}"):
        return refused(1, f"insserv: {name}: No such file or directory")
    for level in "0123456S":
        for path in _links(box, f"/etc/init.d/rc{level}.d", name):
            box.remove(path)
    if "-r" in argv:
        return done()
    found = re.search(r"^# Default-Start:(.*)$", _header(box, name), re.M)
    for level in found[1].split() if found else ["3", "5"]:
        for kind in "SK":
            box.link(f"/etc/init.d/rc{level}.d/{kind}01{name}", f"../{name}")
    return done()


def _links(box: Box, directory: str, name: str) -> list[str]:
    pattern = re.compile(rf"[SK]\d\d{re.escape(name)}")
    return [f"{directory}/{each}" for each in box.names(directory) if pattern.fullmatch(each)]


def initctl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    verb = argv[1]
    if verb == "version":
        return done(f"init (upstart {box.version('upstart', '1.12.1')})\n")
    if verb not in ("status", "start", "stop", "restart", "reload") or len(argv) != 3:
        raise UnknownUse(argv, "verb")
    name, running = argv[2], box.remembered("jobs")
    if not box.exists(f"/etc/init/{name}.conf"):
        return refused(1, f"initctl: Unknown job: {name}")
    runs = running.get(name) == "running"
    if verb == "start" and runs:
        return refused(1, f"initctl: Job is already running: {name}")
    if verb in ("stop", "restart", "reload") and not runs:
        return refused(1, "initctl: Unknown instance: ")
    if verb in ("start", "stop"):
        box.remember("jobs", {**running, name: "running" if verb == "start" else "stopped"})
        runs = verb == "start"
    return done(f"{name} start/running, process 811\n" if runs else f"{name} stop/waiting\n")


TOOLS: dict[str, Tool] = {"chkconfig": chkconfig, "insserv": insserv, "initctl": initctl}
