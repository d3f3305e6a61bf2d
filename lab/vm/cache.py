# SPDX-License-Identifier: Apache-2.0
"""Things that are slow to make, kept below one directory under the hash of their ingredients."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from osdrivers.errors import Busy

_KEPT = 2
_KEY_DIGITS = 16


def digest(ingredients: object) -> str:
    """A short name for JSON data that changes when the data does."""
    text = json.dumps(ingredients, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


@dataclass(frozen=True)
class Cache:
    """A directory only root can enter: the trees in it hold programs with set-user-ID bits."""

    root: Path

    def obtain(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The directory of that kind and key; ``make`` fills it when it is not there yet.

        A directory appears under its name only when it is complete.  The two newest of a kind
        are kept.  Two processes wait for one another here.
        """
        with self._locked(kind):
            entry = self.root / f"{kind}-{key}"
            if not entry.is_dir():
                partial = self.root / f"{kind}-{key}.partial"
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(mode=0o700)
                try:
                    make(partial)
                except BaseException:
                    shutil.rmtree(partial, ignore_errors=True)
                    raise
                partial.rename(entry)
            os.utime(entry)
            self._prune(kind)
        return entry

    @contextlib.contextmanager
    def workplace(self, name: str) -> Iterator[Path]:
        """An empty directory for one run, which stays for reading afterwards.

        :raises Busy: another process works there.
        """
        place = self._made() / "runs" / name
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / "runs" / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(f"{name} runs already in {place}", hint="wait for its end") from error
            shutil.rmtree(place)
            place.mkdir(mode=0o700)
            yield place

    def _made(self) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        return self.root

    @contextlib.contextmanager
    def _locked(self, kind: str) -> Iterator[None]:
        with (self._made() / f"{kind}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prune(self, kind: str) -> None:
        entries = [one for one in self.root.glob(f"{kind}-*") if one.is_dir()]
        entries.sort(key=lambda one: one.stat().st_mtime, reverse=True)
        for old in entries[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
