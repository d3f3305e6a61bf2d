# SPDX-License-Identifier: Apache-2.0
"""The provisioning disc: on which drive it is, and its one document.

Drives, mounting and reading are handed in; this module decides and waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Callable

from osdrivers.errors import AgentError, FileFailed, NotFound, OperationError

from .retry import Clock, RetryPolicy

FILE = "ovf-env.xml"


@dataclass(frozen=True)
class Medium:
    """The drive that had the document, where it was mounted, and the document."""

    device: str
    path: str
    data: bytes = field(repr=False)


class _NotYet(NotFound):
    """No drive has it now; a device may still be appearing."""

    retryable = True


def read_media(
    drives: Callable[[], Iterable[str]],
    opened: Callable[[str], AbstractContextManager[str]],
    read: Callable[[str], bytes],
    retry: RetryPolicy,
    clock: Clock,
    *,
    told: Callable[[str], None] = lambda message: None,
) -> Medium:
    """Read the document from the drive that has it.

    An empty drive, a disc that cannot be mounted or read, and a disc with other content are
    passed over; another drive may have it, and so may the same one later.

    :param drives: the devices as they are now; asked again at each attempt.
    :param opened: mounts a device and yields the guest directory; NotFound for an empty drive.
    :param read: the content of a guest file.
    :param told: is given a line for each attempt that failed.
    :raises NotFound: the time is over; the message has each drive's own reason.
    """

    def heard(error: AgentError, pause_s: float) -> None:
        told(f"{error.message}; looking again in {pause_s:.1f} s")

    try:
        return retry.run(lambda: _from_any(drives(), opened, read), clock, told=heard)
    except _NotYet as missing:
        raise NotFound(
            f"no provisioning disc with {FILE} was found within {retry.deadline_s:g} s: "
            f"{missing.message}",
            hint="attach the provisioning disc, or give the document with --ovf FILE",
        ) from missing


def _from_any(
    drives: Iterable[str],
    opened: Callable[[str], AbstractContextManager[str]],
    read: Callable[[str], bytes],
) -> Medium:
    """The document from the first drive that has it now.  :raises _NotYet: none has."""
    reasons: list[str] = []
    for device in drives:
        try:
            return _from_drive(device, opened, read)
        except (NotFound, OperationError) as failure:
            reasons.append(f"{device}: {_reason(failure)}")
    raise _NotYet("; ".join(reasons) or "there is no drive for it")


def _from_drive(
    device: str,
    opened: Callable[[str], AbstractContextManager[str]],
    read: Callable[[str], bytes],
) -> Medium:
    with opened(device) as directory:
        path = f"{directory.rstrip('/')}/{FILE}"
        data = read(path)
    if not data.strip(b"\0\r\n\t "):
        raise NotFound(f"{FILE} is empty")
    return Medium(device, path, data)


def _reason(failure: AgentError) -> str:
    if isinstance(failure, FileFailed) and failure.path.endswith(f"/{FILE}"):
        return f"{FILE}: {failure.message.rpartition(': ')[2]}"
    return failure.message
