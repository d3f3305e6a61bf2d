# SPDX-License-Identifier: Apache-2.0
"""What of a file of a machine may be shown to everybody: its text without anything secret.

A captured machine is committed and published, so this errs towards leaving out: accounts of
people go, hashes of passwords become ``*``, a line that gives a secret a value goes whole, and what
tells one machine from another (UUIDs, hardware addresses, its name) becomes the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

#: Accounts from here on are people's, but for nobody's.  Source: login.defs(5), UID_MIN.
FIRST_PERSON, NOBODY = 1000, (65534, 65533)
NAME, ADDRESS = "captured", "00:0d:3a:4b:5c:6d"
UUID = "4b5c6d00-0000-4000-8000-000d3a4b5c6d"

#: crypt(5), grub-mkpasswd-pbkdf2(1).
_HASH = re.compile(r"\$(?:\d\w?|y|gy|sha1|md5)[$,][^\s:\"']+|grub\.pbkdf2\.\S+")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\b", re.IGNORECASE)
_ADDRESS = re.compile(r"\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b", re.IGNORECASE)
_URL = re.compile(r"(?<=://)[^/\s@'\"]+@")
_BLOCK = re.compile(r"-----BEGIN [^\n]*-----.*?(?:-----END [^\n]*-----|\Z)", re.DOTALL)
_PUBLIC_KEY = re.compile(r"\b(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w@.-]+ AAAA\S+")
_GIVEN = re.compile(
    r"""[\w.-]*(?:psk|passw(?:or)?d|passphrase|secret|token|credential|wep|api[_-]?key
    |private[_-]?key|wireless-key|shared[_-]?key)[\w.-]*["']?\s*[=:\s]\s*(?P<value>\S[^\n]*)""",
    re.IGNORECASE | re.VERBOSE,
)
#: Values that switch something, and files that are named: these are no secrets.
_HARMLESS = re.compile(
    r"[\"']?(?:yes|no|true|false|on|off|none|-?\d{1,6}|/[\w/.%~-]*)[\"']?;?\Z", re.I
)


def published(path: str, data: bytes, host_name: str = "") -> bytes:
    """The file's content, without secrets; what is not text is nothing."""
    if b"\0" in data:
        return b""
    text = data.decode(errors="replace")
    for accounts, only in _ACCOUNTS.items():
        if path.rpartition("/")[2] == accounts:
            return "".join(f"{line}\n" for line in only(text.splitlines())).encode()
    text = _BLOCK.sub("", text)
    text = "".join(line for line in text.splitlines(keepends=True) if not gives_a_secret(line))
    text = _URL.sub("", _HASH.sub("*", text))
    text = _ADDRESS.sub(ADDRESS, _UUID.sub(UUID, text))
    if len(host_name) > 2 and host_name != "localhost":
        text = re.sub(rf"(?<![\w-]){re.escape(host_name)}(?![\w-])", NAME, text)
    return text.encode()


def gives_a_secret(line: str) -> bool:
    """Whether a line of a configuration holds a secret: a comment with one does, too."""
    if _PUBLIC_KEY.search(line):
        return True
    if line.lstrip().startswith("#") and not _is_setting(line):
        return bool(_HASH.search(line))
    return any(
        not _HARMLESS.match(found["value"].split("#")[0].strip())
        for found in _GIVEN.finditer(line)
        if not line.lstrip("# ").lower().startswith(("defaults", "%", "auth", "@include"))
    )


def _is_setting(line: str) -> bool:
    """``#Word value``, ``# word=value`` are settings that are switched off; prose is not."""
    return re.match(r"\s*#+\s*(?:[^=:]*[=:]\s*\S|\S+\s+\S+\s*$)", line) is not None


# ---------------------------------------------------------------- accounts


def _systems_own(lines: Iterable[str]) -> Iterator[str]:
    """passwd(5), group(5): those with a number of the system; no comment, no foreign member."""
    kept = [line.split(":") for line in lines if _is_systems(line)]
    people = not any(len(fields) > 4 for fields in kept)
    for fields in kept:
        if people and len(fields) == 4:
            fields[1:2] = ["x"]
            fields[3] = ""
        elif len(fields) > 1:
            fields[1] = "x"
        yield ":".join(fields)


def _is_systems(line: str) -> bool:
    number = [*line.split(":"), "", "", ""][2]
    return number.isdecimal() and (int(number) < FIRST_PERSON or int(number) in NOBODY)


def _no_hash(lines: Iterable[str]) -> Iterator[str]:
    """shadow(5), gshadow(5): locked, all of them, and nobody is in a group."""
    for line in lines:
        fields = line.split(":")
        if len(fields) > 1:
            fields[1] = fields[1] if fields[1] in ("*", "!", "!*", "!!") else "*"
            fields[2:] = ["", ""] if len(fields) == 4 else fields[2:]
            yield ":".join(fields)


def _none(lines: Iterable[str]) -> Iterator[str]:
    """subuid(5): only people have some."""
    return iter(())


_ACCOUNTS: Mapping[str, Callable[[Iterable[str]], Iterator[str]]] = {
    "passwd": _systems_own,
    "group": _systems_own,
    "shadow": _no_hash,
    "gshadow": _no_hash,
    "subuid": _none,
    "subgid": _none,
}
