# SPDX-License-Identifier: Apache-2.0
"""The OpenSSH server: its options, its host keys, that it runs (S1-S4).

Source: sshd(8), sshd_config(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

from ..actions import Action, EditFile, MakeDirectory, Plan, Remove, Verify, WriteFile
from ..api import HostKey, Labels, Services
from ..errors import (
    CommandMissing,
    Conflict,
    InvalidInput,
    OperationError,
    PostconditionFailed,
    UnsafeRefused,
    Unsupported,
)
from ..host import Host
from . import sshd_block, sshd_config
from .ssh_host_keys import HostKeys

_YES_NO = re.compile(r"(yes|no)\Z")
_NUMBER = re.compile(r"\d{1,9}\Z")
_ROOT = re.compile(r"(yes|no|prohibit-password|without-password|forced-commands-only)\Z")
#: The options that may be set, and the values each may have.
ALLOWED: Mapping[str, tuple[str, re.Pattern[str]]] = {
    name.lower(): (name, values)
    for name, values in (
        ("PasswordAuthentication", _YES_NO),
        ("KbdInteractiveAuthentication", _YES_NO),
        ("ChallengeResponseAuthentication", _YES_NO),
        ("PubkeyAuthentication", _YES_NO),
        ("PermitRootLogin", _ROOT),
        ("ClientAliveInterval", _NUMBER),
        ("ClientAliveCountMax", _NUMBER),
    )
}
_INTERACTIVE = ("kbdinteractiveauthentication", "challengeresponseauthentication")
_RENAMED = (8, 7)  # KbdInteractive... became the name, ChallengeResponse... the alias
_NAMES = ("10-azure-agent.conf", "00-azure-agent.conf")


@dataclass(frozen=True)
class _Change:
    """A file with the wanted text; ``whole``: it is ours alone."""

    path: str
    text: str
    whole: bool


class Sshd:
    """``services`` starts and reloads it; its logical name there is ``service``."""

    def __init__(
        self,
        host: Host,
        services: Services,
        labels: Optional[Labels] = None,
        service: str = "ssh",
    ) -> None:
        self._host, self._services, self._service = host, services, service
        self._keys = HostKeys(host, self, labels)

    # ---- S1

    def options(self) -> Mapping[str, str]:
        return self._canonical(sshd_config.read(self._host).options())

    def ensure_options(self, wanted: Mapping[str, str]) -> Plan:
        spelled = self._checked(wanted)
        self._host.require("sshd", package="openssh-server")
        if self._effective(spelled, {}):
            return
        change = self._change(spelled)
        self._refuse_invalid(spelled)
        before = self._host.status(change.path)
        old = self._host.read_bytes(change.path, b"")
        directory = _parent(change.path)
        fresh = not self._host.is_directory(directory)
        if fresh:
            yield MakeDirectory(directory)
        summary = ", ".join(f"{name} {value}" for name, value in spelled.items())
        yield self._write(change, summary, spelled)
        try:
            yield Verify(f"sshd: {summary}", lambda: self._proved(spelled))
        except OperationError:
            if before is None:
                yield Remove(change.path)
            else:
                yield WriteFile(change.path, old, before.mode)
            if fresh:
                yield Remove(directory)
            raise

    def _write(self, change: _Change, summary: str, spelled: Mapping[str, str]) -> Action:
        if change.whole:
            return WriteFile(change.path, change.text.encode())
        if not self._host.exists(change.path):  # the vendor's file, with our block
            return WriteFile(change.path, change.text.encode())
        return EditFile(change.path, lambda text: sshd_block.edited(text, spelled), summary)

    def _checked(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """The options with the spelling this release wants.

        :raises InvalidInput: not on the list, or no value for it.
        """
        spelled: dict[str, str] = {}
        for keyword, value in wanted.items():
            name, values = ALLOWED.get(keyword.lower(), ("", _YES_NO))
            if not name or not values.match(value):
                raise InvalidInput(f"sshd option {keyword} {value!r}", hint="see sshd_config(5)")
            if keyword.lower() in _INTERACTIVE:
                name = ALLOWED[self._interactive][0]
            spelled[name] = value
        return spelled

    @cached_property
    def version(self) -> tuple[int, int]:
        """OpenSSH's release, e.g. (9, 2); (99, 0) when it cannot be asked."""
        try:
            answer = self._host.ask("sshd", "-V")  # before 9 an error, that names the release
        except CommandMissing:
            return (99, 0)
        found = re.search(r"OpenSSH_(\d+)\.(\d+)", answer.stderr + answer.stdout)
        return (int(found[1]), int(found[2])) if found else (99, 0)

    @property
    def _interactive(self) -> str:
        """The keyword that decides on passwords asked for by PAM."""
        return _INTERACTIVE[0] if self.version >= _RENAMED else _INTERACTIVE[1]

    def _canonical(self, options: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for keyword, value in options.items():
            alias = keyword in _INTERACTIVE and self.version >= _RENAMED
            found.setdefault(_INTERACTIVE[0] if alias else keyword, value)
        return found

    def _effective(self, spelled: Mapping[str, str], instead: Mapping[str, str]) -> bool:
        """Whether the files say so, with some of them as they would be."""
        present = self._canonical(sshd_config.read(self._host, instead).options())
        return _holds(spelled, present)

    def _change(self, spelled: Mapping[str, str]) -> _Change:
        """Where the options take effect: an own file if one can come first, else a block."""
        configuration = sshd_config.read(self._host)
        own, first = (self._drop_in(configuration, name, spelled) for name in _NAMES)
        if own is not None:
            return own
        main = f"{self._host.places.sshd}/{sshd_config.NAME}"
        vendor = configuration.main != main
        read_only = self._host.exists(main) and self._host.read_only(self._target(main))
        if first is not None and (vendor or read_only):
            return first
        text = sshd_block.edited(self._host.read_bytes(configuration.main, b""), spelled)
        return _Change(main, text.decode("utf-8", "surrogateescape"), False)

    def _target(self, path: str) -> str:
        located = self._host.locate(path, follow=True)
        return located if self._host.root == "/" else located[len(self._host.root) :]

    def _drop_in(
        self, configuration: sshd_config.Configuration, name: str, spelled: Mapping[str, str]
    ) -> Optional[_Change]:
        paths = [*self._places(configuration, name)]
        # A directory that is there before one that would have to be made.
        for path in sorted(paths, key=lambda path: not self._host.is_directory(_parent(path))):
            text = sshd_block.own_file(self._host.read(path, ""), spelled)
            if self._effective(spelled, {path: text}):
                return _Change(path, text, True)
        return None

    def _places(self, configuration: sshd_config.Configuration, name: str) -> Iterator[str]:
        """Where a file of that name might be included, the vendor's directories excepted."""
        for setting in configuration.settings:
            if setting.keyword != "include" or setting.conditional:
                continue
            for pattern in sshd_config.words(setting.value):
                path = f"{_parent(pattern)}/{name}"
                path = path if path.startswith("/") else f"{self._host.places.sshd}/{path}"
                if not path.startswith("/usr/") or path.startswith("/usr/local/"):
                    yield path

    # ---- validation

    def _refuse_invalid(self, spelled: Mapping[str, str]) -> None:
        """Try the options on the present configuration before anything is written."""
        options = [part for name, value in spelled.items() for part in ("-o", f"{name}={value}")]
        refusal = self._complaint(*options)
        if not refusal:
            return
        present = self._complaint()
        if present:
            raise UnsafeRefused(
                f"the sshd configuration is invalid already: {present}", hint="see sshd -t"
            )
        raise Unsupported(f"this sshd refuses {' '.join(options[1::2])}: {refusal}")

    def _complaint(self, *options: str) -> str:
        """What sshd's own test has against the configuration; "" when nothing.

        Without host keys, or without the directory it gives up its privileges in, the test fails
        as well, but only after the configuration was found good.
        """
        try:
            answer = self._host.ask("sshd", "-t", *options)
        except CommandMissing:
            return ""
        text = " ".join((answer.stderr or answer.stdout).split())
        incomplete = "no hostkeys available" in text or "rivilege separation dir" in text
        return "" if answer.status == 0 or incomplete else text[-300:] or "no message"

    def _proved(self, spelled: Mapping[str, str]) -> bool:
        complaint = self._complaint()
        if complaint:
            raise PostconditionFailed(f"sshd refuses its configuration: {complaint}")
        answer = self._host.ask("sshd", "-T")
        if answer.status != 0:
            return self._effective(spelled, {})
        present = (line.partition(" ") for line in answer.stdout.splitlines())
        return _holds(spelled, {keyword.lower(): value for keyword, _, value in present})

    # ---- S2, S4

    def host_keys(self) -> tuple[HostKey, ...]:
        return self._keys.present()

    def ensure_host_keys(self, type: str, token: str) -> Plan:
        return self._keys.ensure(type, token)

    # ---- S3

    def ensure_running(self, *, reload: bool) -> Plan:
        running = self._services.active(self._service)
        if running:
            if reload:
                yield from self._services.restart(self._service, reload=True)
            return
        try:
            yield from self._services.ensure_started(self._service)
        except Conflict:  # masked: the administrator wants none
            return
        yield Verify("the SSH server runs", self._alive, booted=True)

    def _alive(self) -> bool:
        """An init script returns before the server has written its pid file."""
        return self._services.active(self._service) or any(
            self._host.read(f"{self._host.places.procfs}/{pid}/comm", "") == "sshd\n"
            for pid in self._host.names(self._host.places.procfs)
            if pid.isdigit()
        )


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _holds(spelled: Mapping[str, str], present: Mapping[str, str]) -> bool:
    return all(
        _same(present.get(name.lower(), "")) == _same(value) for name, value in spelled.items()
    )


def _same(value: str) -> str:
    """One word for values that mean the same; sshd -T prints the older name of this one."""
    lower = value.lower()
    return "without-password" if lower == "prohibit-password" else lower
