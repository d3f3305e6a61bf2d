# SPDX-License-Identifier: Apache-2.0
"""Following the goal state on a full file system."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.platform.machine import Machine, Plugin
from lab.platform.server import Platform

MACHINE = Machine(
    "vm1", "u", tenant_certificate=False, fast_track=True, plugins=(Plugin("Lab.Old", "1.0"),)
)
SCRIPT = """
import json, os, signal, sys
from agentcore.azure.hostplugin import HostPlugin
from agentcore.azure.http import Endpoint
from agentcore.azure.poller import Poller
from agentcore.azure.retry import ONCE, SystemClock
from agentcore.azure.wireserver import WireServer
from osdrivers.errors import AgentError
from osdrivers.host import Host, Places

state, wire, hostplugin, fatal, filler = json.loads(sys.argv[1])
clock, changes = SystemClock(), 0
poller = Poller(
    WireServer(Endpoint(*wire), clock, retry=ONCE, fresh=ONCE), HostPlugin(Endpoint(*hostplugin)),
    Host("/", places=Places(state=state)), clock,
    certificates=lambda goal: (), transport_certificate=str,
)

def watch(event, arguments):
    global changes
    writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
    if writing or event in ("os.rename", "os.remove", "os.link", "os.chmod", "os.truncate"):
        changes += 1
        if changes == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
said = []
for attempt in range(2):
    try:
        said.append([one.name for one in poller.poll().desired.handlers])
        break
    except AgentError as error:
        said.append(error.reason)
        if filler:
            os.remove(filler)
print(json.dumps([said, changes]))
"""


def arguments(platform: Platform, state: Path, fatal: int = 0, filler: str = "") -> str:
    addresses = (platform.wire_address, platform.hostplugin_address)
    return json.dumps([str(state), *addresses, fatal, filler])


def run(given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, given], capture_output=True, text=True, timeout=240
    )


@pytest.mark.sandbox
@pytest.mark.parametrize("options", ["size=8k", "size=64k,nr_inodes=2"])
def test_a_full_file_system_is_named_and_nothing_is_lost(tmp_path: Path, options: str) -> None:
    """tmpfs(5): two pages, or one inode besides the root's; a file takes it until it is removed."""
    state = tmp_path / "state"
    state.mkdir()
    filler = f"{state}/filler"
    content = "8192" if options == "size=8k" else "0"
    mount = (
        f'mount -t tmpfs -o {options} none "$1" && head -c {content} /dev/zero > "$1/filler"'
        ' && shift && exec "$@"'
    )
    with Platform(MACHINE.changed(fast_track=False), tmp_path / "platform") as platform:
        given = arguments(platform, state, filler=filler)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", mount, "sh", str(state),
             sys.executable, "-I", "-c", SCRIPT, given],
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] == ["NoSpace", ["Lab.Old"]]
