# SPDX-License-Identifier: Apache-2.0
"""Breaks a copy of the source on purpose and sees the test that watches it fail.

``python -m tests.mutants [WORD ...]`` tries every fault of ``mutants.json`` (whose name has one of
the words); its exit status is 0 when each was found out.  A test that passes on broken code
proves nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("mutants.json")
COPIED = ("agentcore", "osdrivers", "freebsd", "lab", "tests", "conf", "docs")
LIMIT_S = 300


@dataclass(frozen=True)
class Mutant:
    """One deliberate fault.  ``test`` is a node, or a file and ``-k`` with an expression."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    test: str

    @property
    def arguments(self) -> list[str]:
        path, dash, expression = self.test.partition(" -k ")
        return [path, "-k", expression] if dash else [path]

    def broken(self, source: str) -> str:
        """The file with the fault in it.  :raises ValueError: it does not fit any more."""
        for old, new in self.changes:
            if source.count(old) != 1:
                raise ValueError(f"{self.name}: {self.file} has {old!r} {source.count(old)} times")
            source = source.replace(old, new)
        return source


def mutants() -> list[Mutant]:
    return [
        Mutant(
            entry["name"],
            entry["file"],
            tuple((change["old"], change["new"]) for change in entry["changes"]),
            entry["test"],
        )
        for entry in json.loads(LIST.read_text())
    ]


def copy(directory: str) -> None:
    """The parts of the source that tests need, without what was generated."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "build", "dist")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, f"{directory}/{name}", symlinks=True, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() or path.suffix == ".egg-info":
            shutil.copytree(path, f"{directory}/{path.name}") if path.is_dir() else shutil.copy(
                path, directory
            )


def passes(directory: str, arguments: list[str]) -> bool:
    """Whether tests succeed in a copy, on the machine they name.

    :raises RuntimeError: none was run.
    """
    options = ("-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--thorough")
    ended = subprocess.run(
        (sys.executable, *options, *arguments),
        cwd=directory,
        env={**os.environ, "PYTHONPATH": f"{directory}{os.pathsep}{directory}/freebsd"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"pytest {shlex.join(arguments)}: {ended.stdout}{ended.stderr}")
    return ended.returncode == 0


def found_out(mutant: Mutant) -> str:
    """ "" when the test passes on the whole source and fails on the broken one, else why not."""
    with tempfile.TemporaryDirectory() as directory:
        copy(directory)
        path = Path(directory, mutant.file)
        whole = path.read_text()
        if not passes(directory, mutant.arguments):
            return "the test fails without the fault already"
        path.write_text(mutant.broken(whole))
        return "nobody noticed" if passes(directory, mutant.arguments) else ""


def main(words: list[str]) -> int:
    failed = 0
    for mutant in mutants():
        if not words or any(word in mutant.name for word in words):
            why = found_out(mutant)
            failed += bool(why)
            print(f"{'MISSED' if why else 'found '} {mutant.name}{': ' + why if why else ''}")
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
