# SPDX-License-Identifier: Apache-2.0
"""Every way in which a document can be broken or hostile is Malformed, and cheap."""

from __future__ import annotations

import pytest

from agentcore.azure import xml
from agentcore.errors import Malformed

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">
<!ENTITY l1 "&l0;&l0;&l0;&l0;&l0;&l0;&l0;&l0;"><!ENTITY l2 "&l1;&l1;&l1;&l1;&l1;&l1;&l1;&l1;">
]><a>&l2;</a>"""
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


@pytest.mark.parametrize(
    "data",
    [
        b"<a>x</a>",
        b"\xef\xbb\xbf<a>x</a>",
        b"\xef\xbb\xbf  \r\n<?xml version='1.0'?><a>x</a>",
        b"<a>x</a>\x00\x00\x00",
        b"\x00<a>x</a>",
        b"garbage before<?xml version='1.0'?><a>x</a>",
        '<?xml version="1.0" encoding="utf-16"?><a>x</a>'.encode("utf-16"),
        '<?xml version="1.0" encoding="iso-8859-1"?><a>x</a>'.encode("latin-1"),
        b'<?xml version="1.0" encoding="windows-1252"?><a>x</a>',
    ],
)
def test_what_the_platform_has_sent_is_read(data: bytes) -> None:
    assert xml.text(xml.parse(data, "it")) == "x"


def test_text_that_begins_with_other_scripts_keeps_its_characters() -> None:
    assert xml.text(xml.parse("<a>äöü</a>".encode(), "it")) == "äöü"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"no markup",
        b"<a>",
        b"<a><b></a>",
        b"<a>&undefined;</a>",
        b"<a>\xff\xfe</a>",
        b"<a>\x01</a>",
        b"<x:a/>",
        b"<a/><b/>",
        b'<?xml version="1.0" encoding="nowhere"?><a/>',
        b'<?xml version="1.0" encoding="shift_jis"?><a>\x82\xa0</a>',
        LAUGHS,
        EXTERNAL,
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a/>',
    ],
)
def test_what_cannot_be_read_or_trusted_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="the goal state") as caught:
        xml.parse(data, "the goal state")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", range(0, 39, 3))
def test_a_truncated_document_is_malformed(length: int) -> None:
    whole = b"<?xml version='1.0'?><a><b>text</b></a>"
    with pytest.raises(Malformed):
        xml.parse(whole[:length], "it")


def test_100_mib_are_refused_before_they_are_read() -> None:
    with pytest.raises(Malformed, match="104857600 bytes"):
        xml.parse(bytes(100 * 1024 * 1024), "it")


def test_elements_without_end_are_refused() -> None:
    with pytest.raises(Malformed, match="deep"):
        xml.parse(b"<a>" * 1_000_000, "it")
    with pytest.raises(Malformed, match="more than 100000 elements"):
        xml.parse(b"<a>" + b"<b/>" * 1_000_000, "it")


def test_elements_are_found_by_namespace_or_by_name() -> None:
    root = xml.parse(b'<a xmlns:p="urn:p"><p:b>1</p:b><b>2</b><c><b>3</b></c></a>', "it")
    assert [xml.text(each) for each in xml.descendants(root, "b")] == ["1", "2", "3"]
    assert [xml.text(each) for each in xml.children(root, "b", None, "it")] == ["1", "2"]
    assert xml.child(root, "d", "urn:p", "it") is None
    assert xml.descendant(None, "b") is None
    with pytest.raises(Malformed, match="'b' in the namespace '', expected 'urn:p'"):
        xml.children(root, "b", "urn:p", "it")
    with pytest.raises(Malformed, match="no element 'd' in 'a'"):
        xml.require(root, "d", None, "it")
    with pytest.raises(Malformed, match="root element 'a', expected 'z'"):
        xml.require_root(root, "z", None, "it")
    with pytest.raises(Malformed, match="'a' in the namespace ''"):
        xml.require_root(root, "a", "urn:p", "it")
