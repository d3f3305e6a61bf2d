# SPDX-License-Identifier: Apache-2.0
"""What the agent adds to ``osdrivers.errors``: the platform's side, and the command line.

AgentError
├── UsageError 64          the command line is wrong
└── ServiceError 20        a service of the platform did not do its part
    ├── Unreachable 21     no connection, no answer, or a cut one (retryable)
    ├── Throttled 22       it asks to come back later (retryable; ``retry_after_s``)
    ├── Refused 23         it answered no, and asking again will not help
    └── Malformed 24       its document cannot be understood or must not be trusted

Messages name the service and the document, never a query string: it may carry a signature.
"""

from __future__ import annotations

from osdrivers.errors import AgentError


class UsageError(AgentError):
    """The command line is wrong; sysexits(3) EX_USAGE."""

    exit_status = 64


class ServiceError(AgentError):
    """A service of the platform did not do its part."""

    exit_status = 20


class Unreachable(ServiceError):
    """No connection, no answer in time, a reset, a body that ends early, or a status >= 500."""

    exit_status = 21
    retryable = True


class Throttled(ServiceError):
    """The service asks for patience: 429, or 503 with Retry-After."""

    exit_status = 22
    retryable = True

    def __init__(self, message: str, retry_after_s: float = 0.0, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Refused(ServiceError):
    """The service answered no (4xx).  ``status`` is the HTTP status."""

    exit_status = 23

    def __init__(self, message: str, status: int = 0, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Malformed(ServiceError):
    """A document of the platform is not what its specification says, or is hostile."""

    exit_status = 24
