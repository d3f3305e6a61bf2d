# SPDX-License-Identifier: Apache-2.0
"""The host plugin's client, against the simulated plugin and against answers byte by byte."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentcore.azure import desired, goalstate
from agentcore.azure.hostplugin import HostPlugin, Moved, NoSettings, correlation_id
from agentcore.azure.http import Client, Endpoint
from agentcore.azure.retry import ONCE, RetryPolicy, SystemClock
from agentcore.azure.wireserver import WireServer
from agentcore.errors import Malformed, Refused, Throttled, Unreachable
from lab.platform.faults import Fault
from lab.platform.machine import Instance, Machine, Plugin
from lab.platform.server import Platform
from tests.azure import goals, samples, servers

MACHINE = Machine(
    hostname="vm1",
    user="azureuser",
    tenant_certificate=False,
    fast_track=True,
    plugins=(Plugin("Lab.Ext", "1.0", settings={"k": "v"}, sequence=3, level=1),),
)
#: Longer than whatever else runs on this machine may hold up an answer.
LIMIT_S = 60.0


@contextmanager
def meeting(
    directory: Path, *faults: Fault, deadline_s: float = LIMIT_S, **changes: Any
) -> Iterator[tuple[Platform, HostPlugin]]:
    with Platform(MACHINE.changed(**changes), directory, faults=faults) as platform:
        endpoint = Endpoint(*platform.hostplugin_address)
        with HostPlugin(endpoint, client=Client(endpoint, deadline_s=deadline_s)) as plugin:
            identify(platform, plugin)
            yield platform, plugin


def identify(platform: Platform, plugin: HostPlugin) -> None:
    with WireServer(Endpoint(*platform.wire_address), SystemClock(), retry=ONCE) as server:
        plugin.identify(server.goal_state())


def known(server: servers.Server) -> HostPlugin:
    plugin = HostPlugin(server.endpoint)
    plugin.identify(goalstate.parse_goal_state(samples.goal_state(), goalstate.WELL_KNOWN))
    return plugin


def test_settings_come_once_for_each_tag_over_one_connection(tmp_path: Path) -> None:
    with meeting(tmp_path) as (platform, plugin):
        first = plugin.vm_settings()
        assert first is not None
        assert (first.source, len(first.handlers)) == (desired.FAST_TRACK, 1)
        assert [plugin.vm_settings(first.identity.etag) for _ in range(5)] == [None] * 5
        platform.touch(platform.machine.changed(plugins=()))
        second = plugin.vm_settings(first.identity.etag)
        assert second is not None
        assert (second.handlers, second.identity.etag == first.identity.etag) == ((), False)
        assert platform.listeners["hostplugin"].connections == 1
        assert platform.violations == ()


def test_a_plugin_without_settings_or_too_old_has_none(tmp_path: Path) -> None:
    missing = Fault("status", path="vmSettings", status=404)
    with meeting(tmp_path, missing, host_plugin_version="1.0.8.116") as (_, plugin):
        for _ in range(2):
            with pytest.raises(NoSettings):
                plugin.vm_settings()


@pytest.mark.parametrize("version", ["", "new", "1.0.8.132", "1.0.8.-1"])
def test_an_old_or_nameless_plugin_is_not_believed(tmp_path: Path, version: str) -> None:
    with meeting(tmp_path, host_plugin_version=version) as (_, plugin), pytest.raises(NoSettings):
        plugin.vm_settings()


def test_a_moved_container_is_told_from_a_refusal(tmp_path: Path) -> None:
    with meeting(tmp_path) as (platform, plugin):
        platform.push(platform.machine.changed(container_id="c0ffee00-0000-0000-0000-000000000002"))
        with pytest.raises(Moved) as moved:
            plugin.vm_settings()
        assert moved.value.status == 410
        identify(platform, plugin)
        assert plugin.vm_settings() is not None


def test_an_unknown_container_is_a_moved_one() -> None:
    body = b'{"code": "InvalidContainerConfiguration"}'
    server = servers.Server(servers.ok(body, status=b"400 Bad"))
    with server, known(server) as plugin, pytest.raises(Moved):
        plugin.vm_settings()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", path="vmSettings", status=400), Refused),
        (Fault("status", path="vmSettings", status=403), Refused),
        (Fault("status", path="vmSettings", status=502), Unreachable),
        (Fault("status", path="vmSettings", status=429), Throttled),
        (Fault("reset", path="vmSettings"), Unreachable),
        (Fault("truncate", path="vmSettings"), Unreachable),
        (Fault("silence", path="vmSettings"), Unreachable),
        (Fault("garbage", path="vmSettings"), Malformed),
        (Fault("no-etag", path="vmSettings"), Malformed),
    ],
    ids=lambda value: value.label if isinstance(value, Fault) else "",
)
def test_whatever_goes_wrong_has_its_class_and_passes(
    tmp_path: Path, fault: Fault, error: type[Exception]
) -> None:
    limit_s = 0.3 if fault.kind == "silence" else LIMIT_S
    with meeting(tmp_path, fault, deadline_s=limit_s) as (_, plugin):
        with pytest.raises(error):
            plugin.vm_settings()
        # Under load an answer, too, may take longer than the time that silence is given.
        assert RetryPolicy(LIMIT_S, first_s=0.05).run(plugin.vm_settings, SystemClock()) is not None


def test_an_idle_connection_that_was_dropped_is_opened_again() -> None:
    """A server may close a kept connection at any moment, also while a request is on its way."""
    with (
        servers.Server(
            servers.ok(b'["2015-09-01"]'), servers.resets, servers.ok(b'["2015-09-01"]')
        ) as server,
        known(server) as plugin,
    ):
        plugin.versions()
        plugin.versions()
        assert (server.connections, len(server.requests)) == (2, 3)


def test_an_answer_without_a_body_keeps_the_connection() -> None:
    unchanged = servers.answers(b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", keep=True)
    with servers.Server(unchanged) as server, known(server) as plugin:
        assert [plugin.vm_settings("1") for _ in range(3)] == [None] * 3
        assert server.connections == 1


@pytest.mark.parametrize("tag", [b"", b"\xe9", b"a b"])
def test_a_tag_that_no_header_can_carry_is_none(tag: bytes) -> None:
    body = goals.vm_settings()
    with servers.Server(servers.ok(body, headers=b"ETag: " + tag + b"\r\n")) as server:
        plugin = known(server)
        with pytest.raises(Malformed):
            plugin.vm_settings()
        plugin.close()


def test_a_configuration_name_that_no_header_can_carry_is_left_out() -> None:
    goal = samples.goal_state().replace(b"deployment.1", "d\u00e9ploiement\n".encode())
    body = goals.vm_settings()
    with servers.Server(servers.ok(body, headers=b"ETag: 1\r\n")) as server:
        plugin = known(server)
        plugin.identify(goalstate.parse_goal_state(goal, goalstate.WELL_KNOWN))
        assert plugin.vm_settings() is not None
        plugin.close()


def test_a_plugin_that_speaks_another_version_is_said_to() -> None:
    for body in (b'["2010-01-01"]', b"{}", b"not json"):
        server = servers.Server(servers.ok(body))
        with server, known(server) as plugin, pytest.raises(Malformed):
            plugin.versions()


def test_health_is_an_answer_never_an_error(tmp_path: Path) -> None:
    with meeting(tmp_path, Fault("status", path="/health", status=500)) as (_, plugin):
        assert [plugin.healthy(), plugin.healthy()] == [False, True]


def test_an_artifact_is_fetched_by_the_host(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    with meeting(tmp_path) as (platform, plugin):
        platform.blobs.put("/packages/ext.zip", content)
        uri = "http://storage.example/packages/ext.zip?sig=x"
        assert plugin.artifact(uri, manifest="http://m/m.xml", from_blob=True) == content
        pieces: list[bytes] = []
        assert plugin.artifact(uri, write=pieces.append) == b""
        assert b"".join(pieces) == content
        assert len(pieces) > 1
        with pytest.raises(Refused):
            plugin.artifact("http://storage.example/none")
        with pytest.raises(Malformed):
            plugin.artifact(uri, limit_bytes=1000)
        assert platform.violations == ()
        last = next(one.headers for one in platform.requests if one.path == "/extensionArtifact")
        assert last["x-ms-verify-from-artifacts-blob"] == "true"
        assert last["x-ms-artifact-manifest-location"] == "http://m/m.xml"


def test_an_artifact_that_is_cut_is_no_artifact(tmp_path: Path) -> None:
    with meeting(tmp_path, Fault("truncate", path="extensionArtifact")) as (platform, plugin):
        platform.blobs.put("/a", b"x" * 1000)
        pieces: list[bytes] = []
        with pytest.raises(Unreachable):
            plugin.artifact("http://s/a", write=pieces.append)


def test_status_is_put_through_the_host(tmp_path: Path) -> None:
    headers = (
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-date", "now"),
        ("x-ms-version", "2014-02-14"),
    )
    with meeting(tmp_path) as (platform, plugin):
        plugin.put("http://storage.example/$system/s?sig=x", headers, b"{}")
        blob = platform.blobs.get("/$system/s")
        assert blob is not None
        assert blob.content == b"{}"
        assert platform.violations == ()


def test_logs_are_handed_to_the_host(tmp_path: Path) -> None:
    with meeting(tmp_path) as (platform, plugin):
        plugin.put_log(b"PK\x05\x06" + bytes(18), MACHINE.deployment_id)
        assert len(platform.state.logs) == 1
        assert platform.violations == ()


def test_multi_config_comes_over_both_ways(tmp_path: Path) -> None:
    instances = (
        Instance("one", {"n": 1}, sequence=2, level=1),
        Instance("two", {"n": 2}, state="disabled"),
    )
    plugins = (Plugin("Lab.Multi", "1.0", instances=instances, signature="c2ln"),)
    features = ("MultipleExtensionsPerHandler",)
    with (
        meeting(
            tmp_path, plugins=plugins, required_features=features, wished_version="9.9.9.9"
        ) as (platform, plugin),
        WireServer(Endpoint(*platform.wire_address), SystemClock(), retry=ONCE) as server,
    ):
        fast = plugin.vm_settings()
        fabric = server.extensions_config(server.goal_state())
    assert fast is not None
    assert fast.handlers == fabric.handlers
    assert [(one.name, one.state) for one in fabric.handlers[0].extensions] == [
        ("one", "enabled"),
        ("two", "disabled"),
    ]
    assert fabric.required_features == fast.required_features == features
    assert fabric.families == fast.families
    assert fabric.families[0].is_version_from_rsm is True


def test_a_correlation_id_is_a_random_uuid() -> None:
    form = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    made = {correlation_id() for _ in range(50)}
    assert len(made) == 50
    assert all(form.fullmatch(one) for one in made)


def test_a_resident_process_loads_nothing_heavy_for_a_goal_state() -> None:
    code = (
        "import sys\n"
        "from agentcore.azure import poller, status, statusblob, extensionsconfig, vmsettings\n"
        f"extensionsconfig.parse({goals.extensions_config()!r}, '1')\n"
        f"vmsettings.parse({goals.vm_settings()!r}, '1')\n"
        "heavy = ('ssl', 'requests', 'cryptography', 'stevedore', 'http.client', 'email')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.strip() == "[]"
