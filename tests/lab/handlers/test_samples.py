# SPDX-License-Identifier: Apache-2.0
"""The sample extensions behave as their tempers say, when called as the agent calls them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from lab.handlers import TEMPERS, Sample
from lab.handlers.offering import offered
from lab.platform.machine import Machine
from lab.platform.server import Platform

pytestmark = pytest.mark.tools

NAME = "Lab.Sample"
COMMANDS = ("install", "enable", "disable", "update", "uninstall")
ENDS = {f"failing-{command}": (command, 17) for command in COMMANDS}
ENDS.update({"failing": ("enable", 17), "crashing": ("enable", 128 + signal.SIGSEGV)})
SAID = {
    "failing": "error",
    "reporting-error": "error",
    "transitioning": "transitioning",
    "deaf": "transitioning",
}
SILENT = ("no-status", "bad-status", "crashing")


class Unpacked:
    """A package in its directory, as the agent lays it out."""

    def __init__(self, directory: Path, sample: Sample) -> None:
        self.state = directory
        self.base = directory / f"{sample.name}-{sample.version}"
        with zipfile.ZipFile(io.BytesIO(sample.package())) as archive:
            archive.extractall(self.base)
        (self.base / "bin/handler.sh").chmod(0o755)
        for name in ("status", "config"):
            (self.base / name).mkdir()
        manifest = json.loads((self.base / "HandlerManifest.json").read_text())
        self.commands = manifest[0]["handlerManifest"]

    def start(self, command: str, **environment: str) -> subprocess.Popen[bytes]:
        line = self.commands[f"{command}Command"]
        given = {**os.environ, "ConfigSequenceNumber": "3", "SAMPLE_SECONDS": "0", **environment}
        return subprocess.Popen(
            ["sh", "-c", line],
            cwd=self.base,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, command: str, **environment: str) -> int:
        return self.start(command, **environment).wait(60)

    def status(self, name: str = "3.status") -> str:
        (entry,) = json.loads((self.base / "status" / name).read_text())
        word: str = entry["status"]["status"]
        return word


@pytest.mark.parametrize("temper", [temper for temper in TEMPERS if temper != "deaf"])
def test_each_temper_ends_and_reports_as_it_should(tmp_path: Path, temper: str) -> None:
    kept = Unpacked(tmp_path, Sample(NAME, "1.2.3.4", temper))
    command, code = ENDS.get(temper, ("", 0))
    (kept.base / "config/3.settings").write_text("{}")
    try:
        for each in COMMANDS:
            assert kept.run(each) == (code if each == command else 0), each
        if temper not in SILENT:
            assert kept.status() == SAID.get(temper, "success")
    finally:
        for line in tmp_path.glob("*.pids"):
            os.kill(int(line.read_text()), signal.SIGKILL)
    calls = (tmp_path / f"{NAME}.calls").read_text().splitlines()
    assert calls == [f"{each} 1.2.3.4 3 - {temper}" for each in COMMANDS]


def test_one_that_is_deaf_ends_only_by_force(tmp_path: Path) -> None:
    kept = Unpacked(tmp_path, Sample(NAME, temper="deaf"))
    started = kept.start("enable")
    pids = tmp_path / f"{NAME}.calls.pids"
    while not (kept.base / "status/3.status").exists():
        assert started.poll() is None
    os.kill(int(pids.read_text()), signal.SIGTERM)
    assert started.poll() is None
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait(60) == -signal.SIGKILL
    assert kept.status() == "transitioning"


def test_an_instance_has_a_status_of_its_own(tmp_path: Path) -> None:
    kept = Unpacked(tmp_path, Sample(NAME, multiple=True))
    assert kept.run("enable", ConfigExtensionName="first") == 0
    assert kept.status("first.3.status") == "success"
    assert "first plain" in (tmp_path / f"{NAME}.calls").read_text()


def test_the_platform_offers_each_version_that_was_made(tmp_path: Path) -> None:
    with Platform(Machine.example(), tmp_path) as platform:
        first = offered(platform, Sample(NAME))
        second = offered(platform, Sample(NAME, "1.1.0.0"), sequence=2)
        assert list(first.versions) == ["1.0.0.0"]
        assert list(second.versions) == ["1.0.0.0", "1.1.0.0"]
        assert second.sequence == 2
        blob = platform.blobs.get(second.versions["1.1.0.0"])
        assert blob is not None
        assert blob.content == Sample(NAME, "1.1.0.0").package()
