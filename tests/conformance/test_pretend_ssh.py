# SPDX-License-Identifier: Apache-2.0
"""The pretend ssh-keygen and sshd do what Debian's OpenSSH does."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from osdrivers.host import Host, Secret
from tests.conformance.compared import Pair
from tests.osdrivers.parts.overlaid import overlaid

pytestmark = pytest.mark.sandbox
NEW = "/etc/ssh/new"
STOCK = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nX11Forwarding yes\n"


def keys(pair: Pair, *, every: bool = False) -> None:
    """Both have a host key (or one of each type), and sshd the directory it needs."""
    for host in (pair.real, pair.pretended):
        for old in Path(f"{host.root}/etc/ssh").glob("ssh_host_*"):
            old.unlink()
        Path(f"{host.root}/run/sshd").mkdir(exist_ok=True)
    one = ("-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
    pair.run("ssh-keygen", *(("-A",) if every else one))


def shape(host: Host, path: str) -> tuple[object, ...]:
    """What a key file is, but for the key: mode, owner, first and last line, comment."""
    real = Path(host.root + path)
    if not real.exists():
        return ()
    found, lines = real.stat(), real.read_text().splitlines()
    words = lines[0].split(" ", 2) if path.endswith(".pub") else [lines[0], lines[-1]]
    return (stat.S_IMODE(found.st_mode), found.st_uid, words[0], *words[2:])


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa", "dsa-of-old"])
@overlaid
def test_a_new_key_has_the_shape_and_fingerprint_of_a_real_one(host: Host, kind: str) -> None:
    pair = Pair(host)
    argv = ("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "me", "-f", NEW)
    pair.run(*argv)
    for path in (NEW, f"{NEW}.pub"):
        assert shape(pair.pretended, path) == shape(pair.real, path)
    if kind == "dsa-of-old":
        return
    for suffix in ("", ".pub"):  # each tool reads what the other made
        made = Path(pair.pretended.root + NEW + suffix)
        Path(NEW + suffix).write_bytes(made.read_bytes())
    for digest in ("sha256", "md5"):
        pair.same_output("ssh-keygen", "-l", "-E", digest, "-f", f"{NEW}.pub")
    pair.same_output("ssh-keygen", "-lf", f"{NEW}.pub")
    real, pretended = pair.run("ssh-keygen", "-y", "-f", NEW)
    assert pretended.split()[:2] == real.split()[:2]
    pair.run(*argv)  # nobody answers whether to overwrite it
    assert Path(NEW).read_bytes() == Path(pair.pretended.root + NEW).read_bytes()


@overlaid
def test_missing_and_empty_host_keys_are_made_and_others_left(host: Host) -> None:
    pair = Pair(host)
    keys(pair, every=True)
    names = [f"ssh_host_{kind}_key" for kind in ("ecdsa", "ed25519", "rsa")]
    before = {}
    for machine in (pair.real, pair.pretended):
        place = Path(f"{machine.root}/etc/ssh")
        found = sorted(path.name for path in place.glob("ssh_host_*"))
        assert found == sorted([*names, *(f"{name}.pub" for name in names)])
        (place / names[0]).unlink()
        (place / names[1]).write_bytes(b"")
        before[machine.root] = (place / names[2]).read_bytes()
    pair.run("ssh-keygen", "-A")
    for machine in (pair.real, pair.pretended):
        place = Path(f"{machine.root}/etc/ssh")
        assert (place / names[2]).read_bytes() == before[machine.root]
        for name in names:
            assert b"PRIVATE KEY" in (place / name).read_bytes()
    for path in (f"/etc/ssh/{name}" for name in names):
        assert shape(pair.pretended, path) == shape(pair.real, path)


@pytest.mark.parametrize("broken", ["no keys", "empty keys", "no directory"])
@overlaid
def test_sshd_needs_its_keys_and_its_directory(host: Host, broken: str) -> None:
    pair = Pair(host)
    keys(pair)
    pair.put("/etc/ssh/sshd_config", STOCK)
    for machine in (pair.real, pair.pretended):
        for key in Path(f"{machine.root}/etc/ssh").glob("ssh_host_*_key"):
            if broken == "no keys":
                key.unlink()
            elif broken == "empty keys":
                key.write_bytes(b"")
        if broken == "no directory":
            os.rmdir(f"{machine.root}/run/sshd")
    pair.run("sshd", "-t")
    pair.run("sshd", "-T")
    pair.run("sshd", "-t", "-f", "/etc/ssh/sshd_config")


CONFIGURATIONS = {
    "stock": STOCK,
    "empty": "",
    "first wins": "PasswordAuthentication no\nPasswordAuthentication yes\n",
    "mixed case": "pAsswordauthentication NO\nClientAliveInterval=77\n",
    "equals": "PasswordAuthentication = no\n",
    "included": "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n",
    "included late": "PasswordAuthentication yes\nInclude /etc/ssh/sshd_config.d/*.conf\n",
    "relative include": "Include sshd_config.d/*.conf\n",
    "alias": "ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes\n",
    "match": "Match User maria\n  PasswordAuthentication no\n",
    "match before": "Match User maria\nPasswordAuthentication no\nMatch All\nUsePAM yes\n",
    "match all": "Match All\nPasswordAuthentication no\n",
    "include in match": "Match User maria\nInclude sshd_config.d/*.conf\nX11Forwarding no\n",
    "match in include": "Include /etc/ssh/matching.conf\nPasswordAuthentication no\n",
    "bad keyword": "PasswortAuthentication no\n",
    "bad value": "PasswordAuthentication perhaps\n",
    "bad number": "ClientAliveInterval often\n",
    "no value": "PasswordAuthentication\n",
    "missing include": "Include /etc/ssh/nosuch.d/*.conf\n",
    "time": "ClientAliveInterval 3m\n",
    "quoted": 'PasswordAuthentication "no"\n',
    "comment behind": "PasswordAuthentication no # because\n",
}
COMPARED = (
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "pubkeyauthentication",
    "permitrootlogin",
    "clientaliveinterval",
    "clientalivecountmax",
    "usepam",
    "authorizedkeysfile",
)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@overlaid
def test_sshd_judges_and_reads_a_configuration_as_the_real_one(host: Host, name: str) -> None:
    pair = Pair(host)
    keys(pair)
    pair.put("/etc/ssh/sshd_config", CONFIGURATIONS[name])
    pair.put("/etc/ssh/sshd_config.d/50-image.conf", "PasswordAuthentication no\n")
    pair.put("/etc/ssh/matching.conf", "Match User maria\nPasswordAuthentication yes\n")
    pair.run("sshd", "-t")
    pair.run("sshd", "-t", "-f", "/etc/ssh/sshd_config")
    pair.run("sshd", "-T", "-f", "/etc/ssh/nosuch")
    pair.run("sshd", "-T", "-o", "PasswordAuthentication=no", "-o", "UsePAM no")
    pair.run("sshd", "-G")
    real, pretended = (options(text) for text in pair.run("sshd", "-T"))
    assert pretended == real


def options(text: str) -> dict[str, str]:
    found = dict(re.findall(r"(?m)^(\w+) (.*)$", text))
    # "without-password" is what sshd prints for prohibit-password
    same = {"without-password": "prohibit-password"}
    return {key: same.get(found[key], found[key]) for key in COMPARED if key in found}


@overlaid
def test_versions_are_printed_alike(host: Host) -> None:
    real, pretended = (host.commands for host in (host, Pair(host).pretended))
    for argv in (("ssh", "-V"), ("sshd", "-V")):
        one, other = (commands(argv, Secret(), 10) for commands in (real, pretended))
        assert (one.status, one.stdout) == (other.status, other.stdout)
        assert re.match(r"OpenSSH_\d+\.\d+", one.stderr)
        assert re.match(r"OpenSSH_\d+\.\d+", other.stderr)
