# SPDX-License-Identifier: Apache-2.0
"""What ``machine.json`` takes from fragments, and what it puts in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from osdrivers.conformance.described import description


def described(directory: Path, **facts: object) -> dict[str, object]:
    (directory / "machine.json").write_text(json.dumps(facts))
    return description(str(directory))


def test_a_machine_has_what_its_fragments_have(tmp_path: Path) -> None:
    found = described(tmp_path, **{"with": ["people", "systemd"], "tools": ["/usr/bin/x"]})
    files, tools = found["files"], found["tools"]
    assert isinstance(files, dict) and isinstance(tools, list)
    assert {"/etc/passwd", "/etc/machine-id"} <= set(files)
    assert tools[-1] == "/usr/bin/x" and "/usr/bin/systemctl" in tools
    assert "with" not in found


def test_its_own_entries_come_after_and_null_takes_one_away(tmp_path: Path) -> None:
    files = {"/etc/hostname": None, "/etc/hosts": "mine\n"}
    found = described(tmp_path, **{"with": ["people"], "files": files})["files"]
    assert isinstance(found, dict)
    assert found["/etc/hosts"] == "mine\n"
    assert "/etc/hostname" not in found


@pytest.mark.parametrize("name", ["gone", "../people", "/etc/passwd"])
def test_a_fragment_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no fragment"):
        described(tmp_path, **{"with": [name]})
