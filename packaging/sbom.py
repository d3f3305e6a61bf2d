# SPDX-License-Identifier: Apache-2.0
"""The bill of materials that stands in the release tarball.  Source: SPDX 2.3, sections 6 to 11.

It names what the source consists of, by its files' digests, and what it needs at run time.  Nothing
of others is in the tree, so there is one package with files, and one for each requirement.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

NAME = "sbom.spdx.json"
LICENCE = "Apache-2.0"
_UNKNOWN = "NOASSERTION"


def document(root: Path, version: str, when: int, files: Iterable[tuple[str, bytes]]) -> bytes:
    """The document as JSON.

    :param when: seconds since the epoch; ``files``: name in the tarball and content.
    """
    listed = [_file(number, name, content) for number, (name, content) in enumerate(files, 1)]
    needed = [_requirement(text) for text in requirements(root)]
    digests = sorted(_sha1(each) for each in listed)
    verification = hashlib.sha1("".join(digests).encode(), usedforsecurity=False).hexdigest()
    whole = {
        "SPDXID": "SPDXRef-agentcore",
        "name": "agentcore",
        "versionInfo": version,
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": verification},
        "licenseConcluded": LICENCE,
        "licenseDeclared": LICENCE,
        "licenseInfoFromFiles": [LICENCE],
        "copyrightText": _UNKNOWN,
    }
    relations = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-agentcore")]
    relations += [_relation("SPDXRef-agentcore", "CONTAINS", each["SPDXID"]) for each in listed]
    relations += [_relation("SPDXRef-agentcore", "DEPENDS_ON", each["SPDXID"]) for each in needed]
    made: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"agentcore-{version}",
        "documentNamespace": f"https://example.org/agentcore/{version}/{verification}",
        "creationInfo": {
            "created": datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: packaging/sbom.py"],
        },
        "packages": [whole, *needed],
        "files": listed,
        "relationships": relations,
    }
    return (json.dumps(made, indent=1) + "\n").encode()


def requirements(root: Path) -> list[str]:
    """What setup.cfg says is needed at run time, and the openssl command."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(root / "setup.cfg", encoding="utf-8")
    python = f"python{config['options']['python_requires']}"
    return [python, *config["options"]["install_requires"].split(), "openssl"]


def _requirement(text: str) -> dict[str, Any]:
    name, comparison, version = re.findall(r"^([a-z0-9-]+)([<>=]*)(.*)$", text)[0]
    described = {
        "SPDXID": f"SPDXRef-needs-{name}",
        "name": name,
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
    }
    if version:
        described["comment"] = f"{comparison} {version}, of the system it is installed on"
    return described


def _file(number: int, name: str, content: bytes) -> dict[str, Any]:
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return {
        "SPDXID": f"SPDXRef-file-{number}",
        "fileName": f"./{name}",
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": sha1},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
        ],
        "licenseConcluded": _UNKNOWN,
        "licenseInfoInFiles": [_UNKNOWN],
        "copyrightText": _UNKNOWN,
    }


def _sha1(described: dict[str, Any]) -> str:
    return str(described["checksums"][0]["checksumValue"])


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
