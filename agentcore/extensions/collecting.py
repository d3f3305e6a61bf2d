# SPDX-License-Identifier: Apache-2.0
"""What extensions say of themselves: their status files and heartbeats, read without waiting.

A file that cannot be read or understood may be half written: only what stays so for ``PATIENCE_S``
is reported as an error.  Until then the last good one holds.  Unchanged files are not read again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Optional

from agentcore.azure.reading import json_text
from agentcore.azure.status import (
    ERROR,
    INSTALLING,
    NOT_READY,
    READY,
    STATUSES,
    TRANSITIONING,
    UNRESPONSIVE,
    ExtensionStatus,
    HandlerStatus,
    Substatus,
    fitted,
)
from osdrivers.errors import FileFailed
from osdrivers.host import FileStatus, Host

from .errors import BAD_STATUS, UNKNOWN

#: Five looks, two seconds apart.
PATIENCE_S = 10.0
HEARTBEAT_S = 600.0
FILE_LIMIT_BYTES = 16 << 20
SAMPLE = 2000
_HEARTBEAT_LIMIT_BYTES = 1 << 16
_HANDLER_STATUSES = (READY, NOT_READY, INSTALLING, UNRESPONSIVE)


class Wrong(Exception):
    """The file is not what it should be; the text says why."""


@dataclass(frozen=True)
class _Seen:
    """What was made of a file, and since when it cannot be used."""

    mark: tuple[int, int, int]
    good: Optional[ExtensionStatus]
    wrong: str = ""
    code: int = BAD_STATUS
    since: float = 0.0


class Collector:
    """Reads status files; keeps what it has read of each."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._seen: dict[str, _Seen] = {}

    def status(
        self, path: str, name: str, sequence: int, extension: str, now: float
    ) -> Optional[ExtensionStatus]:
        """What the file says; None where there is none.

        :param now: seconds of a clock that only goes forward.
        """
        found = self._host.status(path, follow=False)
        if found is None:
            self._seen.pop(path, None)
            return None
        mark = (found.mtime_ns, found.size, found.inode)
        seen = self._seen.get(path)
        if seen is None or seen.mark != mark:
            seen = self._look(path, found, mark, seen, now)
            self._seen[path] = seen
        blank = ExtensionStatus(name=name, sequence=sequence, extension=extension)
        if not seen.wrong:
            good = seen.good or blank
            return replace(good, name=name, sequence=sequence, extension=extension)
        if now - seen.since < PATIENCE_S:
            before = seen.good or replace(blank, message="the status file is being written")
            return replace(before, name=name, sequence=sequence, extension=extension)
        return replace(blank, status=ERROR, code=seen.code, message=seen.wrong)

    def forget(self, paths: set[str]) -> None:
        """Keep only what was read of these."""
        self._seen = {path: seen for path, seen in self._seen.items() if path in paths}

    def _look(
        self,
        path: str,
        found: FileStatus,
        mark: tuple[int, int, int],
        before: Optional[_Seen],
        now: float,
    ) -> _Seen:
        good = before.good if before is not None else None
        since = before.since if before is not None and before.wrong else now
        data = b""
        try:
            if found.kind != "file":
                raise Wrong(f"the status file is a {found.kind}")
            if found.size > FILE_LIMIT_BYTES:
                raise Wrong(f"the status file has {found.size} bytes")
            data = self._host.read_bytes(path, limit_bytes=FILE_LIMIT_BYTES)
            return _Seen(mark, fitted(parse(data)))
        except Wrong as wrong:
            sample = data[: SAMPLE * 4].decode("utf-8", "backslashreplace")[:SAMPLE]
            text = f"the status file cannot be understood: {wrong}: {sample}"
            return _Seen(mark, good, text, BAD_STATUS, since)
        except FileFailed as failed:
            return _Seen(mark, good, f"the status file cannot be read: {failed}", UNKNOWN, since)


def parse(data: bytes) -> ExtensionStatus:
    """A status document; name, sequence and extension are for the caller to fill in.

    :raises Wrong: it is not one.
    """
    try:
        document = json_text(data.rstrip(b"\0").decode("utf-8-sig"))
    except ValueError as broken:
        raise Wrong(f"not JSON ({broken})"[:200]) from broken
    first = document[0] if isinstance(document, list) and document else document
    status = first.get("status") if isinstance(first, dict) else None
    if not isinstance(status, dict):
        raise Wrong("there is no [0].status")
    parts = status.get("substatus")
    if parts is not None and not isinstance(parts, list):
        raise Wrong("substatus is not a list")
    applied = status.get("configurationAppliedTime")
    return ExtensionStatus(
        name="",
        status=_word(status, "status"),
        operation=str(status.get("operation") or ""),
        code=_code(status),
        message=_message(status, "status"),
        configuration_applied_time=None if applied is None else str(applied)[:64],
        substatuses=tuple(_part(one) for one in parts or () if one is not None),
    )


def _part(one: object) -> Substatus:
    if not isinstance(one, dict):
        raise Wrong("a substatus is not an object")
    name = str(one.get("name") or "")
    return Substatus(name, _word(one, "substatus"), _code(one), _message(one, "substatus"))


def _word(members: dict[str, Any], what: str) -> str:
    word = members.get("status")
    if not isinstance(word, str):
        raise Wrong(f"{what} has no status")
    return word if word in STATUSES else ERROR


def _code(members: dict[str, Any]) -> int:
    code = members.get("code", 0)
    try:
        return int(code) if code is not None else 0
    except (TypeError, ValueError, OverflowError):
        raise Wrong(f"code is {code!r:.40}, not a number") from None


def _message(members: dict[str, Any], what: str) -> Optional[str]:
    said = members.get("formattedMessage")
    if said is None:
        return None
    if not isinstance(said, dict) or "lang" not in said or "message" not in said:
        raise Wrong(f"formattedMessage of {what} lacks lang or message")
    return None if said["message"] is None else str(said["message"])


def heartbeat(host: Host, path: str, wall: float, status: HandlerStatus) -> HandlerStatus:
    """A handler's status with what its heartbeat says.

    :param wall: now, in seconds since 1970 (the file's time is of that clock).
    """
    found = host.status(path, follow=False)
    if found is None or found.kind != "file":
        return replace(status, status=NOT_READY, code=UNKNOWN, message="there is no heartbeat file")
    if wall - found.mtime_ns / 1e9 > HEARTBEAT_S:
        text = f"no heartbeat for more than {HEARTBEAT_S:g} s"
        return replace(status, status=UNRESPONSIVE, code=UNKNOWN, message=text)
    try:
        data = host.read_bytes(path, limit_bytes=_HEARTBEAT_LIMIT_BYTES)
        beat = json_text(data.decode("utf-8-sig"))[0]["heartbeat"]
        said = beat.get("formattedMessage") or {}
        code = int(beat.get("code") or 0)
        word = beat["status"] if beat["status"] in _HANDLER_STATUSES else NOT_READY
        return replace(status, status=word, code=code, message=str(said["message"]))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as broken:
        text = f"the heartbeat cannot be understood: {type(broken).__name__}"
        return replace(status, status=NOT_READY, code=UNKNOWN, message=text)


def missing(name: str, sequence: int, extension: str) -> ExtensionStatus:
    """What is said for an extension that has not said anything yet."""
    text = "the extension has not written a status file yet"
    return ExtensionStatus(name, TRANSITIONING, sequence, extension, "Enable", message=text)
