# SPDX-License-Identifier: Apache-2.0
"""What is to be done for one set of settings: a table of cases, each a list of steps.

A step is small: a command, or a change of files that can be done twice.  The list is recorded
before its first step, so that a restarted agent goes on with the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from agentcore.azure.desired import DISABLED, UNINSTALL, Extension, Handler
from agentcore.errors import Malformed

from . import versions
from .layout import ENABLED, FAILED_UPGRADE, INSTALLED, Installation

FETCH, PREPARE, SETTINGS, COMMAND, CARRY, REMOVE, FORGET, INSTALLED_NOW = (
    "fetch",
    "prepare",
    "settings",
    "command",
    "carry",
    "remove",
    "forget",
    "installed",
)


@dataclass(frozen=True)
class Step:
    """One of the constants above, for one version of the handler.

    :param extension: name of the one of several that a command is for.
    :param lenient: go on when the command fails; its exit code is passed on.
    :param code: error number when it fails, 0 for that of the command.
    :param other: the version that an update comes from, or that a file is carried from.
    :param target: ``VERSION`` of an update.
    """

    kind: str
    version: str = ""
    command: str = ""
    extension: str = ""
    lenient: bool = False
    code: int = 0
    other: str = ""
    target: str = ""


def first(
    handler: Handler, extension: Optional[Extension], present: Optional[Installation]
) -> tuple[Step, ...]:
    """The steps, as far as they are known before the package is there.

    :param present: the highest version that is installed.
    """
    if handler.state == UNINSTALL:
        return uninstall(present)
    if handler.state == DISABLED:
        if present is None or present.state != ENABLED:
            return ()
        return tuple(_disable(present, one, lenient=False) for one in _instances(present))
    if extension is not None and handler.multi_config and extension.state != "enabled":
        return _leave(present, extension.name)
    exact = handler.version.count(".") >= 3
    if (
        exact
        and present is not None
        and versions.key(present.version) == versions.key(handler.version)
    ):
        return enable(handler, extension, present.version)
    return (Step(FETCH),)


def enable(handler: Handler, extension: Optional[Extension], version: str) -> tuple[Step, ...]:
    """A version that is installed gets new settings and is enabled, once for each goal state."""
    name = extension.name if extension is not None and handler.multi_config else ""
    return (
        Step(PREPARE, version),
        Step(SETTINGS, version),
        Step(COMMAND, version, "enable", name),
    )


def fetched(
    handler: Handler,
    extension: Optional[Extension],
    fresh: Installation,
    present: Optional[Installation],
) -> tuple[Step, ...]:
    """The steps after the package is there."""
    name = extension.name if extension is not None and handler.multi_config else ""
    if present is not None and present.version == fresh.version:
        return enable(handler, extension, fresh.version)
    if present is not None:
        return _update(handler, extension, fresh, present)
    return (
        Step(PREPARE, fresh.version),
        Step(SETTINGS, fresh.version),
        Step(COMMAND, fresh.version, "install", name),
        Step(COMMAND, fresh.version, "enable", name),
    )


def _update(
    handler: Handler, extension: Optional[Extension], fresh: Installation, old: Installation
) -> tuple[Step, ...]:
    new, before = fresh.version, old.version
    manifest = fresh.manifest
    lenient = manifest.continue_on_update_failure
    name = extension.name if extension is not None and handler.multi_config else ""
    steps = [Step(PREPARE, new), Step(SETTINGS, new)]
    if old.state == ENABLED:
        steps += [_disable(old, one, lenient=lenient, code=1008) for one in _instances(old)]
    steps.append(Step(CARRY, new, other=before))
    # A downgrade is the affair of the one that knows both: the higher version.
    runs = new if versions.key(new) > versions.key(before) else before
    steps += [
        Step(COMMAND, runs, "update", name, other=before, target=new),
        Step(COMMAND, before, "uninstall", lenient=lenient, code=1008),
        Step(REMOVE, before),
    ]
    if manifest.install_after_update:
        steps.append(Step(COMMAND, new, "install", name))
    else:
        steps.append(Step(INSTALLED_NOW, new))
    return (*steps, Step(COMMAND, new, "enable", name))


def uninstall(present: Optional[Installation]) -> tuple[Step, ...]:
    """Disable, uninstall, remove; failures are told and hinder nothing."""
    if present is None:
        return (Step(REMOVE),)
    try:
        instances = _instances(present)
    except Malformed:  # nothing can be run any more
        return (Step(REMOVE),)
    steps = []
    if present.state == ENABLED:
        steps += [_disable(present, one, lenient=True) for one in instances]
    if present.state in (ENABLED, INSTALLED, FAILED_UPGRADE):
        steps.append(Step(COMMAND, present.version, "uninstall", lenient=True))
    return (*steps, Step(REMOVE))


def _instances(present: Installation) -> tuple[str, ...]:
    """Names of those to disable: the enabled ones of several, or the only one."""
    if present.manifest.multi_config:
        return present.enabled_extensions() or ("",)
    return ("",)


def _disable(present: Installation, name: str, *, lenient: bool, code: int = 0) -> Step:
    return Step(COMMAND, present.version, "disable", name, lenient=lenient, code=code)


def _leave(present: Optional[Installation], name: str) -> tuple[Step, ...]:
    if present is None or present.extension_state(name) in ("", "disabled"):
        return ()
    return (
        _disable(present, name, lenient=True),
        Step(FORGET, present.version, extension=name),
    )
