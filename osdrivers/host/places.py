# SPDX-License-Identifier: Apache-2.0
"""Where things are on a machine: one frozen value instead of paths in the code.

Source: O V2 of the contract; hier(7), FreeBSD hier(7).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """Guest paths.  ``OS.SshDir``, ``OS.SudoersDir``, ``OS.PasswordPath`` and tests override them.

    A driver gives a host whose system differs a changed copy (``dataclasses.replace``).
    """

    configuration: str = "/etc/waagent.conf"
    configuration_dir: str = "/etc/waagent.conf.d"
    vendor_configuration_dir: str = "/usr/lib/waagent/conf.d"
    state: str = "/var/lib/waagent"
    log: str = "/var/log/waagent.log"
    run: str = "/run"
    sshd: str = "/etc/ssh"
    sudoers: str = "/etc/sudoers"
    sudoers_dir: str = "/etc/sudoers.d"
    passwd: str = "/etc/passwd"  # noqa: S105 - a path
    group: str = "/etc/group"
    shadow: str = "/etc/shadow"
    home: str = "/home"
    skeleton: str = "/etc/skel"
    sysfs: str = "/sys"
    procfs: str = "/proc"
    devices: str = "/dev"
    units: str = "/etc/systemd/system"
    binaries: str = "/usr/sbin"
    cache: str = "/var/cache/waagent"

    @property
    def journal(self) -> str:
        """The audit trail of actions."""
        return f"{self.state}/journal.jsonl"
