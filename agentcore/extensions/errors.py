# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with an extension, with the number that the platform knows it by."""

from __future__ import annotations

from typing import NoReturn

from osdrivers.errors import AgentError, NoSpace, ReadOnlyTarget

UNKNOWN, GENERIC, DOWNLOAD, NO_MANIFEST, BAD_MANIFEST, EXTRACTION = -1, 1000, 1001, 1002, 1003, 1005
INSTALL, UPDATE, ENABLE, DISABLE, TIMEOUT, BAD_STATUS = 1007, 1008, 1009, 1010, 1011, 1012
OF_COMMAND = {
    "install": INSTALL,
    "update": UPDATE,
    "enable": ENABLE,
    "disable": DISABLE,
    "uninstall": GENERIC,
}


class ExtensionError(AgentError):
    """One handler or extension failed; others go on.  ``code``: as reported to the platform.

    :param again: whether trying the same once more later may help.
    """

    exit_status = 25

    def __init__(self, message: str, code: int, *, again: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code, self.retryable = code, again


def passing(cause: AgentError) -> bool:
    """Whether a cause may pass by itself, or as soon as there is room again."""
    return cause.retryable or isinstance(cause, (NoSpace, ReadOnlyTarget))


def fail(cause: AgentError, code: int, prefix: str = "") -> NoReturn:
    """Raise the error of an extension that a cause of another kind made."""
    text = f"{prefix}: {cause}" if prefix else str(cause)
    raise ExtensionError(text, code, again=passing(cause)) from cause
