# SPDX-License-Identifier: Apache-2.0
"""A service of the agent's own (V3): what is the same for every init system.

Its file is ours when the mark stands in its first line, or the line after an interpreter.
"""

from __future__ import annotations

import re
import shlex

from ..actions import Action, MakeDirectory, WriteFile
from ..api import Service
from ..errors import Conflict, InvalidInput
from ..host import Host

MARK = "# A service of the agent, written and removed by it: changes are lost"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check(service: Service) -> None:
    """:raises InvalidInput: what no init system could be told."""
    check_name(service.name)
    if not service.command or not service.command[0].startswith("/"):
        raise InvalidInput(f"service {service.name}: its command is not an absolute path")
    for variable in service.environment:
        if not _VARIABLE.fullmatch(variable):
            raise InvalidInput(f"service {service.name}: {variable!r} is no environment variable")
    for text in (service.description, *service.command, *service.environment.values()):
        if _CONTROL.search(text):
            raise InvalidInput(f"service {service.name}: a control character in {text!r}")


def check_name(name: str) -> None:
    """:raises InvalidInput: it could not be a file's name everywhere."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name for a service", hint="letters, digits, - and _")


def is_ours(host: Host, path: str) -> bool:
    """Whether there is such a file, and we wrote it; never through a link."""
    found = host.status(path, follow=False)
    if found is None or found.kind != "file":
        return False
    lines = host.read(path, "").split("\n", 2)
    return lines[0] == MARK or (lines[0].startswith("#!") and lines[1:2] == [MARK])


def refuse_foreign(host: Host, *paths: str) -> None:
    """:raises Conflict: one of these is there, and not ours."""
    for path in paths:
        if host.status(path, follow=False) is not None and not is_ours(host, path):
            raise Conflict(f"{path} is there and not ours", hint="choose another name")


def writing(host: Host, path: str, text: str, mode: int) -> tuple[Action, ...]:
    """What makes the file; nothing if it is as it should be."""
    found = host.status(path)
    if found is not None and found.mode & 0o7777 == mode and host.read(path) == text:
        return ()
    directory = path.rpartition("/")[0]
    made = () if host.is_directory(directory) else (MakeDirectory(directory),)
    return (*made, WriteFile(path, text.encode(), mode))


def exports(service: Service) -> list[str]:
    """Its environment, as lines of a shell script."""
    return [f"export {key}={shlex.quote(value)}" for key, value in service.environment.items()]


def command_line(service: Service) -> str:
    """Its command, as a word list of a shell script."""
    return shlex.join(service.command)
