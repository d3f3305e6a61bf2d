# SPDX-License-Identifier: Apache-2.0
"""Wishes that cannot be fulfilled: the problem of one handler, or of the whole document."""

from __future__ import annotations

from typing import Any

import pytest

from agentcore.azure import extensionsconfig, remoteaccess, vmsettings
from agentcore.errors import Malformed
from tests.azure import goals
from tests.azure.wishes import REMOTE, fabric, fast_track, only

RUNTIME = f'<RuntimeSettings seqNo="0">{goals.settings_text()}</RuntimeSettings>'
NAMED = (
    f'<ExtensionRuntimeSettings seqNo="0" name="a">{goals.settings_text()}'
    "</ExtensionRuntimeSettings>"
)
DEPENDS = '<DependsOn dependencyLevel="1"/>'
WRONG_SETTINGS = {
    "another version": goals.settings_of(RUNTIME, version="9.9"),
    "another version too": goals.settings_of(RUNTIME) + goals.settings_of("", version="9.9"),
    "twice": goals.settings_of(RUNTIME) * 2,
    "both kinds": goals.settings_of(RUNTIME + NAMED),
    "two single": goals.settings_of(RUNTIME * 2),
    "two levels": goals.settings_of(DEPENDS * 2 + RUNTIME),
    "a level without name": goals.settings_of(DEPENDS + NAMED),
    "an extension without name": goals.settings_of(NAMED.replace(' name="a"', "")),
    "no sequence": goals.settings_of(RUNTIME.replace(' seqNo="0"', "")),
    "a sequence that is no number": goals.settings_of(RUNTIME.replace('"0"', '"-1"')),
    "two of one name": goals.settings_of(NAMED * 2),
}


@pytest.mark.parametrize("what", WRONG_SETTINGS)
def test_wrong_settings_are_the_problem_of_their_handler_alone(what: str) -> None:
    both = goals.plugin() + goals.plugin("Pub.Other", "2.0")
    others = goals.settings_of(RUNTIME, "Pub.Other", "2.0")
    first, second = fabric(both, WRONG_SETTINGS[what] + others).handlers
    assert first.problem
    assert first.extensions == ()
    assert (second.problem, len(second.extensions)) == ("", 1)


WRONG_STATES: dict[str, dict[str, Any]] = {
    "two single": {"settings": [{}, {}]},
    "two levels": {"dependsOn": [{}, {}]},
    "no sequence": {"settingsSeqNo": None},
    "settings that are none": {"settings": "x"},
    "settings of texts": {"settings": ["x"]},
    "no name": {"isMultiConfig": True, "settings": [{"seqNo": 1}], "dependsOn": None},
    "another's level": {
        "isMultiConfig": True,
        "settings": [{"seqNo": 1, "extensionName": "a"}],
        "dependsOn": [{"name": "b", "dependencyLevel": 1}],
    },
}


@pytest.mark.parametrize("what", WRONG_STATES)
def test_a_wrong_fast_track_handler_harms_no_other(what: str) -> None:
    wrong = goals.extension_state(**WRONG_STATES[what])
    first, second = fast_track(wrong, goals.extension_state(name="Pub.Other")).handlers
    assert first.problem
    assert first.extensions == ()
    assert (second.problem, len(second.extensions)) == ("", 1)


@pytest.mark.parametrize("state", ["", "paused", "ENABLED!"])
def test_an_unknown_state_fails_its_handler_alone(state: str) -> None:
    """Known fault 13: it used to fail the whole goal state."""
    other = goals.plugin("Pub.Other", "2.0")
    for wanted in (
        fabric(goals.plugin(state=state) + other, ""),
        fast_track(goals.extension_state(state=state), goals.extension_state(name="Pub.Other")),
    ):
        first, second = wanted.handlers
        assert (first.state, second.state) == ("", "enabled")
        assert first.problem
        assert second.problem == ""


@pytest.mark.parametrize("name", ["", "../../etc", ".hidden", "a/b", "a b", "a\u2028b", "a..b"])
def test_a_name_that_would_leave_its_directory_is_a_problem(name: str) -> None:
    assert only(fabric(goals.plugin(name), "")).problem
    assert only(fast_track(goals.extension_state(name=name))).problem
    named = [{"seqNo": 1, "extensionName": "x", "publicSettings": "{}"}]
    for multi in ("../x", "a/b", ".x"):
        named[0]["extensionName"] = multi
        state = goals.extension_state(isMultiConfig=True, settings=named, dependsOn=None)
        assert only(fast_track(state)).extensions[0].problem


@pytest.mark.parametrize("version", ["", "../1", "1.0/2", "one"])
def test_a_version_that_is_none_is_a_problem(version: str) -> None:
    assert only(fabric(goals.plugin(version=version), "")).problem
    assert only(fast_track(goals.extension_state(version=version))).problem


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"runtimeSettings": NaN}', "\u00fc{"])
def test_settings_that_are_not_json_keep_their_sequence(text: str) -> None:
    content = f'<RuntimeSettings seqNo="9">{text}</RuntimeSettings>'
    (extension,) = only(fabric(goals.plugin(), goals.settings_of(content))).extensions
    assert (extension.sequence, extension.public_settings) == (9, "")
    assert extension.problem
    state = goals.extension_state(settings=[{"publicSettings": text}])
    assert only(fast_track(state)).extensions[0].problem


def test_protected_settings_without_a_certificate_are_a_problem() -> None:
    state = goals.extension_state(settings=[{"protectedSettings": "MIIB"}])
    (extension,) = only(fast_track(state)).extensions
    assert (extension.protected_settings, bool(extension.problem)) == ("", True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"\xff\xfe{}",
        b'{"extensionGoalStatesSource": "Elsewhere"}',
        b'{"extensionGoalStatesSource": "Fabric", "statusUploadBlob": {}}',
        b'{"extensionGoalStatesSource": "Fabric", "statusUploadBlob": {"value": "file:///etc"}}',
        b'{"extensionGoalStatesSource": "Fabric", "extensionGoalStates": {}}',
        b'{"extensionGoalStatesSource": "Fabric", "extensionGoalStates": [1]}',
        b"[" * 200_000,
    ],
)
def test_settings_that_cannot_be_trusted_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        vmsettings.parse(data, "5")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<Other/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Extensions>&a;</Extensions>',
        b"<Extensions><StatusUploadBlob>http://a b/</StatusUploadBlob></Extensions>",
        b"<Extensions><StatusUploadBlob>file:///etc</StatusUploadBlob></Extensions>",
    ],
)
def test_a_configuration_that_cannot_be_trusted_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        extensionsconfig.parse(data, "7")


@pytest.mark.parametrize("which", ["xml", "json", "remote"])
def test_a_document_cut_at_any_byte_is_refused_or_whole(which: str) -> None:
    whole = {"xml": goals.extensions_config(), "json": goals.vm_settings(), "remote": REMOTE}[which]

    def read(data: bytes) -> object:
        if which == "remote":
            return remoteaccess.parse(data)
        if which == "xml":
            return extensionsconfig.parse(data, "7")
        return vmsettings.parse(data, "5")

    for size in range(len(whole)):
        with pytest.raises(Malformed):
            read(whole[:size])
    assert read(whole + b"\n\0\0") == read(b"\xef\xbb\xbf" + whole)
