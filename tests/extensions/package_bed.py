# SPDX-License-Identifier: Apache-2.0
"""Packages and a list of versions, made here."""

from __future__ import annotations

import io
import json
import zipfile

NAME = "Lab.Sample"
MANIFEST = {
    "handlerManifest": {
        f"{one}Command": f"bin/run {one}" for one in ("install", "uninstall", "enable", "disable")
    }
}
OFFERED = b"""<PluginVersionManifest><Plugins><Plugin><Version>1.0.0.1</Version>
<Uris><Uri>https://a/1?sig=x</Uri></Uris></Plugin></Plugins><InternalPlugins><Plugin>
<Version>1.0.2</Version><Uris><Uri>https://a/2</Uri><Uri>ftp://a/2</Uri></Uris></Plugin>
<Plugin><Version>1.01.9</Version></Plugin></InternalPlugins></PluginVersionManifest>"""


def packed(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def good(**more: bytes) -> bytes:
    manifest = json.dumps([MANIFEST]).encode()
    return packed(**{"HandlerManifest.json": manifest, "bin/run": b"#!/bin/sh\n", **more})
