# SPDX-License-Identifier: Apache-2.0
"""The universal clauses G1 to G11, over every operation, driver and captured machine.

Bed: pretend machine.  Needs root, because accounts own files.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from osdrivers.conformance.beds import kernel
from osdrivers.conformance.bench import Bench, Captured
from osdrivers.conformance.box import Box
from osdrivers.conformance.children import carried_out, killed_in_command
from osdrivers.conformance.operations import CANARY, HASHED, Operation
from osdrivers.conformance.trial import Trial, differences, tools
from osdrivers.errors import AgentError, CommandFailed, CommandMissing, CommandTimeout, DriverFault
from osdrivers.host import Completed, Host, Secret

pytestmark = [pytest.mark.bed("pretend"), pytest.mark.universal]


@pytest.mark.bed("pretend", "root", "network", "loop")
def test_g1_a_second_call_changes_nothing_and_g2_a_shown_plan_is_the_real_one(bench: Bench) -> None:
    shown = bench.fresh().run(bench.operation, dry_run=True)
    assert shown.lines == bench.undisturbed().ran.lines
    if not bench.operation.repeatable:
        return
    trial = bench.afterwards()
    before = trial.times()
    again = trial.run(bench.operation)
    assert again.lines == []
    assert again.error is None
    assert trial.times() == before


@pytest.mark.each_part
@pytest.mark.bed("pretend", "root", "network", "loop")
@pytest.mark.untouched
def test_g2_showing_a_plan_changes_nothing(bench: Bench) -> None:
    trial = bench.fresh()
    before = trial.times()
    trial.run(bench.operation, dry_run=True)
    assert trial.times() == before


@pytest.mark.each_part
def test_g3_stopped_before_any_action_the_next_run_converges(bench: Bench) -> None:
    whole = bench.undisturbed()
    for number in range(2, len(whole.ran.lines) + 1):
        trial = bench.fresh()
        assert trial.run(bench.operation, stop_before=number).killed
        again = trial.run(bench.operation)
        assert again.error is None, f"after action {number - 1}: {again.error!r}"
        assert not differences(whole.disk, trial.disk()), whole.ran.lines[number - 2]


@pytest.mark.each_part
def test_g3_killed_inside_a_command_the_next_run_converges(bench: Bench) -> None:
    """A real SIGKILL, after the command had its effect and before anybody learned of it."""
    whole = bench.undisturbed()
    changing = list(whole.ran.calls)
    for number in range(len(changing)):
        trial = bench.fresh()
        whom = (trial.root, trial.build, bench.operation.name)
        (ended,) = bench.children.run((killed_in_command, (*whom, number)))
        assert os.WIFSIGNALED(ended.status) or ended.said, "it ended before the command"
        again = trial.run(bench.operation)
        assert again.error is None, f"killed in {changing[number].argv}: {again.error!r}"
        assert not differences(whole.disk, trial.disk()), changing[number].argv


@pytest.mark.each_part
def test_g4_no_secret_is_ever_said(bench: Bench) -> None:
    ran = bench.undisturbed().ran
    said = ran.everything_said()
    for tool in tools(ran.calls):
        said += bench.fresh().run(bench.operation, failing=[tool]).everything_said()
    assert CANARY.decode() not in said
    assert HASHED.decode() not in said


@pytest.mark.each_part
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_g5_umask_and_directory_of_the_caller_do_not_matter(bench: Bench, umask: int) -> None:
    whole = bench.undisturbed()
    trial = bench.fresh()
    here, mask = os.getcwd(), os.umask(umask)
    os.chdir("/proc")
    try:
        ran = trial.run(bench.operation)
    finally:
        os.umask(mask)
        os.chdir(here)
    assert ran.error is None
    assert not differences(whole.disk, trial.disk())


@pytest.mark.each_part
def test_g6_without_a_tool_nothing_is_touched(bench: Bench) -> None:
    ran = bench.undisturbed().ran
    for tool in tools(ran.calls):
        trial = bench.fresh()
        before = trial.disk()
        without = trial.run(bench.operation, missing=[tool])
        if without.error is None:  # there was another way, and it led to the same
            continue
        cause = without.error.__cause__  # Unsupported, say, where another tool is the only way
        missing = isinstance(without.error, CommandMissing) or isinstance(cause, CommandMissing)
        assert missing, f"{tool}: {without.error!r}"
        assert not differences(before, trial.disk()), tool


@pytest.mark.each_part
@pytest.mark.parametrize("manner", ["failing", "hanging"])
def test_a_tool_that_fails_is_named_and_the_next_run_leaves_the_same_disk(
    bench: Bench, manner: str
) -> None:
    whole = bench.undisturbed()
    for tool in tools(whole.ran.calls):
        trial = bench.fresh()
        commands: dict[str, Any] = {manner: [tool]}
        hurt = trial.run(bench.operation, **commands)
        assert not isinstance(hurt.error, DriverFault), f"{tool}: {hurt.error!r}"
        if isinstance(hurt.error, (CommandFailed, CommandTimeout)):
            assert tool in str(hurt.error)
        again = trial.run(bench.operation)
        assert again.error is None, f"after {tool}: {again.error!r}"
        assert not differences(whole.disk, trial.disk()), tool


@pytest.mark.each_part
@pytest.mark.parametrize("manner", ["lying", "babbling"])
def test_a_tool_that_claims_success_is_not_believed(bench: Bench, manner: str) -> None:
    """Where there was something to do and the plan has a postcondition: an error, or what was
    wanted came about all the same.  (A tool that answers "it is so already" cannot be found out.)
    """
    whole = bench.undisturbed()
    for tool in tools(whole.ran.calls):
        trial = bench.fresh()
        commands: dict[str, Any] = {manner: [tool]}
        told = trial.run(bench.operation, **commands)
        assert not isinstance(told.error, DriverFault), f"{tool}: {told.error!r}"
        if told.error is None and any(" verify " in line for line in told.lines):
            missed = differences(whole.disk, trial.disk())
            backups = tuple(f"/etc/{name}-: " for name in ("passwd", "shadow", "group", "gshadow"))
            assert not [each for each in missed if not each.startswith(backups)], tool


@pytest.mark.bed("root", "network", "loop")  # pretend tools fork nothing
@pytest.mark.operation("user", "host-keys", "start", "route", "publish", "guard", "disk", "swap")
def test_a_tool_that_leaves_a_child_with_its_output_does_not_hold_the_plan_up(
    bench: Bench,
) -> None:
    """The child lives longer than any limit of an action: who waits for it ends in a timeout."""
    trial = bench.fresh()
    ran = trial.run(bench.operation, holding=["*"])
    assert ran.error is None, f"{ran.error!r}"


@pytest.mark.each_part
def test_g7_a_read_only_root_is_named_and_not_a_traceback(bench: Bench) -> None:
    ran = bench.undisturbed().ran
    kinds = _on_read_only_root(bench.fresh(), bench.operation)
    nothing_to_do = not [line for line in ran.lines if " verify " not in line]
    # A restart leaves no file behind, and a tray that stays shut is no failure (C3).
    neutral = not bench.operation.repeatable or bench.operation.letter == "C3"
    assert kinds or nothing_to_do or neutral, "success on a root that cannot be written"
    assert "DriverFault" not in kinds
    assert "OSError" not in kinds
    if ran.only_files and not nothing_to_do:
        assert kinds == ["ReadOnlyTarget"]


def _on_read_only_root(trial: Trial, operation: Operation) -> list[str]:
    """The class of the error, in a thread with a mount namespace of its own; unshare(2)."""
    said: list[str] = []
    wrong: list[BaseException] = []

    def run() -> None:
        try:
            kernel.unshare(kernel.NEW_MOUNTS)
            kernel.private_mounts()
            kernel.bind(trial.root, trial.root, kernel.READ_ONLY)
            error = trial.run(operation).error
            said.extend([type(error).__name__] if error is not None else [])
        except BaseException as raised:
            wrong.append(raised)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if wrong:
        raise wrong[0]
    return said


@pytest.mark.each_part
def test_g8_owner_mode_and_names_of_foreign_files_stay(bench: Bench) -> None:
    ran = bench.undisturbed().ran
    edited = {
        str(event.action.fields()["path"]): event.seq
        for event in ran.events
        if event.action is not None and event.action.kind == "edit"
    }
    trial = bench.fresh()
    for path, number in sorted(edited.items()):
        real = Box(trial.root).real(path)  # link(2) gives a link another name, not its file
        if not os.path.isfile(real):
            continue
        os.chown(real, 7, 8)
        os.link(real, real + ".other-name")
        os.setxattr(real, "user.mark", b"kept")
        before = os.stat(real)
        seen: list[tuple[int, bytes]] = []

        def look(seq: int, after: int = number + 1) -> None:
            if seq == after:  # a tool that comes later may make the file anew
                seen.append(_ties(real))  # noqa: B023 - called in this round only

        done = trial.run(bench.operation, at=look)
        if done.error is not None:
            continue  # a policy file with another owner is refused, which is right
        after = os.stat(real)
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, 7, 8)
        assert (seen or [_ties(real)])[0] == (2, b"kept")


def _ties(real: str) -> tuple[int, bytes]:
    """How many names it has, and its mark."""
    return os.stat(real).st_nlink, os.getxattr(real, "user.mark")


@pytest.mark.each_part
def test_g9_two_at_once_leave_what_one_leaves(bench: Bench) -> None:
    """Of operations that change files themselves: pretend tools have no locks of their own."""
    whole = bench.undisturbed()
    if not whole.ran.only_files:
        pytest.skip("this operation leaves its locking to the tools it runs")
    trial = bench.fresh()
    whom = (trial.root, trial.build, bench.operation.name)
    ended = bench.children.run((carried_out, whom), (carried_out, whom))
    assert [(each.status, each.said) for each in ended] == [(0, ""), (0, "")]
    assert not differences(whole.disk, trial.disk())


def test_g11_a_driver_can_be_built_anywhere_without_asking_anything(
    captured: Captured, machine_name: str, tmp_path: Path
) -> None:
    for root in (str(tmp_path), captured.trial(machine_name).root):
        host = Host(root, commands=_Mute())
        driver = captured.trial(machine_name).build(host)
        assert driver.name


class _Mute:
    """No command may run."""

    def find(self, command: str) -> str:
        return ""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        raise AssertionError(f"building a driver ran {argv}")


def test_errors_are_ours() -> None:
    """So that the clauses above cannot pass on a foreign class."""
    assert issubclass(CommandMissing, AgentError)
