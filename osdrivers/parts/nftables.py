# SPDX-License-Identifier: Apache-2.0
"""The guard as a table of its own in nftables, replaced in one transaction.  Source: nft(8).

A table of family inet holds IPv4 and IPv6 alike.  It stands beside firewalld's and anybody's: a
drop in any table is final, and whoever flushes his own leaves ours.
"""

from __future__ import annotations

import ipaddress
import re

from ..actions import Plan, Run
from ..errors import CommandMissing, Unsupported
from ..host import Completed, Host
from .firewall import Rules, in_order, understood
from .partitions import Script

TABLE = "agentcore_guard"
_NAME = ("inet", TABLE)
_HOOK = "type filter hook output priority "
#: A lone SYN, as releases print it, in words or (-nn) in numbers.
_FIN, _SYN, _RST, _ACK = "(?:fin|0x0*1)", "(?:syn|0x0*2)", "(?:rst|0x0*4)", "(?:ack|0x0*10)"
_OPENING = (
    rf"(?:& \({_FIN} \| {_SYN} \| {_RST} \| {_ACK}\) == {_SYN}"
    rf"|{_SYN} / {_FIN},{_SYN},{_RST},{_ACK}|& 0x0*17 == 0x0*2)"
)
_RULE = re.compile(
    r"ip6? daddr (?P<address>\S+) (?:tcp dport != (?:\{ ?(?P<many>[^}]*?) ?\}|(?P<one>\d+)) )?"
    rf"tcp flags {_OPENING} "
    r"(?:meta )?skuid != (?:0|root|\"root\") (?:counter packets \d+ bytes \d+ )?drop\Z"
)
_FRAME = re.compile(
    rf"table inet {TABLE} {{|chain output {{|{_HOOK}(?:0|filter); policy accept;|}}|\Z"
)


class Nftables:
    """``table inet agentcore_guard``: one rule for each address."""

    command, package, admits = "nft", "nftables", False

    def __init__(self, host: Host) -> None:
        self._host = host

    def works(self) -> bool:
        return self._ask("list", "tables").status == 0

    def rules(self) -> Rules:
        return parsed(self._table())

    def guard(self, wanted: Rules) -> Plan:
        yield Script(("nft", "-f", "-"), written(wanted))

    def unguard(self) -> Plan:
        if self._table():
            yield Run(("nft", "delete", "table", *_NAME), booted=True)

    def allow_dhcp(self) -> Plan:
        """Nothing where no chain of anybody's stands before what comes in.

        :raises Unsupported: one does; whether it drops is for its owner to say.
        """
        if "hook input" in self._ask("list", "ruleset").stdout:
            raise Unsupported(
                "nftables: somebody's chain filters what comes in",
                hint="accept udp dport 68 in that chain: no other table can overrule it",
            )
        yield from ()

    def _table(self) -> str:
        return self._ask("-nn", "list", "table", *_NAME).stdout

    def _ask(self, *words: str) -> Completed:
        if self._host.offline:
            return Completed(1)
        try:
            answer = self._host.ask("nft", *words)
        except CommandMissing:
            return Completed(1)
        return understood(("nft", *words), answer, "No such file or directory")


def written(wanted: Rules) -> str:
    """The whole table.  It is declared, deleted and made: one that is not there is no error."""
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    lines += [" chain output {", f"  {_HOOK}0; policy accept;"]
    for address in in_order(wanted):
        family = "ip" if address.version == 4 else "ip6"
        ports = ", ".join(map(str, sorted(wanted[address])))
        but = f"tcp dport != {{ {ports} }} " if ports else ""
        lines.append(
            f"  {family} daddr {address} {but}tcp flags & (fin | syn | rst | ack) == syn"
            " meta skuid != 0 counter drop"
        )
    return "".join(f"{line}\n" for line in (*lines, " }", "}"))


def parsed(text: str) -> Rules:
    """What a listed table guards; nothing unless every line of it is as we write it."""
    found, hooked = {}, False
    for line in map(str.strip, text.splitlines()):
        rule = _RULE.match(line)
        hooked = hooked or line.startswith(_HOOK)
        if rule is not None:
            ports = re.findall(r"\d+", rule["many"] or rule["one"] or "")
            found[ipaddress.ip_address(rule["address"])] = frozenset(map(int, ports))
        elif not _FRAME.fullmatch(line):
            return {}
    return found if hooked else {}
