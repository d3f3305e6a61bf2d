# SPDX-License-Identifier: Apache-2.0
"""Versions, and which of those that are offered is meant; what a package says of itself."""

from __future__ import annotations

import json
from typing import Optional

import pytest

from agentcore.errors import Malformed
from agentcore.extensions import handlermanifest, offers, versions
from osdrivers.errors import InvalidInput
from tests.extensions.package_bed import MANIFEST, OFFERED


def test_versions_are_numbers_and_early_ones_come_first() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-beta2", "1.0.0-rc1", "1.0", "1.0.0.1", "1.9", "1.10"]
    shuffled = [*ordered[3:], *ordered[:3]]
    assert sorted(shuffled, key=versions.key) == ordered
    assert versions.key("1") == versions.key("1.0.0")
    with pytest.raises(InvalidInput):
        versions.key("1..2")


@pytest.mark.parametrize(
    ("requested", "meant"),
    [("1.0", "1.0.2"), ("1", "1.01.9"), ("1.0.0.1", "1.0.0.1"), ("1.0.0.2", None), ("2", None)],
)
def test_the_highest_version_that_begins_as_requested(requested: str, meant: Optional[str]) -> None:
    listed = [one.version for one in offers.parse(OFFERED)]
    assert versions.matching(requested, listed) == meant


def test_a_version_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(Malformed, match=r"unable to find version 3.*1\.0\.2"):
        offers.chosen(offers.parse(OFFERED), "3")
    with pytest.raises(Malformed, match="where"):
        offers.chosen(offers.parse(OFFERED), "1.01")
    assert offers.chosen(offers.parse(OFFERED), "1.0.2").uris == ("https://a/2",)


def test_every_element_of_a_handler_manifest_is_read() -> None:
    said = {
        **MANIFEST["handlerManifest"],
        "updateCommand": "/up",
        "updateMode": "UpdateWithoutInstall",
        "reportHeartbeat": "True",
        "supportsMultipleExtensions": True,
        "continueOnUpdateFailure": "no",
    }
    whole = {
        "handlerManifest": said,
        "resourceLimits": {"cpuQuotaPercentage": 20, "memoryQuotaInMB": "x"},
        "signingInfo": {"publisher": "Lab", "type": "Sample", "version": "1.0"},
    }
    read = handlermanifest.parse(b"\xef\xbb\xbf" + json.dumps([whole]).encode())
    assert read.commands["update"] == "up"
    assert read.reports_heartbeat and read.multi_config and not read.install_after_update
    assert not read.continue_on_update_failure
    assert len(read.notes) == 2
    assert read.limits == handlermanifest.Limits(20, None)
    assert read.signed_as == ("Lab", "Sample", "1.0")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[1]", b'[{"handlerManifest": {}}]'])
def test_a_handler_manifest_of_another_shape_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        handlermanifest.parse(data)
