# SPDX-License-Identifier: Apache-2.0
"""The pretended packet filters list what nft(8) and iptables(8) list."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from osdrivers.host import Host
from osdrivers.parts import iptables, nftables
from tests.conformance.compared import Pair
from tests.osdrivers.parts.overlaid import overlaid

MACHINE = Path(__file__).parents[1] / "machines" / "ubuntu-24.04"
RULES = {
    ipaddress.ip_address("168.63.129.16"): frozenset({53}),
    ipaddress.ip_address("fd00::16"): frozenset({53, 80}),
    ipaddress.ip_address("192.0.2.1"): frozenset[int](),
}
OURS = ("inet", nftables.TABLE)


@overlaid
def test_a_table_of_nftables_is_made_listed_and_deleted_alike(host: Host) -> None:
    pair = Pair(host, MACHINE)
    pair.same_output("nft", "list", "tables")
    pair.run("nft", "-nn", "list", "table", *OURS)  # refused by both
    for _ in range(2):
        pair.run("nft", "-f", "-", stdin=nftables.written(RULES).encode())
        pair.same_output("nft", "list", "tables")
        pair.same_output("nft", "-nn", "list", "table", *OURS)
    pair.run("nft", "delete", "table", *OURS)
    pair.run("nft", "delete", "table", *OURS)
    pair.same_output("nft", "list", "ruleset")


@pytest.mark.parametrize(
    ("tool", "restore", "version"),
    [("iptables", "iptables-restore", 4), ("ip6tables", "ip6tables-restore", 6)],
)
@overlaid
def test_chains_of_iptables_are_made_listed_and_deleted_alike(
    host: Host, tool: str, restore: str, version: int
) -> None:
    pair = Pair(host, MACHINE)
    rules = iptables.written({a: ports for a, ports in RULES.items() if a.version == version})
    text = [":GUARD - [0:0]", *(f"-A GUARD {rule}" for rule in rules), "-I OUTPUT 1 -j GUARD"]
    for script in (text, text[:-1]):
        stdin = "".join(f"{line}\n" for line in ("*filter", *script, "COMMIT")).encode()
        pair.run(restore, "--noflush", "-w", "5", stdin=stdin)
        pair.same_output(tool, "-w", "5", "-S", "GUARD")
        pair.same_output(tool, "-w", "5", "-S", "OUTPUT")
    for words in (("-D", "OUTPUT", "-j", "GUARD"), ("-F", "GUARD"), ("-X", "GUARD")):
        pair.run(tool, "-w", "5", *words)
        pair.run(tool, "-w", "5", *words) if words[0] != "-F" else None
        pair.same_output(tool, "-w", "5", "-S", "OUTPUT")
        pair.run(tool, "-w", "5", "-S", "GUARD")
