# SPDX-License-Identifier: Apache-2.0
"""The extension machine with real commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.azure.desired import Extension
from lab.handlers import Sample
from tests.extensions.machine_bed import NAME, Bed, handler, told

pytestmark = pytest.mark.tools


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def test_a_handler_is_fetched_installed_enabled_and_reported(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    assert bed.calls() == ["install 1.0.0.0 1 -", "enable 1.0.0.0 1 -"]
    (entry,) = bed.report()
    assert (entry.status, entry.version, entry.message) == ("Ready", "1.0.0.0", "Plugin enabled")
    assert entry.extension is not None
    assert (entry.extension.status, entry.extension.sequence) == ("success", 1)
    base = bed.state / f"{NAME}-1.0.0.0"
    assert (base / "config/HandlerState").read_text() == "Enabled"
    assert json.loads((base / "config/HandlerStatus").read_text())["status"] == "Ready"
    settings = json.loads((base / "config/1.settings").read_text())
    assert settings["runtimeSettings"][0]["handlerSettings"] == {
        "publicSettings": {"a": 1},
        "protectedSettings": None,
        "protectedSettingsCertThumbprint": None,
    }
    (environment,) = json.loads((base / "HandlerEnvironment.json").read_text())
    assert environment["version"] == 1.0
    assert environment["handlerEnvironment"]["statusFolder"] == f"{base}/status"
    assert environment["handlerEnvironment"]["eventsFolder"] == f"{bed.logs}/{NAME}/events"
    for path in ("config", "status", "config/1.settings"):
        assert (base / path).stat().st_mode & 0o077 == 0
    assert "enable of" in (bed.logs / f"{NAME}/CommandExecution.log").read_text()
    status = bed.machine.goal_status()
    assert status is not None and (status.code, status.sequence) == (0, "1")
    assert not list((bed.state / "extensions").glob("job-*"))


def test_the_same_goal_state_runs_nothing_again_and_a_new_one_enables(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    for goal in (1, 1, 2):
        bed.want(goal, handler())
        bed.run()
        bed.restart()
    assert bed.calls() == ["install 1.0.0.0 1 -", *["enable 1.0.0.0 1 -"] * 2]


def test_a_record_that_somebody_wrote_over_is_replaced_by_what_lies_there(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    for name in ("progress.json", f"{NAME}-1.0.0.0.json"):
        (bed.state / "extensions" / name).write_text("[{")
    bed.restart()
    bed.want(2, handler())
    bed.run()
    assert [one.split()[0] for one in bed.calls()] == ["install", "enable", "enable"]
    assert [one[1] for one in told(bed)] == ["Ready"]


def test_uninstall_disables_uninstalls_and_removes_whatever_fails(bed: Bed) -> None:
    bed.offer(Sample(NAME, temper="failing-uninstall"))
    bed.want(1, handler())
    bed.run()
    bed.want(2, handler(state="uninstall"))
    bed.run()
    assert [one.split()[0] for one in bed.calls()][2:] == ["disable", "uninstall"]
    assert not (bed.state / f"{NAME}-1.0.0.0").exists()
    assert bed.report() == ()


def test_a_handler_no_longer_named_goes_without_a_command(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    (bed.state / "Other.Handler__1.0.zip").write_bytes(b"")
    bed.want(2)
    bed.run()
    assert len(bed.calls()) == 2
    assert sorted(path.name for path in bed.state.iterdir()) == [f"{NAME}.calls", "extensions"]


def test_several_extensions_of_one_handler(bed: Bed) -> None:
    bed.offer(Sample(NAME, multiple=True))
    first, second = Extension("first", 1), Extension("second", 4)
    bed.want(1, handler("1.0.0.0", first, second, multi_config=True))
    bed.run()
    assert bed.calls() == [
        "install 1.0.0.0 1 first", "enable 1.0.0.0 1 first", "enable 1.0.0.0 4 second",
    ]  # fmt: skip
    assert [one.extension.extension for one in bed.report() if one.extension] == ["first", "second"]
    gone = replace(first, state="disabled")
    bed.want(2, handler("1.0.0.0", gone, second, multi_config=True))
    bed.run()
    assert bed.calls()[3:] == ["disable 1.0.0.0 1 first", "enable 1.0.0.0 4 second"]
    assert [one.extension.extension for one in bed.report() if one.extension] == ["second"]
    names = sorted(path.name for path in (bed.state / f"{NAME}-1.0.0.0/config").iterdir())
    assert [name for name in names if name.startswith("first")] == []
    assert "second.4.settings" in names


def test_a_download_that_failed_for_now_is_tried_again_without_being_asked(bed: Bed) -> None:
    bed.want(1, handler())
    bed.run()
    assert told(bed)[0][2] == 1001
    failure = bed.machine.progress.failures[f"{NAME}/"]
    assert not failure.again  # a 404 is a no
    bed.machine._worker.record(failures={f"{NAME}/": replace(failure, again=True)})
    bed.offer(Sample(NAME))
    bed.run(lambda: bool(bed.calls()) and bed.machine.converged)
    assert told(bed)[0][1] == "Ready"


def test_after_a_boot_a_startup_task_is_enabled_again_and_others_are_not(bed: Bed) -> None:
    bed.offer(Sample(NAME), Sample("Lab.Boot"))
    wanted = (handler(), handler(name="Lab.Boot", run_as_startup_task=True))
    bed.want(1, *wanted)
    bed.run()
    for boot in ("first", "first", "second"):
        (bed.state.parent / "proc/sys/kernel/random").mkdir(parents=True, exist_ok=True)
        (bed.state.parent / "proc/sys/kernel/random/boot_id").write_text(boot)
        bed.host = bed.host.with_places(procfs=str(bed.state.parent / "proc"))
        bed.restart()
        bed.want(1, *wanted)
        bed.machine.step(bed.now)
        bed.run()
    assert [one.split()[0] for one in bed.calls()] == ["install", "enable"]
    assert [one.split()[0] for one in bed.calls("Lab.Boot")] == ["install", *["enable"] * 3]


def test_the_environment_of_a_handler_is_written_anew_when_the_agent_starts(bed: Bed) -> None:
    bed.offer(Sample(NAME, temper="meddling"))
    bed.want(1, handler())
    bed.run()
    path = bed.state / f"{NAME}-1.0.0.0/HandlerEnvironment.json"
    assert path.read_text() == "garbage"
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert json.loads(path.read_text())[0]["name"] == NAME
