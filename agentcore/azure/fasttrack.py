# SPDX-License-Identifier: Apache-2.0
"""Whether the host plugin's wishes can be had, and how new the last of them were.

``fast_track.json`` in the state directory says that the newest goal state came by fast track, and
when the platform made it; it outlives the process, so that an older document of the wire server
is not taken for news.  Other agents write and read the same file.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Optional

from osdrivers.host import Host

NAME = "fast_track.json"
#: How long a plugin without vmSettings is left in peace.
RECHECK_S = 6 * 3600.0
#: The longest pause after errors of the plugin; each is twice the last.
ERROR_CAP_S = 300.0
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(?:\.(\d{1,7})\d*)?Z?", re.ASCII)


class FastTrack:
    """The record on disk, and when the plugin is asked again.

    :param enabled: False never asks (``Debug.EnableFastTrack=n``).
    """

    def __init__(self, host: Host, period_s: float, *, enabled: bool = True) -> None:
        self._host = host
        self._path = f"{host.places.state}/{NAME}"
        self._period_s = period_s
        self._failures = 0
        self._again_s = 0.0
        self.enabled = enabled
        #: When the last fast track goal state was made, in ticks; 0 when there is no record.
        self.last_ticks = self._read()
        #: Whether the plugin had vmSettings when it was last asked.
        self.supported = self.last_ticks > 0

    def due(self, now_s: float) -> bool:
        """Whether the plugin is to be asked at this poll."""
        return self.enabled and now_s >= self._again_s

    def answered(self, now_s: float) -> None:
        """The plugin answered, with news or without."""
        self._failures, self._again_s, self.supported = 0, now_s, True

    def missing(self, now_s: float) -> bool:
        """The plugin has no vmSettings; True if it had them before."""
        lost, self.supported = self.supported, False
        self._failures, self._again_s = 0, now_s + RECHECK_S
        return lost

    def failed(self, now_s: float) -> None:
        """The plugin did not answer, or not in order: later, each time twice as late."""
        pause_s = min(self._period_s * 2.0 ** min(self._failures, 16), ERROR_CAP_S)
        self._failures += 1
        self._again_s = now_s + pause_s if self._failures > 1 else now_s

    def record(self, ticks: int) -> None:
        """The newest goal state came by fast track.  Written only when it is news."""
        if ticks != self.last_ticks:
            text = json.dumps({"timestamp": iso(ticks)})
            self._host.write(self._path, text.encode(), mode=0o600)
            self.last_ticks = ticks

    def forget(self) -> None:
        """The newest goal state is the wire server's."""
        if self.last_ticks or self._host.exists(self._path):
            self._host.remove(self._path)
        self.last_ticks = 0

    def _read(self) -> int:
        """A record that cannot be read is none: it must not outdate every other goal state."""
        raw = self._host.read_bytes(self._path, b"")
        try:
            return ticks_of(str(json.loads(raw)["timestamp"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return 0


def iso(ticks: int) -> str:
    """100 ns since 0001-01-01 as ISO 8601, UTC, to the microsecond."""
    return (datetime(1, 1, 1) + timedelta(microseconds=ticks // 10)).isoformat() + "Z"


def ticks_of(text: str) -> int:
    """The reverse.  :raises ValueError: not such a time."""
    match: Optional[re.Match[str]] = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no time")
    whole = datetime.fromisoformat(match.group(1)) - datetime(1, 1, 1)
    seconds = whole.days * 86400 + whole.seconds
    return seconds * 10_000_000 + int((match.group(2) or "0").ljust(7, "0"))
