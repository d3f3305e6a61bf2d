# SPDX-License-Identifier: Apache-2.0
"""firewall-cmd(1): direct chains and rules, rich rules of the default zone; two configurations."""

from __future__ import annotations

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done

_ALREADY, _NOT_ENABLED = "Warning: ALREADY_ENABLED: ", "Warning: NOT_ENABLED: "


def firewall_cmd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words = list(argv[1:])
    if words == ["--state"]:
        return done("running\n")
    topic = "firewalld" if words[:1] == ["--permanent"] else "firewalld-runtime"
    words = words[1:] if words[:1] == ["--permanent"] else words
    if words[:1] == ["--direct"]:
        return _direct(box, argv, topic, words[1:])
    verb, _, rule = words[0].partition("=")
    if len(words) != 1 or not verb.endswith("-rich-rule"):
        raise UnknownUse(argv, words[0])
    return _list(
        box,
        argv,
        topic.replace("firewalld", "firewalld-zone"),
        verb[2:].partition("-")[0],
        "rich",
        rule,
    )


def _direct(box: Box, argv: tuple[str, ...], topic: str, words: list[str]) -> Completed:
    if words in (["--get-all-rules"], ["--get-all-chains"]):
        return done(_all(box, topic, chains=words == ["--get-all-chains"]))
    verb, family, table, *rest = words
    if family not in ("ipv4", "ipv6") or table != "filter":
        raise UnknownUse(argv, "family or table")
    act, _, what = verb[2:].partition("-")
    if what in ("chain", "chains"):
        return _list(box, argv, topic, act, f"{family} chains", " ".join(rest))
    if what in ("rule", "rules"):
        return _list(box, argv, topic, act, f"{family} {rest[0]}", " ".join(rest[1:]))
    raise UnknownUse(argv, verb)


def _all(box: Box, topic: str, *, chains: bool) -> str:
    lines = []
    for key, values in box.remembered(topic).items():
        family, name = key.split()
        if name == "chains":
            lines += [f"{family} filter {each}" for each in values] if chains else []
        elif not chains:
            lines += [f"{family} filter {name} {each}" for each in values]
    return "".join(f"{line}\n" for line in lines)


def _list(box: Box, argv: tuple[str, ...], topic: str, act: str, key: str, value: str) -> Completed:
    state = box.remembered(topic)
    present: list[str] = state.get(key, [])
    if act == "get":
        joint = " " if key.endswith("chains") else "\n"
        return done(joint.join(present) + "\n")
    if act == "query":
        return done("yes\n") if value in present else Completed(1, "no\n")
    if act not in ("add", "remove"):
        raise UnknownUse(argv, act)
    if (value in present) == (act == "add"):
        warning = _ALREADY if act == "add" else _NOT_ENABLED
        return Completed(0, "success\n", f"{warning}{value}\n")
    after = [*present, value] if act == "add" else [each for each in present if each != value]
    kept = {**state, key: after}
    box.remember(topic, {name: each for name, each in kept.items() if each})
    if not topic.endswith("runtime"):
        file = "zones/public.xml" if "zone" in topic else "direct.xml"
        box.write(f"/etc/firewalld/{file}", "".join(f"{name} {kept[name]}\n" for name in kept))
    return done("success\n")


TOOLS: dict[str, Tool] = {"firewall-cmd": firewall_cmd}
