# SPDX-License-Identifier: Apache-2.0
"""What was touched below a directory, as the kernel tells: nothing is missed, nobody is asked.

Source: inotify(7).  Python has no name for it.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _IS_DIRECTORY = 0x4000, 0x8000, 0x40000000
_ONLY_DIRECTORY, _DO_NOT_FOLLOW = 0x01000000, 0x02000000
_WANTED = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_HEAD = struct.Struct("iIII")


class Lost(Exception):
    """What was touched cannot be told: it was too much at once."""


class Watch:
    """Directories, each watched by itself.  :raises OSError: the kernel has no more watches."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)
        self._paths: dict[int, str] = {}

    def add(self, real: str, path: str) -> None:
        """Watch the directory ``real``, which is called ``path`` in what is told."""
        flags = _WANTED | _ONLY_DIRECTORY | _DO_NOT_FOLLOW
        number = self._checked("inotify_add_watch", self._descriptor, os.fsencode(real), flags)
        self._paths[number] = path

    def touched(self) -> Iterator[tuple[str, bool]]:
        """Paths of directories and of what is in them, of a directory also when its list changed;
        and whether it may be another directory than before.

        :raises Lost: look at all of it.
        """
        while True:
            try:
                events = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return
            yield from self._told(events)

    def _told(self, events: bytes) -> Iterator[tuple[str, bool]]:
        at = 0
        while at < len(events):
            number, mask, _, length = _HEAD.unpack_from(events, at)
            name = events[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0")
            at += _HEAD.size + length
            if mask & _OVERFLOW:
                raise Lost
            if mask & _IGNORED:
                self._paths.pop(number, None)
            elif number in self._paths:
                directory = self._paths[number]
                listed = bool(mask & (_CREATE | _DELETE | _MOVED_FROM | _MOVED_TO))
                if name:
                    anew = listed and bool(mask & _IS_DIRECTORY)
                    yield f"{directory}/{os.fsdecode(name)}", anew
                if not name or listed:
                    yield directory, False

    def close(self) -> None:
        os.close(self._descriptor)

    def _checked(self, name: str, *arguments: object) -> int:
        answer: int = getattr(self._library, name)(*arguments)
        if answer < 0:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
        return answer
