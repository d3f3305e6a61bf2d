# SPDX-License-Identifier: Apache-2.0
"""Kernel arguments of an image-based system: rpm-ostree makes a deployment with them (B1).

It is the next to be booted; the present one stays as it is, to go back to.  Source: rpm-ostree(1).
"""

from __future__ import annotations

from ..actions import Plan, Run, Verify
from ..api import BootEntry
from ..errors import CommandMissing, Unsupported
from ..host import Host
from .kernel_arguments import Decision, tokens

_TOOL = "rpm-ostree"
_DEPLOYING_S = 300.0


class Deployment:
    """The deployment that is booted next."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def entries(self) -> tuple[BootEntry, ...]:
        return (BootEntry("", tokens(self._line())),)

    def ensure(self, decide: Decision, what: str) -> Plan:
        release = self._host.read(f"{self._host.places.procfs}/sys/kernel/osrelease", "").strip()
        change, line = decide(release), self._line()
        before, after = tokens(line), tokens(change.apply(line))
        if before == after:
            return
        kept = _common(before, after)
        gone = [f"--delete={each}" for each in before if each not in kept]
        fresh = [f"--append={each}" for each in after if each not in kept]
        # One after the other: a token that moves to the end is in both lists.
        for words in filter(None, (gone, fresh)):
            yield Run((_TOOL, "kargs", *words), timeout_s=_DEPLOYING_S, booted=True)
        yield Verify(
            f"the next deployment has {what}",
            lambda: change.holds(tokens(self._line())),
            booted=True,
        )

    def _line(self) -> str:
        """:raises Unsupported: another tool makes the images."""
        try:
            return self._host.run(_TOOL, "kargs").strip()
        except CommandMissing as missing:
            raise Unsupported(
                "kernel arguments of an image-based system",
                hint="put a file into /usr/lib/bootc/kargs.d of the image",
            ) from missing


def _common(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """What both begin with, once all that is removed or moved is left out."""
    kept = [each for each in before if each in after]
    while kept and tuple(kept) != after[: len(kept)]:
        moved = next(k for k, a in zip(kept, after) if k != a)
        kept.remove(moved)
    return tuple(kept)
