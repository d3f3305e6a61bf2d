# SPDX-License-Identifier: Apache-2.0
"""A goal state with sample extensions, in a line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.platform.machine import Plugin

from . import Sample

if TYPE_CHECKING:
    from lab.platform.server import Platform


def offered(platform: Platform, sample: Sample, **wanted: Any) -> Plugin:
    """Put a sample's package into the blob store; the goal state's entry for it.

    ``wanted`` are further fields of the entry: ``state``, ``settings``, ``sequence``, ``level``,
    ``protected``.  Versions that were offered before stay in its manifest.
    """
    path = f"/packages/{sample.name}__{sample.version}.zip"
    platform.blobs.put(path, sample.package())
    known = {
        blob.rpartition("__")[2][: -len(".zip")]: blob
        for blob in platform.blobs.blobs
        if blob.startswith(f"/packages/{sample.name}__")
    }
    return Plugin(sample.name, sample.version, versions=known, **wanted)
