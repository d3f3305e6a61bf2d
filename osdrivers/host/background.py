# SPDX-License-Identifier: Apache-2.0
"""A process that goes on in the background: daemon(7), "SysV daemons"."""

from __future__ import annotations

import os
from typing import Callable

#: Tells whoever started the daemon one line; "" when all is set up.  The first call counts.
Tell = Callable[[str], None]


def in_background(work: Callable[[Tell], int]) -> str:
    """Do the work in a process without terminal or parent, and return what it tells first.

    Standard streams lead nowhere there.  ``work`` must tell ``""`` once it is set up; a process
    that dies before has told ``died``.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        os.waitpid(child, 0)
        with open(reader, encoding="utf-8") as stream:
            told = stream.read()
        return told[:-1] if told else "died"
    try:
        os.close(reader)
        os.setsid()
        if os.fork():
            os._exit(0)
        os._exit(_last(work, writer))
    finally:
        os._exit(1)  # whatever is raised: this process is nobody's


def _last(work: Callable[[Tell], int], writer: int) -> int:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    open_ends = [writer]

    def tell(text: str) -> None:
        if open_ends:
            end = open_ends.pop()
            os.write(end, f"{' '.join(text.split())}\n".encode())
            os.close(end)

    return work(tell)
