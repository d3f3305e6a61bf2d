# SPDX-License-Identifier: Apache-2.0
"""``python -m lab beds``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lab.vm import needs
from lab.vm.progress import Progress

from . import tree
from .description import described, names

_TOOLS = (
    needs.Tool("mmdebstrap", "mmdebstrap"),
    needs.Tool("systemd-nspawn", "systemd-container"),
    needs.Tool("unshare", "util-linux"),
)
_AT_ONCE = 2


def main(argv: Sequence[str]) -> int:
    """Make the trees that are not there, and print where each is."""
    parser = argparse.ArgumentParser(
        prog="python -m lab beds",
        description="Make root trees that look like other systems, of Debian's packages.",
        epilog=f"trees: {', '.join(names())}",
    )
    parser.add_argument("trees", nargs="*", metavar="TREE", help="all unless named")
    wanted = [described(name) for name in parser.parse_args(argv).trees or names()]
    needs.require_root()
    progress = Progress()
    needs.provide(_TOOLS, progress)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = pool.map(lambda each: (each, tree.obtain(each, progress)), wanted)
        for description, root in made:
            print(f"{description.name}\t{root}")
    progress.say(f"{len(wanted)} trees are there")
    return 0
