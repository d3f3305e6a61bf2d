# SPDX-License-Identifier: Apache-2.0
"""The guard through firewalld, runtime and permanent.  Source: firewall-cmd(1).

Only where nft(8) is not installed.  Neither rich rules nor policies can match the owner of a
socket; the direct interface can, and its rules stay until firewalld itself drops them.  A chain of
our own is filled before OUTPUT jumps to it, and new rules come before old ones go.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..actions import Plan, Run
from ..errors import CommandFailed, CommandMissing
from ..host import Completed, Host
from .firewall import DHCP_CLIENT_PORT, Rules
from .iptables import GUARD, parsed, written

_FAMILIES = ((4, "ipv4"), (6, "ipv6"))
Words = tuple[str, ...]
#: (family, chain) -> its direct rules, each without its priority.
Direct = Mapping[tuple[str, str], list[str]]
_SCOPES: tuple[Words, ...] = (("--permanent",), ())
_FILES = "/etc/firewalld"
_JUMP = f"-j {GUARD}"
_DHCP = f'rule family="ipv4" port port="{DHCP_CLIENT_PORT}" protocol="udp" accept'
_TIMEOUT_S = 60.0
#: Exit status: firewalld does not run, or there is no D-Bus.
_STOPPED = (252, 36)


class Firewalld:
    """Direct rules in a chain ``AGENTCORE_GUARD``; a rich rule of the default zone for DHCP."""

    command, package, admits = "firewall-cmd", "firewalld", True

    def __init__(self, host: Host) -> None:
        self._host = host

    def works(self) -> bool:
        return self._ask("--state").status == 0

    def rules(self) -> Rules:
        """Those of the runtime, if the permanent ones are the same."""
        permanent, runtime = (_guarded(self._rules(scope)) for scope in _SCOPES)
        return runtime if permanent == runtime else {}

    def guard(self, wanted: Rules) -> Plan:
        for scope in _SCOPES:
            present, chains = self._rules(scope), self._chains(scope)
            for version, family in _FAMILIES:
                mine = {a: ports for a, ports in wanted.items() if a.version == version}
                if mine:
                    yield from self._converge(scope, family, written(mine), present, chains)
                else:
                    yield from self._gone(scope, family, present, chains)

    def unguard(self) -> Plan:
        """The permanent rules go last, since they tell that there are any."""
        if not self._has_ours():
            return
        for scope in reversed(_SCOPES):
            present, chains = self._rules(scope), self._chains(scope)
            for _, family in _FAMILIES:
                yield from self._gone(scope, family, present, chains)
            if self._ask(*scope, f"--query-rich-rule={_DHCP}").status == 0:
                yield self._run(*scope, f"--remove-rich-rule={_DHCP}")

    def allow_dhcp(self) -> Plan:
        for scope in _SCOPES:
            if self._ask(*scope, f"--query-rich-rule={_DHCP}").status != 0:
                yield self._run(*scope, f"--add-rich-rule={_DHCP}")

    # ---- changing

    def _converge(
        self, scope: Words, family: str, rules: list[str], present: Direct, chains: set[str]
    ) -> Plan:
        there = present.get((family, GUARD), [])
        if family not in chains:
            yield self._direct(scope, "--add-chain", family, GUARD)
        for rule in rules:
            if rule not in there:
                yield self._rule(scope, "--add-rule", family, GUARD, rule)
        if _JUMP not in present.get((family, "OUTPUT"), []):
            yield self._rule(scope, "--add-rule", family, "OUTPUT", _JUMP)
        for rule in there:
            if rule not in rules:
                yield self._rule(scope, "--remove-rule", family, GUARD, rule)

    def _gone(self, scope: Words, family: str, present: Direct, chains: set[str]) -> Plan:
        if _JUMP in present.get((family, "OUTPUT"), []):
            yield self._rule(scope, "--remove-rule", family, "OUTPUT", _JUMP)
        for rule in present.get((family, GUARD), []):
            yield self._rule(scope, "--remove-rule", family, GUARD, rule)
        if family in chains:
            yield self._direct(scope, "--remove-chain", family, GUARD)

    def _rule(self, scope: Words, verb: str, family: str, chain: str, rule: str) -> Run:
        return self._direct(scope, verb, family, chain, "0", *rule.split())

    def _direct(self, scope: Words, verb: str, family: str, *words: str) -> Run:
        return self._run(*scope, "--direct", verb, family, "filter", *words)

    def _run(self, *words: str) -> Run:
        return Run(("firewall-cmd", *words), timeout_s=_TIMEOUT_S, booted=True)

    # ---- asking

    def _has_ours(self) -> bool:
        """Whether its files mention something of ours: each question to firewalld takes long."""
        files = (f"{_FILES}/direct.xml", *self._host.glob(f"{_FILES}/zones/*.xml"))
        marks = (GUARD, f'port="{DHCP_CLIENT_PORT}"')
        return any(mark in self._host.read(path, "") for path in files for mark in marks)

    def _rules(self, scope: Words) -> Direct:
        """All direct rules of the table, in one question: each takes a third of a second."""
        found: dict[tuple[str, str], list[str]] = {}
        for line in self._ask(*scope, "--direct", "--get-all-rules").stdout.splitlines():
            words = line.replace("'", "").split()
            if len(words) > 4 and words[1] == "filter":
                found.setdefault((words[0], words[2]), []).append(" ".join(words[4:]))
        return found

    def _chains(self, scope: Words) -> set[str]:
        """Families in which our chain is there."""
        text = self._ask(*scope, "--direct", "--get-all-chains").stdout
        rows = (line.split() for line in text.splitlines())
        return {row[0] for row in rows if row[1:2] == ["filter"] and GUARD in row[2:]}

    def _ask(self, *words: str) -> Completed:
        if self._host.offline:
            return Completed(1)
        try:
            answer = self._host.ask("firewall-cmd", *words, timeout_s=_TIMEOUT_S)
        except CommandMissing:
            return Completed(1)
        if answer.status in (0, *_STOPPED) or (answer.status == 1 and answer.stdout == "no\n"):
            return answer
        raise CommandFailed(("firewall-cmd", *words), answer.status, answer.stderr)


def _guarded(present: Direct) -> Rules:
    found: Rules = {}
    for _, family in _FAMILIES:
        if _JUMP in present.get((family, "OUTPUT"), []):
            found = {**found, **parsed(present.get((family, GUARD), []))}
    return found
