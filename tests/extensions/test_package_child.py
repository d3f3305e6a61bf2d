# SPDX-License-Identifier: Apache-2.0
"""The machine with its real child, packages from a simulated platform, directly or by the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.extensions.layout import Layout
from agentcore.extensions.machine import Machine as Extensions
from agentcore.extensions.policy import Policy
from agentcore.extensions.starting import Surroundings
from lab.handlers import Sample
from lab.handlers.offering import offered
from lab.platform import documents
from lab.platform.machine import Machine
from lab.platform.server import Platform
from osdrivers.host import Jobs
from tests.extensions.machine_bed import Bed, handler

pytestmark = pytest.mark.tools
NAME = "Lab.Sample"


class Whole(Bed):
    """Nothing is replaced: fetching is a process too."""

    def restart(self) -> None:
        self.machine = Extensions(
            self.host,
            Layout(str(self.state), str(self.logs)),
            now_text=lambda: "2030-01-01T00:00:00Z",
            wall=lambda: self.wall,
            log=self.lines.append,
            jobs=Jobs(self.host),
        )
        self.machine.know(self.surroundings, Policy())


@pytest.mark.parametrize("directly", [True, False])
def test_a_package_comes_from_storage_or_by_the_host(tmp_path: Path, directly: bool) -> None:
    bed = Whole(tmp_path)
    with Platform(Machine.example(), tmp_path / "platform") as platform:
        machine = platform.machine
        plugin = offered(platform, Sample(NAME))
        platform.touch(machine.changed(plugins=(plugin,)))
        address, port = platform.blobs_address
        uri = documents.manifest_url(plugin, f"http://{address}:{port}")
        host, port = platform.hostplugin_address
        bed.surroundings = Surroundings(
            host_plugin={
                "host": host,
                "port": port,
                "container_id": machine.container_id,
                "config_name": machine.role_config,
            },
            # A proxy that is not there: storage cannot be reached, the host can.
            proxies=() if directly else (("http", "http://127.0.0.1:9"),),
        )
        bed.restart()
        bed.want(1, replace(handler(), manifest_uris=(uri,)))
        bed.run()
        assert ("hostplugin" in {one.service for one in platform.requests}) != directly
        assert platform.violations == ()
    assert bed.report()[0].status == "Ready", bed.report()
    assert bed.calls() == ["install 1.0.0.0 1 -", "enable 1.0.0.0 1 -"]
    assert not list((bed.state / "extensions").glob("job-*"))
