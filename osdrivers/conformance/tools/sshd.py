# SPDX-License-Identifier: Apache-2.0
"""sshd(8) as far as it tests its configuration, and ssh(1) as far as it says its release."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused

_KNOWN = {
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "challengeresponseauthentication": "",
    "pubkeyauthentication": "yes",
    "permitrootlogin": "prohibit-password",
    "clientaliveinterval": "0",
    "clientalivecountmax": "3",
    "usepam": "no",
    "usedns": "no",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "x11forwarding": "no",
    "printmotd": "yes",
    "acceptenv": "",
    "subsystem": "",
    "port": "22",
    "hostkey": "",
    "loglevel": "INFO",
    "gssapiauthentication": "no",
    "gssapicleanupcredentials": "yes",
    "allowtcpforwarding": "yes",
    "allowusers": "",
    "allowgroups": "",
    "listenaddress": "",
    "authorizedkeyscommand": "none",
    "authorizedkeyscommanduser": "none",
    "syslogfacility": "AUTH",
    "maxauthtries": "6",
    "ciphers": "",
    "macs": "",
    "kexalgorithms": "",
    "banner": "none",
}
_ALIAS = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
}
_FLAGS = (
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "pubkeyauthentication",
    "usepam",
)


class _Invalid(Exception):
    pass


def _statements(box: Box, path: str) -> Iterator[tuple[str, str, str]]:
    """(where, keyword, value) of a file and its includes, in order.

    A Match block inside an included file ends with that file: ``enter`` and ``leave`` tell where.
    """
    for number, line in enumerate(box.lines(path), 1):
        where = f"{path}: line {number}"
        found = re.match(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*$", line)
        if not found:
            if line.strip() and not line.strip().startswith("#"):
                raise _Invalid(f"{where}: Bad configuration option: {line.strip()}")
            continue
        keyword, value = found[1].lower(), _bare(found[2])
        if not value:
            raise _Invalid(f"{where}: missing argument.")
        if keyword == "include":
            for pattern in value.split():
                for inner in _matching(box, pattern):
                    yield where, "enter", ""
                    yield from _statements(box, inner)
                    yield where, "leave", ""
        else:
            yield where, keyword, value


def _bare(value: str) -> str:
    """An argument without the comment behind it, nor its quotes."""
    value = re.sub(r"\s#.*", "", value).strip()
    return value[1:-1] if re.fullmatch(r'"[^"]*"', value) else value


def _matching(box: Box, pattern: str) -> list[str]:
    import fnmatch

    absolute = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
    directory, _, name = absolute.rpartition("/")
    names = [entry for entry in box.names(directory) if fnmatch.fnmatchcase(entry, name)]
    return [f"{directory}/{entry}" for entry in names if not entry.startswith(".")]


def effective(box: Box, path: str, lines: Iterable[str] = ()) -> dict[str, str]:
    """Options outside Match blocks; the first value of each counts, those of -o before all."""
    found: dict[str, str] = {}
    conditional = [False]
    given = [("command-line", *_option(line)) for line in lines]
    for where, keyword, value in [*given, *_statements(box, path)]:
        if keyword == "match":
            conditional[-1] = value.lower() != "all"
        elif keyword == "enter":
            conditional.append(conditional[-1])
        elif keyword == "leave":
            conditional.pop()
        else:
            keyword, value = _checked(where, keyword, value)
            if not conditional[-1]:
                found.setdefault(keyword, value)
    return found


_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _checked(where: str, keyword: str, value: str) -> tuple[str, str]:
    """A known option as ``sshd -T`` prints it.  :raises _Invalid: sshd would not start."""
    if keyword not in _KNOWN:
        raise _Invalid(f"{where}: Bad configuration option: {keyword}")
    keyword = _ALIAS.get(keyword, keyword)
    if keyword in _FLAGS:
        value = value.lower()
        if value not in ("yes", "no"):
            raise _Invalid(f'{where}: unsupported option "{value}".')
    elif keyword == "clientaliveinterval":
        parts = re.findall(r"(\d+)([smhdw]?)", value.lower())
        if not parts or "".join(a + b for a, b in parts) != value.lower():
            raise _Invalid(f"{where}: invalid time value {value}.")
        value = str(sum(int(number) * _SECONDS[unit] for number, unit in parts))
    return keyword, value


def _option(line: str) -> tuple[str, str]:
    keyword, value = re.split(r"[=\s]+", line, maxsplit=1)
    return keyword.lower(), value


def _configuration(box: Box, given: dict[str, str]) -> str:
    if "-f" in given:
        return given["-f"]
    vendor = "/usr/etc/ssh/sshd_config"
    if not box.exists("/etc/ssh/sshd_config") and box.exists(vendor):
        return vendor
    return "/etc/ssh/sshd_config"


def sshd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "tTGVf:C:h:qo:")
    lines = [word for before, word in zip(argv, argv[1:]) if before == "-o"]
    if rest or not {"-t", "-T", "-G", "-V"} & set(given):
        raise UnknownUse(argv, "only -t, -T, -G and -V")
    release = box.version("openssh", "OpenSSH_9.2p1")
    version = re.search(r"_(\d+)\.(\d+)", release)
    assert version is not None
    if "-V" in given:  # an option since 9.0; before, the complaint about it names the release
        known = int(version[1]) >= 9
        return done("", f"{release}\n") if known else refused(1, f"unknown option -- V\n{release}")
    if "-G" in given and (int(version[1]), int(version[2])) < (9, 3):
        return refused(1, f"unknown option -- G\n{release}")
    path = _configuration(box, given)
    if not box.exists(path):
        return refused(1, f"{path}: No such file or directory")
    try:
        found = effective(box, path, lines)
    except _Invalid as wrong:
        return refused(255, f"{wrong}\n{path}: terminating, 1 bad configuration options")
    if "-G" not in given:
        if not _usable_keys(box) and "-h" not in given:
            return refused(1, "sshd: no hostkeys available -- exiting.")
        separation = box.facts.get("privilege_separation", "")
        if separation and not box.is_directory(separation):
            return refused(255, f"Missing privilege separation directory: {separation}")
    if "-t" in given:
        return done()
    shown = {**{key: value for key, value in _KNOWN.items() if value}, **found}
    return done("".join(f"{key} {value}\n" for key, value in shown.items()))


def _usable_keys(box: Box) -> bool:
    names = [name for name in box.names("/etc/ssh") if re.fullmatch(r"ssh_host_\w+_key", name)]
    return any("PRIVATE KEY" in box.read(f"/etc/ssh/{name}") for name in names)


def ssh(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:] != ("-V",):
        raise UnknownUse(argv, "only -V")
    return done("", box.version("openssh", "OpenSSH_9.2p1") + "\n")


TOOLS: dict[str, Tool] = {"sshd": sshd, "ssh": ssh}
