# SPDX-License-Identifier: Apache-2.0
"""The command as such: its help, and whom it prints for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from agentcore.cli import main


@pytest.mark.parametrize(
    "words",
    [("driver", "--help"), ("config", "-h"), ("telemetry", "--help"), ("help",), ("help", "help")],
)
def test_help_is_there_for_a_command_with_verbs_too(words, capsys):
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("usage: waagent ")


def test_help_about_a_command_is_that_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["help", "plan"])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("usage: waagent plan ")


def test_options_may_stand_between_other_words(capsys):
    assert main(["config", "show", "OS.Driver", "--json", "OS.SshDir"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("words", [["help"], ["driver", "list"], ["config", "show"]])
def test_a_reader_that_goes_away_is_no_error(words):
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "agentcore", *words]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, timeout=240)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")
