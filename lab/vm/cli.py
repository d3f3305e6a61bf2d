# SPDX-License-Identifier: Apache-2.0
"""``python -m lab vm``."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Callable

from . import runner
from .bench import Bench
from .cloudinit import LAYER as WITH_CLOUD_INIT
from .cloudinit import NAME as CLOUD_INIT
from .debian import AGENT, SYSTEM, Recipe
from .package import Package
from .scenarios import SCENARIOS, first_boot

_DESCRIPTION = """\
Boot a real virtual machine with this project installed, from a provisioning medium in a real
drive, in a network of its own; check what became of it.  The first run makes a Debian tree (a
minute or two); later ones take it from .cache/vm, and a changed project costs some seconds: its
Debian package is built, and installed through apt.
"""


def main(argv: Sequence[str]) -> int:
    """Run the scenarios; 0 if every check held."""
    wanted = _parser().parse_args(argv)
    names = list(wanted.scenarios or SCENARIOS)
    chosen: list[Callable[[Bench], None]] = [SCENARIOS[name] for name in names]
    if wanted.shortest:
        names, chosen = ["first-boot"], [functools.partial(first_boot, again=False)]
    if not wanted.inside:
        return runner.launch("vm", argv, _systems(names, wanted.mirror))
    return runner.work(wanted.inside, wanted.json, chosen)


def _systems(names: Sequence[str], uri: str) -> Iterator[runner.System]:
    """The guests of the scenarios: most have one with the package and what it depends on."""
    package = Package(runner.SOURCE, runner.cache())
    if set(names) - {CLOUD_INIT}:
        yield runner.System(Recipe(uri=uri), package)
    if CLOUD_INIT in names:
        recipe = Recipe(WITH_CLOUD_INIT, (*SYSTEM, *AGENT, "cloud-init"), uri)
        yield runner.System(recipe, replace(package, name=WITH_CLOUD_INIT))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab vm",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios: " + ", ".join(SCENARIOS),
    )
    parser.add_argument(
        "scenarios", nargs="*", type=_scenario, metavar="SCENARIO", help="all unless named"
    )
    parser.add_argument("--shortest", action="store_true", help="one first boot and its logins")
    parser.add_argument("--json", default="", metavar="FILE", help="write the checks there")
    parser.add_argument("--mirror", default="", metavar="URL", help="a mirror of Debian")
    parser.add_argument(runner.INSIDE, default="", help=argparse.SUPPRESS)
    return parser


def _scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SCENARIOS)}")
    return name
