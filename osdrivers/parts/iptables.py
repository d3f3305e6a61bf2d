# SPDX-License-Identifier: Apache-2.0
"""The guard as chains of its own in iptables and ip6tables.  Source: iptables(8).

A chain is replaced, and its jump inserted, in one commit of iptables-restore(8).  Whether a rule
is there is read with ``-S``, which 1.4.7 has too; ``-C`` came with 1.4.11.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import cached_property

from ..actions import Plan, Run
from ..errors import Busy, CommandFailed, CommandMissing
from ..host import Completed, Host
from .firewall import DHCP_CLIENT_PORT, Rules, in_order, understood
from .partitions import Script

GUARD, DHCP = "AGENTCORE_GUARD", "AGENTCORE_DHCP"
_FAMILIES = ((4, "iptables"), (6, "ip6tables"))
#: Releases since which: -w is known, it takes a number of seconds, iptables-restore knows it.
_WAIT_SINCE, _SECONDS_SINCE, _RESTORE_SINCE = (1, 4, 20), (1, 6, 0), (1, 6, 2)
_WAIT_S = "5"
_BUSY = 4  # exit status: another program holds the lock, or (nf_tables) the kernel refuses
#: No such chain; or nft(8) made one that iptables cannot list, which is not ours.
_ABSENT = ("No chain/target/match by that name", "is incompatible")
_RULE = re.compile(
    r"-d (?P<address>[0-9a-f.:]+)/(?:32|128) -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN "
    r"(?:-m multiport ! --dports (?P<ports>[\d,]+) )?-m owner ! --uid-owner (?:0|root) -j DROP"
)


class Iptables:
    """Chain ``AGENTCORE_GUARD``, to which OUTPUT jumps first, and ``AGENTCORE_DHCP`` of INPUT."""

    command, package, admits = "iptables", "iptables", True

    def __init__(self, host: Host) -> None:
        self._host = host

    def works(self) -> bool:
        return self._ask("iptables", "-S", "OUTPUT").status == 0

    def rules(self) -> Rules:
        found: Rules = {}
        for version, tool in _FAMILIES:
            if not self._jumps(tool, "OUTPUT", GUARD):
                continue
            mine = parsed(self._chain(tool, GUARD))
            found = {**found, **{a: ports for a, ports in mine.items() if a.version == version}}
        return found

    def guard(self, wanted: Rules) -> Plan:
        for version, tool in _FAMILIES:
            if any(address.version == version for address in wanted):
                self._host.require(tool, f"{tool}-restore", package=self.package)
        for version, tool in _FAMILIES:
            mine = {a: ports for a, ports in wanted.items() if a.version == version}
            if not mine:
                yield from self._gone(tool, "OUTPUT", GUARD)
            elif parsed(self._chain(tool, GUARD)) != mine or not self._jumps(tool, "OUTPUT", GUARD):
                yield from self._replaced(tool, "OUTPUT", GUARD, written(mine))

    def unguard(self) -> Plan:
        for _, tool in _FAMILIES:
            if not self._loaded(tool):
                continue
            yield from self._gone(tool, "OUTPUT", GUARD)
            yield from self._gone(tool, "INPUT", DHCP)

    def allow_dhcp(self) -> Plan:
        rule = f"-p udp -m udp --dport {DHCP_CLIENT_PORT} -j ACCEPT"
        there = self._chain("iptables", DHCP) == [rule]
        if not there or not self._jumps("iptables", "INPUT", DHCP):
            self._host.require("iptables", "iptables-restore", package=self.package)
            yield from self._replaced("iptables", "INPUT", DHCP, [rule])

    # ---- changing

    def _replaced(self, tool: str, hook: str, chain: str, rules: Sequence[str]) -> Plan:
        jump = [] if self._jumps(tool, hook, chain) else [f"-I {hook} 1 -j {chain}"]
        lines = ["*filter", f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in rules), *jump]
        script = "".join(f"{line}\n" for line in (*lines, "COMMIT"))
        wait = ("-w", _WAIT_S) if self._release >= _RESTORE_SINCE else ()
        try:
            yield Script((f"{tool}-restore", "--noflush", *wait), script)
        except CommandFailed as failure:
            raise _explained(failure) from failure

    def _gone(self, tool: str, hook: str, chain: str) -> Plan:
        try:
            for _ in range(self._jumps(tool, hook, chain)):
                yield Run((tool, *self._wait, "-D", hook, "-j", chain), booted=True)
            if self._ask(tool, "-S", chain).status == 0:
                yield Run((tool, *self._wait, "-F", chain), booted=True)
                yield Run((tool, *self._wait, "-X", chain), booted=True)
        except CommandFailed as failure:
            raise _explained(failure) from failure

    # ---- asking

    def _loaded(self, tool: str) -> bool:
        """Whether there can be rules: to ask the legacy tool would load its modules."""
        names = "ip6_tables_names" if tool == "ip6tables" else "ip_tables_names"
        nf_tables = "nf_tables" in self._ask("iptables", "--version").stdout
        return nf_tables or self._host.exists(f"{self._host.places.procfs}/net/{names}")

    def _jumps(self, tool: str, hook: str, chain: str) -> int:
        answer = self._ask(tool, "-S", hook).stdout
        return [line.split() for line in answer.splitlines()].count(["-A", hook, "-j", chain])

    def _chain(self, tool: str, chain: str) -> list[str]:
        """The rules of a chain as they are listed, without ``-A CHAIN``."""
        lines = (line.split() for line in self._ask(tool, "-S", chain).stdout.splitlines())
        return [" ".join(words[2:]) for words in lines if words[:2] == ["-A", chain]]

    @cached_property
    def _release(self) -> tuple[int, ...]:
        text = self._ask("iptables", "--version").stdout
        return tuple(int(number) for number in re.findall(r"\d+", text.partition("(")[0])[:3])

    @property
    def _wait(self) -> tuple[str, ...]:
        if self._release >= _SECONDS_SINCE:
            return ("-w", _WAIT_S)
        return ("-w",) if self._release >= _WAIT_SINCE else ()

    def _ask(self, tool: str, *words: str) -> Completed:
        if self._host.offline:
            return Completed(1)
        wait = self._wait if words[0] != "--version" else ()
        try:
            answer = self._host.ask(tool, *wait, *words)
        except CommandMissing:
            return Completed(1)
        try:
            return understood((tool, *wait, *words), answer, *_ABSENT)
        except CommandFailed as failure:
            raise _explained(failure) from failure


def written(wanted: Rules) -> list[str]:
    """A rule for each address, as ``iptables -S`` lists it."""
    made = []
    for address in in_order(wanted):
        ports = ",".join(map(str, sorted(wanted[address])))
        but = f"-m multiport ! --dports {ports} " if ports else ""
        made.append(
            f"-d {address}/{address.max_prefixlen} -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN "
            f"{but}-m owner ! --uid-owner 0 -j DROP"
        )
    return made


def parsed(rules: Sequence[str]) -> Rules:
    """What listed rules guard; nothing if one of them is not as we write it."""
    found = {}
    for rule in rules:
        match = _RULE.fullmatch(rule)
        if match is None:
            return {}
        ports = frozenset(int(port) for port in (match["ports"] or "").split(",") if port)
        found[ipaddress.ip_address(match["address"])] = ports
    return found


def _explained(failure: CommandFailed) -> Exception:
    if failure.status != _BUSY or "ermission denied" in failure.stderr:
        return failure
    return Busy(f"{failure.argv[0]}: another program changes the rules", hint="try again")
