# SPDX-License-Identifier: Apache-2.0
"""The README's table of systems: from the entry points, the captured machines and the matrix."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN = (
    "<!-- The table is written by docs/generate.py: change docs/systems.json, then make docs. -->"
)
END = "<!-- End of the table. -->"
_ENTRY = re.compile(r"(?P<id>.+?)(?:-(?P<version>\d[\d.]*))?")
Entries = dict[str, list[tuple[str, str]]]


def readme() -> str:
    """README.md, with the table as it would be now."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no place for the table: {BEGIN}")
    return before + BEGIN + "\n\n" + "\n".join(_table()) + "\n\n" + END + after


def _table() -> Iterator[str]:
    python = json.loads((ROOT / "docs/systems.json").read_text(encoding="utf-8"))["python"]
    proofs = _proofs()
    yield "| system | versions | driver | level | proof |"
    yield "|---|---|---|---|---|"
    for id, served in sorted(_entries().items()):
        if id == "linux":
            continue
        first = served[0][0]
        versions = f"{first} and later" if first else "all"
        drivers = ", ".join(dict.fromkeys(f"`{target}`" for _, target in served))
        level = _level(python[id], first)
        yield f"| `{id}` | {versions} | {drivers} | {level} | {_proof(proofs, id)} |"
    generic = "any other; always said aloud"
    yield f"| `linux` | {generic} | `linux:linux` | full | {_proof(proofs, 'linux')} |"


def _entries() -> Entries:
    """ID -> (first version, driver), oldest first."""
    found: Entries = {}
    for place in ("setup.cfg", "freebsd/setup.cfg"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(ROOT / place)
        for line in parser["options.entry_points"]["osdrivers"].strip().splitlines():
            name, _, target = (part.strip() for part in line.partition("="))
            entry = _ENTRY.fullmatch(name)
            if entry is not None:
                short = target.replace("osdrivers.", "")
                found.setdefault(entry["id"], []).append((entry["version"] or "", short))
    return {id: sorted(served, key=lambda each: _order(each[0])) for id, served in found.items()}


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _level(python: str | None, first: str) -> str:
    if python is None:
        return "*driver only*"
    if not python or (first and _order(first) >= _order(python)):
        return "full"
    return f"full from {python}; before, *driver only*"


def _proofs() -> dict[str, str]:
    """Captured machine -> on which beds, and how many of its operations are unproved."""
    lines = (ROOT / "docs/driver-authors/matrix.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    proofs = {}
    for number, name in enumerate(rows[0][1:], 1):
        cells = [row[number] for row in rows[2:] if row[number]]
        unproved = sum("unproved" in cell for cell in cells)
        beds = {bed for cell in cells if "unproved" not in cell for bed in cell.split(", ")}
        some = f", {unproved} of {len(cells)} operations unproved" if unproved else ""
        proofs[name] = ", ".join(sorted(beds)) + some
    return proofs


def _proof(proofs: dict[str, str], id: str) -> str:
    said = []
    for machine, beds in proofs.items():
        directory = ROOT / "tests/machines" / machine
        named, version = _name(machine)
        if id not in (named, named.removesuffix("-generic"), _os_release_id(directory)):
            continue
        origin = (directory / "ORIGIN").read_text(encoding="utf-8").partition(":")[0]
        shown = version if id == named else machine
        said.append(f"{shown} {origin}: {beds}".strip())
    return "; ".join(said) or "none but being chosen"


def _name(machine: str) -> tuple[str, str]:
    found = _ENTRY.fullmatch(machine)
    return (found["id"], found["version"] or "") if found is not None else (machine, "")


def _os_release_id(directory: Path) -> str:
    for place in ("usr/lib/os-release", "etc/os-release"):
        if (directory / place).is_file():
            text = (directory / place).read_text(encoding="utf-8")
            found = re.search(r"^ID=[\"']?([^\"'\n]+)", text, re.MULTILINE)
            return found[1] if found else ""
    return ""
