# SPDX-License-Identifier: Apache-2.0
"""The wire server's wishes, while they cannot be read and fast track has wishes of its own."""

from __future__ import annotations

from typing import Callable, Optional

from agentcore.errors import ServiceError

from .desired import Desired
from .retry import Clock

#: So many polls in a row fail for a document before fast track goes on without it.
ATTEMPTS = 3
#: When it is asked for again, at first; each time twice as late, up to the cap.
RECHECK_S, RECHECK_CAP_S = 60.0, 3600.0


class Unread:
    """How often the document was asked for in vain, and when it is asked for again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._again_s = 0.0

    def due(self) -> bool:
        """Whether the last one could not be read, and is to be asked for again."""
        return self._failures >= ATTEMPTS and self._clock.monotonic() >= self._again_s

    def ask(
        self,
        read: Callable[[], Desired],
        wanted: Optional[Desired],
        notes: list[str],
    ) -> Desired:
        """The document; ``wanted`` where that goes on without it, which ``notes`` then say.

        :param wanted: the wish of fast track; None: there is none to go on with.
        :raises ServiceError: it cannot be read, and is waited for.
        """
        try:
            found = read()
        except ServiceError as error:
            self._failures += 1
            if wanted is None or self._failures < ATTEMPTS:
                raise
            later_s = RECHECK_S * 2.0 ** min(self._failures - ATTEMPTS, 16)
            self._again_s = self._clock.monotonic() + min(later_s, RECHECK_CAP_S)
            notes.append(f"{error}; the host plugin's goal state goes on")
            return wanted
        self._failures = 0
        return found
