# SPDX-License-Identifier: Apache-2.0
"""From a command line to images outside the namespaces, and back to work inside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import debian, image, needs
from .bench import Bench
from .cache import Cache
from .image import Image, Layer
from .namespace import run_inside, stop_on_signals
from .network import Network
from .progress import Progress
from .report import Report

INSIDE = "--inside"
INTERRUPTED = 130
SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class System:
    """One kind of guest: the packages of its tree and what is installed on top."""

    recipe: debian.Recipe
    layer: Layer


def cache() -> Cache:
    """The cache of the work tree."""
    return Cache(SOURCE / ".cache" / "vm")


def launch(module: str, argv: Sequence[str], systems: Iterable[System]) -> int:
    """Provide tools and images, then run the same command inside; its exit status.

    :raises UnsafeRefused: not root.
    :raises CommandMissing: a tool is missing and cannot be installed.
    :raises CommandFailed: an image cannot be made.
    """
    needs.require_root()
    stop_on_signals()
    progress = Progress()
    try:
        needs.provide((*needs.BUILD, *needs.RUN), progress)
        made = {}
        for system in systems:
            tree = debian.obtain(system.recipe, cache(), progress)
            made[system.layer.name] = str(
                image.obtain(tree, system.layer, cache(), progress).directory
            )
        return run_inside(("lab", module, *argv, INSIDE, json.dumps(made)))
    except KeyboardInterrupt:
        print("stopped; everything that was started has ended", file=sys.stderr)
        return INTERRUPTED


def work(images: str, json_file: str, scenarios: Sequence[Callable[[Bench], None]]) -> int:
    """Run the scenarios inside; 0 if every check held, 1 if one did not."""
    stop_on_signals()
    report = Report(Progress())
    made = {name: Image(Path(place)) for name, place in json.loads(images).items()}
    try:
        with cache().workplace(f"network-{'-'.join(made)}") as place:
            network = Network(place)
            network.up()
            bench = Bench(made, cache(), network, report)
            for scenario in scenarios:
                scenario(bench)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if json_file:
            Path(json_file).write_text(json.dumps(report.to_json(), indent=1) + "\n")
    print(report.summary(), flush=True)
    return 0 if report.held else 1
