# SPDX-License-Identifier: Apache-2.0
"""The words that change one thing: what they plan on captured machines, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agentcore import cli

MACHINES = Path(__file__).parents[1] / "machines"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of Debian's with GRUB's configuration."""
    made = tmp_path / "root"
    shutil.copytree(MACHINES / "debian-12", made, symlinks=True)
    for path, text in (
        ("etc/default/grub", 'GRUB_CMDLINE_LINUX=""\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'),
        ("boot/grub/grub.cfg", "linux /vmlinuz root=/dev/sda1 ro quiet\n"),
    ):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text)
    return made


def tree(root: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in root.rglob("*"))


def planned(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    before = tree(root)
    assert cli.main([*words, "--plan", "--root", str(root)]) == 0, capsys.readouterr().err
    assert tree(root) == before
    return capsys.readouterr().out.splitlines()


def test_the_serial_console_of_grub(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = planned(root, capsys, "-serialconsole")
    assert any("console=ttyS0" in line for line in lines), lines
    assert any("update-grub" in line or "grub-mkconfig" in line for line in lines), lines


def test_the_service_is_registered(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = root / "etc/systemd/system/waagent.service"
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text("[Service]\nExecStart=/usr/sbin/waagent daemon\n[Install]\nWantedBy=x.target\n")
    lines = planned(root, capsys, "--register-service")
    assert any("enable" in line and "waagent" in line for line in lines), lines


def test_no_boot_loader_is_an_error_with_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["serialconsole", "--plan", "--root", str(tmp_path)]) != 0
    assert "waagent: " in capsys.readouterr().err


def test_the_firewall_guards_an_address(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = planned(root, capsys, "-setup-firewall=10.1.2.3", "--json")
    assert any("10.1.2.3" in json.dumps(json.loads(line)) for line in lines), lines


@pytest.mark.parametrize("word", ["-setup-firewall=all", "-setup-firewall=1.2.3", "setup-firewall"])
def test_only_an_address_is_one(root: Path, word: str) -> None:
    assert cli.main([word, "--root", str(root), "--plan"]) == 64


def test_uninstalling_is_asked_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned(root, capsys, "uninstall")
    before = tree(root)
    assert cli.main(["-force", "-uninstall", "--root", str(root), "--plan"]) == 0
    assert cli.main(["uninstal", "--root", str(root)]) == 64
    assert "did you mean uninstall?" in capsys.readouterr().err
    assert tree(root) == before
