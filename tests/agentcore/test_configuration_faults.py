# SPDX-License-Identifier: Apache-2.0
"""Faults of configurations: those that the page lists, and those nobody thought of."""

from __future__ import annotations

import os
import pathlib
import random
import re
import tempfile

import pytest

from agentcore import configuration
from agentcore.cli import main
from agentcore.settings import options
from osdrivers.host import Host

PAGE = pathlib.Path(__file__).parents[2] / "docs/administrator/configuration.md"
ROW = re.compile(r"^\| (`.+`) \| [^|]+ \| (`.+`|nothing: [^|]+) \| ([0-9]) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("written", "said", "status"), ROWS, ids=[row[0][:40] for row in ROWS])
def test_the_page_tells_what_is_said_of_a_mistake(written, said, status, tmp_path, capsys):
    lines = re.findall(r"`([^`]+)`", written)
    file = tmp_path / "waagent.conf"
    file.write_text("\n".join(lines) + "\n")
    assert main(["config", "check", str(file)]) == int(status)
    expected = "" if said.startswith("nothing") else f"{file}:{len(lines)}: {said[1:-1]}\n"
    assert capsys.readouterr().out == expected


def test_the_page_lists_all_that_are_known():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert len(ROWS) == 19
    assert len([row for row in rows if "--conf" not in row]) == len(ROWS)


def test_no_bytes_at_all_end_in_more_than_notes(tmp_path):
    """Lines of keys, values and bytes at random, always the same ones."""
    chosen = random.Random(20261126)
    keys = [*options(), "No.Such", "", "#", "=", "\ufeff", "a" * 5000]
    values = [
        "y",
        "no",
        "None",
        "-1",
        "1e9",
        "9" * 5000,
        "/",
        '"',
        "'x",
        "\u2028",
        "\x85",
        "²",
        "٣",
    ]
    for _ in range(300):
        line = "".join(
            chosen.choice(each) + chosen.choice(["=", " = ", "\r", "\n", "#", ""])
            for each in (keys, values) * 3
        ).encode() + chosen.randbytes(chosen.randrange(8))
        found = configuration.apply_bytes(configuration.Configuration(), "/etc/x.conf", line)
        for note in found.notes:
            assert note.path == "/etc/x.conf"
            assert note.text
            assert len(str(note).splitlines()) == 1


def test_a_file_that_may_not_be_read_is_said_and_the_others_count():
    with tempfile.TemporaryDirectory() as directory:  # below tmp_path only its owner may go
        root = pathlib.Path(directory)
        root.chmod(0o755)
        (root / "etc/waagent.conf.d").mkdir(parents=True)
        (root / "etc/waagent.conf").write_text("OS.HomeDir=/main\n")
        (root / "etc/waagent.conf").chmod(0)
        (root / "etc/waagent.conf.d/10.conf").write_text("OS.HomeDir=/mine\n")
        found = _as_nobody(Host(directory))
    assert found.settings.system.home_dir == "/mine"
    assert [str(note) for note in found.notes] == ["/etc/waagent.conf: not read: Permission denied"]


def _as_nobody(host: Host) -> configuration.Configuration:
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        return configuration.read(host)
    finally:
        os.seteuid(before)
