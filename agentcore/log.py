# SPDX-License-Identifier: Apache-2.0
"""The agent's log: a line for what happened, in the file that administrators look for first.

The file is always written, also where there is a journal.  A service's standard error that
leads to the journal gets the same line with its priority; sd-daemon(3), systemd.exec(5).
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Callable, Optional

from agentcore.redaction import redacted
from osdrivers import trace
from osdrivers.errors import FileFailed
from osdrivers.executor import Event, Observer
from osdrivers.host import Host

#: logrotate does the daily work; this is the bound where there is none.
LIMIT_BYTES = 20 * 1024 * 1024
#: A line is cut here: what a tool or a document says may be of any length.
LINE_LIMIT = 4096
#: Level -> priority of syslog(3).
PRIORITIES = {"ERROR": 3, "WARNING": 4, "INFO": 6, "VERBOSE": 7}


class Log:
    """``/var/log/waagent.log``: UTC time, level, text.  ``now`` is the wall clock in seconds.

    A log that cannot be written (read-only root, full disk) must not stop first boot, and is
    said once through ``complain``; it is tried again with each line, so it resumes by itself.

    :param verbose: ``VERBOSE`` lines too.  :param as_json: each line an object with ``time``,
        ``level``, ``text``.  :param journal: takes each line with its priority before it.
    """

    def __init__(
        self,
        host: Host,
        now: Callable[[], float],
        complain: Callable[[str], object],
        *,
        verbose: bool = False,
        as_json: bool = False,
        journal: Optional[Callable[[str], object]] = None,
    ) -> None:
        self._host, self._now, self._complain = host, now, complain
        self._verbose, self._as_json, self._journal = verbose, as_json, journal
        self._broken = False

    def __call__(self, level: str, text: str) -> None:
        """Write one line."""
        if self._host.offline or (level == "VERBOSE" and not self._verbose):
            return
        text = redacted(" ".join(text.split()))
        text = text if len(text) <= LINE_LIMIT else f"{text[:LINE_LIMIT]} ..."
        if self._journal is not None:
            self._journal(f"<{PRIORITIES.get(level, 6)}>{text}\n")
        line = self._line(level, text).encode("utf-8", "backslashreplace")
        try:
            self._host.append(self._host.places.log, line, limit_bytes=LIMIT_BYTES)
            self._broken = False
        except FileFailed as failure:
            if not self._broken:
                self._complain(f"the log cannot be written: {failure}")
            self._broken = True

    def _line(self, level: str, text: str) -> str:
        seconds = self._now()
        day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        stamp = f"{day}.{int(seconds % 1 * 1e6):06d}Z"
        if self._as_json:
            return json.dumps({"time": stamp, "level": level, "text": text}) + "\n"
        return f"{stamp} {level:7} {text}\n"

    def observer(self) -> Observer:
        """Write each action and each failure."""

        def observe(event: Event) -> None:
            if event.status == "failed":
                self("ERROR", trace.line(event) if event.action is None else f"{event.error}")
            elif event.status == "started":
                self("INFO", trace.line(event))

        return observe


def journal_stream(descriptor: int = 2) -> Optional[Callable[[str], object]]:
    """A writer to standard error where that is the journal (``JOURNAL_STREAM``), else None."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None  # closed by whoever started us
    if os.environ.get("JOURNAL_STREAM") != f"{found.st_dev}:{found.st_ino}":
        return None
    return lambda line: sys.stderr.write(line) and sys.stderr.flush()
