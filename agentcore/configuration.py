# SPDX-License-Identifier: Apache-2.0
"""Reads waagent.conf and its fragments into settings, and keeps where each value came from.

Built-in defaults, then the vendor's fragments, then the main file, then the administrator's
fragments; later wins.  A bad value never stops first boot: the default is used and a note says
so, as it says which file cannot be read.  Syntax: ``Key=Value``, ``#`` starts a comment, quotes and
blanks around a value are dropped, ``None`` unsets, the last of several wins.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from osdrivers.errors import ConfigError, FileFailed
from osdrivers.host import Host

from .option import Option
from .settings import LATER, Settings, options

_TRUE, _FALSE = ("y", "yes", "true", "1", "on"), ("n", "no", "false", "0", "off")


@dataclass(frozen=True)
class Note:
    """Something an administrator should know of: where, what, and whether it is an error."""

    path: str
    line: int
    text: str
    error: bool = True
    key: str = ""
    meant: str = ""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.text}" + (f"; did you mean {self.meant}?" if self.meant else "")


@dataclass(frozen=True)
class Configuration:
    """Settings, the origin of each key that a file set, the notes, and values without effect."""

    settings: Settings = field(default_factory=Settings)
    origins: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    without_effect: dict[str, Any] = field(default_factory=dict)


def read(host: Host, main: Optional[str] = None, main_text: Optional[str] = None) -> Configuration:
    """Read all layers of a machine.

    :param main: the name of another main file, with its text in ``main_text``.
    """
    places, found = host.places, Configuration()
    found = _directory(found, host, places.vendor_configuration_dir)
    path = main or places.configuration
    found = _file(found, host, path) if main_text is None else apply(found, path, main_text)
    found = _directory(found, host, places.configuration_dir)
    return replace(found, notes=(*found.notes, *contradictions(found)))


def _directory(found: Configuration, host: Host, directory: str) -> Configuration:
    """The fragments of a directory, in the order of their names."""
    try:
        names = host.names(directory)
    except FileFailed as failure:
        return _noted(found, Note(directory, 0, f"not read: {_cause(failure)}"))
    for name in names:
        if name.endswith(".conf") and not name.startswith("."):
            found = _file(found, host, f"{directory}/{name}")
    return found


def _file(found: Configuration, host: Host, path: str) -> Configuration:
    """A file on top of what was read before; one that is not there is no mistake."""
    try:
        content = host.read_bytes(path, b"")
    except FileFailed as failure:
        return _noted(found, Note(path, 0, f"not read: {_cause(failure)}"))
    return apply_bytes(found, path, content)


def _cause(failure: FileFailed) -> str:
    return os.strerror(failure.errno) if failure.errno else failure.message


def _noted(found: Configuration, note: Note) -> Configuration:
    return replace(found, notes=(*found.notes, note))


def apply_bytes(found: Configuration, path: str, content: bytes) -> Configuration:
    """A file's bytes; what is not text is left out as a whole, and said."""
    if b"\0" in content:
        return _noted(found, Note(path, 0, "not read: it is not a text file"))
    return apply(found, path, content.decode("utf-8", errors="replace"))


def apply(found: Configuration, path: str, text: str) -> Configuration:
    """One file's lines on top of what was read before."""
    known, seen = _declared(), dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        key, value, complaint = _split(line)
        at = Note(path, number, complaint, key=key)
        if complaint:
            found = _noted(found, at)
        elif key in known:
            if key in seen:
                again = f"{key} stands in line {seen[key]} already; this line counts"
                found = _noted(found, replace(at, text=again, error=False))
            seen[key] = number
            found = _set(found, at, known[key], value)
        elif key:
            found = _noted(found, replace(at, text=f"unknown option {key}", meant=_near(key)))
    return found


def _declared() -> dict[str, tuple[str, str, Option]]:
    """All keys; those without effect belong to no section."""
    from .known_options import later  # it is made of what this module's settings declare

    return {**options(), **{key: ("", "", each) for key, each in later().items()}}


def _set(
    found: Configuration, at: Note, known: tuple[str, str, Option], value: str
) -> Configuration:
    """One option set at its line, or a note why not."""
    section, name, declared = known
    try:
        parsed, remark = parse(declared, value)
    except ConfigError as wrong:
        return _noted(found, replace(at, text=wrong.message, meant=wrong.hint))
    if remark:
        found = _noted(found, replace(at, text=remark, error=False))
    origins = {**found.origins, at.key: f"{at.path}:{at.line}"}
    if not section:
        others = {**found.without_effect, at.key: parsed}
        return replace(found, origins=origins, without_effect=others)
    changed = replace(getattr(found.settings, section), **{name: parsed})
    return replace(found, origins=origins, settings=replace(found.settings, **{section: changed}))


def contradictions(found: Configuration) -> Iterator[Note]:
    """What each file may say, but not together; said where the later one of two stands."""
    disk, boot = found.settings.resource_disk, found.settings.provisioning
    if disk.enable_swap and not disk.swap_size_mib:
        key = "ResourceDisk.EnableSwap"
        yield _at(found, key, "swap is wanted, and ResourceDisk.SwapSizeMB is 0: none is made")
    if not boot.enabled and boot.agent in ("waagent", "cloud-init"):
        key = "Provisioning.Enabled"
        yield _at(found, key, f"no provisioning, although Provisioning.Agent={boot.agent}")
    if boot.use_cloud_init and boot.agent == "waagent":
        key = "Provisioning.UseCloudInit"
        yield _at(found, key, "cloud-init shall provision, although Provisioning.Agent=waagent")


def _at(found: Configuration, key: str, text: str) -> Note:
    path, _, line = found.origins.get(key, "built-in").rpartition(":")
    return Note(path or "built-in", int(line) if line.isdigit() else 0, text, False, key)


def _split(line: str) -> tuple[str, str, str]:
    """Key and value of a line, or a complaint about it."""
    bare = line.partition("#")[0].strip().lstrip("\ufeff")
    if not bare:
        return "", "", ""
    key, equals, value = bare.partition("=")
    if not equals:
        return "", "", f"not Key=Value: {bare[:40]!r}"
    return key.strip(), value.strip().strip("\"'").strip(), ""


def _near(key: str) -> str:
    """The nearest key that somebody knows to one that nobody does."""
    names = {name.lower(): name for name in (*options(), *LATER)}
    near = difflib.get_close_matches(key.lower(), names, n=1)
    return names[near[0]] if near else ""


#: Values that mean something, and are not taken all the same.
_REFUSED = {
    "AutoUpdate.Policy=staged": "this version installs nothing by itself: "
    "the package manager updates it; with notify the platform's wish is logged",
}


def parse(declared: Option, value: str) -> tuple[Any, str]:
    """A value in its type, and a remark where it was understood but not usual.

    :raises ConfigError: it cannot be understood; the hint is what may be meant.
    """
    if value in ("", "None"):
        remark = f"{declared.key}={value}: not set, so the default {declared.default} is used"
        return (None, "") if declared.none else (declared.default, remark)
    if declared.kind == "bool":
        return _boolean(declared, value)
    if declared.kind == "int":
        return _integer(declared, value), ""
    if declared.choices and value not in declared.choices:
        refused = _REFUSED.get(f"{declared.key}={value}")
        if refused is not None:
            raise ConfigError(f"{declared.key}={value}: {refused}", hint="notify")
        near = difflib.get_close_matches(value, declared.choices, n=1)
        rest = "" if near else f"; one of {' '.join(declared.choices)}"
        raise ConfigError(f"{declared.key}={value}: not a choice{rest}", hint="".join(near))
    if declared.kind == "path" and not value.startswith("/"):
        raise ConfigError(f"{declared.key}={value}: not an absolute path")
    return value, ""


def _boolean(declared: Option, value: str) -> tuple[bool, str]:
    word = value.lower()
    if word in _TRUE or word in _FALSE:
        plain = "" if word in ("y", "n") else f"{declared.key}={value}: write y or n"
        return word in _TRUE, plain
    raise ConfigError(f"{declared.key}={value}: neither y nor n")


def _integer(declared: Option, value: str) -> int:
    try:
        number = int(value)
    except ValueError as wrong:
        raise ConfigError(f"{declared.key}={value}: not a whole number") from wrong
    if not declared.least <= number <= declared.most:
        raise ConfigError(
            f"{declared.key}={value}: not between {declared.least} and {declared.most}"
        )
    return number
