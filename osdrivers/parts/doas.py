# SPDX-License-Identifier: Apache-2.0
"""The right to become root through doas(1).  Source: doas.conf(5)."""

from __future__ import annotations

from typing import Optional

from ..actions import EditFile, Plan, Remove, WriteFile
from ..host import Host
from . import sudoers
from .shadow_names import check_name

_MAIN, _DIRECTORY = "/etc/doas.conf", "/etc/doas.d"
_MARK = "# waagent"


class Doas:
    """A file below /etc/doas.d where that exists (Alpine), else one marked line in the main file.

    doas has no include directive; the last rule that matches wins.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def granted(self, name: str) -> Optional[str]:
        for nopasswd, word in ((False, "password"), (True, "nopasswd")):
            line = _rule(name, nopasswd).rstrip("\n")
            if line in self._host.read(self._path(name), "").splitlines():
                return word
        return None

    def ensure_granted(self, name: str, *, nopasswd: bool) -> Plan:
        check_name(name)
        self._host.require("doas", package="opendoas")
        if self.granted(name) == ("nopasswd" if nopasswd else "password"):
            return
        path, rule = self._path(name), _rule(name, nopasswd)
        if path != _MAIN:
            yield WriteFile(path, rule.encode(), 0o600, owner="0:0", check=("doas", "-C"))
            return
        yield EditFile(
            path,
            lambda text: _without(text, name) + rule.encode(),
            rule.strip(),
            mode=0o600,
            owner="0:0",
            check=("doas", "-C"),
        )

    def ensure_revoked(self, name: str) -> Plan:
        check_name(name)
        if self.granted(name) is None:
            return
        path = self._path(name)
        if path != _MAIN:
            yield Remove(path)
        else:
            yield EditFile(path, lambda text: _without(text, name), f"no rule for {name}")

    def _path(self, name: str) -> str:
        if self._host.is_directory(_DIRECTORY):
            return f"{_DIRECTORY}/{sudoers.file_name(name)}.conf"
        return _MAIN


def _rule(name: str, nopasswd: bool) -> str:
    return f'permit {"nopass " * nopasswd}"{name}" {_MARK}\n'


def _without(text: bytes, name: str) -> bytes:
    ours = {_rule(name, nopasswd).encode() for nopasswd in (False, True)}
    kept = b"".join(line for line in text.splitlines(keepends=True) if line not in ours)
    return kept if kept.endswith(b"\n") or not kept else kept + b"\n"
