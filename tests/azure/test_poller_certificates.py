# SPDX-License-Identifier: Apache-2.0
"""The certificates of a goal state: fetched with it, waited for, never in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.azure.certificates_child import Held
from agentcore.azure.poller import CERTIFICATE_RECHECK_S
from agentcore.errors import Malformed, Unreachable
from lab.platform.machine import Plugin
from tests.azure.poller_bed import NEW, OLD, bed


def test_certificates_are_fetched_once_for_each_change(tmp_path: Path) -> None:
    """Known fault 64: they were unpacked for every operation."""
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.held = (Held("AB" * 20, has_private_key=True),)
        it.poll()
        it.wish(NEW)
        it.poll()
        it.want(OLD)
        it.poll()
        it.poll()
        assert [one.incarnation for one in it.fetched] == ["3", "4"]
        assert it.poller.last is not None
        assert it.poller.last.certificates == it.held


PROTECTED = (Plugin("Lab.Secret", "1.0", protected={"p": 1}),)


@pytest.mark.tools
def test_settings_whose_certificate_is_missing_wait_for_it(tmp_path: Path) -> None:
    """Known fault 47: an empty list of certificates was taken for the truth."""
    with bed(tmp_path, plugins=OLD, tenant_certificate=True) as it:
        it.poll()
        it.want(PROTECTED)
        with pytest.raises(Unreachable):
            it.poll()
        it.held = (Held(it.platform.state.tenant().thumbprint, has_private_key=True),)
        assert it.poll() == ["Lab.Secret"]
        assert it.poller.last is not None
        assert it.poller.last.missing == frozenset()


@pytest.mark.tools
def test_the_rest_goes_on_without_a_certificate_that_never_comes(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=PROTECTED, tenant_certificate=True) as it:
        for _ in range(2):
            with pytest.raises(Unreachable):
                it.poll()
        assert it.poll() == ["Lab.Secret"]
        update = it.poller.last
        thumbprint = it.platform.state.tenant().thumbprint
        assert update is not None
        assert update.missing == {thumbprint}
        assert any(thumbprint in note for note in update.notes)
        assert it.poll() is None
        it.held = (Held(thumbprint, has_private_key=True),)
        it.clock.now_s += CERTIFICATE_RECHECK_S
        assert it.poll() == ["Lab.Secret"]
        assert it.poller.last.missing == frozenset()
        it.clock.now_s += CERTIFICATE_RECHECK_S
        assert it.poll() is None


def test_certificates_that_cannot_be_read_hold_up_the_rest_for_some_polls_only(
    tmp_path: Path,
) -> None:
    with bed(tmp_path, plugins=OLD) as it:
        it.refused = [Malformed("no PFX")] * 3
        for _ in range(2):
            with pytest.raises(Malformed):
                it.poll()
        assert it.poll() == ["Lab.Old"]
        assert it.poller.last is not None
        assert it.poller.last.notes == ("no PFX",)
