# SPDX-License-Identifier: Apache-2.0
"""What shadow-utils mean by an exit status.  Source: useradd(8), usermod(8), EXIT VALUES."""

from __future__ import annotations

import errno

from ..errors import (
    AgentError,
    Busy,
    CommandFailed,
    CommandTimeout,
    Conflict,
    InvalidInput,
    NoSpace,
    NotFound,
    PolicyRejected,
    ReadOnlyTarget,
)
from ..host import Host

_BAD_ARGUMENT, _NO_SUCH_GROUP_OR_USER, _NAME_IN_USE = 3, 6, 9


def tool_failed(host: Host, failure: CommandFailed, name: str) -> AgentError:
    """The narrowest error for a failed useradd, usermod, userdel or groupadd."""
    if isinstance(failure, CommandTimeout):
        return failure
    if failure.status == _BAD_ARGUMENT:
        return InvalidInput(f"this system does not accept {name}: {_text(failure)}")
    if failure.status == _NO_SUCH_GROUP_OR_USER:
        return NotFound(f"{failure.argv[0]} {name}: {_text(failure)}")
    if failure.status == _NAME_IN_USE:
        return Conflict(f"{failure.argv[0]} {name}: {_text(failure)}")
    return _storage(host, failure) or failure


def chpasswd_failed(host: Host, failure: CommandFailed, name: str, *, known: bool) -> AgentError:
    """The narrowest error for a failed chpasswd(8).

    With PAM it words an unknown account and a refused password alike: ``known`` tells.
    """
    text = failure.stderr
    if isinstance(failure, CommandTimeout):
        return failure
    if not known:
        return NotFound(f"no account {name} to give a password to")
    stored = _storage(host, failure)
    if stored is not None:
        return stored
    if "pam_chauthtok" in text or "BAD PASSWORD" in text:
        return PolicyRejected(f"password of {name}: {_text(failure)}", hint="choose another one")
    return failure


def _storage(host: Host, failure: CommandFailed) -> AgentError | None:
    """Whether the account files, not the request, were the cause."""
    passwd = host.places.passwd
    if host.read_only(passwd.rpartition("/")[0]):
        cause = OSError(errno.EROFS, "Read-only file system")
        return ReadOnlyTarget(passwd, cause, hint="make it writable")
    full = not host.space(passwd.rpartition("/")[0]).f_bavail
    if full or "No space left" in failure.stderr:
        cause = OSError(errno.ENOSPC, "No space left on device")
        return NoSpace(passwd, cause, hint="free space or inodes on that file system")
    if "cannot lock" in failure.stderr or "lock busy" in failure.stderr:
        return Busy(f"{passwd} is locked by another program", hint="try again")
    return None


def _text(failure: CommandFailed) -> str:
    return " ".join(failure.stderr.split())[-200:]
