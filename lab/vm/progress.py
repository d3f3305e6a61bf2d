# SPDX-License-Identifier: Apache-2.0
"""Lines for whoever waits."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Prints what happens with the seconds since the start.

    :param stream: where to, standard error unless given: standard output belongs to results.
    """

    def __init__(self, stream: TextIO | None = None, start_s: float | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._start_s = time.monotonic() if start_s is None else start_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start_s

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"{self.elapsed_s:6.1f} s  {text}", file=self._stream, flush=True)
