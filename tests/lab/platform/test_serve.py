# SPDX-License-Identifier: Apache-2.0
"""``python -m lab serve`` and ``dvd`` as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab import cli
from lab.platform import dvd, ovf
from lab.platform.dhcp import DhcpServer, Offer
from lab.platform.faults import Faults
from lab.platform.journal import Journal
from lab.platform.machine import Machine
from osdrivers.errors import OperationError

ROOT = Path(__file__).parents[3]


@contextmanager
def serving(*arguments: str, end: int = signal.SIGTERM) -> Iterator[dict[str, Any]]:
    """What a serving process announced; it is ended with a signal and must end with 0."""
    read, write = os.pipe()
    command = (sys.executable, "-m", "lab", "serve", "--ready-fd", str(write), *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(write,), cwd=ROOT) as process:
        os.close(write)
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            with os.fdopen(read, "rb") as ready:
                assert ready.read() == b"ready\n"
            yield said
        finally:
            process.send_signal(end)
            assert process.wait(60) == 0


def fetch(address: str, path: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=240) as answer:
        return int(answer.status)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_alone_until_it_is_told_to_stop(tmp_path: Path, end: int) -> None:
    (tmp_path / "machine.json").write_text('{"hostname": "vm7", "user": "ada"}')
    (tmp_path / "faults.json").write_text('[{"kind": "delay", "service": "imds"}]')
    files = ("--machine", str(tmp_path / "machine.json"), "--faults", str(tmp_path / "faults.json"))
    with serving(*files, "--dir", str(tmp_path / "run"), end=end) as said:
        assert fetch(said["wireserver"], "/?comp=versions", {}) == 200
        assert fetch(said["hostplugin"], "/versions", {}) == 200
        where = "/metadata/instance/compute/name?api-version=2021-08-01&format=text"
        assert fetch(said["imds"], where, {"Metadata": "true"}) == 200
        host, port = said["blobs"].rsplit(":", 1)
        socket.create_connection((host, int(port)), 60).close()
        # A client that is connected and silent does not hold the end up.
        idle = socket.create_connection(tuple(said["wireserver"].rsplit(":", 1)), 60)
    idle.close()
    kept = (tmp_path / "run/requests.jsonl").read_text().splitlines()
    assert [json.loads(line)["fault"] for line in kept] == ["", "", "delay"]


@pytest.mark.tools
def test_it_writes_the_dvd_of_its_machine(tmp_path: Path) -> None:
    image = tmp_path / "dvd.iso"
    with serving("--dir", str(tmp_path / "run"), "--dvd", str(image)):
        dvd.unpack(image, tmp_path)
    document = (tmp_path / ovf.FILE_NAME).read_bytes()
    assert document == ovf.document(Machine.example())


@pytest.mark.tools
@pytest.mark.parametrize("options", [[], ["--iso-only"]])
def test_a_dvd_is_made_from_a_description(tmp_path: Path, options: Sequence[str]) -> None:
    (tmp_path / "machine.json").write_text('{"hostname": "vm7", "user": "ada"}')
    image = tmp_path / "dvd.iso"
    described = ("--machine", str(tmp_path / "machine.json"))
    assert cli.main(["dvd", *described, *options, str(image)]) == 0
    dvd.unpack(image, tmp_path)
    assert (tmp_path / ovf.FILE_NAME).read_bytes() == ovf.document(Machine("vm7", "ada"))


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["serve", "--machine", "/nonexistent"], 14, "/nonexistent"),
        (["serve", "--faults", "/nonexistent"], 14, "/nonexistent"),
        (["dvd", "--machine", "/dev/null", "/nonexistent/x"], 6, "machine description"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, line: str
) -> None:
    assert cli.main(words) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert line in said


@pytest.mark.parametrize("words", [[], ["dance"], ["serve", "--wire", "nowhere"]])
def test_a_wrong_command_line_is_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2


def test_dhcp_needs_an_interface_that_exists() -> None:
    offer = Offer.__new__(Offer)
    with pytest.raises(OperationError, match="nosuch0"):
        DhcpServer("nosuch0", offer, Journal(), Faults())
