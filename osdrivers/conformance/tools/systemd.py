# SPDX-License-Identifier: Apache-2.0
"""systemctl(1): unit files and links below the tree; what runs is in ``/.machine/units.json``."""

from __future__ import annotations

import os
from typing import Optional

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused

_ADMIN, _RUNTIME = "/etc/systemd/system", "/run/systemd/system"
_DIRECTORIES = (
    _ADMIN,
    _RUNTIME,
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_STARTING = ("start", "restart", "reload-or-restart")
_OF_FILES = ("enable", "disable", "mask", "unmask", "is-enabled")  # need no running systemd
_IF_RUNNING = (
    "reload",
    "try-restart",
    "condrestart",
    "try-reload-or-restart",
    "reload-or-try-restart",
)


def full(name: str) -> str:
    return name if "." in name else f"{name}.service"


def unit_file(box: Box, name: str) -> str:
    """The path of a unit's file, "" when there is none; ``a@b`` falls back to ``a@``."""
    stem, dot, suffix = name.rpartition(".")
    template = f"{stem.partition('@')[0]}@{dot}{suffix}" if "@" in stem else name
    for wanted in (name, template):
        for directory in _DIRECTORIES:
            if os.path.lexists(box.real(f"{directory}/{wanted}", follow=False)):
                return f"{directory}/{wanted}"
    return ""


def masked(box: Box, name: str) -> bool:
    path = unit_file(box, name)
    real = box.real(path, follow=False) if path else ""
    return bool(path) and os.path.islink(real) and os.readlink(real) == "/dev/null"


def canonical(box: Box, name: str) -> str:
    """The unit behind an alias link such as sshd.service -> ssh.service."""
    path = unit_file(box, name)
    real = box.real(path, follow=False) if path else ""
    if real and os.path.islink(real) and not masked(box, name):
        return os.path.basename(os.readlink(real))
    return name


def installs(box: Box, name: str) -> dict[str, list[str]]:
    """The [Install] section."""
    found: dict[str, list[str]] = {}
    section, path = "", unit_file(box, name)
    for line in box.lines(path) if path and not masked(box, name) else []:
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Install]" and "=" in line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found.setdefault(key.strip(), []).extend(value.split())
    return found


def _links(box: Box, name: str) -> list[tuple[str, str]]:
    """Links that enabling makes, and their target."""
    target, wanted = unit_file(box, name), []
    for key, values in installs(box, name).items():
        kind = {"WantedBy": "wants", "RequiredBy": "requires"}.get(key)
        wanted += [(f"{_ADMIN}/{value}.{kind}/{name}", target) for value in values if kind]
        if key == "Alias":
            wanted += [(f"{_ADMIN}/{value}", target) for value in values]
    return wanted


def enabled(box: Box, name: str) -> str:
    """What ``is-enabled`` prints; "" for an unknown unit."""
    if masked(box, name):
        return "masked"
    if not unit_file(box, name):
        return ""
    if canonical(box, name) != name:
        return "alias"
    wanted = _links(box, name)
    if any(box.exists(link) for link, _ in wanted):
        return "enabled"
    for directory in ("/usr/lib/systemd/system", "/lib/systemd/system", _ADMIN):
        wants = [entry for entry in box.names(directory) if entry.endswith(".wants")]
        if any(name in box.names(f"{directory}/{entry}") for entry in wants):
            return "enabled" if wanted else "static"
    also = installs(box, name).get("Also", [])
    return "disabled" if wanted else "indirect" if also else "static"


def active(box: Box, name: str) -> str:
    """``active``, ``inactive``, ``failed``."""
    state: str = box.remembered("units").get(canonical(box, name), "inactive")
    return state


def _remember(box: Box, name: str, state: str) -> None:
    units = box.remembered("units")
    units[canonical(box, name)] = state
    box.remember("units", units)


def systemctl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    long = ("q/quiet", "no-block", "job-mode=", "now", "no-pager", "p/property=", "value")
    more = ("system", "no-ask-password", "no-legend", "full", "version", "all", "runtime", "plain")
    given, rest = options(
        argv, "qp:t:a", *long, *more, "state=", "t/type=", "force", "no-warn", "no-reload"
    )
    if "--version" in given:
        release = box.version("systemd", "252")
        return done(f"systemd {release.split('.')[0].split('-')[0]} ({release})\n+PAM +AUDIT\n")
    verb, names = rest[0], [full(name) for name in rest[1:]]
    if verb not in _OF_FILES and not box.is_directory(_RUNTIME):
        return refused(
            1,
            "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
            "Failed to connect to bus: Host is down",
        )
    if verb in ("daemon-reload", "daemon-reexec", "reset-failed") and not names:
        return done()
    if verb == "is-system-running":
        state = str(box.facts.get("system_state", "running"))
        return Completed(0 if state == "running" else 1, f"{state}\n")
    if verb == "is-active" and len(names) > 1:  # 0 if any is
        states = [active(box, name) for name in names]
        said = "" if "-q" in given else "".join(f"{state}\n" for state in states)
        return Completed(0 if "active" in states else 3, said)
    if not names:
        raise UnknownUse(argv, "no unit")
    ended = [_one(box, argv, given, verb, name) for name in names]
    return Completed(
        max(each.status for each in ended),
        "".join(each.stdout for each in ended),
        "".join(each.stderr for each in ended),
    )


def _one(box: Box, argv: tuple[str, ...], given: dict[str, str], verb: str, name: str) -> Completed:
    quiet = "-q" in given
    if verb in ("is-active", "is-failed"):
        state = active(box, name)
        good = state == ("active" if verb == "is-active" else "failed")
        return Completed(
            0 if good else 3 if verb == "is-active" else 1, "" if quiet else f"{state}\n"
        )
    if verb == "is-enabled":
        state = enabled(box, name)
        if not state:
            said = f"Failed to get unit file state for {name}: No such file or directory"
            return refused(1, "" if quiet else said)
        good = state in ("enabled", "static", "alias", "indirect", "enabled-runtime")
        return Completed(0 if good else 1, "" if quiet else f"{state}\n")
    if verb == "cat":
        path = unit_file(box, name)
        return done(f"# {path}\n{box.read(path)}") if path else refused(1, "No files found")
    if verb == "show":
        return _show(box, name, given)
    if verb in ("enable", "disable", "mask", "unmask"):
        return _file_verb(box, verb, name, "--now" in given)
    return _state_verb(box, argv, verb, name)


def _show(box: Box, name: str, given: dict[str, str]) -> Completed:
    path, state = unit_file(box, name), active(box, name)
    load = "masked" if masked(box, name) else "loaded" if path else "not-found"
    facts = {
        "Id": canonical(box, name),
        "LoadState": load,
        "ActiveState": state,
        "SubState": {"active": "running", "failed": "failed"}.get(state, "dead"),
        "UnitFileState": enabled(box, name),
        "FragmentPath": path,
        "NeedDaemonReload": "no",
        "MainPID": "4242" if state == "active" else "0",
    }
    wanted = given["-p"].split(",") if "-p" in given else list(facts)
    unknown = [key for key in wanted if key not in facts]
    if unknown:
        raise UnknownUse(("systemctl", "show", name), f"property {unknown[0]}")
    return done(
        "".join(f"{'' if '--value' in given else key + '='}{facts[key]}\n" for key in wanted)
    )


def _file_verb(box: Box, verb: str, name: str, now: bool) -> Completed:
    path = unit_file(box, name)
    if verb == "mask":
        box.link(f"{_ADMIN}/{name}", "/dev/null")
        return done("", f"Created symlink {_ADMIN}/{name} -> /dev/null.\n")
    if verb == "unmask":
        if masked(box, name):
            box.remove(f"{_ADMIN}/{name}")
        return done()
    if not path:
        said = f"Failed to {verb} unit, unit {name} does not exist."
        return refused(1 if verb == "enable" else 0, said)
    if masked(box, name) and verb == "enable":
        return refused(1, f"Failed to enable unit: Unit file {_ADMIN}/{name} is masked.")
    if canonical(box, name) != name and verb == "enable":
        return refused(
            1,
            f"Failed to enable unit: Refusing to operate on alias name or linked unit file: {name}",
        )
    name = canonical(box, name)
    for link, target in _links(box, name):
        if verb == "enable":
            box.link(link, target)
        else:
            box.remove(link)
    for also in installs(box, name).get("Also", []):
        for link, target in _links(box, also):
            box.link(link, target) if verb == "enable" else box.remove(link)
    if now:
        _remember(box, name, "active" if verb == "enable" else "inactive")
    return done()


def _state_verb(box: Box, argv: tuple[str, ...], verb: str, name: str) -> Completed:
    wrong: Optional[Completed] = None
    if not unit_file(box, name):
        wrong = refused(5, f"Failed to {verb} {name}: Unit {name} not found.")
    elif masked(box, name) and verb in _STARTING:
        wrong = refused(1, f"Failed to {verb} {name}: Unit {name} is masked.")
    if verb == "stop":
        if wrong is None and active(box, name) != "inactive":
            _remember(box, name, "inactive")
        return wrong or done()
    if verb == "reset-failed":
        if active(box, name) == "failed":
            _remember(box, name, "inactive")
        return done()
    if verb in _IF_RUNNING:
        running = active(box, name) == "active"
        if verb == "reload" and not running and wrong is None:
            return refused(1, f"{name} is not active, cannot reload.")
        return wrong if wrong is not None and verb == "reload" else done()
    if verb not in _STARTING:
        raise UnknownUse(argv, f"verb {verb}")
    if wrong is None and active(box, name) != "active":
        _remember(box, name, "active")
    return wrong or done()


TOOLS: dict[str, Tool] = {"systemctl": systemctl}
