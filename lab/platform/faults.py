# SPDX-License-Identifier: Apache-2.0
"""Faults on request: what goes wrong, for which requests, how often."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional

from osdrivers.errors import FileFailed, InvalidInput

from .exchange import Request

TRANSPORT = {
    "status": "answer with ``status`` and ``body``",
    "delay": "answer as usual after ``delay_s`` seconds",
    "reset": "reset the connection (TCP RST)",
    "silence": "take the request and never answer",
    "hangup": "close the connection without an answer",
    "truncate": "announce the whole body, send ``bytes`` of it (half if 0) and close",
    "endless": "a body without length and end; a piece every ``delay_s`` seconds",
    "garbage": "200 with a body that is no document, or ``body`` if given",
    "content-length": "announce ``bytes`` more (or fewer, if negative) than is sent",
}
TWISTS = {
    "stale-incarnation": "the goal state is that of the incarnation before",
    "no-role-instance": "the goal state has no RoleInstance",
    "other-key": "certificates and passwords are encrypted to somebody else's key",
    "not-a-pfx": "the certificates' envelope holds no PFX",
    "no-data": "the Certificates document has no Data",
    "no-etag": "the vmSettings have no ETag",
    "wrong-versions": "the version document offers none that a client speaks",
}
KINDS = {**TRANSPORT, **TWISTS}


@dataclass(frozen=True)
class Fault:
    """One fault.

    It applies to requests of ``service`` (empty: any) whose method is ``method`` (empty: any) and
    whose path with query matches the regular expression ``path`` anywhere.  Of these, the first
    ``skip`` pass unharmed, then ``count`` are hit (None: all until it is lifted).  ``delay_s``
    works with every kind.  ``handled`` lets the service take note of the request although the
    client gets no proper answer.
    """

    kind: str
    service: str = ""
    path: str = ""
    method: str = ""
    skip: int = 0
    count: Optional[int] = 1
    status: int = 503
    delay_s: float = 0.0
    bytes: int = 0
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    handled: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"fault kind {self.kind!r}: not one of {', '.join(KINDS)}")
        try:
            re.compile(self.path)
        except re.error as error:
            raise InvalidInput(f"fault path {self.path!r}: {error}") from error

    @property
    def label(self) -> str:
        """Its name, or its kind."""
        return self.name or self.kind

    def fits(self, request: Request) -> bool:
        """Whether the request is one of those meant, whatever the count."""
        return (
            self.service in ("", request.service)
            and self.method.upper() in ("", request.method)
            and re.search(self.path, request.path, re.IGNORECASE) is not None
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """Read one fault.

        :raises InvalidInput: an unknown field or kind, or no kind.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput(f"fault: an object is expected, not {type(data).__name__}")
        known = {one.name for one in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown or "kind" not in data:
            raise InvalidInput(f"fault: unknown {unknown}" if unknown else "fault: no kind")
        return cls(**data)


def load(path: Path) -> tuple[Fault, ...]:
    """Read a JSON list of faults.

    :raises FileFailed: it cannot be read.
    :raises InvalidInput: it is not such a list.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFailed(str(path), error) from error
    except ValueError as error:
        raise InvalidInput(f"{path}: not JSON ({error})") from error
    if not isinstance(data, list):
        raise InvalidInput(f"{path}: a list of faults is expected")
    return tuple(Fault.from_json(one) for one in data)


class Faults:
    """The faults in force, with what each has met so far."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._held: list[tuple[Fault, list[int]]] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Put a fault in force, after those there."""
        with self._lock:
            self._held.append((fault, [0]))

    def lift(self, label: str = "") -> int:
        """Take out the faults of that name or kind (all, if empty); how many there were."""
        with self._lock:
            kept = [one for one in self._held if label and one[0].label != label]
            lifted = len(self._held) - len(kept)
            self._held = kept
            return lifted

    def take(self, request: Request) -> Optional[Fault]:
        """The fault for this request, the first that applies; it counts as met by each it fits."""
        chosen = None
        with self._lock:
            for fault, met in self._held:
                if not fault.fits(request):
                    continue
                met[0] += 1
                last = None if fault.count is None else fault.skip + fault.count
                due = met[0] > fault.skip and (last is None or met[0] <= last)
                if due and chosen is None:
                    chosen = fault
        return chosen

    def to_json(self) -> list[dict[str, Any]]:
        """The faults in force, each with ``met``: the requests it fitted."""
        with self._lock:
            return [{**asdict(fault), "met": met[0]} for fault, met in self._held]
