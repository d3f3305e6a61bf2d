# SPDX-License-Identifier: Apache-2.0
"""How long a status report may be as a whole, and what is left out of one that is longer.

The platform's interface limits each extension's status (131,072 characters) and one write of a
page blob (4 MiB); for the report as a whole it names no limit.  Ours is what one such write
takes: more than 30 extensions that each say all they may.
"""

from __future__ import annotations

from dataclasses import replace

from .status import MESSAGE_LIMIT, HandlerStatus, Report, document, fitted
from .storage import PAGE_WRITE_LIMIT_BYTES

REPORT_LIMIT_BYTES = PAGE_WRITE_LIMIT_BYTES
#: What each extension may still say, in characters; the next where the one before is too much.
STEPS = (65536, 16384, 4096, 1024, 256)


def whole(report: Report, time: str, limit_bytes: int = REPORT_LIMIT_BYTES) -> bytes:
    """The document, with every entry as long as it fits; who says little keeps all of it.

    Messages are cut before parts are left out, as with one extension that says too much.  Entries
    are left out, the last first, only when no text is left to cut; the agent's message says so.

    :param time: of this report.
    """
    made = document(report, time)
    for each in STEPS:
        if len(made) <= limit_bytes:
            return made
        report = replace(report, handlers=tuple(_cut(one, each) for one in report.handlers))
        made = document(report, time)
    count = left = len(report.handlers)
    while len(made) > limit_bytes and left:
        left //= 2
        text = f"the report has room for {left} of {count} entries"
        made = document(replace(report, handlers=report.handlers[:left], message=text), time)
    return made


def _cut(handler: HandlerStatus, limit: int) -> HandlerStatus:
    extension = handler.extension
    return replace(
        handler,
        message=handler.message[: min(MESSAGE_LIMIT, limit)],
        extension=None if extension is None else fitted(extension, limit),
    )
