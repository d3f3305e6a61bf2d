# SPDX-License-Identifier: Apache-2.0
"""Scripts for a running platform: commands in a row, each when its time has come.

A script is a JSON list.  A step is a command as :func:`lab.platform.control.obey` takes it, e.g.
``{"do": "push", "changes": {...}}`` or ``{"do": "wait", "for": "status", ...}``, and may say
``after_s``: how many seconds after the step before.  A wait is a step too, so a script follows
what the guest does instead of the clock where it can.  An outage of four minutes::

    [{"do": "fault", "fault": {"kind": "reset", "count": null, "name": "outage"}},
     {"do": "lift", "name": "outage", "after_s": 240}]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Protocol

from osdrivers.errors import FileFailed, InvalidInput

from .control import ask

Step = Mapping[str, Any]


class Waiting(Protocol):
    """What of ``threading.Event`` a script needs; a test hands in time that is not real."""

    def wait(self, timeout: float) -> bool:
        """Let time pass; True to end the script."""
        ...  # pragma: no cover


def read(text: str) -> tuple[Step, ...]:
    """The steps of a script.  :raises InvalidInput: it is none."""
    try:
        steps = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the script is not JSON ({error})") from error
    if not isinstance(steps, list):
        raise InvalidInput("the script is not a list of steps")
    for number, step in enumerate(steps, 1):
        if not isinstance(step, dict) or not isinstance(step.get("do"), str):
            raise InvalidInput(f"step {number} of the script does nothing")
        if not isinstance(step.get("after_s", 0), (int, float)):
            raise InvalidInput(f"step {number} of the script comes after {step['after_s']!r}")
    return tuple(steps)


def play(
    steps: Sequence[Step], obey: Callable[[Step], dict[str, Any]], waiting: Waiting
) -> list[dict[str, Any]]:
    """Carry the steps out; their answers.

    :raises InvalidInput: a step was refused; those after it are not carried out.
    :raises TimeoutError: what a step waited for did not come.
    """
    answers = []
    for step in steps:
        pause_s = float(step.get("after_s", 0))
        if pause_s > 0 and waiting.wait(pause_s):
            break
        answers.append(obey({name: value for name, value in step.items() if name != "after_s"}))
    return answers


def main(argv: Sequence[str]) -> int:
    """Play a script on a running platform and print each answer; 0 when all were carried out."""
    import threading

    parser = argparse.ArgumentParser(prog="python -m lab play", description=main.__doc__)
    parser.add_argument("--dir", required=True, metavar="DIR", help="the platform's directory")
    parser.add_argument("script", metavar="FILE", help="JSON; see lab.platform.script")
    wanted = parser.parse_args(argv)
    try:
        text = Path(wanted.script).read_text(encoding="utf-8")
    except OSError as error:
        raise FileFailed(wanted.script, error) from error

    def obey(step: Step) -> dict[str, Any]:
        limit_s = float(step.get("timeout_s", 60.0)) + 10.0
        answer = ask(Path(wanted.dir), step, limit_s)
        json.dump(answer, sys.stdout)
        print(flush=True)
        return answer

    play(read(text), obey, threading.Event())
    return 0
