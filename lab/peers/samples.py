# SPDX-License-Identifier: Apache-2.0
"""``python -m lab samples DIRECTORY``: this agent on documents and trees of others.

Below the directory: provisioning documents (``ovf-env*.xml``, anywhere), each planned on every
captured machine; and trees with an os-release or release file (the directories of ``os-release``),
for each of which a driver is chosen.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from agentcore import cli
from osdrivers.errors import NotFound

_MACHINES = Path(__file__).resolve().parents[2] / "tests" / "machines"


def main(argv: Sequence[str]) -> int:
    """Print a line for each; 0 if every plan was made and every tree got a driver."""
    parser = argparse.ArgumentParser(prog="python -m lab samples", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIRECTORY")
    top: Path = parser.parse_args(argv).directory
    failed = 0
    for good, line in (*_plans(top), *_drivers(top)):
        print(f"{'ok  ' if good else 'FAIL'} {line}", flush=True)
        failed += not good
    print(f"{failed} failed")
    return 1 if failed else 0


def _plans(top: Path) -> Iterator[tuple[bool, str]]:
    documents = sorted(top.rglob("ovf-env*.xml"))
    if not documents:
        raise NotFound(f"{top}: no ovf-env*.xml below it", hint="name a directory with samples")
    for document in documents:
        for machine in sorted(each for each in _MACHINES.iterdir() if each.is_dir()):
            words = ("plan", "--ovf", str(document), "--root", str(machine), "--json")
            status, said, error = _run(words)
            actions = [json.loads(line) for line in said.splitlines()]
            outcome = error.strip().splitlines()[-1:] if status else [f"{len(actions)} actions"]
            where = f"{document.relative_to(top)} on {machine.name}"
            yield status == 0 and bool(actions), f"{where}: {' '.join(outcome)}"


def _drivers(top: Path) -> Iterator[tuple[bool, str]]:
    for tree in sorted(each for each in (top / "os-release").glob("*") if each.is_dir()):
        status, said, error = _run(("driver", "explain", "--root", str(tree), "--json"))
        if status:
            yield False, f"{tree.name}: {error.strip()}"
            continue
        found = json.loads(said)
        yield True, f"{tree.name}: {found['driver']}, because {found['reason']}"


def _run(words: Sequence[str]) -> tuple[int, str, str]:
    said, error = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(error):
        status = cli.main(list(words))
    return status, said.getvalue(), error.getvalue()
