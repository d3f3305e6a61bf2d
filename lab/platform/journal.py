# SPDX-License-Identifier: Apache-2.0
"""Every exchange, in memory and as JSON lines."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional, TypeVar

from .exchange import Record

Answer = TypeVar("Answer")


class Journal:
    """The record of a platform, and the condition on which its observers wait.

    A record is there before the client has the reply's first byte.
    """

    def __init__(self, path: Optional[Path] = None) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._records: list[Record] = []
        self._file = None
        if path is not None:
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)

    @property
    def records(self) -> tuple[Record, ...]:
        """All records so far, oldest first."""
        with self.changed:
            return tuple(self._records)

    def add(self, record: Record) -> Record:
        """Keep a record; its number and, if not set, its time are given here."""
        with self.changed:
            numbered = replace(
                record, seq=len(self._records) + 1, time=record.time or round(time.time(), 6)
            )
            self._records.append(numbered)
            if self._file is not None and not self._file.closed:
                self._file.write(json.dumps(numbered.to_json(), ensure_ascii=False) + "\n")
            self.changed.notify_all()
            return numbered

    def wait_for(self, predicate: Callable[[], Answer], timeout_s: float) -> Answer:
        """The first true answer of ``predicate``, asked after every record.

        :raises TimeoutError: none came within ``timeout_s`` seconds.
        """
        with self.changed:
            answer = self.changed.wait_for(predicate, timeout_s)
            if not answer:
                raise TimeoutError(f"the platform did not see it within {timeout_s:g} s")
            return answer

    def close(self) -> None:
        """Close the file.  Later records stay in memory only."""
        with self.changed:
            if self._file is not None:
                self._file.close()
