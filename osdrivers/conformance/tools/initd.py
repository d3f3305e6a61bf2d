# SPDX-License-Identifier: Apache-2.0
"""Services where systemd does not run: /etc/init.d scripts, service(8), update-rc.d(8), OpenRC."""

from __future__ import annotations

import os
import re

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, refused


def _act(box: Box, name: str, verb: str) -> Completed:
    """What an LSB script does; its state is kept beside systemd's, under the bare name."""
    running = box.remembered("scripts")
    is_running = running.get(name) == "running"
    if verb == "status":
        return (
            done(f"{name} is running.\n")
            if is_running
            else refused(3, "", f"{name} is not running\n")
        )
    if verb in ("start", "stop", "restart", "force-reload", "reload", "try-restart", "condrestart"):
        if verb == "start" or verb in ("restart", "force-reload"):
            is_running = True
        elif verb == "stop":
            is_running = False
        if is_running != (running.get(name) == "running"):
            box.remember("scripts", {**running, name: "running" if is_running else "stopped"})
        return done()
    return refused(
        2, f"Usage: /etc/init.d/{name} {{start|stop|reload|force-reload|restart|status}}"
    )


def script(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """/etc/init.d/NAME VERB."""
    return _act(box, os.path.basename(argv[0]), argv[1] if len(argv) > 1 else "")


def service(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    name, verb = argv[1], argv[2]
    if not box.exists(f"/etc/init.d/{name}"):
        return refused(1, f"{name}: unrecognized service")
    return _act(box, name, verb)


def _rc_links(box: Box, name: str) -> list[str]:
    found = []
    for level in "0123456S":
        for entry in box.names(f"/etc/rc{level}.d"):
            if re.fullmatch(rf"[SK]\d\d{re.escape(name)}", entry):
                found.append(f"/etc/rc{level}.d/{entry}")
    return found


def _levels(box: Box, name: str, key: str) -> str:
    """Run levels of a script's LSB header, ``2345`` and ``016`` where it has none."""
    header = re.search(rf"^# Default-{key}:(.*)$", box.read(f"/etc/init.d/{name}", ""), re.M)
    return header[1].replace(" ", "") if header else {"Start": "2345", "Stop": "016"}[key]


def update_rc_d(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words = [word for word in argv[1:] if word != "-f"]
    name, verb = words[0], words[1]
    if not box.exists(f"/etc/init.d/{name}") and verb != "remove":
        return refused(1, f"update-rc.d: error: unable to read /etc/init.d/{name}")
    if verb not in ("defaults", "enable", "disable", "remove") or words[2:]:
        raise UnknownUse(argv, "verb")
    if verb == "enable" and not _rc_links(box, name):
        return refused(1, "update-rc.d: error: no runlevel symlinks to modify, aborting!")
    if verb == "defaults" and _rc_links(box, name):
        return done()
    for link in _rc_links(box, name):
        box.remove(link)
    start, stop = (_levels(box, name, key) for key in ("Start", "Stop"))
    for level in start + stop if verb != "remove" else "":
        starts = level in start and verb != "disable"
        box.link(f"/etc/rc{level}.d/{'S' if starts else 'K'}01{name}", f"../init.d/{name}")
    return done()


def rc_service(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words = [word for word in argv[1:] if word not in ("--ifstarted", "--quiet", "-q")]
    if "--ifstarted" in argv and box.remembered("scripts").get(words[0]) != "running":
        return done()
    if not box.exists(f"/etc/init.d/{words[0]}"):
        return refused(1, f" * rc-service: service `{words[0]}' does not exist")
    return _act(box, words[0], words[1])


def rc_update(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words = [word for word in argv[1:] if word not in ("-a", "--all")]
    if len(words) < len(argv) - 1:
        return _nowhere(box, argv, words)
    verb, name, levels = argv[1], argv[2], argv[3:] or ("default",)
    if verb in ("add", "-a"):
        if not box.exists(f"/etc/init.d/{name}"):
            return refused(1, f" * rc-update: service `{name}' does not exist")
        for level in levels:
            box.link(f"/etc/runlevels/{level}/{name}", f"/etc/init.d/{name}")
        return done()
    if verb in ("del", "delete", "-d"):
        return _taken_out(box, name, levels)
    raise UnknownUse(argv, "verb")


def _nowhere(box: Box, argv: tuple[str, ...], words: list[str]) -> Completed:
    """--all del NAME: from each runlevel, and a failure for each that has no such link."""
    if words[0] not in ("del", "delete") or len(words) != 2:
        raise UnknownUse(argv, "only a removal")
    return _taken_out(box, words[1], tuple(box.names("/etc/runlevels")))


def _taken_out(box: Box, name: str, levels: tuple[str, ...]) -> Completed:
    links = {level: f"/etc/runlevels/{level}/{name}" for level in levels}
    lacking = [level for level, link in links.items() if not box.remove(link)]
    said = (f" * rc-update: service `{name}' is not in the runlevel `{level}'" for level in lacking)
    return refused(1, "\n".join(said)) if lacking else done()


TOOLS: dict[str, Tool] = {
    "/etc/init.d/*": script,
    "service": service,
    "invoke-rc.d": service,
    "update-rc.d": update_rc_d,
    "rc-service": rc_service,
    "rc-update": rc_update,
}
