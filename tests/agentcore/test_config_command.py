# SPDX-License-Identifier: Apache-2.0
"""``waagent config``: what is set, where it comes from, and what is wrong with it."""

from __future__ import annotations

import json
import pathlib

import pytest

from agentcore.cli import main
from agentcore.settings import options


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "usr/lib/waagent/conf.d").mkdir(parents=True)
    (tmp_path / "etc/waagent.conf.d").mkdir(parents=True)
    vendor = tmp_path / "usr/lib/waagent/conf.d/20-vendor.conf"
    vendor.write_text("ResourceDisk.Format=n\nOS.HomeDir=/vendor\n")
    (tmp_path / "etc/waagent.conf").write_text("OS.HomeDir=/main\nExtensions.Enabled=n\n")
    return tmp_path


def test_each_value_is_shown_with_its_origin(root, capsys):
    assert main(["config", "show", "--root", str(root)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "OS.HomeDir=/main  # /etc/waagent.conf:1" in shown
    assert "ResourceDisk.Format=n  # /usr/lib/waagent/conf.d/20-vendor.conf:1" in shown
    assert "ResourceDisk.MountOptions=None  # built-in" in shown


def test_single_options_are_shown_for_programs(root, capsys):
    words = ["config", "show", "--root", str(root), "--json", "OS.HomeDir", "Lib.Dir"]
    assert main(words) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["value"] for each in shown] == ["/main", "/var/lib/waagent"]
    assert [each["origin"] for each in shown] == ["/etc/waagent.conf:1", "built-in"]


def test_the_classic_word_prints_all_options_sorted(root, capsys):
    assert main(["-show-configuration", "--root", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == sorted(lines)
    assert {line.partition(" = ")[0] for line in lines} > set(options())
    assert "ResourceDisk.Format = False" in lines
    assert "Extensions.Enabled = False" in lines


def test_a_configuration_without_mistakes_is_silent(root, capsys):
    assert main(["config", "check", "--root", str(root)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("line", "meant", "status"),
    [
        ("AutoUpdate.Enabled=no", None, 0),
        ("ResourceDisk.Format=yes", None, 0),
        ("ResourceDisk.Format=ja", None, 2),
        ("Extensions.GoalStatePeriod=six", None, 2),
        ("resourcedisk.format=y", "ResourceDisk.Format", 2),
        ("ResourceDisk.SwapSizeMb=1", "ResourceDisk.SwapSizeMB", 2),
        ("Provisioning.Agent=cloudinit", "cloud-init", 2),
        ("AutoUpdate.Policy=staged", "notify", 2),
        ("Format y", None, 2),
    ],
)
def test_a_mistake_has_line_reason_and_perhaps_what_is_meant(line, meant, status, tmp_path, capsys):
    file = tmp_path / "waagent.conf"
    file.write_text(f"# mine\n{line}\n")
    assert main(["config", "check", str(file), "--json"]) == status
    said = json.loads(capsys.readouterr().out)
    assert (said["path"], said["line"], said["did_you_mean"]) == (str(file), 2, meant)
    assert said["severity"] == ("error" if status else "note")
    assert said["reason"]


@pytest.mark.parametrize("words", [["check", "/no/such/file"], ["show", "No.Such"]])
def test_what_is_not_there_is_an_error_of_the_configuration(words, capsys):
    assert main(["config", *words]) == 2
    assert capsys.readouterr().err.startswith("waagent: ")


def test_a_binary_file_is_said_to_be_one(tmp_path, capsys):
    file = tmp_path / "waagent.conf"
    file.write_bytes(bytes(range(256)))
    assert main(["config", "check", str(file)]) == 2
    assert "not a text file" in capsys.readouterr().out


def test_another_word_is_an_error_that_names_the_right_ones(capsys):
    assert main(["config", "chekc"]) == 64
    assert "show check" in capsys.readouterr().err
