# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.kills [WORD ...]``: SIGKILL at every action and every change, as a table.

Each piece of work - of the extension machine, of provisioning, of following goal states - is killed
at each of its points, and begun again.  The exit status is 0 when each came to the end it has
without a kill, and nothing ran twice.  ``--full``: the disk becomes full there instead, of pages
and of inodes, and has room again when somebody has said so.  ``--writes``: state writes only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.killing import extension_work, full, goalstate_work, provisioning_work
from tests.killing.everywhere import Subject, lines, report
from tests.killing.full import Bearing


def subjects(addresses: list[tuple[str, int]]) -> list[Subject]:
    return [
        *extension_work.subjects(),
        *provisioning_work.subjects(),
        *goalstate_work.subjects(addresses),
    ]


def bearings(addresses: list[tuple[str, int]]) -> list[Bearing]:
    return [
        *extension_work.bearings(),
        *provisioning_work.bearings(),
        *map(goalstate_work.bearing, goalstate_work.subjects(addresses)),
    ]


def shown(table: Iterable[str], *, brief: bool) -> None:
    for number, line in enumerate(table):
        if number == 0 or not brief:
            print(line, flush=True)


def kill(chosen: list[Subject], scratch: Path, options: argparse.Namespace) -> tuple[int, int]:
    """Kill each everywhere; how often, and with how many bad ends."""
    tried = bad = 0
    for number, subject in enumerate(chosen):
        (scratch / str(number)).mkdir()
        found = report(subject, scratch / str(number), every=not options.writes)
        shown(lines(found), brief=options.brief)
        tried, bad = tried + len(found.rows), bad + len(found.problems)
    return tried, bad


def fill(chosen: list[Bearing], scratch: Path, options: argparse.Namespace) -> tuple[int, int]:
    """Fill the disk at each point of each; how often, and with how many bad ends."""
    tried = bad = 0
    for number, bearing in enumerate(chosen):
        for kind in full.KINDS:
            place = scratch / f"full-{number}-{kind}"
            place.mkdir()
            rows = full.report(bearing, place, kind)
            shown(full.lines(bearing.name, kind, rows), brief=options.brief)
            tried, bad = tried + len(rows), bad + sum(bool(one.problem) for one in rows)
    return tried, bad


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the names of subjects")
    parser.add_argument("--writes", action="store_true", help="state writes only")
    parser.add_argument("--full", action="store_true", help="a full disk instead of a kill")
    parser.add_argument("--brief", action="store_true", help="one line for each subject")
    options = parser.parse_args()

    def wanted(name: str) -> bool:
        return not options.words or any(word in name for word in options.words)

    with (
        tempfile.TemporaryDirectory() as scratch,
        goalstate_work.platform(Path(scratch) / "platform") as addresses,
    ):
        if options.full:
            works = [each for each in bearings(addresses) if wanted(each.name)]
            tried, bad = fill(works, Path(scratch), options)
        else:
            chosen = [each for each in subjects(addresses) if wanted(each.name)]
            tried, bad = kill(chosen, Path(scratch), options)
    print(f"{tried} tried, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
