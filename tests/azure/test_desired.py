# SPDX-License-Identifier: Apache-2.0
"""What is wanted, from either document: the same values, whatever the document's quirks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agentcore.azure import desired, extensionsconfig, remoteaccess, vmsettings
from agentcore.azure.desired import Dependency, Desired, Extension, Handler
from agentcore.errors import Malformed
from tests.azure import goals
from tests.azure.samples import CAPTURED, captured


def fabric(*given: Any, **changes: Any) -> Desired:
    return extensionsconfig.parse(goals.extensions_config(*given, **changes), "7")


def fast_track(*given: Any, **changes: Any) -> Desired:
    return vmsettings.parse(goals.vm_settings(*given, **changes), "5")


def only(wanted: Desired) -> Handler:
    assert len(wanted.handlers) == 1
    return wanted.handlers[0]


def test_both_documents_say_the_same() -> None:
    xml, plain = fabric(), fast_track()
    assert (xml.source, plain.source) == (desired.FABRIC, desired.FAST_TRACK)
    assert (xml.identity.name, plain.identity.name) == ("incarnation_7", "etag_5")
    same = replace(
        xml,
        source=plain.source,
        identity=replace(xml.identity, name="etag_5", incarnation="", etag="5"),
        artifacts_profile="",
        host_plugin_version="1.0.8.159",
    )
    assert same == plain


def test_every_element_is_read() -> None:
    wanted = fabric()
    assert only(wanted) == Handler(
        "Pub.Type",
        "1.2.3",
        manifest_uris=("https://a/m.xml", "https://b/m.xml", "https://c/m.xml"),
        extensions=(
            Extension(
                sequence=3,
                public_settings='{"k":"<&v>"}',
                protected_settings="MIIB",
                certificate_thumbprint=goals.THUMBPRINT,
                level=1,
                depends_on=(Dependency("Pub.Other"),),
            ),
        ),
        encoded_signature="c2ln",
        auto_upgrade=True,
        use_exact_version=True,
    )
    prod, test = wanted.families
    assert (prod.version, prod.uris) == ("2.15.0.1", ("https://stor/ga.xml",))
    assert (prod.is_version_from_rsm, prod.is_vm_enabled_for_rsm_upgrades) == (True, False)
    assert (test.is_version_from_rsm, test.is_vm_enabled_for_rsm_upgrades) == (None, None)
    assert wanted.status_blob == desired.StatusBlob(goals.STATUS, desired.PAGE_BLOB)
    assert wanted.artifacts_profile == goals.PROFILE
    assert wanted.required_features == ("MultipleExtensionsPerHandler",)
    identity = wanted.identity
    assert (identity.sequence, identity.activity_id) == ("8", goals.ACTIVITY)
    assert identity.created_s == pytest.approx(1637068970.6205217)
    assert wanted.thumbprints == {goals.THUMBPRINT}
    assert wanted.handler("PUB.type") is only(wanted)


def test_no_signature_and_no_protected_setting_is_ever_printed() -> None:
    for wanted in (fabric(), fast_track()):
        assert "CANARY" not in repr(wanted)
        assert "MIIB" not in repr(wanted)


def test_multi_config_has_names_states_and_levels_of_its_own() -> None:
    settings = goals.settings_text({"publicSettings": {"n": 1}})
    content = (
        '<DependsOn dependencyLevel="2" name="one"><DependsOnExtension handler="Pub.Type"'
        ' extension="two"/></DependsOn>'
        f'<ExtensionRuntimeSettings seqNo="4" name="one">{settings}</ExtensionRuntimeSettings>'
        f'<ExtensionRuntimeSettings seqNo="0" name="two" state="Disabled">{settings}'
        "</ExtensionRuntimeSettings>"
    )
    xml = only(fabric(goals.plugin(), goals.settings_of(content)))
    listed = [
        {"publicSettings": '{"n":1}', "seqNo": 4, "extensionName": "one"},
        {
            "publicSettings": '{"n":1}',
            "seqNo": 0,
            "extensionName": "two",
            "extensionState": "disabled",
        },
    ]
    reason = {"handler": "Pub.Type", "extension": "two"}
    depends = [{"name": "one", "dependencyLevel": 2, "dependsOnExtension": [reason]}]
    state = goals.extension_state(isMultiConfig=True, settings=listed, dependsOn=depends)
    assert only(fast_track(state)) == xml
    assert xml.multi_config
    assert [(one.name, one.sequence, one.state, one.level) for one in xml.extensions] == [
        ("one", 4, "enabled", 2),
        ("two", 0, "disabled", 0),
    ]
    assert xml.level == 2


RUNTIME = f'<RuntimeSettings seqNo="0">{goals.settings_text()}</RuntimeSettings>'
NAMED = f'<ExtensionRuntimeSettings seqNo="0" name="a">{goals.settings_text()}'
NAMED += "</ExtensionRuntimeSettings>"
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


def test_states_are_read_in_any_case_of_letters() -> None:
    assert only(fabric(goals.plugin(state="Uninstall"), "")).state == "uninstall"
    assert only(fast_track(goals.extension_state(state="DISABLED"))).state == "disabled"


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


@pytest.mark.parametrize("settings", [{}, None, [], {"publicSettings": None}])
def test_settings_may_be_absent(settings: object) -> None:
    content = f'<RuntimeSettings seqNo="0">{goals.settings_text(settings)}</RuntimeSettings>'
    (extension,) = only(fabric(goals.plugin(), goals.settings_of(content))).extensions
    assert extension == Extension()


def test_protected_settings_without_a_certificate_are_a_problem() -> None:
    state = goals.extension_state(settings=[{"protectedSettings": "MIIB"}])
    (extension,) = only(fast_track(state)).extensions
    assert (extension.protected_settings, bool(extension.problem)) == ("", True)


def test_a_level_that_is_no_number_is_level_zero() -> None:
    content = goals.SINGLE.replace('"1"', '"many"')
    assert only(fabric(goals.plugin(), goals.settings_of(content))).level == 0
    assert only(fast_track(goals.extension_state(dependsOn=[]))).level == 0


def test_what_may_be_left_out_may_be_left_out() -> None:
    bare = extensionsconfig.parse(b"<Extensions/>", "7")
    assert bare == Desired(
        desired.FABRIC, desired.Identity("incarnation_7", incarnation="7", sequence="7")
    )
    plain = vmsettings.parse(b'{"extensionGoalStatesSource": "Fabric"}', "5")
    assert plain == Desired(desired.FABRIC, desired.Identity("etag_5", etag="5"))
    assert fabric(metadata='createdOnTicks="soon"').identity.created_ticks == 0
    assert fabric(blob="").status_blob is None
    odd = '<StatusUploadBlob statusBlobType="Tape">https://a/b</StatusUploadBlob>'
    assert fabric(blob=odd).status_blob == desired.StatusBlob("https://a/b")
    assert extensionsconfig.empty("3").source == desired.EMPTY


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


REMOTE = b"""<RemoteAccess><Version>1</Version><Incarnation>2</Incarnation><Users>
<User><Name>ann</Name><Password>TUlJ</Password>
<Expiration>Tue, 01 Jan 2030 00:00:00 UTC</Expiration><Groups><GroupName>g</GroupName></Groups>
</User></Users></RemoteAccess>"""


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


def test_an_account_has_a_name_a_password_and_an_end() -> None:
    access = remoteaccess.parse(REMOTE)
    (user,) = access.users
    assert (access.incarnation, user.name, user.password) == ("2", "ann", b"MII")
    assert (user.expires_s, user.problem) == (1893456000.0, "")
    assert "MII" not in repr(access)


def test_of_two_accounts_of_one_name_the_last_holds() -> None:
    again = REMOTE.replace(b"2030", b"2031").partition(b"<Users>")[2].partition(b"</Users>")[0]
    access = remoteaccess.parse(REMOTE.replace(b"</Users>", again + b"</Users>"))
    assert [user.expires_s for user in access.users] == [1924992000.0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"ann", b"-r"),
        (b"ann", b"a/b"),
        (b"ann", b""),
        (b"TUlJ", b"not base64"),
        (b"TUlJ", b""),
        (b"01 Jan 2030", b"31 Feb 2030"),
        (b"Tue, 01 Jan 2030 00:00:00 UTC", b"soon"),
    ],
)
def test_an_account_that_cannot_be_made_says_why(before: bytes, after: bytes) -> None:
    (user,) = remoteaccess.parse(REMOTE.replace(before, after, 1)).users
    assert user.problem


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Tue, 01 Jan 2030 00:00:00 UTC", 1893456000),
        ("01 Jan 2030 01:00:00 GMT", 1893459600),
        ("2030-01-01", 1893456000),
        ("2030-01-01T00:00:01Z", 1893456001),
    ],
)
def test_times_are_read_as_the_platform_writes_them(text: str, seconds: int) -> None:
    assert remoteaccess.expiry(text) == seconds


def test_every_captured_document_is_read() -> None:
    captured("ext_conf.xml")
    read = 0
    for path in sorted(CAPTURED.iterdir()):
        data = path.read_bytes()
        if path.suffix == ".xml" and b"<Extensions" in data[:200]:
            wanted = extensionsconfig.parse(data, "9")
        elif path.suffix == ".json" and b"extensionGoalStates" in data:
            wanted = vmsettings.parse(data, "9")
        elif b"<RemoteAccess" in data[:200]:
            assert [user.name for user in remoteaccess.parse(data).users] == ["testAccount"]
            continue
        else:
            continue
        read += 1
        assert wanted.handlers
        assert wanted.status_blob is not None
        for handler in wanted.handlers:
            assert handler.problem == ""
            for extension in handler.extensions:
                assert extension.problem == ""
                assert extension.public_settings == "" or json.loads(extension.public_settings)
    assert read >= 4
