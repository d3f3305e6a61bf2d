# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.kills [WORD ...]``: SIGKILL at every action and every change, as a table.

Each piece of work - of the extension machine, of provisioning, of following goal states - is killed
at each of its points, and begun again.  The exit status is 0 when each came to the end it has
without a kill, and nothing ran twice.  ``--writes``: state writes only; ``--brief``: no rows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.killing import extension_work, goalstate_work, provisioning_work
from tests.killing.everywhere import Report, Subject, lines, report


def subjects(addresses: list[tuple[str, int]]) -> list[Subject]:
    return [
        *extension_work.subjects(),
        *provisioning_work.subjects(),
        *goalstate_work.subjects(addresses),
    ]


def told(subject: Subject, scratch: Path, options: argparse.Namespace) -> Report:
    """Try one, and print what came of it."""
    scratch.mkdir()
    found = report(subject, scratch, every=not options.writes)
    for number, line in enumerate(lines(found)):
        if number == 0 or not options.brief:
            print(line, flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the names of subjects")
    parser.add_argument("--writes", action="store_true", help="state writes only")
    parser.add_argument("--brief", action="store_true", help="one line for each subject")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        goalstate_work.platform(Path(scratch) / "platform") as addresses,
    ):
        chosen = [
            each
            for each in subjects(addresses)
            if not options.words or any(word in each.name for word in options.words)
        ]
        found = [
            told(each, Path(scratch) / str(number), options) for number, each in enumerate(chosen)
        ]
    tried = sum(len(one.rows) for one in found)
    bad = sum(len(one.problems) for one in found)
    print(f"{len(found)} pieces of work, {tried} kills, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
