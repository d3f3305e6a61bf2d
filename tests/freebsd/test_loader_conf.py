# SPDX-License-Identifier: Apache-2.0
"""Variables of the loader (B1): of several assignments the last counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from agentcore_freebsd.loader_conf import PATH, TTYS, Boot

from osdrivers.errors import InvalidInput
from osdrivers.host import Host
from tests.osdrivers.parts.overlaid import done, lines

CONF = '# mine\nconsole="vidconsole"\nhw.x = 1\nconsole=efi # why\nzfs_load="YES"\n'


@pytest.fixture
def host(tmp_path: Path) -> Host:
    for path, text in ((PATH, CONF), (TTYS, 'ttyu0\t"/usr/libexec/getty 3wire"\tvt100\toff\n')):
        (tmp_path / path[1:]).parent.mkdir(parents=True)
        (tmp_path / path[1:]).write_text(text)
    return Host(str(tmp_path))


def test_the_assignment_that_counts_is_changed_and_no_other_line(host: Host) -> None:
    done(host, lambda: Boot(host).ensure_arguments(["console=comconsole", "a.b=1"], ["hw.x=1"]))
    assert host.read(PATH) == (
        '# mine\nconsole="vidconsole"\nconsole="comconsole" # why\nzfs_load="YES"\na.b="1"\n'
    )
    again = Boot(host)
    assert lines(host, lambda: again.ensure_arguments(["console=comconsole"], ["hw.x=1"])) == []
    assert "console=comconsole" in again.entries()[0].arguments


def test_a_variable_of_another_value_is_not_removed(host: Host) -> None:
    assert lines(host, lambda: Boot(host).ensure_arguments([], ["hw.x=2", "nosuch=1"])) == []


def test_the_serial_port_is_console_and_has_a_prompt(host: Host) -> None:
    done(host, lambda: Boot(host).ensure_serial_console(speed_baud=9600))
    for line in ('boot_serial="YES"', 'comconsole_speed="9600"', 'boot_multicons="YES"'):
        assert f"{line}\n" in host.read(PATH)
    assert "onifconsole" in host.read(TTYS)
    assert lines(host, lambda: Boot(host).ensure_serial_console(speed_baud=9600)) == []
    assert lines(host, lambda: Boot(host).ensure_numa_policy()) == []


@pytest.mark.parametrize("token", ["quiet", "a=b c", 'a="b"', "=1", ""])
def test_what_is_no_variable_is_refused(host: Host, token: str) -> None:
    with pytest.raises(InvalidInput):
        lines(host, lambda: Boot(host).ensure_arguments([token]))
