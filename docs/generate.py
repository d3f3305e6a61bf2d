# SPDX-License-Identifier: Apache-2.0
"""Writes the pages and files that follow from the code: ``make docs``.

A test compares each with what it would be now, so none can go stale.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agentcore import errors as agent_errors  # noqa: E402 - the path comes first
from agentcore import known_options, reasons, settings  # noqa: E402
from docs import manual, shells, systems  # noqa: E402
from osdrivers import api  # noqa: E402
from osdrivers import errors as driver_errors  # noqa: E402

GENERATED = "<!-- Written by docs/generate.py: change the code, then run make docs. -->"


def one_line(text: str) -> str:
    """A docstring's paragraph as one line, reST roles and double backquotes as Markdown."""
    text = re.sub(r":[a-z]+:`([^`]+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


# ---------------------------------------------------------------- errors


def errors() -> str:
    """docs/errors.md"""
    lines = [
        "# Errors and exit statuses",
        "",
        GENERATED,
        "",
        "Everything raised on purpose. The indentation shows what is a kind of what; a status is",
        "what `waagent` exits with, and *retryable* says that waiting can help. 0 is success or",
        "nothing to do. A message is one line: what was tried, on what, and what to do about it.",
        "",
        "| class | exit status | retryable | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_error_row(kind, depth) for kind, depth in _tree(driver_errors.AgentError, 0)]
    return "\n".join(lines) + "\n"


def _tree(kind: type[Any], depth: int) -> Iterator[tuple[type[Any], int]]:
    yield kind, depth
    ours = (driver_errors.__name__, agent_errors.__name__)
    below: list[Any] = [one for one in kind.__subclasses__() if one.__module__ in ours]
    for child in sorted(below, key=lambda one: (one.exit_status, one.__name__)):
        yield from _tree(child, depth + 1)


def _error_row(kind: Any, depth: int) -> str:
    retryable = "yes" if kind.retryable else ""
    indent = "&nbsp;&nbsp;" * depth
    meaning = one_line(inspect.getdoc(kind) or "")
    return f"| {indent}`{kind.__name__}` | {kind.exit_status} | {retryable} | {meaning} |"


# ---------------------------------------------------------------- reasons


def troubleshooting() -> str:
    """docs/administrator/troubleshooting.md"""
    lines = [
        "# Troubleshooting, by reason code",
        "",
        GENERATED,
        "",
        "`waagent status` prints a reason code with each problem, and so do the log and the",
        "reports to the platform. A code is the name of an error's class",
        "([errors](../errors.md)) or one of those that are no errors of the agent's own, and",
        "stays the same from release to release.",
        "",
        "First look: `waagent status`, then `/var/log/waagent.log`, then `waagent analyze blame`",
        "for a slow first boot. `waagent collect-logs` packs what somebody who helps needs.",
        "",
        "| reason code | what to do |",
        "|---|---|",
    ]
    lines += [f"| `{reason}` | {one_line(text)} |" for reason, text in reasons.ADVICE.items()]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- operations


def operations() -> str:
    """docs/operations.md"""
    lines = [
        "# Operations",
        "",
        GENERATED,
        "",
        "The capabilities of `osdrivers/api/` and their methods. One that *asks* returns a fact",
        "and changes nothing; one that *ensures* yields actions that lead to an end state, none if",
        "it holds already. Letters: T detection, U accounts, S the SSH server, H host name,",
        "N network, D disks and swap, C optical drives, V services, B boot, R RDMA, P what no",
        "image may have.",
        "",
        "Detection (T1-T3) is `osdrivers/identity.py`, `osdrivers/loader.py` and",
        "`osdrivers/probes.py`; the paths of a system (V2) are `osdrivers.host.Places`.",
        "",
    ]
    for field, capability in _capabilities():
        lines += _capability(field, capability)
    return "\n".join(lines) + "\n"


def _capabilities() -> Iterator[tuple[str, type]]:
    """Driver's fields that are capabilities, in their order."""
    for name, annotation in api.Driver.__annotations__.items():
        kind = re.sub(r"^Optional\[(.*)\]$", r"\1", annotation)
        if name not in ("name", "host"):
            yield name, getattr(api, kind)


def _capability(field: str, capability: type) -> list[str]:
    lines = [
        f"## `{field}`: {one_line(_summary(capability))}",
        "",
        "| method | | |",
        "|---|---|---|",
    ]
    for name, method in vars(capability).items():
        if name.startswith("_") or not (callable(method) or isinstance(method, property)):
            continue
        function: Any = method.fget if isinstance(method, property) else method
        acts = function.__annotations__.get("return") == "Plan"
        lines.append(f"| `{name}` | {'ensures' if acts else 'asks'} | {_summary_of(function)} |")
    return [*lines, ""]


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0]


def _summary_of(function: Any) -> str:
    return one_line(_summary(function).split(":raises")[0])


# ---------------------------------------------------------------- options


def options() -> str:
    """docs/administrator/options.md"""
    lines = [
        "# Options of waagent.conf",
        "",
        GENERATED,
        "",
        "`Key=value`, one a line, `#` begins a comment. A fragment overrides what comes before it:",
        "built-in defaults, `/usr/lib/waagent/conf.d/*.conf` (the vendor's), `/etc/waagent.conf`,",
        "`/etc/waagent.conf.d/*.conf`.",
        "",
        "| key | default | values | meaning |",
        "|---|---|---|---|",
    ]
    for key, (_, _, option) in settings.options().items():
        values = one_line(_values(option))
        lines.append(f"| `{key}` | `{_shown(option)}` | {values} | {one_line(option.help)} |")
    lines += [
        "",
        "## Accepted, without effect yet",
        "",
        "These are known so that an existing file raises no complaint, and a wrong value does;",
        "what they control is not written yet, or is done otherwise here.",
        "",
        "| key | default | values | meaning |",
        "|---|---|---|---|",
        *[_later_row(option) for _, option in sorted(known_options.later().items())],
    ]
    return "\n".join(lines) + "\n"


def _later_row(option: settings.Option) -> str:
    values = one_line(_values(option))
    return f"| `{option.key}` | `{_shown(option)}` | {values} | {one_line(option.help)} |"


def _values(option: settings.Option) -> str:
    if option.choices:
        return ", ".join(option.choices)
    if option.kind == "bool":
        return "y, n"
    if option.kind == "int":
        return (
            f"{option.least} or more"
            if option.most == 2**31 - 1
            else (f"{option.least} to {option.most}")
        )
    return "path" if option.kind == "path" else "text"


def _shown(option: settings.Option) -> str:
    if option.default is None:
        return "None"
    if isinstance(option.default, bool):
        return "y" if option.default else "n"
    return str(option.default)


def configuration() -> str:
    """conf/waagent.conf"""
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        "# waagent.conf: every option with its default; remove the # of a line to change it.",
        "# Better still, leave this file and put changes into /etc/waagent.conf.d/NAME.conf.",
    ]
    section = ""
    for key, (name, _, option) in settings.options().items():
        if option.historical:
            continue
        if name != section:
            section = name
            lines += ["", f"# {'-' * 20} {section.replace('_', ' ')}"]
        lines += ["", f"# {option.help} ({_values(option)})", f"#{key}={_shown(option)}"]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "README.md": systems.readme,
    "docs/errors.md": errors,
    "docs/operations.md": operations,
    "docs/administrator/options.md": options,
    "docs/administrator/troubleshooting.md": troubleshooting,
    "conf/waagent.conf": configuration,
    "conf/completions/waagent.bash": shells.bash,
    "conf/completions/_waagent": shells.zsh,
    "conf/completions/waagent.fish": shells.fish,
    "docs/man/waagent.8": manual.waagent,
    "docs/man/waagent.conf.5": lambda: manual.configuration(_values, _shown),
}


def main() -> None:
    """Write what differs."""
    for name, page in PAGES.items():
        path, text = ROOT / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(name)


if __name__ == "__main__":
    main()
