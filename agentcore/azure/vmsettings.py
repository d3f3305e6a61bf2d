# SPDX-License-Identifier: Apache-2.0
"""The host plugin's vmSettings (fast track) read into the model.

The same values as in ExtensionsConfig, as JSON, with names in any case of letters.  What is wrong
with one handler is that handler's problem; a document that is no JSON or has no sound head is
refused as a whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from agentcore.errors import Malformed

from . import reading
from .desired import (
    DISABLED,
    ENABLED,
    FABRIC,
    FAST_TRACK,
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

WHAT = "the vmSettings"
_SOURCES = {"fasttrack": FAST_TRACK, "fabric": FABRIC}


def parse(data: bytes, etag: str) -> Desired:
    """Read the document.

    ``source`` is ``fabric`` where the plugin passes on what the wire server says too, without
    being asked to act on it.

    :param etag: as the plugin sent it.
    :raises Malformed: not JSON, not this document, or a URI that is none.
    """
    document = reading.json_document(data, WHAT)
    if not isinstance(document, dict):
        raise Malformed(f"{WHAT} are not a JSON object")
    said = reading.members(document)
    source = _SOURCES.get(reading.text_of(said.get("extensiongoalstatessource")).lower())
    if source is None:
        raise Malformed(f"{WHAT} do not say where they come from (extensionGoalStatesSource)")
    required = (reading.members(one) for one in _list(said, "requiredfeatures"))
    names = (reading.text_of(one.get("name")) for one in required)
    return Desired(
        source=source,
        identity=_identity(said, etag),
        handlers=tuple(
            _handler(_object(one, "extensionGoalStates"))
            for one in _list(said, "extensiongoalstates")
        ),
        families=tuple(_family(_object(one, "gaFamilies")) for one in _list(said, "gafamilies")),
        status_blob=_status_blob(said.get("statusuploadblob")),
        on_hold=reading.flag(said.get("onhold")) is True,
        required_features=tuple(name for name in names if name),
        host_plugin_version=reading.text_of(said.get("hostgapluginversion"))[:40],
    )


def _list(said: dict[str, Any], name: str) -> list[Any]:
    return reading.items(said.get(name), f"{name} of {WHAT}")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{name} of {WHAT} holds something else than objects")
    return reading.members(value)


def _identity(said: dict[str, Any], etag: str) -> Identity:
    return Identity(
        name=f"etag_{etag}",
        etag=etag,
        activity_id=reading.identifier(said.get("activityid")),
        correlation_id=reading.identifier(said.get("correlationid")),
        sequence=reading.text_of(said.get("insvdseqno"))[:64],
        created_ticks=reading.number(said.get("extensionslastmodifiedtickcount")) or 0,
    )


def _family(said: dict[str, Any]) -> AgentFamily:
    return AgentFamily(
        name=reading.text_of(said.get("name")),
        version=reading.text_of(said.get("version")),
        from_version=reading.text_of(said.get("fromversion")),
        is_version_from_rsm=reading.flag(said.get("isversionfromrsm")),
        is_vm_enabled_for_rsm_upgrades=reading.flag(said.get("isvmenabledforrsmupgrades")),
        uris=reading.uris(_list(said, "uris")),
    )


def _status_blob(value: object) -> Optional[StatusBlob]:
    if value is None:
        return None
    said = _object(value, "statusUploadBlob")
    place = reading.uri(said.get("value"), "the status blob")
    if not place:
        raise Malformed(f"the statusUploadBlob of {WHAT} has no value")
    return StatusBlob(place, reading.blob_kind(said.get("statusblobtype")))


def _handler(said: dict[str, Any]) -> Handler:
    name, version = (reading.text_of(said.get(part)) for part in ("name", "version"))
    state = reading.text_of(said.get("state")).lower()
    problem = reading.handler_problem(name, version, state, STATES)
    multi_config = reading.flag(said.get("ismulticonfig")) is True
    more = said.get("additionallocations")
    made = Handler(
        name=name,
        version=version,
        state=state if state in STATES else "",
        manifest_uris=reading.uris(
            [said.get("location"), said.get("failoverlocation")]
            + (more if isinstance(more, list) else [])
        ),
        multi_config=multi_config,
        encoded_signature=reading.text_of(said.get("encodedsignature")),
        auto_upgrade=reading.flag(said.get("autoupgrade")) is True,
        run_as_startup_task=reading.flag(said.get("runasstartuptask")) is True,
        use_exact_version=reading.flag(said.get("useexactversion")) is True,
        problem=problem,
    )
    try:
        extensions = _multi(said) if multi_config else _single(said, made.state)
    except Unusable as wrong:
        return replace(made, problem=problem or str(wrong))
    return replace(made, extensions=extensions)


def _listed(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects of one handler."""
    value = said.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Unusable(f"its {name} are not a list of objects")
    return [reading.members(one) for one in value]


def _single(said: dict[str, Any], state: str) -> tuple[Extension, ...]:
    settings, depends = _listed(said, "settings"), _listed(said, "dependson")
    if len(settings) > 1 or len(depends) > 1:
        raise Unusable("a single-config handler has one of settings and dependsOn at most")
    if not settings:
        return ()
    made = Extension(sequence=reading.sequence(said.get("settingsseqno")), state=state or DISABLED)
    if depends:
        made = replace(
            made,
            level=reading.level(depends[0].get("dependencylevel")),
            depends_on=_dependencies(depends[0]),
        )
    return (reading.with_settings(made, settings[0]),)


def _multi(said: dict[str, Any]) -> tuple[Extension, ...]:
    settings = _listed(said, "settings")
    depends = {reading.text_of(one.get("name")): one for one in _listed(said, "dependson")}
    made = []
    for one in settings:
        name = reading.text_of(one.get("extensionname"))
        state = reading.text_of(one.get("extensionstate")).lower() or ENABLED
        if not name:
            raise Unusable("one of its extensions has no name")
        extension = Extension(
            name, reading.sequence(one.get("seqno")), state if state in STATES else DISABLED
        )
        if name in depends:
            wanted = depends[name]
            extension = replace(
                extension,
                level=reading.level(wanted.get("dependencylevel")),
                depends_on=_dependencies(wanted),
            )
        problem = reading.extension_problem(name, state, STATES)
        made.append(
            replace(extension, problem=problem)
            if problem
            else reading.with_settings(extension, one)
        )
    names = {one.name for one in made}
    if len(names) < len(made):
        raise Unusable("two of its extensions have the same name")
    if not set(depends) <= names:
        raise Unusable("a dependsOn names an extension that it does not have")
    return tuple(made)


def _dependencies(said: dict[str, Any]) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(reading.text_of(one.get("handler")), reading.text_of(one.get("extension")))
        for one in _listed(said, "dependsonextension")
    )
