# SPDX-License-Identifier: Apache-2.0
"""``waagent config`` and the classic ``show-configuration``."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from agentcore import configuration
from agentcore.configuration import Configuration, Note
from agentcore.known_options import later
from agentcore.settings import options
from osdrivers.errors import ConfigError

from .arguments import configured, dispatch, machine, parse, parser, read_file

_BUILT_IN = "built-in"


def run(name: str, words: Sequence[str]) -> int:
    """Dispatch ``config show``, ``config check`` and ``show-configuration``."""
    if name == "show-configuration":
        return _classic(words)
    verbs = {
        "show": (_show, "each option with its value and where it comes from"),
        "check": (_check, "what is wrong in the configuration; 0 if nothing, else 2"),
    }
    return dispatch(name, words, verbs)


def _read(options: argparse.Namespace) -> Configuration:
    return configured(machine(options, shown=True), options)[1]


def _show(words: Sequence[str]) -> int:
    made = parser("config show", "Each option with its value and where it comes from.")
    made.add_argument("keys", nargs="*", metavar="KEY", help="only these")
    wanted = parse(made, words)
    found = _read(wanted)
    known = [*options(), *later()]
    for key in wanted.keys:
        if key not in known:
            raise ConfigError(f"{key} is not an option", hint="waagent config show lists all")
    for key in wanted.keys or [key for key in known if key in options() or key in found.origins]:
        value, origin = _value(found, key), found.origins.get(key, _BUILT_IN)
        if wanted.json:
            effect = key in options()
            described = {"key": key, "value": value, "origin": origin, "effect": effect}
            print(json.dumps(described))
        else:
            print(f"{key}={_written(value)}  # {origin}")
    return 0


def _value(found: Configuration, key: str) -> Any:
    if key in options():
        section, name, _ = options()[key]
        return getattr(getattr(found.settings, section), name)
    return found.without_effect.get(key, later()[key].default)


def _written(value: Any) -> str:
    return {True: "y", False: "n"}[value] if isinstance(value, bool) else str(value)


def _check(words: Sequence[str]) -> int:
    made = parser("config check", "What is wrong in the configuration; 0 if nothing, else 2.")
    made.add_argument("file", nargs="?", metavar="FILE", help="this file alone")
    wanted = parse(made, words)
    if wanted.file:
        path = os.path.abspath(wanted.file)
        content = read_file(wanted.file)
        found = configuration.apply_bytes(Configuration(), path, content)
        notes = (*found.notes, *configuration.contradictions(found))
    else:
        notes = _read(wanted).notes
    for note in notes:
        print(json.dumps(_described(note)) if wanted.json else _line(note))
    return ConfigError.exit_status if any(note.error for note in notes) else 0


def _line(note: Note) -> str:
    return f"{note} ({'error' if note.error else 'note'})"


def _described(note: Note) -> dict[str, Any]:
    return {
        "path": note.path,
        "line": note.line or None,
        "key": note.key or None,
        "severity": "error" if note.error else "note",
        "reason": note.text,
        "did_you_mean": note.meant or None,
    }


def _classic(words: Sequence[str]) -> int:
    """As the classic agent prints it: sorted, True and False, None for what is not set."""
    wanted = parse(parser("show-configuration", "Each option and its value, sorted."), words)
    found = _read(wanted)
    for key in sorted([*options(), *later()]):
        print(f"{key} = {_value(found, key)}")
    return 0
