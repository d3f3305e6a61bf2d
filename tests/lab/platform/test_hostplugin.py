# SPDX-License-Identifier: Apache-2.0
"""The host plugin at port 32526."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.platform import documents
from lab.platform.faults import Fault
from lab.platform.machine import Plugin
from tests.lab.platform.conftest import Guest

JSON = {"Content-Type": "application/json"}
STORAGE = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2014-02-14", "x-ms-date": "now"}


def status(uri: str, content: bytes, headers: dict[str, str]) -> str:
    listed = [{"headerName": name, "headerValue": value} for name, value in headers.items()]
    document = {"headers": listed, "requestUri": uri}
    if content:
        document["content"] = base64.b64encode(content).decode()
    return json.dumps(document)


def test_versions_and_health_need_nothing(guest: Guest) -> None:
    address = guest.platform.hostplugin_address
    assert "2015-09-01" in json.loads(guest.ask(address, "/versions").body)
    assert guest.ask(address, "/health").status == 200
    assert guest.platform.violations == ()


def test_settings_are_sent_once_for_each_tag(running: Callable[..., Guest]) -> None:
    plugin = Plugin("Lab.Ext", "1.0", settings={"k": "v"}, level=1, sequence=3)
    guest = running(plugins=(plugin,), fast_track=True)
    first = guest.host("/vmSettings")
    document = json.loads(first.body)
    assert document["extensionGoalStatesSource"] == "FastTrack"
    extension = document["extensionGoalStates"][0]
    assert json.loads(extension["settings"][0]["publicSettings"]) == {"k": "v"}
    assert (extension["settingsSeqNo"], extension["dependsOn"][0]["dependencyLevel"]) == (3, 1)
    again = guest.host("/vmSettings", {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    guest.platform.state.touch()
    assert guest.host("/vmSettings", {"if-none-match": first.headers["etag"]}).status == 200
    assert guest.platform.violations == ()


def test_a_given_settings_document_is_sent_as_it_is(running: Callable[..., Guest]) -> None:
    guest = running(vm_settings='{"a": "$BLOBS/x"}')
    host, port = guest.platform.blobs_address
    assert json.loads(guest.host("/vmSettings").body) == {"a": f"http://{host}:{port}/x"}


def test_the_fault_no_etag(running: Callable[..., Guest]) -> None:
    guest = running([Fault("no-etag")])
    assert "etag" not in guest.host("/vmSettings").headers
    assert "etag" in guest.host("/vmSettings").headers


@pytest.mark.tools
def test_protected_settings_open_with_the_tenant_key(
    running: Callable[..., Guest], tmp_path: Path
) -> None:
    guest = running(plugins=(Plugin("Lab.Ext", "1.0", protected={"s": "geheim"}),))
    document = json.loads(guest.host("/vmSettings").body)
    held = document["extensionGoalStates"][0]["settings"][0]
    tenant = guest.platform.state.tenant()
    assert held["protectedSettingsCertThumbprint"] == tenant.thumbprint
    (tmp_path / "key").write_text(tenant.private_key)
    done = subprocess.run(
        ("openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", str(tmp_path / "key")),
        input=base64.b64decode(held["protectedSettings"]), capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {"s": "geheim"}


def test_a_container_that_moved_is_gone_and_a_strange_one_invalid(guest: Guest) -> None:
    before = guest.platform.machine
    guest.platform.push(before.changed(container_id="0d4f3a11-0000-4000-8000-000000000002"))
    answer = guest.host("/vmSettings", {"x-ms-containerid": before.container_id})
    assert answer.status == 410
    strange = guest.host("/vmSettings", {"x-ms-containerid": "x"})
    assert strange.status == 400
    assert b"InvalidContainerConfiguration" in strange.body
    assert guest.host("/vmSettings").status == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [("x-ms-version", "2014-01-01"), ("x-ms-host-config-name", "x"),
     ("x-ms-client-correlationid", "x")],
)  # fmt: skip
def test_wrong_headers_are_violations(guest: Guest, header: str, value: str) -> None:
    guest.host("/vmSettings", {header: value})
    assert [header in line for line in guest.platform.violations] == [True]


def test_an_artifact_comes_through_the_host(guest: Guest) -> None:
    guest.platform.blobs.put("/pk/a b.zip", b"PK")
    guest.host("/versions")
    where = {"x-ms-artifact-location": "https://elsewhere.example/pk/a%20b.zip?sig=x"}
    assert guest.host("/extensionArtifact", where).body == b"PK"
    assert guest.platform.violations == ()
    assert guest.host("/extensionArtifact").status == 400
    absent = {"x-ms-artifact-location": "https://elsewhere.example/none"}
    assert guest.host("/extensionArtifact", absent).status == 404


def test_an_artifact_before_the_versions_is_a_violation(guest: Guest) -> None:
    guest.host("/extensionArtifact", {"x-ms-artifact-location": "http://a/b"})
    assert "before /versions" in guest.platform.violations[0]


def test_a_block_blob_status_is_stored(guest: Guest) -> None:
    guest.host("/versions")
    uri = documents.status_url(guest.platform.machine, "https://acct.example")
    answer = guest.host("/status", JSON, "PUT", status(uri, b'{"version": "1.1"}', STORAGE))
    assert answer.status == 200
    assert guest.platform.status == b'{"version": "1.1"}'
    assert guest.platform.violations == ()


def test_a_page_blob_status_is_stored_page_by_page(running: Callable[..., Guest]) -> None:
    guest = running(status_blob_type="PageBlob")
    guest.host("/versions")
    uri = documents.status_url(guest.platform.machine, "https://acct.example")
    common = {"x-ms-version": "2014-02-14", "x-ms-date": "now"}
    create = {**common, "x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "1024"}
    page = {**common, "x-ms-page-write": "update", "x-ms-range": "bytes=512-1023"}
    early = guest.host("/status", JSON, "PUT", status(uri + "&comp=page", b"x" * 512, page))
    assert early.status == 502
    assert guest.host("/status", JSON, "PUT", status(uri, b"", create)).status == 200
    written = guest.host("/status", JSON, "PUT", status(uri + "&comp=page", b"x" * 512, page))
    assert written.status == 200
    assert guest.platform.status == bytes(512) + b"x" * 512
    assert ["no page blob" in line for line in guest.platform.violations] == [True]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"content": "*", "headers": [], "requestUri": ""}',
             '{"content": "", "headers": [1], "requestUri": ""}']
)  # fmt: skip
def test_what_is_no_status_is_refused(guest: Guest, body: str) -> None:
    guest.host("/versions")
    assert guest.host("/status", JSON, "PUT", body).status == 400
    assert "no status" in guest.platform.violations[0]


def test_a_log_archive_is_kept(guest: Guest) -> None:
    guest.host("/versions")
    names = {"x-ms-vmagentlog-deploymentid": "d", "x-ms-client-name": "n",
             "x-ms-client-version": "v"}  # fmt: skip
    assert guest.host("/vmAgentLog", names, "PUT", b"PK\3\4\xff\xfe").status == 200
    assert guest.platform.state.logs == [b"PK\3\4\xff\xfe"]
    assert guest.platform.violations == ()
    record = guest.platform.requests[-1]
    assert (record.body, record.sent_bytes) == ("", 6)
    guest.host("/vmAgentLog", {}, "PUT", b"no zip")
    assert len(guest.platform.violations) == 4


def test_an_unknown_path_is_a_violation(guest: Guest) -> None:
    assert guest.host("/nothing").status == 404
    assert len(guest.platform.violations) == 1
