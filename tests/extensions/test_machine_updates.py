# SPDX-License-Identifier: Apache-2.0
"""Updates and downgrades by the extension machine, with real commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.extensions.layout import Installation
from lab.handlers import Sample
from tests.extensions.machine_bed import NAME, Bed, handler, package, told

pytestmark = pytest.mark.tools


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


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
