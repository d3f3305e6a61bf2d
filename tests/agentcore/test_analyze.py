# SPDX-License-Identifier: Apache-2.0
"""``waagent analyze`` and ``collect-logs`` on a machine's own files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agentcore import cli
from agentcore.cli import collecting
from agentcore.cli.analyze import of_this_boot


def line(at: float, task: str, status: str, seconds: float = 0.0, **more: object) -> str:
    entry = {"time": at, "seq": 1, "task": task, "kind": "run", "argv": ["useradd", "ada"]}
    return json.dumps({**entry, "status": status, "seconds": seconds, **more})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    state = tmp_path / "var/lib/waagent"
    state.mkdir(parents=True)
    lines = [
        line(5.0, "yesterday", "done", 1.0),
        line(90000.0, "account", "started"),
        line(90002.0, "account", "done", 2.0),
        line(90003.0, "host-keys", "started"),
        line(90008.5, "host-keys", "failed", 5.5, reason="CommandTimeout"),
        '{"time": 90009, "task": "cut of',
    ]
    (state / "journal.jsonl").write_text("\n".join(lines))
    return tmp_path


def said(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["analyze", *words, "--root", str(root)]) == 0
    return capsys.readouterr().out


def test_the_slowest_come_first(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [json.loads(each) for each in said(root, capsys, "blame", "--json").splitlines()]
    assert [(each["task"], each["busy"]) for each in tasks] == [
        ("host-keys", 5.5),
        ("account", 2.0),
    ]
    assert tasks[0]["failed"] == "CommandTimeout"
    assert tasks[1]["slowest"] == "run useradd ada"
    text = said(root, capsys)
    assert "FAILED: CommandTimeout" in text
    assert text.splitlines()[-1].split()[:2] == ["all", "8.50"]


def test_a_boot_before_is_no_part_of_this_one() -> None:
    lines = [{"time": 100.0, "task": "account"}, {"time": 160.0, "task": "swap"}]
    assert of_this_boot(lines, 150.0) == lines[1:]
    assert of_this_boot(lines, 200.0) == lines


def test_the_timeline_is_in_order_and_a_picture(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [json.loads(each) for each in said(root, capsys, "timeline", "--json").splitlines()]
    assert [each["task"] for each in tasks] == ["account", "host-keys"]
    said(root, capsys, "timeline", "--svg", str(root / "boot.svg"))
    drawn = ET.fromstring((root / "boot.svg").read_text())
    bars = [each for each in drawn.iter() if each.get("fill") in ("#c0392b", "#2e75b6")]
    widths = [float(each.get("width", "0")) for each in bars]
    assert widths[1] / widths[0] == pytest.approx(5.5 / 2.0, rel=0.01)


def test_nothing_to_analyze_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["analyze", "--root", str(tmp_path)]) == 7
    assert "journal.jsonl" in capsys.readouterr().err
    assert cli.main(["analyze", "bame", "--root", str(tmp_path)]) == 64


def test_what_is_collected_and_what_is_not(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "Hunter2-secret"
    log = root / "var/log/waagent.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"x\nPUT https://s/c?sv=1&sig={secret}\n")
    handler = root / "var/lib/waagent/Pub.Type-1.0"
    for path in ("config/HandlerState", "config/3.settings", "status/3.status"):
        (handler / path).parent.mkdir(parents=True, exist_ok=True)
        (handler / path).write_text(secret if "settings" in path else "Enabled")
    for name in ("ABC.prv", "ovf-env.xml", "TransportPrivate.pem"):
        (root / "var/lib/waagent" / name).write_text(secret)
    (handler / "status/4.status").symlink_to(root / "var/lib/waagent/ABC.prv")
    target = root / "collected.zip"
    assert cli.main(["collect-logs", "--root", str(root), "--output", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        whole = b"".join(archive.read(name) for name in names)
    assert {"var/log/waagent.log", "var/lib/waagent/journal.jsonl"} <= names
    assert "var/lib/waagent/Pub.Type-1.0/config/HandlerState" in names
    assert secret.encode() not in whole


def test_the_archive_is_bounded(root: Path) -> None:
    log = root / "var/log/waagent.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"start" + b"." * (5 << 20) + b"end")
    target = root / "collected.zip"
    assert cli.main(["collect-logs", "--root", str(root), "--output", str(target)]) == 0
    with zipfile.ZipFile(target) as archive:
        text = archive.read("var/log/waagent.log")
    assert len(text) == collecting.FILE_LIMIT_BYTES
    assert text.endswith(b"end")


def test_telemetry_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["telemetry", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"telemetry": [], "logs": []}
    assert cli.main(["telemetry"]) == 64
