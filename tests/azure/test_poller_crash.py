# SPDX-License-Identifier: Apache-2.0
"""Following the goal state through SIGKILL at any change of a file, and on a full file system."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.azure import fasttrack
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


def tree(state: Path) -> dict[str, tuple[int, bytes]]:
    return {one.name: (one.stat().st_mode, one.read_bytes()) for one in state.iterdir()}


def test_a_sigkill_at_any_change_of_a_file_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    with Platform(MACHINE, tmp_path / "platform") as platform:
        wish = platform.machine.changed(plugins=(Plugin("Lab.New", "1.0"),))
        platform.touch(wish)
        sound = tmp_path / "sound"
        sound.mkdir()
        said, changes = json.loads(run(arguments(platform, sound)).stdout)
        assert said == [["Lab.New"]]
        assert set(tree(sound)) == {"SharedConfig.xml", fasttrack.NAME}
        assert changes >= 4
        for fatal in range(1, changes + 1):
            state = tmp_path / str(fatal)
            state.mkdir()
            killed = run(arguments(platform, state, fatal))
            assert killed.returncode == -signal.SIGKILL
            # Whatever stands under its final name is whole.
            left = {name: found for name, found in tree(state).items() if name in tree(sound)}
            assert left.items() <= tree(sound).items()
            again = run(arguments(platform, state))
            assert json.loads(again.stdout)[0] == [["Lab.New"]], again.stderr
            assert tree(state) == tree(sound)


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
