# SPDX-License-Identifier: Apache-2.0
"""The system that ``install.py`` installs for: its paths, all of them from arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Name -> default; a default may stand on names above it.
VARIABLES = {
    "DESTDIR": "",
    "PREFIX": "/usr/local",
    "SBINDIR": "{PREFIX}/sbin",
    "SYSCONFDIR": "/etc",
    "LOCALSTATEDIR": "/var",
    "PYTHON": "/usr/bin/python3",
    "PYTHONDIR": "{PREFIX}/lib/agentcore",
    "LABDIR": "{PREFIX}/share/agentcore-lab",
    "UNITDIR": "{PREFIX}/lib/systemd/system",
    "PRESETDIR": "{PREFIX}/lib/systemd/system-preset",
    "UDEVDIR": "{PREFIX}/lib/udev/rules.d",
    "LOGROTATEDIR": "{SYSCONFDIR}/logrotate.d",
    "INITDIR": "",
    "MANDIR": "{PREFIX}/share/man",
    "BASHCOMPDIR": "{PREFIX}/share/bash-completion/completions",
    "ZSHCOMPDIR": "{PREFIX}/share/zsh/site-functions",
    "FISHCOMPDIR": "{PREFIX}/share/fish/vendor_completions.d",
    "INIT": "systemd",
    "SERVICE_NAME": "waagent",
    "VENDOR": "",
    "COMPONENTS": "agent",
}
COMPONENTS = ("agent", "conformance", "freebsd")
#: Init system -> (file below the tree, directory for it when INITDIR is not given).
SCRIPTS = {
    "sysv": ("conf/sysv/waagent", "{SYSCONFDIR}/init.d"),
    "openrc": ("conf/openrc/waagent", "{SYSCONFDIR}/init.d"),
    "upstart": ("conf/upstart/waagent.conf", "{SYSCONFDIR}/init"),
    "rcng": ("freebsd/files/waagent.in", "{SYSCONFDIR}/rc.d"),
}
INITS = ("systemd", *SCRIPTS, "none")


class Wrong(Exception):
    """The arguments cannot be served; the message says which."""


@dataclass(frozen=True)
class Target:
    """The system that is installed for: its paths, and the tree that stands for its root."""

    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def inits(self) -> list[str]:
        """The init systems that get a file; ``INIT`` may name several."""
        return [name for name in self["INIT"].split(",") if name != "none"]

    def place(self, path: str) -> Path:
        """A path of the target below ``DESTDIR``."""
        return Path(self["DESTDIR"] + path)

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """One file, with its mode whatever the umask is; a file that is there is replaced."""
        place = self.place(path)
        directory(place.parent)
        place.unlink(missing_ok=True)
        place.write_bytes(content)
        place.chmod(mode)

    def translated(self, text: str) -> str:
        """The text of a file with our own paths as they are on the target.

        The sources have the paths of a system whose PREFIX is /usr.
        """
        for ours, theirs in (
            ("/usr/sbin/waagent", f"{self['SBINDIR']}/waagent"),
            ("/etc/waagent", f"{self['SYSCONFDIR']}/waagent"),
            ("/usr/lib/waagent", f"{self['PREFIX']}/lib/waagent"),
            ("/var/lib/waagent", f"{self['LOCALSTATEDIR']}/lib/waagent"),
            ("/var/log/waagent", f"{self['LOCALSTATEDIR']}/log/waagent"),
            ("/var/cache/waagent", f"{self['LOCALSTATEDIR']}/cache/waagent"),
        ):
            text = text.replace(ours, theirs)
        return text


def directory(path: Path) -> None:
    """A directory and those above it, 0755 where they are new."""
    if path.is_dir():
        return
    directory(path.parent)
    path.mkdir(mode=0o755)
    path.chmod(0o755)


def target(words: list[str]) -> Target:
    """The target that the arguments describe.

    :raises Wrong: an unknown name, a relative path, or a component that is not there.
    """
    given = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in VARIABLES:
            raise Wrong(f"{word}: not one of {' '.join(VARIABLES)}")
        if value:
            given[name] = value.rstrip("/") if name != "PYTHON" else value
    values: dict[str, str] = {}
    for name, default in VARIABLES.items():
        values[name] = given.get(name, default.format(**values))
        if name.endswith("DIR") and values[name] and not values[name].startswith("/"):
            raise Wrong(f"{name}={values[name]}: not an absolute path")
    _known("INIT", values["INIT"], INITS)
    _known("COMPONENTS", values["COMPONENTS"], COMPONENTS)
    if values["VENDOR"]:
        _known("VENDOR", values["VENDOR"], sorted(p.stem for p in ROOT.glob("conf/vendor/*.conf")))
    return Target(values)


def _known(name: str, value: str, choices: Sequence[str]) -> None:
    wrong = [word for word in value.split(",") if word not in choices]
    if wrong:
        raise Wrong(f"{name}={value}: one or more of {' '.join(choices)}, with commas between")
