# SPDX-License-Identifier: Apache-2.0
"""What the demo proves about the agent's talk with the platform, and about its host."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from defusedxml import ElementTree

from osdrivers.conformance.beds.witness import HostState

from .trial import NotHeld, Trial, held_if


def platform_ready(trial: Trial) -> str:
    records = trial.log()
    violations = [f"{each['path']}: {line}" for each in records for line in each["violations"]]
    held_if(not violations, "; ".join(violations[:3]))
    states = [state for state, _ in _health(records)]
    held_if(states and states[0] == "NotReady", f"health reports: {', '.join(states) or 'none'}")
    evidence = f"{', then '.join(states)}; {len(records)} requests, no violation of the protocol"
    return held_if(states[-1] == "Ready" and states.count("Ready") == 1, evidence)


def fingerprint(trial: Trial) -> str:
    said = list(_properties(trial.log(), "CertificateThumbprint"))
    held_if(said, "no fingerprint was reported")
    lines = trial.says("sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub").splitlines()
    for line in lines:
        kind, key = line.split()[:2]
        blob = base64.b64decode(key)
        sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        if said[-1] in (f"SHA256{sha256}", hashlib.md5(blob, usedforsecurity=False).hexdigest()):
            return f"{said[-1]} is that of the {kind} key that sshd serves"
    raise NotHeld(f"{said[-1]} is that of no host key")


def fresh_host_keys(trial: Trial) -> str:
    """The keys that the image brought are gone."""
    kept = [
        path
        for path in trial.says("sh", "-c", "ls /etc/ssh/ssh_host_*_key").split()
        if _in_image(trial, path)
    ]
    return held_if(not kept, f"kept from the image: {', '.join(kept)}" if kept else "all are new")


def _in_image(trial: Trial, path: str) -> bool:
    """Whether a file of the guest still is the one of the tree that it is a copy of."""
    from .snapshot import changed_tree

    return path not in changed_tree(trial.made)


def host_unchanged(before: HostState) -> str:
    """Asked when the sandbox is gone."""
    lines = before.differences(HostState.now())
    held_if(not lines, "; ".join(lines))
    return (
        f"name, {len(before.mounts)} mounts, {len(before.interfaces)} interfaces, "
        f"{len(before.loops)} loop devices, {len(before.swaps)} swap areas, "
        f"{len(before.files)} files as before"
    )


def received(records: list[dict[str, Any]]) -> list[str]:
    """What the platform received, a line each."""
    lines = []
    for each in records:
        path = each["path"].partition("&")[0]
        line = f"{each['service']:11}{each['method']:5}{path} {each['status']}"
        states = [" ".join(filter(None, pair)) for pair in _health([each])]
        prints = list(_properties([each], "CertificateThumbprint"))
        lines.append("  ".join((line, *states, *prints)))
    return lines


def _health(records: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """State and description of each health report."""
    found = []
    for each in records:
        if each["method"] == "POST" and "comp=health" in each["path"]:
            root = ElementTree.fromstring(each["body"])
            texts = {element.tag: element.text or "" for element in root.iter()}
            found.append((texts.get("State", ""), texts.get("Description", "")))
    return found


def _properties(records: list[dict[str, Any]], name: str) -> Iterator[str]:
    for each in records:
        if each["method"] == "POST" and "comp=roleProperties" in each["path"]:
            for element in ElementTree.fromstring(each["body"]).iter("Property"):
                if element.get("name") == name:
                    yield element.get("value") or ""
