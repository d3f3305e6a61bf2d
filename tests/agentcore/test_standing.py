# SPDX-License-Identifier: Apache-2.0
"""``waagent status``: what it prints and what it comes to."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import cli, reasons
from agentcore import errors as agent_errors
from agentcore.errors import Refused
from agentcore.standing import Contact, ExtensionStanding, GoalStanding, Problem, Standing, load
from osdrivers import errors as driver_errors
from osdrivers.host import Host

GOOD = ExtensionStanding("Pub.Type", "1.0.0.0", "Ready", sequence=3, extension_status="success")


def machine(root: Path, **changes: object) -> Host:
    """A tree whose daemon is this process."""
    now = time.time()
    host = Host(str(root))
    (root / "proc" / str(os.getpid())).mkdir(parents=True, exist_ok=True)
    (root / "run").mkdir(exist_ok=True)
    standing = Standing(
        now,
        os.getpid(),
        now - 3600,
        contact=Contact("127.0.0.1:80", now - 3),
        goal=GoalStanding("wire server", "7", now - 60, True),
        extensions=(GOOD,),
        driver="debian",
    )
    replace(standing, **changes).save(host)  # type: ignore[arg-type]
    return host


def status(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["status", "--root", str(root), *words])
    return code, capsys.readouterr().out


def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine(tmp_path)
    code, text = status(tmp_path, capsys)
    assert code == 0, text
    assert "goal state    wire server 7, settled" in text
    assert "extension     Pub.Type 1.0.0.0: Ready, success" in text
    assert "problem" not in text


@pytest.mark.parametrize("policy", ["distro", "notify"])
def test_the_update_policy_is_shown_with_what_the_platform_wishes(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(tmp_path, update_policy=policy)
    assert f"updates       {policy}\n" in status(tmp_path, capsys)[1]
    machine(tmp_path, update_policy=policy, update_wish="9.9.9.9")
    code, text = status(tmp_path, capsys)
    assert code == 0
    assert f"updates       {policy}; the platform wishes 9.9.9.9\n" in text


def test_a_failed_extension_is_a_problem_with_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(tmp_path, extensions=(replace(GOOD, extension_status="error", code=17),))
    code, text = status(tmp_path, capsys)
    assert code == 1
    assert "ExtensionFailed" in text
    assert reasons.ADVICE["ExtensionFailed"] in text


def test_a_silent_platform_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine(tmp_path, contact=Contact("127.0.0.1:80", time.time() - 900))
    code, text = status(tmp_path, capsys, "--json")
    (problem,) = json.loads(text)["problems"]
    assert (code, problem["reason"]) == (1, "Unreachable")
    assert problem["advice"] == reasons.ADVICE["Unreachable"]


def test_no_daemon_and_one_that_hangs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = status(tmp_path, capsys)
    assert (code, "does not run" in text) == (2, True)
    machine(tmp_path, time=time.time() - 7200)
    assert status(tmp_path, capsys)[0] == 2
    machine(tmp_path, pid=2**22 + 1)
    code, text = status(tmp_path, capsys, "--json")
    assert (code, json.loads(text)["running"]) == (2, False)


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine(tmp_path)
    (tmp_path / "run/waagent/status.json").write_text('{"time": 1, "extensions": 5')
    code, text = status(tmp_path, capsys)
    assert code == 2
    assert "FactError" in text


def test_a_wrong_option_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/waagent.conf").write_text("ResourceDisk.Formt=y\n")
    code, text = status(tmp_path, capsys)
    assert code == 1
    assert "did you mean ResourceDisk.Format" in text


def test_what_is_written_is_read_back_and_newer_keys_are_borne(tmp_path: Path) -> None:
    host = machine(tmp_path, problems=(Problem.of("wire server", Refused("no?sig=abc&sv=1"), 5.0),))
    path = tmp_path / "run/waagent/status.json"
    assert path.stat().st_mode & 0o777 == 0o644
    found = load(host)
    assert found is not None
    assert "abc" not in found.problems[0].message
    data = json.loads(path.read_text())
    data["from_the_future"] = data["goal"]["too"] = 1
    path.write_text(json.dumps(data))
    assert load(host) == found


def test_every_error_has_advice() -> None:
    kinds = [driver_errors.AgentError]
    for kind in kinds:
        ours = (driver_errors.__name__, agent_errors.__name__)
        kinds += [each for each in kind.__subclasses__() if each.__module__ in ours]
    assert {kind.__name__ for kind in kinds} <= set(reasons.ADVICE)
