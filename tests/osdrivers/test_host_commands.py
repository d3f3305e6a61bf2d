# SPDX-License-Identifier: Apache-2.0
"""Commands: bounded in time, in a clean environment, secrets on standard input only."""

from __future__ import annotations

import os
import pathlib
import select

import pytest

from osdrivers.errors import CommandFailed, CommandMissing, CommandTimeout
from osdrivers.host import Host, Secret


def test_the_environment_is_built_not_inherited():
    os.environ["LANG"] = "tr_TR.UTF-8"
    os.environ["EVIL"] = "1"
    try:
        seen = Host("/").run("env")
    finally:
        del os.environ["EVIL"], os.environ["LANG"]
    assert "LC_ALL=C\n" in seen
    assert "EVIL" not in seen
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" in seen


def test_a_secret_reaches_standard_input_and_no_error():
    host = Host("/")
    assert host.run("cat", stdin=Secret(b"hunter2")) == "<secret>"
    with pytest.raises(CommandFailed) as failure:
        host.run("sh", "-c", "cat >&2; exit 3", stdin=Secret(b"hunter2"))
    assert "hunter2" not in str(failure.value) + repr(failure.value.stderr)
    assert failure.value.status == 3
    assert host.run("sh", "-c", "wc -c", stdin=Secret(b"x" * 300_000)).strip() == "300000"


def test_a_late_command_is_stopped_with_its_children(tmp_path: pathlib.Path):
    note = tmp_path / "pid"
    for timeout_s in (0.5, 5.0, 60.0):  # the last only where the shell takes so long to begin
        with pytest.raises(CommandTimeout) as late:
            command = f"sleep 600 & echo $! >{note}; wait"
            Host("/").run("sh", "-c", command, timeout_s=timeout_s)
        assert late.value.retryable
        if note.exists() and note.read_text():
            break
    assert _ends(int(note.read_text()))


def _ends(process: int) -> bool:
    """Whether a process that is not our child ends: the kernel kills in its own time."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 60)[0])
    finally:
        os.close(handle)


def test_what_a_command_leaves_running_does_not_hold_us(tmp_path: pathlib.Path):
    note = tmp_path / "pid"
    out = Host("/").run("sh", "-c", f"sleep 60 & echo $! >{note}; echo started", timeout_s=30)
    assert out == "started\n"
    os.kill(int(note.read_text()), 9)  # ours: the shell above started it


def test_a_missing_command_is_not_a_failed_one():
    host = Host("/")
    with pytest.raises(CommandMissing, match="no-such-tool"):
        host.run("no-such-tool")
    with pytest.raises(CommandMissing, match="install the-package"):
        host.require("sh", "no-such-tool", package="the-package")
    assert not host.has("no-such-tool")
    assert Host("/", assume_tools=True).has("no-such-tool")


def test_a_status_that_is_expected_is_an_answer():
    host = Host("/")
    assert host.run("sh", "-c", "echo x; exit 6", ok=(0, 6)) == "x\n"
    assert host.ask("sh", "-c", "exit 6").status == 6
