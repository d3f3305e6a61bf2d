# SPDX-License-Identifier: Apache-2.0
"""``python -m lab scenario``: the life of a machine after its first boot.

The real agent provisions a disposable copy of this machine, its daemon follows the platform, and
sample extensions of every temper come and go: dependencies, new settings, a failure and its
mending, an update, disabling and removal, an account for a guest, another host name, and a
restart in the middle of it.  Exit status 0 only if every check held.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from osdrivers.errors import AgentError, first_line

_NOT_HELD = 1


def main(argv: Sequence[str]) -> int:
    """Run it; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m lab scenario", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the checks there as well")
    options = parser.parse_args(argv)
    if os.geteuid() != 0:
        print("lab scenario: a sandbox needs root; nothing was tried")
        return _NOT_HELD
    from .life import live
    from .play import Play

    began = time.monotonic()
    play = Play(lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True))
    try:
        live(play)
    except AgentError as failure:
        play.note("ran-to-the-end", held=False, evidence=first_line(failure))
    held = sum(check.held for check in play.checks)
    print(f"{held} of {len(play.checks)} checks held")
    if options.json:
        found = [vars(check) for check in play.checks]
        Path(options.json).write_text(json.dumps({"checks": found}, indent=1), encoding="utf-8")
    return 0 if play.checks and held == len(play.checks) else _NOT_HELD
