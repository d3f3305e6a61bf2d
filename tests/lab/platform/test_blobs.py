# SPDX-License-Identifier: Apache-2.0
"""The blob store."""

from __future__ import annotations

import pytest

from tests.lab.platform.conftest import Answer, Guest

COMMON = {"x-ms-version": "2014-02-14", "x-ms-date": "2030-01-01T00:00:00Z"}
BLOCK = {**COMMON, "x-ms-blob-type": "BlockBlob"}
CREATE = {**COMMON, "x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "1024"}
PAGE = {**COMMON, "x-ms-page-write": "update", "x-ms-range": "bytes=0-511"}


def ask(
    guest: Guest, path: str, headers: dict[str, str], method: str = "GET", body: bytes = b""
) -> Answer:
    return guest.ask(guest.platform.blobs_address, path, headers, method, body)


def test_a_block_blob_is_stored_by_its_decoded_path(guest: Guest) -> None:
    assert ask(guest, "/c/a%20b?sv=1&sig=x", BLOCK, "PUT", b"one").status == 201
    answer = ask(guest, "/c/a b".replace(" ", "%20"), {})
    assert (answer.body, answer.headers["x-ms-blob-type"]) == (b"one", "BlockBlob")
    assert guest.platform.violations == ()
    (kept,) = (guest.platform.directory / "blobs").iterdir()
    assert kept.read_bytes() == b"one"


def test_a_head_has_no_body(guest: Guest) -> None:
    guest.platform.blobs.put("/a", b"12345")
    answer = ask(guest, "/a", {}, "HEAD")
    assert (answer.body, answer.headers["content-length"]) == (b"", "5")


def test_a_page_blob_is_created_and_written(guest: Guest) -> None:
    assert ask(guest, "/p?sv=1", CREATE, "PUT").status == 201
    assert ask(guest, "/p?sv=1&comp=page", PAGE, "PUT", b"x" * 512).status == 201
    assert ask(guest, "/p", {}).body == b"x" * 512 + bytes(512)
    assert guest.platform.violations == ()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "found"),
    [
        ("/b", COMMON, b"x", 400, "x-ms-blob-type"),
        ("/b", {"x-ms-blob-type": "BlockBlob"}, b"x", 201, "x-ms-version"),
        ("/b", {**CREATE, "x-ms-blob-content-length": "100"}, b"", 400, "whole pages"),
        ("/b", CREATE, b"x", 400, "not empty"),
        ("/p?comp=page", {**PAGE, "x-ms-range": "bytes=0-99"}, b"x" * 100, 416, "x-ms-range"),
        ("/p?comp=page", {**PAGE, "x-ms-range": "bytes=0-1535"}, b"x" * 1536, 416, "x-ms-range"),
        ("/p?comp=page", PAGE, b"x", 416, "x-ms-range"),
        ("/p?comp=page", {**PAGE, "x-ms-range": "all"}, b"x" * 512, 400, "x-ms-range"),
        ("/p?comp=page", {**PAGE, "x-ms-page-write": ""}, b"x" * 512, 201, "x-ms-page-write"),
        ("/none?comp=page", PAGE, b"x" * 512, 404, "no page blob"),
    ],
)
def test_wrong_writes_are_violations(
    guest: Guest, path: str, headers: dict[str, str], body: bytes, status: int, found: str
) -> None:
    guest.platform.blobs.put("/p", bytes(1024), "PageBlob")
    assert ask(guest, path, headers, "PUT", body).status == status
    assert any(found in line for line in guest.platform.violations)


def test_what_is_not_there_is_not_found(guest: Guest) -> None:
    assert ask(guest, "/none", {}).status == 404
    assert ask(guest, "/none", {}, "DELETE").status == 404
    guest.platform.blobs.put("/a", b"")
    assert ask(guest, "/a", {}, "DELETE").status == 202
    assert guest.platform.blobs.get("/a") is None


def test_the_artifacts_profile_says_whether_extensions_wait(guest: Guest) -> None:
    path = f"/$system/{guest.platform.machine.vm_id}.vmArtifactsProfile"
    assert ask(guest, path, {}).body == b'{"onHold":false}'
    guest.platform.push(guest.platform.machine.changed(on_hold=True))
    assert ask(guest, path, {}).body == b'{"onHold":true}'
