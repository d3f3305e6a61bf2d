# SPDX-License-Identifier: Apache-2.0
"""``waagent telemetry show``: exactly what goes out beside the protocol's own reports.

Nothing does: this release has no telemetry and uploads no log, so there is nothing to switch off.
What the protocol itself needs (health, the status report) is not telemetry.
"""

from __future__ import annotations

from collections.abc import Sequence

from .arguments import dispatch, parse, parser


def run(name: str, words: Sequence[str]) -> int:
    """Dispatch the second word."""
    return dispatch(name, words, {"show": (_show, "print all of it")})


def _show(words: Sequence[str]) -> int:
    made = parser("telemetry show", "What goes out beside the protocol's own reports.")
    options = parse(made, words)
    if options.json:
        print('{"telemetry": [], "logs": []}')
    else:
        print("nothing: this release sends no telemetry and uploads no logs")
    return 0
