# SPDX-License-Identifier: Apache-2.0
"""The right to become root through sudo(8), or doas(1) where that is installed (U7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..actions import ChangeOwner, EditFile, MakeDirectory, Plan, Remove, Verify, WriteFile
from ..errors import CommandMissing, OperationError, UnsafeRefused
from ..host import Host, Places
from . import sudoers
from .doas import Doas
from .passwd import Passwd
from .shadow_names import check_name


@dataclass(frozen=True)
class _Grant:
    """The file that is wanted for a user."""

    host: Host
    name: str
    nopasswd: bool
    own_password: bool

    def text(self) -> bytes:
        """:raises NotFound: the account's number is needed, and there is no account yet."""
        subject = sudoers.subject(self.host, self.name)
        own = self.own_password
        return sudoers.grant(subject, nopasswd=self.nopasswd, own_password=own)

    def says(self, text: bytes) -> bool:
        """Whether this is the wanted text."""
        known = sudoers.plain(self.name) or Passwd(self.host).account(self.name) is not None
        return known and text == self.text()

    def holds(self, path: str) -> bool:
        """Whether it is there, with the owner and the mode that sudo wants."""
        return self.says(self.host.read_bytes(path, b"")) and self._dressed(path)

    def _dressed(self, path: str) -> bool:
        found = self.host.status(path)
        return found is not None and found.mode == 0o440 and (found.uid, found.gid) == (0, 0)

    def written(self, path: str, check: tuple[str, ...]) -> Plan:
        """Make the file so."""
        if sudoers.plain(self.name):
            yield WriteFile(path, self.text(), 0o440, owner="0:0", check=check)
            return
        if self.host.status(path) is not None and not self._dressed(path):
            yield ChangeOwner(path, "0:0", 0o440)
        # The number is known only when the account is there, so when this is carried out.
        how = "NOPASSWD" if self.nopasswd else "with password"
        summary = f"{self.name} by its number, {how}"
        yield EditFile(path, lambda _: self.text(), summary, 0o440, owner="0:0", check=check)


class Sudo:
    """One file for each user below the policy's include directory; the policy itself is not
    edited, unless it includes no directory at all."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._doas = Doas(host)

    def granted(self, name: str) -> Optional[str]:
        if self._uses_doas():
            return self._doas.granted(name)
        path = f"{self._directory(sudoers.policy(self._host))}/{sudoers.file_name(name)}"
        present = self._host.read_bytes(path, b"")
        for nopasswd, word in ((False, "password"), (True, "nopasswd")):
            for own in (False, True):
                if _Grant(self._host, name, nopasswd, own).says(present):
                    return word
        return None

    def ensure_granted(self, name: str, *, nopasswd: bool) -> Plan:
        check_name(name)
        if self._uses_doas():
            yield from self._doas.ensure_granted(name, nopasswd=nopasswd)
            return
        if not self._host.has("sudo"):
            raise CommandMissing("sudo", "sudo")
        policy = sudoers.policy(self._host)
        directory = self._directory(policy)
        grant = _Grant(self._host, name, nopasswd, policy.asks_for_target)
        path = f"{directory}/{sudoers.file_name(name)}"
        included = self._included(policy, directory)
        if included and grant.holds(path):
            return
        self._refuse_invalid(policy.main)
        before, old = self._host.status(path), self._host.read_bytes(path, b"")
        if not self._host.is_directory(directory):
            yield MakeDirectory(directory, 0o750)
        yield from grant.written(path, self._check())
        if not included:
            yield self._with_include(policy, directory)
        try:
            yield Verify("the sudo policy", lambda: self._complaint(policy.main) == "")
        except OperationError:
            yield Remove(path) if before is None else WriteFile(path, old, before.mode)
            raise

    def _with_include(self, policy: sudoers.Policy, directory: str) -> EditFile:
        line = f"#includedir {directory}"  # the spelling that every release knows
        path = policy.main or self._host.places.sudoers
        return EditFile(path, lambda t: _with_line(t, line), line, 0o440, check=self._check())

    def ensure_revoked(self, name: str) -> Plan:
        check_name(name)
        if self._uses_doas():
            yield from self._doas.ensure_revoked(name)
            return
        directory = self._directory(sudoers.policy(self._host))
        path = f"{directory}/{sudoers.file_name(name)}"
        if self._host.status(path, follow=False) is not None:
            yield Remove(path)

    # ---- where and whether

    def _uses_doas(self) -> bool:
        return not self._host.has("sudo") and self._host.has("doas")

    def _directory(self, policy: sudoers.Policy) -> str:
        """Where the policy looks; what the administrator configured comes first."""
        wanted, found = self._host.places.sudoers_dir, policy.directories
        if wanted in found or wanted != Places().sudoers_dir:
            return wanted
        local = [path for path in found if not path.startswith("/usr/") or "/local/" in path]
        return local[0] if local else wanted

    def _included(self, policy: sudoers.Policy, directory: str) -> bool:
        """:raises UnsafeRefused: only the vendor's file could include it, and that is not ours."""
        if not policy.main and self._host.assume_tools:
            return True  # of an incomplete tree nothing is known; the stock policy includes it
        if directory not in policy.directories and policy.main == sudoers.VENDOR:
            raise UnsafeRefused(
                f"{sudoers.VENDOR} does not include {directory}",
                hint=f"copy it to {self._host.places.sudoers} and add @includedir {directory}",
            )
        return directory in policy.directories

    def _check(self) -> tuple[str, ...]:
        return ("visudo", "-cf") if self._host.has("visudo") else ()

    def _refuse_invalid(self, main: str) -> None:
        complaint = self._complaint(main)
        if complaint:
            raise UnsafeRefused(
                f"the sudo policy is invalid already: {complaint}", hint="mend it with visudo"
            )

    def _complaint(self, main: str) -> str:
        """What visudo(8) has against the whole policy; "" when nothing, or when it is missing."""
        if not main or not self._host.has("visudo"):
            return ""
        try:
            answer = self._host.ask("visudo", "-cf", main)
        except CommandMissing:
            return ""
        text = answer.stderr or answer.stdout
        return " ".join(text.split())[:300] or "no message" if answer.status else ""


def _with_line(text: bytes, line: str) -> bytes:
    """``text`` with ``line`` at its end: a later rule of a policy wins over an earlier one."""
    if line.encode() in text.split(b"\n"):
        return text
    ended = text if text.endswith(b"\n") or not text else text + b"\n"
    return ended + line.encode() + b"\n"
