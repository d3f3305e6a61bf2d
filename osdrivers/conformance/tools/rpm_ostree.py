# SPDX-License-Identifier: Apache-2.0
"""rpm-ostree(1) kargs: the command line of the next deployment is kept under ``deployment``."""

from __future__ import annotations

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, refused


def rpm_ostree(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:2] != ("kargs",):
        raise UnknownUse(argv, "only kargs")
    words = str(box.remembered("deployment").get("kargs", "")).split()
    if argv[2:]:
        for option in argv[2:]:
            verb, _, word = option.partition("=")
            if verb == "--append":
                words.append(word)
            elif verb == "--delete" and word in words:
                words.remove(word)
            elif verb == "--delete":
                return refused(1, f"error: No karg '{word}' found")
            else:
                raise UnknownUse(argv, option)
        box.remember("deployment", {"kargs": " ".join(words)})
        return done('Kernel arguments updated.\nRun "systemctl reboot" to start a reboot\n')
    return done(" ".join(words) + "\n")


TOOLS: dict[str, Tool] = {"rpm-ostree": rpm_ostree}
