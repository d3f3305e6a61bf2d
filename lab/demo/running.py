# SPDX-License-Identifier: Apache-2.0
"""Runs the agent in the guest and tells what it does while it does it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Iterator
from typing import Any, Callable

from lab.sandbox import Sandbox
from osdrivers.conformance.beds.remote import Started

from .trial import Ran

_AGENT_S = 120.0
_CHUNK_BYTES = 65536

Say = Callable[[str], object]


def run_agent(made: Sandbox, say: Say) -> Ran:
    """``waagent provision`` as at boot: disc, discovery, reports.

    Standard output has a JSON object for each action, standard error the words for people and,
    last, the timeline.  Another program in the agent's place may print neither.

    :raises CommandTimeout: it did not end in time; it was killed.
    """
    started_at = time.monotonic()
    actions: list[dict[str, Any]] = []
    words: list[str] = []
    with _pipe() as (out, out_end), _pipe() as (err, err_end):
        running = made.start_agent("provision", "--json", stdout=out_end, stderr=err_end)
        os.close(out_end)
        os.close(err_end)
        with running:
            for descriptor, line in _lines(running, (out, err), started_at + _AGENT_S):
                if descriptor == err:
                    words.append(line)
                else:
                    _told(line, actions, lambda text: say(_timed(text, started_at)))
            ended = running.wait(max(0.1, started_at + _AGENT_S - time.monotonic()))
    seconds = time.monotonic() - started_at
    summary = _summary(words)
    spoken = [line for line in words if not line.startswith("{")]
    tasks = summary.get("tasks") or _tasks(actions)
    last_words = spoken[-1] if spoken else "it said nothing"
    return Ran(ended, seconds, actions, tasks, last_words, str(summary.get("driver", "")))


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def _lines(running: Started, pipes: tuple[int, int], end: float) -> Iterator[tuple[int, str]]:
    """Lines from both pipes until the program has ended; a daemon may hold them open longer."""
    held = dict.fromkeys(pipes, b"")
    left = set(pipes)
    while time.monotonic() < end:
        watched = [running.fileno(), *left]
        ready, _, _ = select.select(watched, [], [], end - time.monotonic())
        if not left & set(ready) and running.fileno() in ready:
            return
        for descriptor in left & set(ready):
            chunk = os.read(descriptor, _CHUNK_BYTES)
            if not chunk:
                left = left - {descriptor}
            *lines, held[descriptor] = (held[descriptor] + chunk).split(b"\n")
            for line in lines:
                yield descriptor, line.decode("utf-8", errors="replace")


def _told(line: str, actions: list[dict[str, Any]], say: Say) -> None:
    """Keep a record of an action, and say what it was."""
    try:
        record = json.loads(line)
    except ValueError:
        say(line)
        return
    actions.append(record)
    what = " ".join(record.get("argv", ())) or record.get("path", "")
    if "error" in record:
        what = f"{what}: {record['error']}"
    say(f"{record.get('task', ''):16}{record.get('kind', ''):7}{what}")


def _timed(text: str, started_at: float) -> str:
    return f"{time.monotonic() - started_at:7.2f} s  {text}"


def _summary(words: list[str]) -> dict[str, Any]:
    for line in reversed(words):
        if line.startswith('{"summary"'):
            found: dict[str, Any] = json.loads(line)["summary"]
            return found
    return {}


def _tasks(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A timeline from the actions, where the agent gives none."""
    tasks: dict[str, dict[str, Any]] = {}
    for each in actions:
        name = str(each.get("task", ""))
        task = tasks.setdefault(name, {"task": name, "changes": 0, "seconds": 0.0})
        task["changes"] += 1
        task["seconds"] += float(each.get("seconds", 0.0))
    return list(tasks.values())
