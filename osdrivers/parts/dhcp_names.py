# SPDX-License-Identifier: Apache-2.0
"""Host names in the configuration of DHCP clients, where they are this machine's own (P1).

A copy would tell the server the old name at its first request.  A name that is not the machine's
is somebody's policy and stays.  What then is sent is what each client sends by itself.
Source: dhclient.conf(5), interfaces(5), ifcfg-dhcp(5) of wicked, NetworkManager's settings manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Union

from ..actions import EditFile, Remove
from ..errors import UnsafeRefused
from ..host import Host
from . import listed

#: A drop-in that only publishing a name makes, for networkd.
DROP_IN = "90-published-name.conf"
_DROP_INS = f"/etc/systemd/network/*.d/{DROP_IN}"
_SEND = r'^([ \t]*send[ \t]+host-name)[ \t]*=?[ \t]*"{name}"[ \t]*;'
_OF_STANZA = r"^[ \t]*hostname[ \t]+{name}[ \t]*(\n|\Z)"
_OF_SUSE = r"^(DHCLIENT6?_HOSTNAME_OPTION=)[\"']?{name}[\"']?"
#: Files, what has the name in them, what stands there then.
_SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("/etc/dhcp/dhclient*.conf", _SEND, r"\1 = gethostname();"),
    ("/etc/dhcp3/dhclient.conf", _SEND, r"\1 = gethostname();"),
    ("/etc/dhclient*.conf", _SEND + r"[ \t]*\n?", ""),  # not all know gethostname()
    ("/etc/network/interfaces", _OF_STANZA, ""),
    ("/etc/network/interfaces.d/*", _OF_STANZA, ""),
    ("/etc/sysconfig/network-scripts/ifcfg-*", r"^DHCP_HOSTNAME=[\"']?{name}[\"']?[ \t]*\n?", ""),
    ("/etc/sysconfig/network/dhcp", _OF_SUSE, r'\1"AUTO"'),
    ("/etc/sysconfig/network/ifcfg-*", _OF_SUSE, r'\1"AUTO"'),
    ("/etc/NetworkManager/system-connections/*", r"^dhcp-hostname={name}[ \t]*\n?", ""),
)


def forgotten(host: Host, names: Iterable[str]) -> Iterator[Union[EditFile, Remove]]:
    """What takes them out.

    :raises UnsafeRefused: a directory on the way is a link.
    """
    old = sorted({*names} - {""})
    for files, pattern, instead in _SETTINGS if old else ():
        name = "(?:" + "|".join(map(re.escape, old)) + r")(?![\w.-])"
        setting = re.compile(pattern.replace("{name}", name).encode(), re.MULTILINE)
        for path in host.glob(files):
            found = host.status(path, follow=False)
            if found is None or found.kind != "file":
                continue
            if setting.search(host.read_bytes(path, b"")):
                listed.refuse_links(host, path.rpartition("/")[0])
                change = partial(setting.sub, instead.encode())
                yield EditFile(path, change, f"not {' nor '.join(old)}")
    for path in host.glob(_DROP_INS):
        found = host.status(path, follow=False)
        if found is not None and found.kind != "file":
            raise UnsafeRefused(f"{path} is not a file", hint="delete it yourself")
        yield Remove(path, beneath="/etc")
