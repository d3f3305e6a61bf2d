# SPDX-License-Identifier: Apache-2.0
"""``python -m osdrivers.conformance``: write the matrix of systems and operations (needs root)."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .bench import Captured
from .matrix import written
from .selection import Builds, machines_below


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m osdrivers.conformance", description=__doc__)
    parser.add_argument("--root", default="tests/machines", help="captured machines")
    parser.add_argument("--tests", default="tests", help="whose marks say what was proved")
    parser.add_argument("--output", default="docs/driver-authors/matrix.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        captured = Captured(machines_below(Path(given.root)), Builds(), Path(directory))
        page = written(captured, Path(given.tests))
    output = Path(given.output)
    output.parent.mkdir(exist_ok=True)
    output.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
