# SPDX-License-Identifier: Apache-2.0
"""How tools misbehave on request, pretend and real ones alike."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from ..errors import CommandTimeout
from ..host import Completed

#: Unbalanced brackets, empty columns, no number where one is due, bytes that are no text.
BABBLE = '{"a": [\n\x00\x1b[31m \ufffd\ufffd\n:::\n\n = \n-1 nan 99999999999999999999 /dev/\n'


@dataclass(frozen=True)
class Call:
    """A command that ran, and how it ended."""

    argv: tuple[str, ...]
    status: int


@dataclass(frozen=True)
class Manners:
    """Names of tools.

    ``missing`` are not installed; ``failing`` do nothing and end with status 1, ``hanging`` never
    end, ``lying`` do nothing and claim success, ``babbling`` too and print what no parser expects.
    ``holding`` (of real tools, ``*`` is all) leave a child behind that keeps their output open.
    """

    missing: Iterable[str] = ()
    failing: Iterable[str] = ()
    hanging: Iterable[str] = ()
    lying: Iterable[str] = ()
    babbling: Iterable[str] = ()
    holding: Iterable[str] = ()

    def lacks(self, command: str) -> bool:
        return os.path.basename(command) in self.missing

    def instead(
        self, argv: tuple[str, ...], calls: list[Call], timeout_s: float
    ) -> Optional[Completed]:
        """What is said in the tool's place; None: it may run.

        :raises CommandTimeout: it hangs.
        """
        name = os.path.basename(argv[0])
        if name in self.hanging:
            calls.append(Call(argv, -9))
            raise CommandTimeout(argv, timeout_s)
        if name in self.failing:
            return Completed(1, "", f"{name}: told to fail\n")
        if name in self.lying:
            return Completed(0)
        if name in self.babbling:
            return Completed(0, BABBLE, BABBLE)
        return None
