# SPDX-License-Identifier: Apache-2.0
"""The manifest of a handler's versions (PluginVersionManifest): what there is, and where."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentcore.azure import xml
from agentcore.errors import Malformed

from . import versions

WHAT = "the manifest of versions"


@dataclass(frozen=True)
class Offer:
    """One version.  The query of a URI may sign: it is never printed."""

    version: str
    uris: tuple[str, ...] = field(repr=False)


def parse(data: bytes) -> tuple[Offer, ...]:
    """Read a manifest; a version that is none is left out, as nobody can ask for it.

    ``InternalPlugins`` count as the others.  :raises Malformed: it is not such a document.
    """
    root = xml.require_root(xml.parse(data, WHAT), "PluginVersionManifest", None, WHAT)
    found = []
    for part in ("Plugins", "InternalPlugins"):
        for plugin in xml.children(xml.child(root, part, None, WHAT), "Plugin", None, WHAT):
            version = xml.text(xml.child(plugin, "Version", None, WHAT))
            listed = xml.children(xml.child(plugin, "Uris", None, WHAT), "Uri", None, WHAT)
            uris = tuple(dict.fromkeys(xml.text(one) for one in listed))
            if versions.valid(version):
                found.append(Offer(version, tuple(uri for uri in uris if _usable(uri))))
    return tuple(found)


def _usable(uri: str) -> bool:
    return uri.lower().startswith(("https://", "http://"))


def chosen(offers: tuple[Offer, ...], requested: str) -> Offer:
    """The highest version that ``requested`` is the beginning of.

    :raises Malformed: there is none, or nobody says where it is.
    """
    version = versions.matching(requested, (one.version for one in offers))
    if version is None:
        listed = ", ".join(one.version for one in offers[-5:]) or "no version"
        raise Malformed(f"unable to find version {requested} in the manifest, which has {listed}")
    uris = tuple(uri for one in offers if one.version == version for uri in one.uris)
    if not uris:
        raise Malformed(f"the manifest does not say where version {version} is")
    return Offer(version, tuple(dict.fromkeys(uris)))
