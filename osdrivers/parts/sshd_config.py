# SPDX-License-Identifier: Apache-2.0
"""What an sshd_config(5) says: the first value of a keyword holds.

Found with OpenSSH 9.2: keywords in any case, ``key value`` or ``key=value``, quotes; Include is
expanded in place, its patterns relative to /etc/ssh and sorted; a Match block in an included file
ends with that file.  "ChallengeResponseAuthentication" became another name of
"KbdInteractiveAuthentication" with OpenSSH 8.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..host import Host

DEPTH_LIMIT = 16  # servconf.c, SERVCONF_MAX_DEPTH
VENDOR_DIRECTORY = "/usr/etc/ssh"
NAME = "sshd_config"
#: Keywords that may be given several times, each time with another value.
LISTS = frozenset(("hostkey", "port", "listenaddress", "acceptenv", "hostcertificate", "include"))
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)\s*(?:=|\s|(?=\"))\s*(.*?)\s*\Z", re.DOTALL)
_WORD = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^\s"\']+)')


@dataclass(frozen=True)
class Setting:
    """One line that counts.  ``keyword`` is lower case; ``conditional``: below a Match."""

    keyword: str
    value: str
    path: str
    line: int
    conditional: bool = False


@dataclass(frozen=True)
class Configuration:
    """A main file with all it includes, in the order in which sshd reads it."""

    main: str
    settings: tuple[Setting, ...] = ()

    def options(self) -> Mapping[str, str]:
        """Keyword to value outside Match blocks; several values of a list are joined by blanks."""
        found: dict[str, str] = {}
        for setting in self.settings:
            if setting.conditional or setting.keyword == "match":
                continue
            if setting.keyword in LISTS and setting.keyword in found:
                found[setting.keyword] += f" {setting.value}"
            else:
                found.setdefault(setting.keyword, setting.value)
        return found


@dataclass
class _Reader:
    """``instead`` are files as they would be, for asking what a change would mean."""

    host: Host
    instead: Mapping[str, str]
    settings: list[Setting] = field(default_factory=list)

    def read(self, path: str, depth: int, conditional: bool) -> None:
        text = self.instead.get(path)
        if text is None:
            text = self.host.read(path, "")
        for number, keyword, value in lines(text):
            if keyword == "match":
                conditional = True
            self.settings.append(Setting(keyword, value, path, number, conditional))
            if keyword == "include" and depth < DEPTH_LIMIT:
                for pattern in words(value):
                    for included in self._matching(pattern):
                        self.read(included, depth + 1, conditional)

    def _matching(self, pattern: str) -> list[str]:
        whole = pattern if pattern.startswith("/") else f"{self.host.places.sshd}/{pattern}"
        found = set(self.host.glob(whole))
        found.update(path for path in self.instead if matches(path, whole))
        return sorted(path for path in found if not self.host.is_directory(path))


def main_file(host: Host) -> str:
    """The file sshd reads: the administrator's, else the vendor's in /usr (SUSE)."""
    path, vendor = f"{host.places.sshd}/{NAME}", f"{VENDOR_DIRECTORY}/{NAME}"
    return vendor if not host.exists(path) and host.exists(vendor) else path


def read(host: Host, instead: Mapping[str, str] = {}) -> Configuration:
    """The configuration of a machine, with some files as they would be after a change."""
    main = main_file(host)
    reader = _Reader(host, instead)
    reader.read(main, 0, False)
    return Configuration(main, tuple(reader.settings))


def lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Number, keyword in lower case, and value of each line that is not blank or a comment."""
    for number, line in enumerate(text.split("\n")):
        found = _LINE.match(f"{line} ")
        if found is not None:
            yield number, found[1].lower(), " ".join(words(found[2]))


def words(value: str) -> list[str]:
    """The arguments of a line without their quotes; a # that starts a word ends them."""
    found = []
    for match in _WORD.finditer(value):
        word = next(part for part in match.groups() if part is not None)
        if match[0].startswith("#"):
            break
        found.append(word)
    return found


def matches(path: str, pattern: str) -> bool:
    """glob(7) for one path: a star does not cross a slash or start with a dot."""
    from fnmatch import fnmatchcase

    names, parts = path.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(
        fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))
        for name, part in zip(names, parts)
    )
