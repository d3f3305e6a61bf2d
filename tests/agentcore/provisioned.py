# SPDX-License-Identifier: Apache-2.0
"""The tree of a machine that was provisioned, as far as deprovisioning looks at it."""

from __future__ import annotations

import pathlib

from tests.agentcore.documents import ovf

FILES = {
    "etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "etc/passwd": ("root:x:0:0::/root:/bin/sh\nazureuser:x:1000:1000::/home/azureuser:/bin/sh\n"),
    "etc/group": "root:x:0:\nazureuser:x:1000:\n",
    "etc/shadow": "root:*:19000::::::\nazureuser:*:19000::::::\n",
    "etc/hostname": "web-1\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/ssh/ssh_host_rsa_key": "secret\n",
    "etc/ssh/sshd_config": "Port 22\n",
    "var/lib/dhcp/dhclient.leases": "lease {}\n",
    "var/lib/waagent/provisioned": "id",
    "var/lib/waagent/Acme.Handler-1.0/config/0.settings": "{}",
    "var/log/azure/Acme.Handler/CommandExecution.log": "out",
    "home/azureuser/kept": "mine",
}


def laid_out(root: pathlib.Path) -> pathlib.Path:
    """Make it at ``root``."""
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "var/lib/waagent/ovf-env.xml").write_bytes(ovf())
    return root


def tree(root: pathlib.Path) -> dict[str, bytes]:
    """Every file's bytes."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
