# SPDX-License-Identifier: Apache-2.0
"""Documents with every value replaced, every element taken out, and bytes turned over."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any, Callable
from xml.etree import ElementTree

import pytest

from agentcore.azure import extensionsconfig, remoteaccess, vmsettings
from agentcore.azure.desired import STATES, Desired
from agentcore.errors import Malformed
from tests.azure import goals
from tests.azure.samples import captured
from tests.azure.wishes import REMOTE

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x", "../x", "\ud800", [], [None], ["x"], [[]],
    [{}], {}, {"a": {}}, {"value": 5}, "9" * 5000,
)  # fmt: skip


def sound(wanted: Desired) -> None:
    """Whatever was read, the model keeps its promises."""
    hash(wanted)
    for handler in wanted.handlers:
        assert handler.problem or (handler.name and handler.version and handler.state in STATES)
        assert all(isinstance(uri, str) and "://" in uri for uri in handler.manifest_uris)
        for one in handler.extensions:
            assert one.state in STATES
            assert one.sequence >= 0 <= one.level
            assert bool(one.protected_settings) == bool(one.certificate_thumbprint)
            if one.public_settings:
                json.loads(one.public_settings)
    if wanted.status_blob is not None:
        assert wanted.status_blob.uri.lower().startswith("http")


def tried(read: Callable[[bytes], Desired], data: bytes) -> bool:
    """Whether it was read; anything but a sound model or Malformed fails the test."""
    try:
        sound(read(data))
    except Malformed as refused:
        assert "\n" not in str(refused)
        assert len(str(refused)) < 600
        return False
    return True


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, member in enumerate(value) if isinstance(value, list) else inner:
        yield from places(member, (*path, key))


def replaced(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(whole)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def settings() -> Any:
    listed = [
        {"publicSettings": "{}", "seqNo": 1, "extensionName": "a", "extensionState": "enabled"}
    ]
    depends = [{"name": "a", "dependencyLevel": 1, "dependsOnExtension": [{"handler": "h"}]}]
    multi = goals.extension_state(
        name="Pub.Multi", isMultiConfig=True, settings=listed, dependsOn=depends
    )
    return json.loads(goals.vm_settings(goals.extension_state(), multi))


def test_any_value_in_place_of_any_other_is_refused_or_read_soundly() -> None:
    whole = settings()
    read = 0
    for path in places(whole):
        for value in ODD:
            data = json.dumps(replaced(whole, path, value)).encode()
            read += tried(lambda data: vmsettings.parse(data, "1"), data)
    assert read > 500


def test_any_element_or_attribute_that_is_missing_or_odd_is_refused_or_read_soundly() -> None:
    content = (
        goals.SINGLE
        + '<DependsOn name="a" dependencyLevel="2"/>'
        + '<ExtensionRuntimeSettings seqNo="1" name="a" state="enabled"/>'
    )
    both = goals.settings_of(goals.SINGLE) + goals.settings_of(content, "Pub.Multi", "1.0")
    text = goals.extensions_config(goals.plugin() + goals.plugin("Pub.Multi", "1.0"), both).decode()
    count = sum(1 for _ in ElementTree.fromstring(text).iter())
    for number in range(count):
        for change in ("text", "attributes", "children", "twice", *("", "x", "../x", "9" * 30)):
            root = ElementTree.fromstring(text)
            element = list(root.iter())[number]
            if change == "text":
                element.text = "<&x"
            elif change == "children":
                del element[:]
            elif change == "twice":
                element.extend(copy.deepcopy(list(element)))
            elif change == "attributes":
                element.attrib.clear()
            else:
                for name in element.attrib:
                    element.set(name, change)
            tried(lambda data: extensionsconfig.parse(data, "1"), ElementTree.tostring(root))


@pytest.mark.parametrize("which", ["xml", "json", "remote"])
def test_bytes_turned_over_are_refused_or_read_soundly(which: str) -> None:
    whole = {"xml": goals.extensions_config(), "json": goals.vm_settings(), "remote": REMOTE}[which]
    draw = random.Random(5)
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if which == "xml":
            tried(lambda data: extensionsconfig.parse(data, "1"), bytes(data))
        elif which == "json":
            tried(lambda data: vmsettings.parse(data, "1"), bytes(data))
        else:
            try:
                users = remoteaccess.parse(bytes(data)).users
            except Malformed:
                continue
            assert all(user.problem or (user.password and user.expires_s) for user in users)


@pytest.mark.parametrize("name", ["ext_conf_sequencing.xml", "vm_settings.json"])
def test_a_captured_document_cut_short_is_refused(name: str) -> None:
    whole = captured(name).rstrip()
    for size in range(0, len(whole), 41):
        with pytest.raises(Malformed):
            if name.endswith("xml"):
                extensionsconfig.parse(whole[:size], "1")
            else:
                vmsettings.parse(whole[:size], "1")
