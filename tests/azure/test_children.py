# SPDX-License-Identifier: Apache-2.0
"""Work in a short-lived process: its answers, its errors, and the certificates it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.azure import children, remoteaccess
from agentcore.azure.certificates_child import Held, refresh
from agentcore.azure.desired import RemoteUser
from agentcore.azure.http import Endpoint
from agentcore.azure.retry import ONCE, SystemClock
from agentcore.azure.transport import TransportKey
from agentcore.azure.wireserver import WireServer
from agentcore.errors import Malformed
from lab.platform import certificates as lab
from lab.platform import machine as wanted_of
from lab.platform.certificates import make
from lab.platform.faults import Fault
from lab.platform.machine import Machine, Plugin
from lab.platform.server import Platform
from osdrivers.errors import CommandFailed, OperationError
from osdrivers.host import Host, Places

pytestmark = pytest.mark.tools
EXPIRED = make("expired", days=0)
MACHINE = Machine(hostname="vm1", user="u", certificates=(EXPIRED, make("curve", "ec")))


def machine(tmp_path: Path) -> Host:
    for name in ("run", "state"):
        (tmp_path / name).mkdir()
    return Host("/", places=Places(state=str(tmp_path / "state"), run=str(tmp_path / "run")))


def refreshed(host: Host, platform: Platform) -> tuple[Held, ...]:
    endpoint = Endpoint(*platform.wire_address)
    with WireServer(endpoint, SystemClock(), retry=ONCE) as server:
        return refresh(host, endpoint, server.goal_state(), "openssl")


def test_certificates_are_kept_by_a_child_expired_ones_too(tmp_path: Path) -> None:
    """Known fault 30: keys were readable from when they were written to the next start."""
    host = machine(tmp_path)
    with Platform(MACHINE, tmp_path / "platform") as platform:
        held = refreshed(host, platform)
        tenant = platform.state.tenant().thumbprint
        assert platform.violations == ()
    assert held == (
        Held(tenant, has_private_key=True),
        *(Held(one.thumbprint, has_private_key=True) for one in MACHINE.certificates),
    )
    state = tmp_path / "state"
    files = sorted(path.name for path in state.iterdir())
    kept = [f"{one.thumbprint}.{kind}" for one in held for kind in ("crt", "prv")]
    assert files == sorted([*kept, "TransportCert.pem", "TransportPrivate.pem"])
    assert {path.stat().st_mode & 0o777 for path in state.iterdir()} == {0o600}
    assert list((tmp_path / "run").iterdir()) == []


RESIDENT = """
import json, sys, threading
from agentcore.azure import certificates_child, storage
from agentcore.azure.hostplugin import HostPlugin
from agentcore.azure.http import Endpoint
from agentcore.azure.poller import Poller
from agentcore.azure.retry import ONCE, SystemClock
from agentcore.azure.status import Report
from agentcore.azure.statusblob import StatusReporter
from agentcore.azure.transport import TransportKey
from agentcore.azure.wireserver import WireServer
from osdrivers.host import Host, Places

state, run, wire, hostplugin = json.loads(sys.argv[1])
host = Host("/", places=Places(state=state, run=run))
server, plugin, clock = Endpoint(*wire), HostPlugin(Endpoint(*hostplugin)), SystemClock()
poller = Poller(
    WireServer(server, clock, retry=ONCE, fresh=ONCE), plugin, host, clock,
    certificates=lambda goal: certificates_child.refresh(host, server, goal, "openssl"),
    transport_certificate=lambda: TransportKey(host).certificate(),
)
update = poller.poll()
reporter = StatusReporter(
    plugin, clock, direct=lambda wanted: storage.send(host, wanted, {}),
    reidentify=poller.reidentify,
)
sent = reporter.send(Report("vm1", "debian", "12"), update.desired.status_blob)
heavy = ("ssl", "_ssl", "requests", "cryptography", "stevedore", "importlib.metadata", "asyncio")
print(json.dumps({
    "heavy": [name for name in heavy if name in sys.modules],
    "threads": threading.active_count(),
    "missing": sorted(update.missing), "users": len(update.remote_access.users),
    "held": len(update.certificates), "way": reporter.way, "sent": sent,
}))
"""


@pytest.mark.parametrize("host_takes_it", [True, False])
def test_a_whole_round_leaves_nothing_heavy_in_the_resident_process(
    tmp_path: Path, host_takes_it: bool
) -> None:
    host = machine(tmp_path)
    plugins = (Plugin("Lab.Secret", "1.0", settings={"k": 1}, protected={"p": 2}),)
    wanted = MACHINE.changed(plugins=plugins, users=(wanted_of.RemoteUser("ann", "pw"),))
    refusing = Fault("status", service="hostplugin", path="/status", count=None)
    faults = () if host_takes_it else (refusing,)
    with Platform(wanted, tmp_path / "platform", faults=faults) as platform:
        given = [
            host.places.state, host.places.run, platform.wire_address, platform.hostplugin_address,
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-I", "-c", RESIDENT, json.dumps(given)],
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(platform.status or b"{}")["version"] == "1.1"
        assert platform.violations == ()
    assert json.loads(done.stdout) == {
        "heavy": [],
        "threads": 1,
        "missing": [],
        "users": 1,
        "held": 3,
        "way": "host" if host_takes_it else "direct",
        "sent": True,
    }


def account(host: Host, content: bytes) -> tuple[RemoteUser, TransportKey]:
    transport = TransportKey(host)
    recipient = lab.from_header(transport.certificate())
    return RemoteUser("ann", lab.envelope(content, recipient), "", 0.0), transport


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16"])
def test_a_lent_accounts_password_is_text_of_any_script(tmp_path: Path, encoding: str) -> None:
    user, transport = account(machine(tmp_path), "p\u00e4ss \U0001f600".encode(encoding))
    found = remoteaccess.password(user, transport)
    assert found.reveal().decode() == "p\u00e4ss \U0001f600"
    assert "ss" not in repr(found).replace("<secret>", "")


@pytest.mark.parametrize("content", [b"", b"odd", b"a\0\n\0b\0", b"a\0\0\0", b"\x00\xd8"])
def test_a_password_that_no_account_can_have_is_refused(tmp_path: Path, content: bytes) -> None:
    user, transport = account(machine(tmp_path), content)
    with pytest.raises(Malformed) as refused:
        remoteaccess.password(user, transport)
    assert refused.value.__cause__ is None


def test_a_password_for_another_machine_is_refused(tmp_path: Path) -> None:
    user = RemoteUser("ann", lab.envelope(b"a\0", make("other").certificate), "", 0.0)
    with pytest.raises(Malformed, match="not encrypted to this machine's key"):
        remoteaccess.password(user, TransportKey(machine(tmp_path)))


def test_what_the_child_raises_is_raised_here(tmp_path: Path) -> None:
    host = machine(tmp_path)
    fault = Fault("other-key", path="comp=certificates", count=None)
    platform = Platform(MACHINE, tmp_path / "platform", faults=[fault])
    with platform, pytest.raises(Malformed, match="not encrypted to this machine's key") as raised:
        refreshed(host, platform)
    assert raised.value.hint
    assert not list((tmp_path / "state").glob("*.prv"))


def test_a_child_that_dies_or_says_nothing_is_an_error(tmp_path: Path) -> None:
    host = machine(tmp_path)
    with pytest.raises(CommandFailed):
        children.ask(host, "agentcore.azure.nothing_of_this_name", {})
    with pytest.raises(OperationError):
        children.ask(host, "agentcore.azure.certificates_child", {}, timeout_s=0.001)
