# SPDX-License-Identifier: Apache-2.0
"""hostname(1), hostnamectl(1), and SELinux's restorecon(8)."""

from __future__ import annotations

import re

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused

KERNEL = "/proc/sys/kernel/hostname"


def hostname(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) == 1:
        return done(box.read(KERNEL, "(none)\n"))
    if argv[1] in ("-F", "--file"):
        name = box.read(argv[2], "").strip()
    elif argv[1].startswith("-"):
        raise UnknownUse(argv, argv[1])
    else:
        name = argv[1]
    if not 0 < len(name.encode()) <= 64:
        return refused(1, "hostname: name too long" if name else "hostname: empty hostname")
    box.write(KERNEL, f"{name}\n")
    return done()


def hostnamectl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "H:M:", "static", "transient", "pretty", "no-ask-password")
    if not box.facts.get("hostnamed", True):
        return refused(1, "Failed to connect to bus: No such file or directory")
    new_verb = int(box.version("systemd", "252").split(".")[0]) >= 249
    if len(rest) != 2 or rest[0] not in ("set-hostname", *(["hostname"] if new_verb else [])):
        return refused(1, f"Unknown operation {rest[0] if rest else ''}.") if rest else done()
    name = rest[1]
    if "--transient" not in given:
        path = "/etc/hostname"
        if name:
            box.write(path, f"{name}\n", 0o644)
        else:
            box.remove(path)
    if "--static" not in given or "--transient" in given:
        box.write(KERNEL, f"{name or 'localhost'}\n")
    elif name:
        box.write(KERNEL, f"{name}\n")  # the transient name follows the static one
    return done()


def restorecon(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, paths = options(argv, "RrFivI0T:", intermixed=False)
    missing = [path for path in paths if not box.exists(path)]
    if missing:
        return refused(255, f"restorecon: lstat({missing[0]}) failed: No such file or directory")
    return done()


def getenforce(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    state = box.read("/sys/fs/selinux/enforce", "")
    return done({"1": "Enforcing\n", "0": "Permissive\n"}.get(state.strip(), "Disabled\n"))


def setfiles(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Labels by path are what the machine remembers; the last line that fits a path counts."""
    given, rest = options(argv, "Fnv", intermixed=False)
    if "-F" not in given or len(rest) < 2:
        raise UnknownUse(argv, "only -F [-n] [-v] FILE PATH...")
    missing = [path for path in rest[1:] if not box.exists(path)]
    if missing:
        return refused(255, f"setfiles: lstat({missing[0]}) failed: No such file or directory")
    labels, said = box.remembered("labels"), ""
    for path in (each for top in rest[1:] for each in _below(box, top)):
        fits = [line.split() for line in box.lines(rest[0])]
        found = [words[-1] for words in fits if words and _fits(box, words, path)]
        if found and labels.get(path) != found[-1]:
            would = "Would relabel" if "-n" in given else "Relabeled"
            said += f"{would} {path} from {labels.get(path, '(null)')} to {found[-1]}\n"
            labels[path] = found[-1]
    if "-n" not in given:
        box.remember("labels", labels)
    return done(said if "-v" in given else "")


def _below(box: Box, top: str) -> list[str]:
    found = [top]
    for name in box.names(top):
        found += _below(box, f"{top}/{name}")
    return found


def _fits(box: Box, words: list[str], path: str) -> bool:
    kind = "-d" if box.is_directory(path) else "--"
    return re.fullmatch(words[0], path) is not None and (len(words) == 2 or words[1] == kind)


TOOLS: dict[str, Tool] = {
    "hostname": hostname,
    "hostnamectl": hostnamectl,
    "restorecon": restorecon,
    "setfiles": setfiles,
    "getenforce": getenforce,
}
