# SPDX-License-Identifier: Apache-2.0
"""What ``waagent version`` costs, in CPU time, over an interpreter that only imports argparse.

The two are run in turn, so that whatever else the machine does meets both; the medians of user
and system time of the children are compared.  It prints and judges nothing: `make bench`.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 25
TARGET = 2.5
# What a package's launcher does, under the interpreter itself: a virtual environment and its hook
# for editable installs would cost both sides the same and flatter the ratio.
LAUNCHER = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "from agentcore.cli import main\nsys.exit(main(['version']))"
)
PYTHON = str(getattr(sys, "_base_executable", sys.executable))


def cpu_s(argv: tuple[str, ...], environment: dict[str, str]) -> float:
    """User and system time of one run; its output is dropped."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nowhere, number) for number in (0, 1, 2)]
    try:
        child = os.posix_spawn(argv[0], argv, environment, file_actions=actions)
    finally:
        os.close(nowhere)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"{argv}: wait status {status}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    version, baseline = (PYTHON, "-c", LAUNCHER), (PYTHON, "-c", "import argparse")
    with tempfile.TemporaryDirectory() as cache:
        environment = {"PATH": os.defpath, "PYTHONPYCACHEPREFIX": cache}
        for argv in (version, baseline):  # warm: files in memory, bytecode written
            cpu_s(argv, environment)
        runs = range(RUNS)
        pairs = [(cpu_s(version, environment), cpu_s(baseline, environment)) for _ in runs]
    ours, base = (statistics.median(column) for column in zip(*pairs))
    print(f"waagent version          {ours * 1000:6.1f} ms CPU (median of {RUNS})")
    print(f"python -c import argparse{base * 1000:6.1f} ms CPU")
    verdict = "met" if ours / base <= TARGET else "missed"
    print(f"ratio                    {ours / base:6.2f}    target {TARGET}: {verdict}")


if __name__ == "__main__":
    main()
