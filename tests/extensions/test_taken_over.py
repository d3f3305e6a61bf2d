# SPDX-License-Identifier: Apache-2.0
"""Handlers that another agent installed go on as they are when this one takes its place."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from agentcore.azure.desired import Extension
from lab.handlers import Sample
from tests.extensions.machine_bed import NAME, Bed, handler, told

pytestmark = pytest.mark.tools


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def left(bed: Bed, sample: Sample, state: str, **states: str) -> Path:
    """A handler's directory as WALinuxAgent leaves it, with the modes of its umask."""
    directory = bed.state / f"{sample.name}-{sample.version}"
    with zipfile.ZipFile(io.BytesIO(sample.package())) as archive:
        archive.extractall(directory)
    (directory / "bin/handler.sh").chmod(0o744)
    for name in ("config", "status", "events"):
        (directory / name).mkdir()
    (directory / "mrseq").write_text("1")
    (directory / "config/1.settings").write_text('{"runtimeSettings": []}')
    if state:
        (directory / "config/HandlerState").write_text(state)
    for name, said in states.items():
        (directory / f"config/{name}.HandlerState").write_text(said)
    status = {"name": sample.name, "version": sample.version, "status": "Ready", "code": 0}
    (directory / "config/HandlerStatus").write_text(json.dumps(status))
    (directory / "status/1.status").write_text('[{"status": {"status": "success"}}]')
    (directory / "HandlerEnvironment.json").write_text("[{}]")
    (bed.state / f"{sample.name}__{sample.version}.zip").write_bytes(sample.package())
    return directory


@pytest.mark.parametrize("state", ["Enabled\n", "Installed"])
def test_a_handler_that_is_installed_is_enabled_and_not_installed_again(
    bed: Bed, state: str
) -> None:
    directory = left(bed, Sample(NAME), state)
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert bed.calls() == ["enable 1.0.0.0 1 -"]
    assert [one[1:] for one in told(bed)] == [("Ready", 0, "success")]
    assert (directory / "mrseq").read_text() == "1"
    assert (directory / "config/1.settings").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("state", ["", "FailedUpgrade"])
def test_one_that_did_not_get_that_far_is_installed(bed: Bed, state: str) -> None:
    left(bed, Sample(NAME), state)
    bed.offer(Sample(NAME))
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert bed.calls() == ["install 1.0.0.0 1 -", "enable 1.0.0.0 1 -"]


def test_a_newer_version_updates_what_the_other_agent_installed(bed: Bed) -> None:
    left(bed, Sample(NAME), "Enabled")
    bed.offer(Sample(NAME, "1.1.0.0"))
    bed.restart()
    bed.want(1, handler("1.1.0.0"))
    bed.run()
    assert [one.split()[0] for one in bed.calls()][:3] == ["disable", "update", "uninstall"]
    assert (bed.state / f"{NAME}-1.1.0.0/mrseq").read_text() == "1"
    assert sorted(path.name for path in bed.state.glob(f"{NAME}*")) == [
        f"{NAME}-1.1.0.0",
        f"{NAME}.calls",
    ]


def test_of_several_extensions_each_keeps_its_own_state(bed: Bed) -> None:
    left(bed, Sample(NAME, multiple=True), "Enabled", first="enabled", second="disabled")
    bed.restart()
    off = Extension("first", 2, state="disabled"), Extension("second", 2, state="disabled")
    bed.want(1, handler("1.0.0.0", *off, multi_config=True))
    bed.run()
    assert [one.split()[0] + one[-6:] for one in bed.calls()] == ["disable first"]


def test_states_that_lay_beside_the_handlers_are_moved_into_them(bed: Bed) -> None:
    directory = left(bed, Sample(NAME), "")
    (directory / "config/HandlerStatus").unlink()
    old = bed.state / "handler_state" / f"{NAME}-1.0.0.0"
    old.mkdir(parents=True)
    (old / "state").write_text("Enabled")
    (old / "status").write_text("{}")
    (bed.state / "handler_state/Gone.Handler-1.0").mkdir()
    bed.restart()
    assert not (bed.state / "handler_state").exists()
    assert (directory / "config/HandlerStatus").read_text() == "{}"
    bed.want(1, handler())
    bed.run()
    assert bed.calls() == ["enable 1.0.0.0 1 -"]


def test_a_state_inside_is_newer_than_one_beside(bed: Bed) -> None:
    directory = left(bed, Sample(NAME), "Installed")
    old = bed.state / "handler_state" / f"{NAME}-1.0.0.0"
    old.mkdir(parents=True)
    (old / "state").write_text("NotInstalled")
    bed.restart()
    assert (directory / "config/HandlerState").read_text() == "Installed"
    assert not (bed.state / "handler_state").exists()
