# SPDX-License-Identifier: Apache-2.0
"""``waagent status``: how this machine's agent stands.

Exit status 0: all is well.  1: something is wrong, and each line says what to do.  2: the daemon
does not run, or what it wrote cannot be read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Optional

from agentcore import standing
from agentcore.standing import Problem, Standing
from osdrivers.errors import AgentError
from osdrivers.host import Host

from .arguments import configured, machine, parse, parser

WELL, WRONG, UNKNOWN = 0, 1, 2


def run(name: str, words: Sequence[str]) -> int:
    """Print it and return what it comes to."""
    options = parse(parser(name, "How the agent of this machine stands."), words)
    host, found = configured(machine(options), options)
    now, written, broken = time.time(), None, None
    try:
        written = standing.load(host)
    except AgentError as failure:
        broken = Problem.of("status", failure, now)
    alive = written is not None and _alive(host, written, now)
    wrong = standing.faults(written, now) if written is not None and alive else ()
    if broken is not None:
        wrong = (broken,)
    notes = tuple(str(note) for note in found.notes if note.error)
    wrong += tuple(Problem("configuration", "ConfigError", note) for note in notes)
    provisioned = _provisioned(host)
    if options.json:
        print(json.dumps(_object(written, alive, provisioned, wrong)))
    else:
        for line in _lines(written, alive, provisioned, wrong, now):
            print(line)
    if not alive:
        return UNKNOWN
    return WRONG if wrong else WELL


def _alive(host: Host, found: Standing, now: float) -> bool:
    """Whether the one who wrote it is there, and has written lately."""
    return host.exists(f"{host.places.procfs}/{found.pid}") and (
        now - found.time < standing.STALE_S
    )


def _provisioned(host: Host) -> Optional[bool]:
    """None where this user may not look."""
    try:
        return host.exists(f"{host.places.state}/provisioned")
    except AgentError:
        return None


def _object(
    found: Optional[Standing], alive: bool, provisioned: Optional[bool], wrong: tuple[Problem, ...]
) -> dict[str, Any]:
    whole: dict[str, Any] = asdict(found) if found is not None else {}
    whole["running"], whole["provisioned"] = alive, provisioned
    whole["problems"] = [{**asdict(each), "advice": each.advice} for each in wrong]
    return whole


def _lines(
    found: Optional[Standing],
    alive: bool,
    provisioned: Optional[bool],
    wrong: tuple[Problem, ...],
    now: float,
) -> Iterator[str]:
    known = {True: "yes", False: "no", None: "unknown: look as root"}[provisioned]
    if found is None:
        yield "daemon        does not run"
        yield f"provisioned   {known}"
    else:
        lead = "runs" if alive else "does not run; what follows is old"
        yield f"daemon        {lead}: {found.version}, process {found.pid}"
        yield f"provisioned   {known}"
        yield f"platform      {found.contact.endpoint or 'not found yet'}, {_ago(found, now)}"
        goal = found.goal
        settled = "settled" if goal.settled else "in progress"
        followed = f"{goal.source} {goal.identity}, {settled}" if goal.source else "none yet"
        yield f"goal state    {followed}"
        yield f"driver        {found.driver or 'not chosen yet'}"
        yield f"firewall      {found.firewall or 'off'}"
        wish = f"; the platform wishes {found.update_wish}" if found.update_wish else ""
        yield f"updates       {found.update_policy}{wish}"
        for each in found.extensions:
            instance = f" {each.extension}" if each.extension else ""
            own = f", {each.extension_status}" if each.extension_status else ""
            yield f"extension     {each.name}{instance} {each.version}: {each.status}{own}"
    for problem in wrong:
        yield f"problem       {problem.subject}: {problem.reason}: {problem.message}"
        yield f"  what to do  {problem.advice}"


def _ago(found: Standing, now: float) -> str:
    if not found.contact.last:
        return "no answer yet"
    return f"last answer {max(0.0, now - found.contact.last):.0f} s ago"
