# SPDX-License-Identifier: Apache-2.0
"""Packet filters: nft(8), iptables(8), iptables-restore(8), firewall-cmd(1).

Rules are kept as the tools list them; no packet is ever filtered.
"""

from __future__ import annotations

import re
from typing import Any

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, refused

_NO_TABLE = "Error: No such file or directory"
_BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")


def nft(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Tables of family inet with one chain each, by name, as ``list table`` shows them."""
    words = [word for word in argv[1:] if word != "-nn"]
    tables = box.remembered("nftables")
    if words == ["-f", "-"]:
        return _transaction(box, argv, stdin.decode(), tables)
    if words[:2] == ["list", "tables"]:
        return done("".join(f"table inet {name}\n" for name in tables))
    if words[:2] == ["list", "ruleset"]:
        return done("".join(tables.values()))
    if words[:3] == ["list", "table", "inet"] and len(words) == 4:
        return done(tables[words[3]]) if words[3] in tables else refused(1, _NO_TABLE)
    if words[:3] == ["delete", "table", "inet"] and len(words) == 4:
        if words[3] not in tables:
            return refused(1, _NO_TABLE)
        box.remember("nftables", {k: text for k, text in tables.items() if k != words[3]})
        return done()
    raise UnknownUse(argv, "what to do")


def _transaction(box: Box, argv: tuple[str, ...], text: str, tables: dict[str, Any]) -> Completed:
    """Only ``table T``, ``delete table T``, ``table T { one chain }``, as one change."""
    shape = r"table inet (\w+)\ndelete table inet \1\ntable inet \1 {\n(.*)\n}\n"
    found = re.fullmatch(shape, text, re.DOTALL)
    if found is None:
        raise UnknownUse(argv, "another transaction")
    lines = [f"table inet {found[1]} {{"]
    for line in found[2].splitlines():
        depth = 1 if line.strip() in ("}",) or line.strip().endswith("{") else 2
        lines.append("\t" * depth + _listed(line.strip()))
    made = "".join(f"{line}\n" for line in (*lines, "}"))
    box.remember("nftables", {**tables, found[1]: made})
    return done()


def _listed(line: str) -> str:
    """A line as ``-nn`` prints it."""
    line = re.sub(r"\{ (\d+) \}", r"\1", line)
    line = line.replace("tcp flags & (fin | syn | rst | ack) == syn",
                        "tcp flags 0x2 / 0x1,0x2,0x4,0x10")  # fmt: skip
    return line.replace("counter drop", "counter packets 0 bytes 0 drop")


def iptables(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Chains of the filter table: name -> rules as ``-S`` prints them, without ``-A NAME``."""
    words = list(argv[1:])
    if words[:1] == ["-w"]:
        words = words[1 + words[1].isdigit() :]  # without seconds until 1.4.21
    if words == ["--version"]:
        return done(f"{argv[0]} v{box.version('iptables', '1.8.9 (nf_tables)')}\n")
    topic = argv[0]
    chains = {**{key: [] for key in _BUILT_IN}, **box.remembered(topic)}
    verb, name = words[0], words[1]
    if name not in chains:
        return refused(1, f"{argv[0]}: No chain/target/match by that name.")
    if verb == "-S" and len(words) == 2:
        head = f"-P {name} ACCEPT" if name in _BUILT_IN else f"-N {name}"
        return done("".join(f"{line}\n" for line in (head, *_rules(name, chains[name]))))
    if verb == "-D" and words[2:3] == ["-j"]:
        rule = " ".join(words[2:])
        if rule not in chains[name]:
            return refused(1, f"{argv[0]}: Bad rule (does a matching rule exist in that chain?).")
        chains[name] = [each for each in chains[name] if each != rule]
    elif verb == "-F" and len(words) == 2:
        chains[name] = []
    elif verb == "-X" and len(words) == 2:
        del chains[name]
    else:
        raise UnknownUse(argv, verb)
    return _saved(box, topic, chains)


def _rules(name: str, rules: list[str]) -> list[str]:
    return [f"-A {name} {rule}" for rule in rules]


def _saved(box: Box, topic: str, chains: dict[str, list[str]]) -> Completed:
    kept = {name: rules for name, rules in chains.items() if rules or name not in _BUILT_IN}
    box.remember(topic, kept)
    if "nf_tables" not in box.version("iptables", "nf_tables"):
        box.write(f"/proc/net/{topic.replace('tables', '_tables')}_names", "filter\n")
    return done()


def restore(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:] not in (("--noflush",), ("--noflush", "-w", "5")):
        raise UnknownUse(argv, "only --noflush")
    topic = argv[0].rpartition("-")[0]
    chains: dict[str, list[str]] = {
        **{name: [] for name in _BUILT_IN}, **box.remembered(topic)
    }  # fmt: skip
    lines = stdin.decode().splitlines()
    if lines[0] != "*filter" or lines[-1] != "COMMIT":
        raise UnknownUse(argv, "another table, or no COMMIT")
    for line in lines[1:-1]:
        words = line.split()
        if words[0].startswith(":") and words[1:] == ["-", "[0:0]"]:
            chains[words[0][1:]] = []
        elif words[0] == "-A" and words[1] in chains:
            chains[words[1]] = [*chains[words[1]], " ".join(words[2:])]
        elif words[0] == "-I" and words[1] in chains and words[2] == "1":
            chains[words[1]] = [" ".join(words[3:]), *chains[words[1]]]
        else:
            raise UnknownUse(argv, line)
    return _saved(box, topic, chains)


TOOLS: dict[str, Tool] = {
    "nft": nft,
    "iptables": iptables,
    "ip6tables": iptables,
    "iptables-restore": restore,
    "ip6tables-restore": restore,
}
