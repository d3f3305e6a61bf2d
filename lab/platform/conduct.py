# SPDX-License-Identifier: Apache-2.0
"""How a client must behave towards the wire server, and what its reports say.

Each violation is one line in the request's record.  The platform goes on as the real one would.
"""

from __future__ import annotations

import re
import time
from typing import Optional
from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

# Not xml.etree's: defusedxml 0.6 raises that of the pure Python module, which is another class.
from defusedxml.ElementTree import ParseError

from . import exchange
from .documents import PROTOCOL
from .exchange import Reply, Request
from .state import HealthReport, State

_DESCRIPTION_LIMIT_BYTES = 4096
_TELEMETRY_LIMIT_BYTES = 65536


def wire_headers(request: Request) -> tuple[str, ...]:
    """What is wrong with the headers that every request below /machine needs."""
    found = []
    version = request.header("x-ms-version")
    if version != PROTOCOL:
        found.append(f"x-ms-version is {version or 'missing'}, not {PROTOCOL}")
    if not request.header("x-ms-agent-name"):
        found.append("x-ms-agent-name is missing")
    if not request.header("user-agent"):
        found.append("User-Agent is missing")
    if request.method == "POST":
        sort = re.sub(r"[\s\"]", "", request.header("content-type")).lower()
        if sort != "text/xml;charset=utf-8":
            found.append(f"Content-Type is {sort or 'missing'}, not text/xml;charset=utf-8")
    return tuple(found)


def health(state: State, request: Request) -> Reply:
    """A health report."""
    root, refused = _parse(request, "Health")
    if root is None:
        return refused
    found = _order(root, ("GoalStateIncarnation", "Container"))
    found += _identity(state, root, "Container/RoleInstanceList/Role/InstanceId")
    part = root.find("Container/RoleInstanceList/Role/Health")
    word = _text(part, "State")
    if part is None or word not in ("Ready", "NotReady"):
        found.append(f"Health/State is {word!r}, neither Ready nor NotReady")
        return exchange.refusal(400, "no valid State", *found)
    report = HealthReport(
        word,
        _text(part, "Details/SubStatus"),
        _text(part, "Details/Description"),
        _text(root, "GoalStateIncarnation"),
        time.time(),
    )
    found += _judge(state, report)
    if len(report.description.encode()) > _DESCRIPTION_LIMIT_BYTES:
        found.append(f"Description is longer than {_DESCRIPTION_LIMIT_BYTES} bytes")
        return exchange.refusal(400, "the description is too long", *found)
    state.health.append(report)
    return Reply(200, b"", violations=tuple(found))


def _judge(state: State, report: HealthReport) -> list[str]:
    found, current = [], state.machine.incarnation
    if report.state == "NotReady" and not report.substatus:
        found.append("NotReady without Details/SubStatus")
    if report.incarnation != str(current):
        found.append(f"GoalStateIncarnation is {report.incarnation!r}, not {current}")
    if not state.goal_state_asked:
        found.append("health reported before any goal state was asked for")
    return found


def role_properties(state: State, request: Request) -> Reply:
    """Role properties; of these the guest sends its host key's fingerprint."""
    root, refused = _parse(request, "RoleProperties")
    if root is None:
        return refused
    found = _identity(state, root, "Container/RoleInstances/RoleInstance/Id")
    where = "Container/RoleInstances/RoleInstance/Properties/Property"
    properties = {one.get("name", ""): one.get("value", "") for one in root.findall(where)}
    if not properties:
        found.append("no Property")
    print_ = properties.get("CertificateThumbprint")
    if print_ is not None and (not print_ or ":" in print_):
        found.append("CertificateThumbprint is empty or has colons")
    state.role_properties.append(properties)
    return Reply(202, b"", violations=tuple(found))


def telemetry(state: State, request: Request) -> Reply:
    """Telemetry events; kept as text."""
    root, refused = _parse(request, "TelemetryData")
    if root is None:
        return refused
    found = [
        "an Event whose content is not a list of Param"
        for event in root.findall("Provider/Event")
        if not _params(event.text or "")
    ]
    if not root.findall("Provider"):
        found.append("no Provider")
    if len(request.body) > _TELEMETRY_LIMIT_BYTES:
        found.append(f"more than {_TELEMETRY_LIMIT_BYTES} bytes")
        return exchange.refusal(413, "too much telemetry", *found)
    state.telemetry.append(request.body.decode("utf-8", "replace"))
    return Reply(200, b"", violations=tuple(found))


def _params(text: str) -> bool:
    try:
        root = ElementTree.fromstring(f"<e>{text}</e>")
    except (ParseError, DefusedXmlException):
        return False
    return len(root) > 0 and all(one.tag == "Param" and one.get("Name") for one in root)


def _parse(request: Request, root_name: str) -> tuple[Optional[Element], Reply]:
    try:
        root = ElementTree.fromstring(request.body)
    except (ParseError, DefusedXmlException, ValueError) as error:
        line = f"the body is not well-formed XML: {error}"
        return None, exchange.refusal(400, "not XML", line)
    if root.tag != root_name:
        line = f"the root element is {root.tag}, not {root_name}"
        return None, exchange.refusal(400, "another document is expected here", line)
    return root, Reply()


def _identity(state: State, root: Element, instance_path: str) -> list[str]:
    found = []
    wanted = {
        "Container/ContainerId": state.machine.container_id,
        instance_path: state.machine.instance_id,
    }
    for path, value in wanted.items():
        said = _text(root, path)
        if said != value:
            found.append(f"{path} is {said!r}, not {value!r}")
    return found


def _order(root: Element, wanted: tuple[str, ...]) -> list[str]:
    names = tuple(child.tag for child in root)
    return [] if names == wanted else [f"{root.tag} has {names}, not {wanted}"]


def _text(root: Optional[Element], path: str) -> str:
    return (root.findtext(path) or "").strip() if root is not None else ""
