# SPDX-License-Identifier: Apache-2.0
"""``python -m lab demo``: the main job of the product, done for real and looked at.

A disposable copy of this machine is provisioned from a disc image and a live platform, and then
logged in to over SSH.  Exit status 0 only if every check held, or if a plan was all that was
asked for.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from osdrivers.errors import ConfigError, NotFound, OperationError, first_line

from .report import Report

_NOT_HELD = 1


def main(argv: Sequence[str]) -> int:
    """Run the demo; see ``--help``."""
    options = _parser().parse_args(argv)
    started = time.monotonic()
    foreign = _why_foreign(options)
    if foreign:
        report = _planned(options, foreign)
    elif os.geteuid() != 0:
        report = _planned(options, "a sandbox needs root")
    else:
        report = _proved(options)
    report.seconds = time.monotonic() - started
    for line in report.lines():
        print(line)
    if options.json:
        report.write(options.json)
    if report.reason:
        print(f"\nnot carried out: {report.reason}; a plan proves nothing")
    return 0 if report.proved or (foreign and report.plan) else _NOT_HELD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab demo", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the report there as well")
    parser.add_argument("--root", default="/", metavar="DIR", help="copy this tree instead")
    parser.add_argument("--driver", default="", metavar="NAME", help="the system to show")
    parser.add_argument(
        "--agent",
        default="",
        metavar="FILE",
        help="a script in the agent's place; it finds the real one as waagent-real",
    )
    return parser


def _why_foreign(options: argparse.Namespace) -> str:
    """Why the system that was asked for cannot be run here, "" when it can."""
    from .planned import driver_of

    if not os.path.isdir(options.root):
        raise NotFound(f"no directory {options.root}", hint="--root takes an unpacked image")
    if not _runnable(options.root):
        return f"{options.root} is not a tree that programs can run in"
    if options.driver:
        here = driver_of(options.root).driver.name
        if _stem(options.driver) != here:
            return f"the tools of {options.driver} are not here, this is {here}"
    return ""


def _stem(driver: str) -> str:
    """A driver's or a machine's name without its version."""
    return re.sub(r"-\d.*", "", driver)


def _runnable(root: str) -> bool:
    return any(os.access(f"{root}/{path}", os.X_OK) for path in ("bin/sh", "usr/bin/sh"))


def _planned(options: argparse.Namespace, reason: str) -> Report:
    from .planned import planned

    return planned(options.root, options.driver, reason)


def _proved(options: argparse.Namespace) -> Report:
    from .proving import prove

    wrapper = ""
    if options.agent:
        try:
            wrapper = Path(options.agent).read_text(encoding="utf-8")
        except OSError as cause:
            raise ConfigError(f"--agent {options.agent}: {cause.strerror}") from cause
    try:
        return prove(options.root, _stem(options.driver), wrapper, _say)
    except (NotFound, OperationError) as failure:
        return _planned(options, first_line(failure))


def _say(text: str) -> None:
    print(text, flush=True)
