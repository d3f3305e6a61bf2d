# SPDX-License-Identifier: Apache-2.0
"""The wire server's ExtensionsConfig read into the model.

Elements are found by local name in any order.  A handler whose part of the document is wrong gets
a ``problem`` and the others go on; a document that is not well-formed is refused as a whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Optional

from . import reading, xml
from .desired import (
    DISABLED,
    EMPTY,
    ENABLED,
    FABRIC,
    STATES,
    AgentFamily,
    Dependency,
    Desired,
    Extension,
    Handler,
    Identity,
    StatusBlob,
)
from .reading import Unusable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

WHAT = "the extensions configuration"


def parse(data: bytes, incarnation: str) -> Desired:
    """Read the document of a goal state.

    :param incarnation: of the goal state that named the document.
    :raises Malformed: not well-formed, not this document, hostile, or a URI that is none.
    """
    root = xml.require_root(xml.parse(data, WHAT), "Extensions", None, WHAT)
    settings = xml.children(xml.descendant(root, "PluginSettings"), "Plugin", None, WHAT)
    plugins = xml.children(xml.descendant(root, "Plugins"), "Plugin", None, WHAT)
    required = xml.children(xml.descendant(root, "RequiredFeatures"), "RequiredFeature", None, WHAT)
    names = (xml.text(xml.descendant(one, "Name")) for one in required)
    return Desired(
        source=FABRIC,
        identity=_identity(xml.descendant(root, "InVMGoalStateMetaData"), incarnation),
        handlers=tuple(_handler(plugin, settings) for plugin in plugins),
        families=tuple(_family(one) for one in xml.descendants(root, "GAFamily")),
        status_blob=_status_blob(xml.descendant(root, "StatusUploadBlob")),
        artifacts_profile=reading.uri(
            xml.text(xml.descendant(root, "InVMArtifactsProfileBlob")), "the artifacts profile"
        ),
        required_features=tuple(name for name in names if name),
    )


def empty(incarnation: str) -> Desired:
    """What a goal state without an extensions document wants: nothing, and no status report."""
    return Desired(EMPTY, Identity(f"incarnation_{incarnation}", incarnation, sequence=incarnation))


def _identity(element: Optional[Element], incarnation: str) -> Identity:
    said = element.attrib if element is not None else {}
    return Identity(
        name=f"incarnation_{incarnation}",
        incarnation=incarnation,
        activity_id=reading.identifier(said.get("activityId")),
        correlation_id=reading.identifier(said.get("correlationId")),
        sequence=said.get("inSvdSeqNo", "").strip()[:64] or incarnation,
        created_ticks=reading.number(said.get("createdOnTicks")) or 0,
    )


def _family(element: Element) -> AgentFamily:
    def said(name: str) -> Optional[str]:
        found = xml.child(element, name, None, WHAT)
        return None if found is None else xml.text(found)

    listed = xml.children(xml.child(element, "Uris", None, WHAT), "Uri", None, WHAT)
    return AgentFamily(
        name=said("Name") or "",
        version=said("Version") or "",
        from_version=said("FromVersion") or "",
        is_version_from_rsm=reading.flag(said("IsVersionFromRSM")),
        is_vm_enabled_for_rsm_upgrades=reading.flag(said("IsVMEnabledForRSMUpgrades")),
        uris=reading.uris(xml.text(one) for one in listed),
    )


def _status_blob(element: Optional[Element]) -> Optional[StatusBlob]:
    place = reading.uri(xml.text(element), "the status blob")
    if element is None or not place:
        return None
    return StatusBlob(place, reading.blob_kind(element.get("statusBlobType")))


def _handler(plugin: Element, settings: list[Element]) -> Handler:
    name, version = (plugin.get(part, "").strip() for part in ("name", "version"))
    state = plugin.get("state", "").strip().lower()
    more = xml.child(plugin, "additionalLocations", None, WHAT)
    places = [plugin.get("location"), plugin.get("failoverlocation")]
    places += [xml.text(one) for one in xml.children(more, "additionalLocation", None, WHAT)]
    problem = reading.handler_problem(name, version, state, STATES)
    made = Handler(
        name=name,
        version=version,
        state=state if state in STATES else "",
        manifest_uris=reading.uris(places),
        encoded_signature=plugin.get("encodedSignature", "").strip(),
        auto_upgrade=reading.flag(plugin.get("autoUpgrade")) is True,
        run_as_startup_task=reading.flag(plugin.get("runAsStartupTask")) is True,
        use_exact_version=reading.flag(plugin.get("useExactVersion")) is True,
        problem=problem,
    )
    try:
        mine = _settings_of(made, settings)
        multi_config = bool(xml.children(mine, "ExtensionRuntimeSettings", None, WHAT))
        extensions = _multi(mine) if multi_config else _single(mine, made.state)
    except Unusable as wrong:
        return replace(made, problem=problem or str(wrong))
    return replace(made, multi_config=multi_config, extensions=extensions)


def _settings_of(handler: Handler, settings: list[Element]) -> Optional[Element]:
    """The one element with its settings, if any; names are compared in any case of letters."""
    named = [one for one in settings if one.get("name", "").strip().lower() == handler.name.lower()]
    for one in named:
        version = one.get("version", "").strip()
        if version != handler.version:
            raise Unusable(
                f"its settings are for version {version[:40]!r}, not {handler.version[:40]!r}"
            )
    if len(named) > 1:
        raise Unusable("its settings are there more than once")
    return named[0] if named else None


def _single(mine: Optional[Element], state: str) -> tuple[Extension, ...]:
    listed = xml.children(mine, "RuntimeSettings", None, WHAT)
    if not listed:
        return ()
    depends = xml.children(mine, "DependsOn", None, WHAT)
    if len(listed) > 1 or len(depends) > 1:
        raise Unusable("a single-config handler has one RuntimeSettings and one DependsOn at most")
    made = Extension(sequence=reading.sequence(listed[0].get("seqNo")), state=state or DISABLED)
    if depends:
        made = replace(
            made,
            level=reading.level(depends[0].get("dependencyLevel")),
            depends_on=_dependencies(depends[0]),
        )
    return (_settings(made, listed[0]),)


def _multi(mine: Optional[Element]) -> tuple[Extension, ...]:
    if xml.children(mine, "RuntimeSettings", None, WHAT):
        raise Unusable("it has both RuntimeSettings and ExtensionRuntimeSettings")
    depends: dict[str, Element] = {}
    for one in xml.children(mine, "DependsOn", None, WHAT):
        name = one.get("name", "").strip()
        if not name:
            raise Unusable("a DependsOn of a multi-config handler names no extension")
        depends[name] = one
    made = []
    for element in xml.children(mine, "ExtensionRuntimeSettings", None, WHAT):
        name = element.get("name", "").strip()
        state = element.get("state", "").strip().lower() or ENABLED
        if not name:
            raise Unusable("an ExtensionRuntimeSettings has no name")
        extension = Extension(
            name, reading.sequence(element.get("seqNo")), state if state in STATES else DISABLED
        )
        if name in depends:
            extension = replace(
                extension,
                level=reading.level(depends[name].get("dependencyLevel")),
                depends_on=_dependencies(depends[name]),
            )
        problem = reading.extension_problem(name, state, STATES)
        made.append(
            replace(extension, problem=problem) if problem else _settings(extension, element)
        )
    if len({one.name for one in made}) < len(made):
        raise Unusable("two of its extensions have the same name")
    return tuple(made)


def _dependencies(element: Element) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(one.get("handler", ""), one.get("extension", ""))
        for one in xml.children(element, "DependsOnExtension", None, WHAT)
    )


def _settings(extension: Extension, element: Element) -> Extension:
    """The JSON in an element; no text at all is no settings."""
    text = xml.text(element)
    if not text:
        return extension
    try:
        listed = reading.members(reading.json_text(text)).get("runtimesettings")
    except ValueError as broken:
        return replace(extension, problem=f"the settings are not JSON: {broken}"[:200])
    first = listed[0] if isinstance(listed, list) and listed else None
    return reading.with_settings(extension, reading.members(first).get("handlersettings"))
