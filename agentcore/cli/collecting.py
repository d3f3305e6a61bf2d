# SPDX-License-Identifier: Apache-2.0
"""``waagent collect-logs``: one archive with what somebody who helps needs, and no secret.

Of each file the last 4 MiB, of all 32 MiB, every signature replaced.  Settings of extensions,
keys, the provisioning document and the shadow file are never read.
"""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Iterator, Sequence

from agentcore import log
from agentcore.redaction import redacted
from osdrivers.errors import FileFailed
from osdrivers.host import Host

from .arguments import configured, machine, parse, parser

FILE_LIMIT_BYTES, WHOLE_LIMIT_BYTES = 4 << 20, 32 << 20
_SYSTEM = (
    "/etc/os-release",
    "/etc/hostname",
    "/proc/cmdline",
    "/proc/version",
    "/proc/mounts",
    "/proc/swaps",
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/var/log/cloud-init.log",
    "/var/log/cloud-init-output.log",
    "/var/log/dmesg",
)


def run(name: str, words: Sequence[str]) -> int:
    """Write the archive, 0600, and print its name."""
    made = parser(name, "Collect logs, status and configuration into one archive.")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    default = f"waagent-logs-{stamp}.zip"
    made.add_argument("--output", metavar="FILE", default=default, help="(default: %(default)s)")
    options = parse(made, words)
    host, _ = configured(machine(options), options)
    target = os.path.abspath(options.output)
    left, missing = WHOLE_LIMIT_BYTES, []
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with (
        open(descriptor, "wb") as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in wanted(host):
            try:
                text = tail(host, path, min(left, FILE_LIMIT_BYTES))
            except FileFailed as failure:
                missing.append(str(failure))
                continue
            archive.writestr(path.lstrip("/"), text)
            left -= len(text)
            if left <= 0:
                missing.append(f"nothing after {path}: {WHOLE_LIMIT_BYTES} bytes are reached")
                break
        archive.writestr("not-collected.txt", "".join(f"{line}\n" for line in missing))
    print(target)
    return 0


def wanted(host: Host) -> Iterator[str]:
    """The files, the most useful first; only those that are there."""
    places = host.places
    patterns = (
        places.log,
        f"{places.log}.1",
        f"{places.run}/waagent/status.json",
        places.journal,
        f"{places.journal}.1",
        f"{places.state}/history/*.json",
        places.configuration,
        f"{places.configuration_dir}/*.conf",
        f"{places.vendor_configuration_dir}/*.conf",
        "/var/log/azure/*/CommandExecution*.log",
        "/var/log/azure/*/*.log",
        f"{places.state}/*/config/HandlerState",
        f"{places.state}/*/config/HandlerStatus",
        f"{places.state}/*/status/*.status",
        *_SYSTEM,
    )
    seen = set()
    for pattern in patterns:
        for path in host.glob(pattern) if "*" in pattern else (pattern,):
            status = host.status(path, follow=not pattern.startswith(places.state))
            if path not in seen and status is not None and status.kind == "file":
                seen.add(path)
                yield path


def tail(host: Host, path: str, limit_bytes: int) -> str:
    """The end of a file as text, every signature replaced.

    :raises FileFailed: it cannot be read.
    """
    status = host.status(path)
    size = status.size if status is not None else 0
    if size == 0:  # of procfs, or empty
        data = host.read_bytes(path, b"", log.LIMIT_BYTES)
    else:
        begin = max(0, size - limit_bytes)
        data = b"".join(host.pieces(path, [(begin, size - begin)]))
    return redacted(data.decode("utf-8", "replace"))
