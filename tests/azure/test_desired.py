# SPDX-License-Identifier: Apache-2.0
"""What is wanted, from either document: the same values, whatever the document's quirks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agentcore.azure import desired, extensionsconfig, remoteaccess, vmsettings
from agentcore.azure.desired import Dependency, Desired, Extension, Handler
from tests.azure import goals
from tests.azure.samples import CAPTURED, captured
from tests.azure.wishes import fabric, fast_track, only


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


def test_states_are_read_in_any_case_of_letters() -> None:
    assert only(fabric(goals.plugin(state="Uninstall"), "")).state == "uninstall"
    assert only(fast_track(goals.extension_state(state="DISABLED"))).state == "disabled"


@pytest.mark.parametrize("settings", [{}, None, [], {"publicSettings": None}])
def test_settings_may_be_absent(settings: object) -> None:
    content = f'<RuntimeSettings seqNo="0">{goals.settings_text(settings)}</RuntimeSettings>'
    (extension,) = only(fabric(goals.plugin(), goals.settings_of(content))).extensions
    assert extension == Extension()


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
