# SPDX-License-Identifier: Apache-2.0
"""Every document cut after every byte: the error that is meant for it, or what was there before."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Callable

import pytest

from agentcore.azure import extensionsconfig, fasttrack, goalstate, ovf, remoteaccess, vmsettings
from agentcore.azure.goalstate import WELL_KNOWN
from agentcore.azure.status import HandlerStatus
from agentcore.errors import Malformed
from agentcore.extensions import collecting, handlermanifest, offers, progress
from agentcore.extensions.layout import STATES, Installation, Layout
from lab.handlers import Sample
from osdrivers.host import Host, Places
from tests.azure import goals, samples
from tests.azure.wishes import REMOTE

CERTIFICATES = b"""<?xml version="1.0"?><CertificateFile><Version>2012-11-30</Version>
<Incarnation>7</Incarnation><Format>Pkcs7BlobWithPfxContents</Format><Data>TUlJQg==</Data>
</CertificateFile>"""
OFFERS = b"""<?xml version="1.0"?><PluginVersionManifest><Plugins><Plugin><Version>1.0</Version>
<Uris><Uri>https://a/b</Uri></Uris></Plugin></Plugins></PluginVersionManifest>"""
BEAT = '[{"heartbeat": {"status": "Ready", "code": 2, "formattedMessage": {"message": "m"}}}]'
STATUS = {"status": "success", "formattedMessage": {"lang": "en", "message": "m"}, "substatus": []}
MANIFEST = json.dumps(Sample("Lab.Sample").manifest())

READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "versions": (samples.VERSIONS, goalstate.supported_versions),
    "goal state": (
        samples.goal_state(),
        lambda data: goalstate.parse_goal_state(data, WELL_KNOWN),
    ),
    "hosting": (samples.HOSTING, goalstate.parse_hosting_config),
    "shared": (samples.SHARED, goalstate.parse_shared_config),
    "certificates": (CERTIFICATES, goalstate.parse_certificate_file),
    "extensions": (goals.extensions_config(), lambda data: extensionsconfig.parse(data, "7")),
    "vmSettings": (goals.vm_settings(), lambda data: vmsettings.parse(data, "5")),
    "remote access": (REMOTE, remoteaccess.parse),
    "manifest of versions": (OFFERS, offers.parse),
    "handler manifest": (MANIFEST.encode(), handlermanifest.parse),
    "provisioning document": (samples.ovf(), ovf.parse),
    "provisioning document, to scrub": (samples.ovf(), ovf.scrub),
}


@pytest.mark.parametrize("what", READERS)
def test_a_document_of_the_platform_is_refused(what: str) -> None:
    whole, read = READERS[what]
    read(whole)
    for size in range(len(whole.rstrip())):
        with pytest.raises(Malformed) as caught:
            read(whole[:size])
        assert "\n" not in str(caught.value)


def test_a_status_is_wrong() -> None:
    whole = json.dumps([{"status": STATUS}]).encode()
    assert collecting.parse(whole).status == "success"
    for size in range(len(whole)):
        with pytest.raises(collecting.Wrong):
            collecting.parse(whole[:size])


def test_settings_are_the_problem_of_their_handler() -> None:
    text = json.dumps({"runtimeSettings": [{"handlerSettings": {"publicSettings": {"a": 1}}}]})
    for size in range(1, len(text)):
        cut = text[:size].replace("&", "&amp;").replace('"', "&quot;")
        content = f'<RuntimeSettings seqNo="3">{cut}</RuntimeSettings>'
        document = goals.extensions_config(settings=goals.settings_of(content))
        (handler,) = extensionsconfig.parse(document, "7").handlers
        assert handler.problem or handler.extensions[0].problem


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(places=Places(state=str(tmp_path), run=str(tmp_path / "run")))


BLANK = HandlerStatus("Lab.Sample", "1.0", "Ready", message="before")


def test_a_heartbeat_is_not_ready(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "heartbeat.log"
    for size in range(len(BEAT)):
        path.write_text(BEAT[:size])
        found = collecting.heartbeat(host, str(path), time.time(), BLANK)
        assert (found.status, found.code) == ("NotReady", -1)
    path.write_text(BEAT)
    assert collecting.heartbeat(host, str(path), time.time(), BLANK).code == 2


@pytest.mark.parametrize("code", ["1e999", "[]", "{}", '"x"', "1" * 5000, "true", "null"])
def test_a_heartbeat_with_an_odd_code_is_no_error_of_ours(
    host: Host, tmp_path: Path, code: str
) -> None:
    path = tmp_path / "heartbeat.log"
    path.write_text(BEAT.replace("2", code))
    assert isinstance(collecting.heartbeat(host, str(path), time.time(), BLANK).code, int)


def test_a_state_of_a_handler_is_one_of_those_there_are(host: Host, tmp_path: Path) -> None:
    layout = Layout(str(tmp_path), str(tmp_path / "log"))
    one = Installation(host, layout, "Lab.Sample", "1.0.0.0")
    config = tmp_path / "Lab.Sample-1.0.0.0/config"
    config.mkdir(parents=True)
    (config.parent / "HandlerManifest.json").write_text(MANIFEST)
    for size in range(len("Installed")):
        (config / "HandlerState").write_text("Installed"[:size])
        assert one.state in STATES
    (config / "HandlerState").write_text("Installed")
    (tmp_path / "extensions").mkdir()
    record = tmp_path / "extensions/Lab.Sample-1.0.0.0.json"
    whole = json.dumps({"state": "Enabled", "extensions": {}, "manifest": MANIFEST})
    for size in range(0, len(whole), 7):
        record.write_text(whole[:size])
        assert one.state == "Installed"
        assert one.manifest.commands["enable"]
    record.write_text(whole)
    assert one.state == "Enabled"


def test_a_record_of_progress_begins_anew(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    progress.save(host, str(path), progress.Progress(goal="incarnation_1", at=1))
    whole = path.read_bytes()
    assert progress.load(host, str(path)).goal == "incarnation_1"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert progress.load(host, str(path)) == progress.Progress()


def test_a_record_of_fast_track_outdates_nothing(host: Host, tmp_path: Path) -> None:
    fasttrack.FastTrack(host, 6.0).record(goals.TICKS)
    whole = (tmp_path / fasttrack.NAME).read_bytes()
    assert fasttrack.FastTrack(host, 6.0).last_ticks
    for size in range(len(whole)):
        (tmp_path / fasttrack.NAME).write_bytes(whole[:size])
        assert fasttrack.FastTrack(host, 6.0).last_ticks == 0
