# SPDX-License-Identifier: Apache-2.0
"""What the log says, how often, and what it never says."""

from __future__ import annotations

import json
from pathlib import Path

from agentcore.log import LINE_LIMIT, Log
from osdrivers.host import Host


def made(root: Path, **options: object) -> tuple[Log, Path, list[str]]:
    host = Host(str(root), offline=False).with_places(log="/waagent.log")
    said: list[str] = []
    return Log(host, lambda: 1.25, said.append, **options), root / "waagent.log", said  # type: ignore[arg-type]


def test_a_line_has_its_time_and_level(tmp_path: Path) -> None:
    log, path, _ = made(tmp_path)
    log("INFO", "all\nis  well")
    assert path.read_text() == "1970-01-01T00:00:01.250000Z INFO    all is well\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_for_programs(tmp_path: Path) -> None:
    log, path, _ = made(tmp_path, as_json=True)
    log("ERROR", 'a "word"')
    entry = json.loads(path.read_text())
    assert (entry["level"], entry["text"]) == ("ERROR", 'a "word"')


def test_the_journal_gets_priorities_and_the_file_is_written_too(tmp_path: Path) -> None:
    lines: list[str] = []
    log, path, _ = made(tmp_path, journal=lines.append)
    log("WARNING", "hot")
    log("INFO", "cold")
    assert lines == ["<4>hot\n", "<6>cold\n"]
    assert path.read_text().count("\n") == 2


def test_signatures_and_endless_lines_are_cut(tmp_path: Path) -> None:
    lines: list[str] = []
    log, path, _ = made(tmp_path, journal=lines.append)
    log("INFO", "GET https://store/c/b?sv=2021&sig=SECRET%3D " + "x" * 9000)
    for text in (path.read_text(), lines[0]):
        assert "SECRET" not in text
        assert len(text) < LINE_LIMIT + 100


def test_details_only_when_asked(tmp_path: Path) -> None:
    log, path, _ = made(tmp_path)
    log("VERBOSE", "detail")
    assert not path.exists()
    log, path, _ = made(tmp_path, verbose=True)
    log("VERBOSE", "detail")
    assert "detail" in path.read_text()


def test_a_log_that_cannot_be_written_is_said_once_and_resumes(tmp_path: Path) -> None:
    log, path, said = made(tmp_path)
    path.mkdir()
    log("INFO", "one")
    log("INFO", "two")
    assert len(said) == 1
    path.rmdir()
    log("INFO", "three")
    assert "three" in path.read_text()


def test_after_rotation_a_new_file_is_written(tmp_path: Path) -> None:
    log, path, _ = made(tmp_path)
    log("INFO", "before")
    path.rename(tmp_path / "waagent.log.1")
    log("INFO", "after")
    assert "before" not in path.read_text()
    assert "after" in path.read_text()
