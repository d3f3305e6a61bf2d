# SPDX-License-Identifier: Apache-2.0
"""The extension machine with real commands."""

from __future__ import annotations

import json
import os
import select
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.azure.desired import Extension
from agentcore.extensions import configured
from agentcore.extensions.layout import Installation
from agentcore.extensions.policy import Policy, read
from lab.handlers import Sample
from tests.extensions.machine_bed import NAME, Bed, at_level, handler

pytestmark = pytest.mark.tools

LISTED_ONLY = '{"policyVersion": "0.1.0", "extensionPolicies": {"allowListedExtensionsOnly": true}}'


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def told(bed: Bed) -> list[tuple[str, str, int, str]]:
    return [
        (one.name, one.status, one.code, one.extension.status if one.extension else "")
        for one in bed.report()
    ]


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


def test_a_goal_state_on_hold_is_reported_on_and_not_worked_on(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    bed.restart()
    bed.want(2, handler(), on_hold=True)
    for _ in range(5):
        bed.machine.step(bed.now)
    assert [one[1] for one in told(bed)] == ["Ready"]
    assert len(bed.calls()) == 2


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


def test_an_update_runs_each_command_with_what_the_one_before_said(bed: Bed) -> None:
    script = b"#!/bin/sh\ncd ..\necho $1 $AZURE_GUEST_AGENT_EXTENSION_VERSION ${VERSION:-} " + (
        b"${AZURE_GUEST_AGENT_UPDATING_FROM_VERSION:-} ${AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE:-}"
        b" ${AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE:-} >>calls\n"
    )
    for version in ("1.0.0.0", "1.1.0.0"):
        bed.put(NAME, version, package(script))
    bed.want(1, handler())
    bed.run()
    (bed.state / f"{NAME}-1.0.0.0/mrseq").write_text("1")
    bed.want(2, handler("1.1.0.0"))
    bed.run()
    assert [" ".join(line.split()) for line in (bed.state / "calls").read_text().splitlines()] == [
        "install 1.0.0.0 NOT_RUN",
        "enable 1.0.0.0 NOT_RUN",
        "disable 1.0.0.0",
        "update 1.1.0.0 1.1.0.0 1.0.0.0 0",
        "uninstall 1.0.0.0",
        "install 1.1.0.0 0",
        "enable 1.1.0.0 0",
    ]
    assert (bed.state / f"{NAME}-1.1.0.0/mrseq").read_text() == "1"
    assert not (bed.state / f"{NAME}-1.0.0.0").exists()


def package(script: bytes, **manifest: object) -> bytes:
    import io
    import zipfile

    commands = ("install", "uninstall", "update", "enable", "disable")
    said = {f"{one}Command": f"run.sh {one}" for one in commands}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(
            "HandlerManifest.json", json.dumps([{"handlerManifest": {**said, **manifest}}])
        )
        archive.writestr("run.sh", script)
    return data.getvalue()


def test_a_command_gets_the_proxies_and_what_it_is_told_wins(bed: Bed) -> None:
    script = b"#!/bin/sh\necho $https_proxy $ConfigSequenceNumber $PWD >../calls\n"
    bed.put(NAME, "1.0.0.0", package(script))
    around = {"https_proxy": "http://p:1", "ConfigSequenceNumber": "9", "SHELL": "x"}
    kept = (*configured.inherited(around), ("ConfigSequenceNumber", "9"))
    bed.surroundings = replace(bed.surroundings, inherited=kept)
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert configured.inherited(around) == (("https_proxy", "http://p:1"),)
    assert (bed.state / "calls").read_text() == f"http://p:1 1 {bed.state}/{NAME}-1.0.0.0\n"


def test_a_downgrade_tells_the_old_version_both(bed: Bed) -> None:
    script = (
        b"#!/bin/sh\n[ $1 = update ] || exit 0\n"
        b"echo $PWD $VERSION $AZURE_GUEST_AGENT_UPDATING_FROM_VERSION >../calls\n"
    )
    for version in ("1.0.0.0", "1.1.0.0"):
        bed.put(NAME, version, package(script))
    for goal, version in ((1, "1.1.0.0"), (2, "1.0.0.0")):
        bed.want(goal, handler(version))
        bed.run()
    base = bed.state / f"{NAME}-1.1.0.0"
    assert (bed.state / "calls").read_text() == f"{base} 1.0.0.0 1.1.0.0\n"


@pytest.mark.parametrize(
    ("temper", "code", "calls"),
    [
        ("failing-install", 1007, ["install 1.0.0.0"]),
        ("failing", 1009, ["install 1.0.0.0", "enable 1.0.0.0"]),
        ("crashing", 1009, ["install 1.0.0.0", "enable 1.0.0.0"]),
    ],
)
def test_a_command_that_fails_has_its_number(
    bed: Bed, temper: str, code: int, calls: list[str]
) -> None:
    bed.offer(Sample(NAME, temper=temper))
    bed.want(1, handler())
    bed.run()
    ((_, status, found, _),) = told(bed)
    assert (status, found) == ("NotReady", code)
    assert [" ".join(one.split()[:2]) for one in bed.calls()] == calls
    if temper == "failing-install":
        assert "it is my nature" in bed.report()[0].message


@pytest.mark.parametrize(
    ("temper", "lenient", "end"),
    [
        ("failing-update", False, "update"),
        ("failing-disable", False, "disable"),
        ("failing-uninstall", False, "uninstall"),
        ("failing-disable", True, "enable"),
        ("failing-uninstall", True, "enable"),
    ],
)
def test_an_update_that_fails_is_told_and_tried_again_with_the_next_goal_state(
    bed: Bed, temper: str, lenient: bool, end: str
) -> None:
    old = Sample(NAME, temper=temper if "update" not in temper else "plain")
    new = Sample(
        NAME,
        "1.1.0.0",
        temper if "update" in temper else "plain",
        continue_on_update_failure=lenient,
    )
    bed.offer(old, new)
    bed.want(1, handler())
    bed.run()
    bed.want(2, handler("1.1.0.0"))
    bed.run()
    assert bed.calls()[-1].split()[0] == end
    ((_, status, code, _),) = told(bed)
    assert (status, code) == (("Ready", 0) if lenient else ("NotReady", 1008))
    if temper == "failing-update":
        state = Installation(bed.host, bed.layout, NAME, "1.1.0.0").state
        assert state == "FailedUpgrade"
        bed.want(3, handler("1.1.0.0"))
        bed.run()
        assert [one.split()[0] for one in bed.calls()] == [
            "install", "enable", "disable", "update", "update",
        ]  # fmt: skip


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


def test_an_unknown_state_fails_that_handler_alone(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    odd = handler(name="Lab.Odd", state="", problem="state 'x' is unknown")
    bed.want(1, odd, handler())
    bed.run()
    assert told(bed) == [
        ("Lab.Odd", "NotReady", -1, "transitioning"), (NAME, "Ready", 0, "success"),
    ]  # fmt: skip


def test_dependencies_wait_for_success_and_removals_come_first(bed: Bed) -> None:
    names = ["Lab.A", "Lab.B", "Lab.C"]
    bed.offer(*(Sample(name) for name in names))
    gone = handler(name="Lab.C")
    bed.want(1, gone)
    bed.run()
    after, before = at_level(handler(name="Lab.A"), 2), at_level(handler(name="Lab.B"), 1)
    bed.want(2, after, before, replace(gone, state="uninstall"))
    bed.run(lambda: bool(bed.calls("Lab.A")))
    assert bed.calls("Lab.B")[-1].startswith("enable")
    assert bed.calls("Lab.C")[-1].startswith("uninstall")
    bed.run()
    assert [entry[1] for entry in told(bed)] == ["Ready", "Ready"]


@pytest.mark.parametrize(
    ("temper", "reason"),
    [("failing", "failed"), ("reporting-error", "error"), ("transitioning", "90 minutes")],
)
def test_what_depends_on_a_failure_is_not_tried(bed: Bed, temper: str, reason: str) -> None:
    bed.offer(Sample("Lab.A"), Sample("Lab.B", temper=temper))
    after, before = at_level(handler(name="Lab.A"), 2), at_level(handler(name="Lab.B"), 1)
    bed.want(1, after, before)
    bed.run()
    entry = next(one for one in bed.report() if one.name == "Lab.A")
    assert (entry.status, entry.code) == ("NotReady", -1)
    assert "depends on Lab.B" in entry.message and reason in entry.message
    assert bed.calls("Lab.A") == []


@pytest.mark.parametrize(
    "policy",
    [
        Policy(enabled=False),
        Policy(deny=("lab.*",)),
        Policy(allow=("Other.*",)),
        read('{"policyVersion": "0.1.0", "extensionPolicies": {"x": 1}}', Policy()),
        read(LISTED_ONLY, Policy()),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_not_fetched_and_told(bed: Bed, policy: Policy) -> None:
    bed.offer(Sample(NAME))
    bed.policy = policy
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert told(bed) == [(NAME, "NotReady", 1009, "error")]
    assert bed.jobs.started == []


def test_required_features_that_are_not_ours_fail_the_goal_state(bed: Bed) -> None:
    bed.want(1, handler(), required_features=("Telepathy",))
    bed.run()
    status = bed.machine.goal_status()
    assert status is not None and status.code == 2001
    assert bed.jobs.started == []


def test_nothing_begins_before_it_may_and_on_hold_holds(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler(), on_hold=True)
    assert bed.machine.step(bed.now) > 0
    bed.may_begin = False
    bed.want(1, handler())
    assert bed.machine.step(bed.now) > 0
    assert bed.machine.progress.goal == ""
    bed.may_begin = True
    bed.run()
    assert len(bed.calls()) == 2


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


def test_a_deaf_command_is_killed_when_its_time_is_over_and_delays_nothing(bed: Bed) -> None:
    bed.offer(Sample(NAME, temper="deaf"))
    bed.want(1, handler())
    pids = bed.state / f"{NAME}.calls.pids"
    bed.run(lambda: pids.exists() and bool(pids.read_text()))
    assert bed.machine.report(bed.now) is not None
    assert bed.machine.step(bed.now) > 0
    bed.now += 299
    bed.machine.step(bed.now)
    os.kill(int(pids.read_text()), 0)
    bed.now += 2
    bed.run()
    assert told(bed)[0][2] == 1011
    assert _gone(int(pids.read_text()))


def _gone(process: int) -> bool:
    """Its parent, no child of ours, need not have looked after it yet."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


@pytest.mark.parametrize("temper", ["chatty", "forking", "meddling", "no-status"])
def test_ill_manners_do_no_harm(bed: Bed, temper: str) -> None:
    bed.offer(Sample(NAME, temper=temper))
    bed.want(1, handler())
    bed.run()
    if temper == "forking":
        os.kill(int((bed.state / f"{NAME}.calls.pids").read_text()), signal.SIGKILL)
    ((_, status, _, own),) = told(bed)
    assert (status, own) == ("Ready", "transitioning" if temper == "no-status" else "success")
    log = bed.logs / f"{NAME}/CommandExecution.log"
    assert log.stat().st_size < 3 << 20
    bed.want(2, handler())
    bed.run()
    assert [one.split()[0] for one in bed.calls()] == ["install", "enable", "enable"]
    if temper == "forking":
        pid = (bed.state / f"{NAME}.calls.pids").read_text().split()[-1]
        os.kill(int(pid), signal.SIGKILL)


def test_an_agent_that_was_restarted_finds_the_command_that_runs(bed: Bed) -> None:
    bed.put(
        NAME,
        "1.0.0.0",
        package(b'#!/bin/sh\necho $1 >>../calls\n[ "$1" = install ] || cat ../go\n'),
    )
    os.mkfifo(bed.state / "go")
    bed.want(1, handler())
    calls = bed.state / "calls"
    bed.run(lambda: calls.exists() and "enable" in calls.read_text())
    bed.restart()
    bed.want(2, handler(name="Lab.None", state="uninstall"))  # the present unit comes first
    assert bed.machine.step(bed.now) > 0
    (bed.state / "go").write_text("")
    bed.run(lambda: bed.machine.progress.unit is None)
    assert calls.read_text() == "install\nenable\n"
    assert bed.machine.progress.handlers[NAME].status == "Ready"


def test_after_a_reboot_what_was_cut_off_is_begun_again_but_not_for_ever(bed: Bed) -> None:
    bed.put(
        NAME, "1.0.0.0", package(b"#!/bin/sh\necho $1 >>../calls\n[ $1 = install ] || sleep 60\n")
    )
    bed.want(1, handler())
    calls = bed.state / "calls"
    seen = list[int]()
    for attempt in (1, 2, 3):
        seen.append(attempt)
        bed.run(lambda: calls.exists() and calls.read_text().count("enable") == len(seen))
        job = bed.machine.progress.job
        assert job is not None
        bed.jobs.kill(job.record)
        bed.now = 1.0
        bed.restart()
        bed.want(1, handler())
    bed.run()
    assert calls.read_text() == "install\nenable\nenable\nenable\n"
    assert "cut off" in bed.report()[0].message


def test_a_log_that_cannot_be_written_makes_no_command_fail(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    (bed.logs / f"{NAME}/CommandExecution.log").mkdir(parents=True)
    bed.want(1, handler())
    bed.run()
    assert told(bed) == [(NAME, "Ready", 0, "success")]
    assert [line for line in bed.lines if "no record of the output" in line]


def test_a_place_for_logs_that_cannot_be_had_fails_the_extension_and_is_told(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.logs.write_text("a file where a directory should be")
    bed.want(1, handler())
    bed.run()
    ((_, status, code, _),) = told(bed)
    assert (status, code) == ("NotReady", -1)
    assert str(bed.logs) in bed.report()[0].message


def test_nothing_is_fetched_to_where_nothing_can_run(bed: Bed) -> None:
    class Noexec(type(bed.host)):  # type: ignore[misc]
        def space(self, path: str) -> object:
            found = super().space(path)
            return os.statvfs_result([*found[:8], found.f_flag | os.ST_NOEXEC, found.f_namemax])

    bed.host = Noexec(places=bed.host.places)
    bed.restart()
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    assert "noexec" in bed.report()[0].message
    assert bed.jobs.started == []


def test_a_command_that_ended_in_its_last_second_counts(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run(lambda: bool(bed.calls()) and bed.calls()[-1].startswith("enable"))
    job = bed.machine.progress.job
    assert job is not None
    for _ in range(6000):
        if bed.jobs.state(job.record).phase == "ended":
            break
        select.select([], [], [], 0.01)
    bed.now += 301  # nobody looked meanwhile
    bed.run()
    assert told(bed) == [(NAME, "Ready", 0, "success")]


def test_a_job_that_cannot_be_started_is_not_started_in_another_way(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run(lambda: bed.machine.progress.done > 0)
    (bed.state.parent / "run/systemd/system").mkdir(parents=True)

    class NoBus(type(bed.host.commands)):  # type: ignore[misc]
        def find(self, command: str) -> str:
            return "/bin/false" if command == "systemd-run" else str(super().find(command))

    bed.host.commands = NoBus()
    bed.run()
    assert told(bed)[0][1] == "NotReady"
    assert "systemd-run" in bed.report()[0].message
    assert bed.calls() == []


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
