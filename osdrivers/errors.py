# SPDX-License-Identifier: Apache-2.0
"""Everything raised on purpose, and the exit status each becomes.

AgentError
├── ConfigError 2             an option is wrong; the administrator can fix it
├── NoDriver 3                no entry point fits this system
├── DriverConflict 4          two plug-ins claim one system with equal rank
├── Unsupported 5             this system has no such capability
├── InvalidInput 6            a value was refused before anything was changed
├── NotFound 7                what the operation is about is not there
├── Conflict 8                something is there that must not be adopted or replaced
├── FactError 9               a tool's answer or a file could not be understood
└── OperationError 10         the machine refused; the cause is attached
    ├── CommandFailed 11      the tool ran and said no
    │   └── CommandTimeout 12 the tool did not end in time and was killed (retryable)
    ├── CommandMissing 13     the tool is not installed
    ├── FileFailed 14         a file could not be read or replaced
    │   ├── ReadOnlyTarget 30 it lies on a read-only file system
    │   ├── NoSpace 31        no space or no inodes left
    │   └── NotPermitted 32   the kernel denied it: not root, immutable, or a policy
    ├── DriverFault 15        a driver broke; a bug to report to its author
    ├── UnsafeRefused 16      a guard against data loss or lock-out said no
    ├── Busy 17               somebody else holds it (retryable)
    ├── PolicyRejected 18     the system's own policy refused the value, e.g. PAM a password
    └── PostconditionFailed 19 the tool claimed success, the machine says otherwise

0 is success, 64 a wrong command line (sysexits(3) EX_USAGE); 20 to 24 are ``agentcore.errors``.
A message is one line: what was tried, on what; ``hint`` says what to do about it.
"""

from __future__ import annotations

from typing import Optional


class AgentError(Exception):
    """The root of the tree.

    ``exit_status`` is what a command returns for it; ``retryable`` tells the one retry policy
    whether waiting can help.
    """

    exit_status = 1
    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message

    @property
    def reason(self) -> str:
        """A stable word for programs: the name of the class."""
        return type(self).__name__


class ConfigError(AgentError):
    """An option is wrong.  The administrator can fix it."""

    exit_status = 2


class NoDriver(AgentError):
    """No entry point fits this system.  ``OS.Driver`` or ``--driver`` can name one."""

    exit_status = 3


class DriverConflict(AgentError):
    """Two plug-ins claim one system with equal rank.  The administrator names one."""

    exit_status = 4


class Unsupported(AgentError):
    """This system cannot do it at all.  Callers treat it as neutral."""

    exit_status = 5


class InvalidInput(AgentError):
    """A value was refused before any change.  Whoever supplied the value can fix it."""

    exit_status = 6


class NotFound(AgentError):
    """The account, device, medium, key or file that the operation is about is absent."""

    exit_status = 7


class Conflict(AgentError):
    """Existing state that must not be adopted: a system account, a foreign file system."""

    exit_status = 8


class FactError(AgentError):
    """A file or a tool's answer was not understood.  ``sample`` keeps its first 200 characters."""

    exit_status = 9

    def __init__(self, message: str, sample: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sample = sample[:200]


class OperationError(AgentError):
    """The machine refused."""

    exit_status = 10


class CommandFailed(OperationError):
    """A command ended with a status outside the expected set.

    ``argv`` never holds a secret (host.py sees to it); ``stderr`` is redacted and cut to 4 KiB.
    """

    exit_status = 11

    def __init__(self, argv: tuple[str, ...], status: int, stderr: str, *, hint: str = "") -> None:
        said = " ".join(stderr.split())[-400:] or "no message"
        super().__init__(f"{argv[0]} exited with {status}: {said}", hint=hint)
        self.argv, self.status, self.stderr = argv, status, stderr[:4096]


class CommandTimeout(CommandFailed):
    """A command did not end in time; it and its children were killed."""

    exit_status = 12
    retryable = True

    def __init__(self, argv: tuple[str, ...], timeout_s: float) -> None:
        super().__init__(argv, -9, f"no end within {timeout_s:g} s, killed with its children")
        self.timeout_s = timeout_s


class CommandMissing(OperationError):
    """A required tool is not installed; ``package`` names what provides it, where known."""

    exit_status = 13

    def __init__(self, command: str, package: str = "") -> None:
        hint = f"install {package}" if package else "install the package that provides it"
        super().__init__(f"{command}: command not found", hint=hint)
        self.command, self.package = command, package


class FileFailed(OperationError):
    """A file could not be read or replaced; ``path`` is the guest's path."""

    exit_status = 14

    def __init__(self, path: str, cause: OSError, *, hint: str = "") -> None:
        super().__init__(f"{path}: {cause.strerror or cause}", hint=hint)
        self.path, self.errno = path, cause.errno


class ReadOnlyTarget(FileFailed):
    """The file lies on a read-only file system."""

    exit_status = 30


class NoSpace(FileFailed):
    """No space, inodes or quota left."""

    exit_status = 31


class NotPermitted(FileFailed):
    """The kernel denied access: not root, an immutable file, or a security policy."""

    exit_status = 32


class DriverFault(OperationError):
    """A driver raised something of its own.  A bug; its author can fix it."""

    exit_status = 15


class UnsafeRefused(OperationError):
    """A guard refused, because going on could lose data or lock the administrator out."""

    exit_status = 16


class Busy(OperationError):
    """Somebody else holds the lock or the device; ``holder`` says who, where known."""

    exit_status = 17
    retryable = True

    def __init__(self, message: str, holder: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class PolicyRejected(OperationError):
    """The system's own policy refused the value, e.g. pam_pwquality(8) a password."""

    exit_status = 18


class PostconditionFailed(OperationError):
    """A tool claimed success but the machine is not in the promised state."""

    exit_status = 19


def first_line(error: Optional[BaseException]) -> str:
    """The message of an error as one line, for traces and reports."""
    return " ".join(str(error).split()) if error is not None else ""
