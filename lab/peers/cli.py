# SPDX-License-Identifier: Apache-2.0
"""``python -m lab peers``."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Callable

from lab.vm import runner
from lab.vm.bench import Bench
from lab.vm.image import Layer

from . import clients, measure
from .table import table

_DESCRIPTION = """\
Boot Debian's own agents, and this project, in the same virtual machine against the lab's
platform: each must reach Ready, a login over SSH, and one extension enabled.  Prints medians side
by side, and our part of the peer's.  Times are those of software emulation: compare them with one
another only.
"""


def main(argv: Sequence[str]) -> int:
    """Compare the clients; 0 if every one reached Ready and was logged in to."""
    parser = _parser()
    wanted = parser.parse_args(argv)
    known = clients.known(wanted.mirror)
    chosen = [known[name] for name in wanted.clients or known]
    if not wanted.inside:
        return runner.launch("peers", argv, chosen)
    shown: dict[str, dict[str, float]] = {}

    def scenario(client: Layer) -> Callable[[Bench], None]:
        def run(bench: Bench) -> None:
            boots = []
            for number in range(wanted.boots):
                bench.report.progress.say(f"{client.name}, boot {number + 1} of {wanted.boots}")
                boots.append(measure.boot(bench, client, quiet=not wanted.no_idle))
            shown[client.name] = medians(boots)
            for name, value in shown[client.name].items():
                bench.report.figure(client.name, name, value)

        return run

    status = runner.work(wanted.inside, wanted.json, [scenario(system.layer) for system in chosen])
    title = f"median of {wanted.boots} boot(s)"
    print(table(shown, title, ours="agentcore", peer="waagent"), flush=True)
    return status


def medians(boots: Sequence[measure.Boot]) -> dict[str, float]:
    """The median of each figure over the boots that have it."""
    names = dict.fromkeys(name for boot in boots for name in boot.figures)
    return {
        name: statistics.median(boot.figures[name] for boot in boots if name in boot.figures)
        for name in names
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab peers",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="clients: " + ", ".join(clients.known()),
    )
    parser.add_argument(
        "clients", nargs="*", type=_client, metavar="CLIENT", help="all unless named"
    )
    parser.add_argument(
        "--boots", type=int, default=1, metavar="N", help="boots of each, default 1"
    )
    parser.add_argument("--no-idle", action="store_true", help="leave the quiet minute out")
    parser.add_argument("--json", default="", metavar="FILE", help="write checks and medians there")
    parser.add_argument("--mirror", default="", metavar="URL", help="a mirror of Debian")
    parser.add_argument(runner.INSIDE, default="", help=argparse.SUPPRESS)
    return parser


def _client(name: str) -> str:
    known = clients.known()
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return name
