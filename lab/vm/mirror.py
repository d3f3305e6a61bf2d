# SPDX-License-Identifier: Apache-2.0
"""Where Debian packages come from: the sources that this machine's own apt uses.

Source: sources.list(5), both of its forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from osdrivers.errors import NotFound

SUITE = "bookworm"
_POCKETS = ("", "-updates", "-security")


@dataclass(frozen=True)
class Source:
    """One address with one of its suites."""

    uri: str
    suite: str
    components: tuple[str, ...]


def sources(apt: Path, codename: str) -> Iterator[Source]:
    """Every enabled binary source in ``apt`` (such as /etc/apt) that serves ``codename``."""
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    wanted = {codename + pocket for pocket in _POCKETS}
    for file in files:
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found = _stanzas(text) if file.suffix == ".sources" else _lines(text)
        yield from (source for source in found if source.suite in wanted)


def lines(apt: Path, os_release: Path, suite: str = SUITE) -> tuple[str, ...]:
    """The sources of ``suite`` as one-line entries, taken from what this machine uses.

    A machine with another Debian release asks the same addresses for ``suite``.

    :raises NotFound: this machine has no source of Debian packages.
    """
    own = _codename(os_release)
    for codename in dict.fromkeys((suite, own)):
        found = [one for one in sources(apt, codename) if codename and "main" in one.components]
        if found:
            made = (f"deb {one.uri} {suite}{one.suite[len(codename) :]} main" for one in found)
            return tuple(dict.fromkeys(made))
    raise NotFound(f"{apt}: no source of Debian packages", hint="name one with --mirror URL")


def _codename(os_release: Path) -> str:
    """The release's code name on Debian itself; a derivative's archive has no Debian suites."""
    text = os_release.read_text(encoding="utf-8") if os_release.is_file() else ""
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return values.get("VERSION_CODENAME", "") if values.get("ID") == "debian" else ""


def _lines(text: str) -> Iterator[Source]:
    pattern = re.compile(r"^\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#\n]+)", re.MULTILINE)
    for uri, suite, components in pattern.findall(text):
        yield Source(uri, suite, tuple(components.split()))


def _stanzas(text: str) -> Iterator[Source]:
    without_comments = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", without_comments):
        fields = {
            name.lower(): value.split()
            for name, value in re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield Source(uri, suite, tuple(fields.get("components", [])))
