# SPDX-License-Identifier: Apache-2.0
"""The manual pages that follow from the code: waagent(8), waagent.conf(5).  Source: man(7)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from agentcore import cli, settings
from agentcore import errors as agent_errors
from agentcore.version import VERSION
from osdrivers import errors as driver_errors

DATE = "2026-11-26"
WRITTEN = '.\\" Written by docs/generate.py: change the code, then run make docs.'
LICENCE = '.\\" SPDX-License-Identifier: Apache-2.0'


def roff(text: str) -> str:
    """Plain text, with code in ``...`` or `...` bold, as man(7) wants it."""
    text = re.sub(r":[a-z]+:`([^`]+)`", r"`\1`", " ".join(text.split()))
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("``", "`")
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text)
    text = re.sub(r"\b([a-z.-]+)\(([1-8])\)", r"\\fB\1\\fR(\2)", text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


def paragraph(text: str) -> str:
    """One sentence a line, so that a change shows where it is."""
    return re.sub(r"(?<=[a-z\)RP][.:;]) (?=[A-Z])", "\n", roff(text))


def page(name: str, section: int, about: str, body: list[str]) -> str:
    """A whole page."""
    head = [
        LICENCE,
        WRITTEN,
        f'.TH {name.upper()} {section} {DATE} "agentcore {VERSION}"',
        ".SH NAME",
        f"{roff(name)} \\- {roff(about)}",
    ]
    return "\n".join([*head, *body]) + "\n"


def tagged(word: str, text: str) -> list[str]:
    """An entry of a list."""
    return [".TP", f"\\fB{roff(word)}\\fR", paragraph(text)]


# ---------------------------------------------------------------- waagent(8)

_INTRODUCTION = """
\\fBwaagent\\fR provisions a virtual machine in Azure on its first boot, tells the platform how it
is, and runs the extensions that the platform asks for.
A command may have one or two dashes before it, or none; a long option one or two.
Only whole words count: one that is nearly right is an error that names the nearest.
"""

_OPTIONS = (
    ("--root DIR", "the machine is not running: a mounted or unpacked image"),
    ("--driver NAME", "driver NAME or module:function instead of detection, as `OS.Driver`"),
    ("--conf FILE, conf:FILE", "instead of the machine's waagent.conf"),
    ("--json", "one JSON object a line, for programs"),
    ("--help", "the options of a command"),
)

_FILES = (
    ("/etc/waagent.conf", "configuration; see waagent.conf(5)"),
    ("/etc/waagent.conf.d/*.conf", "what the administrator has otherwise"),
    ("/usr/lib/waagent/conf.d/*.conf", "what the vendor has otherwise"),
    ("/var/lib/waagent", "state; `provisioned` marks a machine whose first boot is over"),
    ("/var/lib/waagent/journal.jsonl", "every change that the agent made, an object a line"),
    ("/var/log/waagent.log", "the log"),
)


def waagent() -> str:
    """docs/man/waagent.8"""
    body = [".SH SYNOPSIS", "\\fBwaagent\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR ...]"]
    body += [".SH DESCRIPTION", _INTRODUCTION.strip(), ".SH COMMANDS"]
    for word, (_, text) in cli.COMMANDS.items():
        body += tagged(word, text)
    body.append(".SH OPTIONS")
    for word, text in _OPTIONS:
        body += tagged(word, text)
    body.append(".SH EXIT STATUS")
    body += tagged("0", "done, or nothing to do")
    for kind in sorted(_kinds(), key=lambda each: int(each.exit_status)):
        body += tagged(str(kind.exit_status), _first_sentence(kind))
    body += tagged("70", "a fault of the agent itself; the line says where")
    body += tagged("130", "interrupted")
    body.append(".SH FILES")
    for path, text in _FILES:
        body += tagged(path, text)
    body += [".SH SEE ALSO", "\\fBwaagent.conf\\fR(5), \\fBosdriver\\fR(7)"]
    return page("waagent", 8, "agent of a virtual machine in Azure", body)


def _kinds() -> Iterator[Any]:
    for module in (driver_errors, agent_errors):
        for kind in vars(module).values():
            error = isinstance(kind, type) and issubclass(kind, driver_errors.AgentError)
            if error and kind.__module__ == module.__name__:
                yield kind


def _first_sentence(kind: Any) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split())
    sentence = re.split(r"(?<=[a-z)])[.;] ", text)[0].rstrip(".")
    return f"{sentence}; waiting can help" if kind.retryable else sentence


# ---------------------------------------------------------------- waagent.conf(5)

_SYNTAX = """
\\fBKey=value\\fR, one a line.
\\fB#\\fR begins a comment, also behind a value.
Blanks and quotes around a value are dropped, and \\fBNone\\fR leaves an option unset.
Of several lines with one key the last counts.
A truth value is \\fBy\\fR or \\fBn\\fR.
\\fByes, true, 1, on\\fR and their opposites are understood.
A value that cannot be understood is reported, and the default used.
.PP
Read are, and later ones win: the built\\-in defaults,
/usr/lib/waagent/conf.d/*.conf (the vendor's),
/etc/waagent.conf, /etc/waagent.conf.d/*.conf (the administrator's).
\\fBwaagent config show\\fR prints each value and where it comes from; \\fBwaagent config check\\fR
tells what is wrong in a file, and in which line.
"""


def configuration(values: Callable[[Any], str], shown: Callable[[Any], str]) -> str:
    """docs/man/waagent.conf.5

    :param values: what an option may be; ``shown``: its default, as written in the file.
    """
    body = [".SH DESCRIPTION", _SYNTAX.strip(), ".SH OPTIONS"]
    section = ""
    for key, (name, _, option) in settings.options().items():
        if name != section:
            section = name
            body.append(f".SS {section.replace('_', ' ')}")
        old = " Historical." if option.historical else ""
        text = f"{option.help} ({values(option)}; default {shown(option)}).{old}"
        body += tagged(key, text)
    if settings.LATER:
        body += [".SS accepted, without effect", *(roff(k) for k in _lines(settings.LATER))]
    body += [".SH SEE ALSO", "\\fBwaagent\\fR(8)"]
    return page("waagent.conf", 5, "configuration of the agent", body)


def _lines(keys: Any) -> Iterator[str]:
    for key in sorted(keys, key=str.lower):
        yield key
        yield ".br"
