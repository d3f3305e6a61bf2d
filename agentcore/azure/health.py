# SPDX-License-Identifier: Apache-2.0
"""What the platform is told about the machine: the health document and the role properties."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The platform takes 4096 bytes; the rest is room for its own wrapping.
DESCRIPTION_LIMIT = 3686
DESCRIPTION_LIMIT_BYTES = 4096
#: XML 1.0 section 2.2: what may not occur, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Report:
    """One report.  ``state`` is ``Ready`` or ``NotReady``; details only with a ``sub_status``."""

    state: str
    sub_status: str = ""
    description: str = ""


STARTING = Report("NotReady", "Provisioning", "Starting")
READY = Report("Ready")


def provisioning_failed(text: str) -> Report:
    """Not ready, and why: what the creator of the machine will read in the portal."""
    return Report("NotReady", "ProvisioningFailed", text)


def provisioning(text: str) -> Report:
    """Not ready yet, with what is being done."""
    return Report("NotReady", "Provisioning", text)


def document(report: Report, *, incarnation: str, container_id: str, instance_id: str) -> bytes:
    """The health document, without white space between its elements."""
    details = ""
    if report.sub_status:
        details = _element(
            "Details",
            _element("SubStatus", escaped(report.sub_status))
            + _element("Description", escaped(_cut(report.description))),
        )
    health = _element("Health", _element("State", escaped(report.state)) + details)
    role = _element("Role", _element("InstanceId", escaped(instance_id)) + health)
    container = _element(
        "Container",
        _element("ContainerId", escaped(container_id)) + _element("RoleInstanceList", role),
    )
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"{_element('GoalStateIncarnation', escaped(incarnation))}{container}</Health>"
    )
    return text.encode()


def properties(fingerprint: str, *, container_id: str, instance_id: str) -> bytes:
    """The role properties document with the SSH host key's fingerprint, colons removed."""
    plain = escaped(fingerprint.replace(":", ""))
    instance = _element(
        "RoleInstance",
        _element("Id", escaped(instance_id))
        + _element("Properties", f'<Property name="CertificateThumbprint" value="{plain}" />'),
    )
    container = _element(
        "Container",
        _element("ContainerId", escaped(container_id)) + _element("RoleInstances", instance),
    )
    body = _element("RoleProperties", container)
    return f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode()


def escaped(text: str) -> str:
    """Text for XML, in an element or in double quotes; what XML cannot hold becomes U+FFFD."""
    for mark, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(mark, name)
    return _FORBIDDEN.sub("\ufffd", text)


def _cut(text: str) -> str:
    """Cut before escaping, by characters and, for other scripts, by bytes."""
    raw = _FORBIDDEN.sub("\ufffd", text)[:DESCRIPTION_LIMIT].encode()
    return raw[:DESCRIPTION_LIMIT_BYTES].decode(errors="ignore")


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"
