# SPDX-License-Identifier: Apache-2.0
"""What extensions say of themselves, in good order and in bad."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Optional

import pytest

from agentcore.azure.status import EXTENSION_LIMIT, HandlerStatus
from agentcore.azure.status import ExtensionStatus as Status
from agentcore.extensions import collecting, commandline, configured
from agentcore.extensions.collecting import Collector, Wrong, parse
from agentcore.extensions.layout import Layout, installations, settings_document
from agentcore.extensions.policy import Policy, read
from agentcore.settings import ExtensionSettings, Settings
from osdrivers.host import Host, Jobs

BEAT = '[{"heartbeat": {"status": "Ready", "code": 2, "formattedMessage": {"message": "m"}}}]'
GOOD: dict[str, Any] = {
    "operation": "Enable",
    "configurationAppliedTime": "2030-01-01T00:00:00Z",
    "status": "success",
    "code": "3",
    "formattedMessage": {"lang": "en-US", "message": "ok"},
    "substatus": [None, {"name": "s", "status": "odd", "formattedMessage": None}],
}


def document(**changes: Any) -> bytes:
    return json.dumps([{"version": 1.0, "status": {**GOOD, **changes}}]).encode()


def test_every_part_of_a_status_is_read() -> None:
    found = parse(b"\xef\xbb\xbf" + document() + b"\0\0")
    assert (found.status, found.operation, found.code, found.message) == (
        "success",
        "Enable",
        3,
        "ok",
    )
    assert found.configuration_applied_time == "2030-01-01T00:00:00Z"
    (part,) = found.substatuses
    assert (part.name, part.status, part.code, part.message) == ("s", "error", 0, None)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"[1]", b'[{"status": "success"}]', b"\xff\xfe", b"[" * 100000,
        document(status=None), document(code="x"), document(substatus={}),
        document(substatus=[1]), document(substatus=[{"name": "s"}]),
        document(formattedMessage={"lang": "en-US"}), document(formattedMessage="ok"),
    ],
)  # fmt: skip
def test_another_shape_is_wrong(data: bytes) -> None:
    with pytest.raises(Wrong):
        parse(data)


def test_a_status_cut_anywhere_is_wrong_or_whole() -> None:
    whole = document()
    for length in range(len(whole)):
        with pytest.raises(Wrong):
            parse(whole[:length])


class Bed:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "1.status"
        self.collector = Collector(Host())

    def look(self, now: float) -> Optional[Status]:
        return self.collector.status(str(self.path), "Lab.Sample", 1, "", now)

    def word(self, now: float) -> tuple[str, int]:
        found = self.look(now)
        assert found is not None
        return found.status, found.code


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def test_a_file_that_is_half_written_is_given_time_and_waited_for_by_nobody(bed: Bed) -> None:
    assert bed.look(0) is None
    bed.path.write_bytes(document()[:50])
    assert bed.word(0) == ("transitioning", 0)
    assert bed.word(9) == ("transitioning", 0)
    assert bed.word(10) == ("error", 1012)
    found = bed.look(11)
    assert found is not None and found.message is not None and "Enable" in found.message
    bed.path.write_bytes(document())
    assert bed.word(12) == ("success", 3)
    bed.path.write_bytes(b"[half of it")
    assert bed.word(13) == ("success", 3)
    bed.path.write_bytes(b"[another half")
    assert bed.word(24) == ("error", 1012)
    bed.path.unlink()
    assert bed.look(25) is None


def test_a_status_is_read_once_and_again_when_it_changes(bed: Bed) -> None:
    bed.path.write_bytes(document())
    assert bed.word(0) == ("success", 3)
    stat = bed.path.stat()
    bed.path.write_bytes(document().replace(b"success", b"warning"))
    os.utime(bed.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert bed.word(1) == ("success", 3)  # nothing that shows has changed
    os.utime(bed.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert bed.word(2) == ("warning", 3)


def test_a_giant_status_is_cut_and_a_monstrous_one_is_refused(bed: Bed) -> None:
    long = {"lang": "en-US", "message": "x" * (2 << 20)}
    bed.path.write_bytes(document(formattedMessage=long))
    found = bed.look(0)
    assert found is not None and len(found.message or "") == 1024 < EXTENSION_LIMIT
    with open(bed.path, "wb") as stream:
        stream.truncate(17 << 20)
    bed.look(1)
    assert bed.word(12) == ("error", 1012)


def test_a_link_in_place_of_a_status_is_not_followed(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(document())
    bed.path.symlink_to(tmp_path / "secret")
    bed.look(0)
    assert bed.word(11) == ("error", 1012)


@pytest.mark.parametrize(
    ("content", "age_s", "status"),
    [
        (BEAT, 5, "Ready"),
        (BEAT, 601, "Unresponsive"),
        ("[{", 5, "NotReady"),
        ("", 5, "NotReady"),
        (None, 0, "NotReady"),
    ],
)  # fmt: skip
def test_a_heartbeat_speaks_for_its_handler(
    tmp_path: Path, content: Optional[str], age_s: int, status: str
) -> None:
    path = tmp_path / "heartbeat.log"
    if content is not None:
        path.write_text(content)
        os.utime(path, (1e9, 1e9))
    before = HandlerStatus("Lab.Sample", "1.0", "Ready", 0, "Plugin enabled")
    found = collecting.heartbeat(Host(), str(path), 1e9 + age_s, before)
    assert found.status == status
    if status == "Ready":
        assert (found.code, found.message) == (2, "m")


# ---- the policy


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", '{"policyVersion": "1"}', '{"policyVersion": "0.1.1"}',
        '{"policyVersion": 1}', '{"policyVersion": "0.1.0", "more": 1}',
        '{"policyVersion": "0.1.0", "extensionPolicies": {"signatureRequired": "yes"}}',
        '{"policyVersion": "0.1.0", "extensionPolicies": {"extensions": {"a": {"x": 1}}}}',
        '{"policyVersion": "0.1.0", "extensionPolicies": {"extensions": []}}',
    ],
)  # fmt: skip
def test_a_policy_that_is_wrong_anywhere_lets_nothing_in(text: str) -> None:
    assert "cannot be used" in read(text, Policy()).objection("Lab.Sample")


def test_a_policy_lists_names_in_any_case_and_says_who_must_be_signed() -> None:
    rules = {
        "allowListedExtensionsOnly": True,
        "extensions": {"lab.SAMPLE": {"signatureRequired": True}, "Lab.B": {}},
    }
    found = read(json.dumps({"policyVersion": "0.1", "extensionPolicies": rules}), Policy())
    assert not found.objection("Lab.Sample") and not found.objection("Lab.B")
    assert "list" in found.objection("Lab.Other")
    assert found.signature_required("Lab.Sample") and not found.signature_required("Lab.B")


def test_the_configuration_says_who_is_let_in(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text("{")
    chosen = ExtensionSettings(allow="Lab.*, Other.A", deny="*.B", policy_file=str(file))
    policy = configured.allowed(Host(), Settings(extensions=chosen))
    said = [bool(policy.objection(one)) for one in ("Lab.A", "Lab.B", "Other.A", "Other.C")]
    assert said == [False, True, False, True]
    heeded = ExtensionSettings(policy_enabled=True, policy_file=str(file))
    assert configured.allowed(Host(), Settings(extensions=heeded)).broken


def test_cloud_init_is_waited_for_as_long_as_was_said(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    host, times = Host(str(tmp_path)), [0.0]
    waiting = ExtensionSettings(wait_for_cloud_init=True, wait_for_cloud_init_timeout_s=100)
    ask = configured.may_begin(host, Settings(extensions=waiting), lambda: times[0])
    assert ask()  # there is none
    (tmp_path / "usr/bin/cloud-init").write_text("")
    (tmp_path / "usr/bin/cloud-init").chmod(0o755)
    assert not ask()
    times[0] = 100.0
    assert ask()
    times[0] = 1.0
    (tmp_path / "run/cloud-init").mkdir(parents=True)
    (tmp_path / "run/cloud-init/result.json").write_text("{}")
    assert ask()


# ---- files and output


def test_settings_that_are_not_there_are_null_and_none_at_all_is_empty() -> None:
    assert settings_document(None) == b""


def test_what_is_no_handler_is_not_taken_for_one(tmp_path: Path) -> None:
    for name in (
        "Lab.Sample-1.0",
        "WALinuxAgent-2.0.0.0",
        "Lab.Odd-x",
        ".Lab.Sample-2.0.new",
        "Lab.A-1..2",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "Lab.File-1.0").write_text("")
    found = installations(Host(), Layout(str(tmp_path), "/"))
    assert [(one.handler, one.version) for one in found] == [("Lab.Sample", "1.0")]


def test_output_is_shown_in_halves_and_what_one_leaves_goes_to_the_other(tmp_path: Path) -> None:
    jobs, record = Jobs(Host()), str(tmp_path)
    (tmp_path / "out").write_bytes(b"o" * 5000 + b"\xff")
    (tmp_path / "err").write_bytes(b"e" * 100)
    text = commandline.shown(jobs, record)
    assert text.count("o") >= 3099 and text.count("e") >= 100 and "\\xff" in text
    (tmp_path / "err").write_bytes(b"e" * 5000)
    assert len(commandline.shown(jobs, record)) < 3300


def test_the_log_of_commands_keeps_its_last_mebibytes(tmp_path: Path) -> None:
    host, path = Host(), tmp_path / "log/CommandExecution.log"
    layout, record = Layout(str(tmp_path), str(tmp_path / "log")), str(tmp_path / "job")
    (tmp_path / "job").mkdir()
    path.parent.mkdir()
    with open(path, "wb") as stream:
        stream.truncate(commandline.LOG_LIMIT_BYTES)
    (tmp_path / "job/out").write_bytes(b"o" * (3 << 20))
    commandline.log(host, layout, Jobs(host), record, str(path), "the end")
    assert path.stat().st_size == commandline.LOG_LIMIT_BYTES
    assert path.read_bytes().endswith(b"o\n[stderr]\n\n")
