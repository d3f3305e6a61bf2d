# SPDX-License-Identifier: Apache-2.0
"""Labels of SELinux (U10): restorecon(8) where it runs, setfiles(8) on a root that does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from osdrivers.conformance.machines import PretendCommands, set_up
from osdrivers.host import Completed, Host
from osdrivers.parts import selinux
from tests.osdrivers.parts import repository
from tests.osdrivers.parts.answering import machine, shown
from tests.osdrivers.parts.overlaid import done, lines, overlaid

RHEL = Path(__file__).parents[2] / "machines" / "rhel-9"
LABELS = "/etc/selinux/targeted/contexts/files/file_contexts"
POLICY = (
    "/.*\tsystem_u:object_r:default_t:s0\n"
    "/run/try(/.*)?\tsystem_u:object_r:etc_t:s0\n"
    "/run/try/key\t--\tsystem_u:object_r:sshd_key_t:s0\n"
)
ON = "SELINUX=enforcing\nSELINUXTYPE=targeted\n"
FILES = {"/etc/selinux/config": ON, LABELS: POLICY, "/proc/self/": "", "/run/try/key": "x"}


def _offline(root: Path, files: dict[str, str], tool: str = "setfiles") -> selinux.Labels:
    said = Completed(0, "Would relabel /run/try from (null) to x\n")
    return selinux.Labels(machine(root, files, {tool: said}, offline=True))


def test_a_root_that_does_not_run_is_labelled_by_its_own_policy(tmp_path: Path) -> None:
    plan = shown(_offline(tmp_path, FILES).ensure_restored(["/run/try"]))
    assert plan == [f"run    setfiles -F {LABELS} /run/try"]


@pytest.mark.parametrize(
    "files",
    [
        {**FILES, "/etc/selinux/config": "SELINUX=disabled\nSELINUXTYPE=targeted\n"},
        {**FILES, "/etc/selinux/config": "#SELINUX=enforcing\n"},
        {**FILES, "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=mls\n"},
        {path: text for path, text in FILES.items() if path != "/etc/selinux/config"},
        {path: text for path, text in FILES.items() if path != LABELS},
        {path: text for path, text in FILES.items() if path != "/proc/self/"},
    ],
    ids=["disabled", "commented", "other policy", "no configuration", "no policy", "no /proc"],
)
def test_without_a_policy_that_counts_nothing_is_labelled(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert shown(_offline(tmp_path, files).ensure_restored(["/run/try"])) == []


def test_a_missing_tool_is_no_error(tmp_path: Path) -> None:
    assert shown(_offline(tmp_path, FILES, "restorecon").ensure_restored(["/run/try"])) == []
    running = machine(tmp_path, {"/sys/fs/selinux/enforce": "1"}, {"setfiles": ""})
    assert shown(selinux.Labels(running).ensure_restored(["/run/try"])) == []


def test_right_labels_are_left_and_a_path_that_is_to_come_is_not_asked_about(
    tmp_path: Path,
) -> None:
    host = machine(tmp_path, FILES, {"setfiles": ""}, offline=True)
    assert shown(selinux.Labels(host).ensure_restored(["/run/try"])) == []
    assert len(shown(selinux.Labels(host).ensure_restored(["/run/try", "/run/later"]))) == 1
    assert len(vars(host.commands)["calls"]) == 1


def test_a_pretended_root_is_labelled_once(tmp_path: Path) -> None:
    set_up(str(RHEL), str(tmp_path))
    for path, text in FILES.items():
        real = tmp_path / path.strip("/")
        (real if path.endswith("/") else real.parent).mkdir(parents=True, exist_ok=True)
        if text:
            real.write_text(text)
    host = Host(str(tmp_path), commands=PretendCommands(str(tmp_path)), offline=True)
    labels = selinux.Labels(host)
    assert len(done(host, lambda: labels.ensure_restored(["/run/try"]))) == 1
    assert lines(host, lambda: labels.ensure_restored(["/run/try"])) == []


@repository.needs("setfiles")
@overlaid
def test_the_real_setfiles_labels_what_the_policy_names(host: Host) -> None:
    """In /run, which is one file system: setfiles does not cross to another, as an overlay does."""
    for path in (path for path in FILES if not path.endswith("/")):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(FILES[path])
    offline = Host("/", offline=True)
    labels = selinux.Labels(offline)
    assert len(done(offline, lambda: labels.ensure_restored(["/run/try"]))) == 1
    key = os.getxattr("/run/try/key", "security.selinux")
    assert key == b"system_u:object_r:sshd_key_t:s0\0"
    assert b"etc_t" in os.getxattr("/run/try", "security.selinux")
    assert lines(offline, lambda: labels.ensure_restored(["/run/try"])) == []
