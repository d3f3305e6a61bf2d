# SPDX-License-Identifier: Apache-2.0
"""Plans and what became of them, as lines: for people, for programs, for the journal."""

from __future__ import annotations

import json
from typing import Any, Callable

from .errors import first_line
from .executor import Event, Observer
from .host import Host

JOURNAL_LIMIT_BYTES = 4 * 1024 * 1024


def line(event: Event) -> str:
    """``task kind detail``: the format of golden traces."""
    if event.action is None:
        return f"{event.task:14} failed {first_line(event.error)}"
    text = f"{event.task:14} {event.action}"
    return f"{text}  [skipped: offline]" if event.status == "skipped" else text


def record(event: Event) -> dict[str, Any]:
    """One JSON object of the plan schema (``plan.schema.json``): seq, task, kind, ..."""
    entry: dict[str, Any] = {"seq": event.seq, "task": event.task}
    if event.action is not None:
        entry.update(kind=event.action.kind, **event.action.fields())
    if event.status == "skipped":
        entry["skipped"] = "offline"
    if event.status in ("done", "failed"):
        entry.update(status=event.status, seconds=round(event.seconds, 4))
    if event.error is not None:
        entry.update(reason=event.error.reason, error=first_line(event.error))
    return entry


def lines_to(write: Callable[[str], Any]) -> Observer:
    """An observer that gives each action's line once, before it is carried out."""

    def observe(event: Event) -> None:
        if event.status in ("planned", "started", "skipped") or event.action is None:
            write(line(event))
        elif event.status == "failed":
            write(f"{event.task:14} failed {first_line(event.error)}")

    return observe


def json_to(write: Callable[[str], Any]) -> Observer:
    """The same for programs; of an action carried out, its end with status and seconds.

    Only actions: what became of a task is in its Outcome.
    """

    def observe(event: Event) -> None:
        if event.status != "started" and event.action is not None:
            write(json.dumps(record(event), sort_keys=False))

    return observe


def both(*observers: Observer) -> Observer:
    """One observer that tells several."""

    def observe(event: Event) -> None:
        for each in observers:
            each(event)

    return observe


class Journal:
    """The audit trail: a JSON line for each action, 0600, two files of 4 MiB at most.

    An action has a line when it starts and one when it ends, so a kill between them shows.
    ``now`` is the wall clock in seconds.
    """

    def __init__(self, host: Host, now: Callable[[], float]) -> None:
        self._host, self._now = host, now
        self._path = host.places.journal
        self._waiting: list[bytes] = []  # until a task has made the state directory

    def __call__(self, event: Event) -> None:
        if event.status not in ("started", "done", "failed"):
            return
        entry = {"time": round(self._now(), 3), **record(event), "status": event.status}
        self._waiting.append((json.dumps(entry) + "\n").encode())
        if self._host.is_directory(self._host.places.state):
            lines, self._waiting = b"".join(self._waiting), []
            self._host.append(self._path, lines, limit_bytes=JOURNAL_LIMIT_BYTES)
