# SPDX-License-Identifier: Apache-2.0
"""``waagent driver capture``: a pretend machine of a tree, and nothing secret in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.cli import main
from osdrivers import capture
from osdrivers.conformance.tools import toolbox
from osdrivers.errors import Conflict
from osdrivers.host import Host
from osdrivers.redaction import published

MARK = "Wr3nch"
HASH = f"$6$salt${MARK}" + "a" * 80
#: Every kind of secret, where systems keep it.
SECRETS = {
    "etc/shadow": f"root:{HASH}:19000:0:99999:7:::\nmaria:{HASH}:19000::::::\n",
    "etc/gshadow": f"root:{HASH}::\nsudo:*::maria-{MARK}\n",
    "etc/passwd": f"root:{HASH}:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
    f"maria{MARK}:x:1000:1000:Maria {MARK},Room 1,555:/home/maria:/bin/sh\n",
    "etc/group": f"root:x:0:\nsudo:x:27:maria{MARK}\nmaria{MARK}:x:1000:\n",
    "etc/subuid": f"maria{MARK}:100000:65536\n",
    "etc/ssh/ssh_host_ed25519_key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{MARK}\n",
    "etc/ssh/ssh_host_ed25519_key.pub": f"ssh-ed25519 AAAA{MARK} root@host\n",
    "etc/ssh/sshd_config": f"PasswordAuthentication no\n# ssh-rsa AAAA{MARK} maria\n"
    f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\nPermitRootLogin no\n",
    "etc/ssh/sshd_config.d/10-x.conf": f"TrustedUserCAKeys /etc/ca\n#Token={MARK}\n",
    "root/.ssh/authorized_keys": f"ssh-rsa AAAA{MARK} maria\n",
    "root/.bash_history": f"mysql -p{MARK}\n",
    "etc/machine-id": f"{MARK}\n",
    "etc/hostname": f"host-{MARK}\n",
    "etc/hosts": f"10.0.0.9 host-{MARK}\n",
    "etc/NetworkManager/system-connections/wifi.nmconnection": f"[wifi-security]\npsk={MARK}\n",
    "etc/network/interfaces": f"auto eth0\niface eth0 inet dhcp\n  wpa-psk {MARK}\n"
    f"  hostname host-{MARK}\n",
    "etc/dhcp/dhclient.conf": f'key a {{ secret "{MARK}"; }};\nrequest routers;\n',
    "etc/default/grub": f'GRUB_TIMEOUT=5\nGRUB_PASSWORD="{MARK}"\n#GRUB_PASSWORD="{MARK}"\n',
    "boot/grub/menu.lst": f"timeout 5\npassword --md5 $1$salt${MARK}\n# password {MARK}\n",
    "oem/grub.cfg": f"set linux_append=\"a proxy=http://maria:{MARK}@proxy/ b\"\n"
    f"password_pbkdf2 root grub.pbkdf2.sha512.10000.{MARK}\n",
    "etc/kernel/cmdline": "root=UUID=0b3a1c52-7d0e-4a55-9d5e-6f1f0f7d6c01 quiet\n",
    "etc/waagent.conf": f"HttpProxy.Password={MARK}\n",
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name, text in {**SECRETS, "etc/os-release": "ID=debian\nVERSION_ID=12\n"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    tool = root / "usr/sbin/useradd"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    return root


def everything(directory: Path) -> str:
    return "\n".join(
        f"{path}\n{path.read_text()}" for path in sorted(directory.rglob("*")) if path.is_file()
    )


def test_no_secret_of_a_tree_is_in_what_was_captured(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "machine"
    assert main(("driver", "capture", "--root", str(tree), str(output))) == 0
    said = everything(output)
    assert MARK not in said
    assert "maria" not in said
    assert "0b3a1c52-7d0e-4a55-9d5e-6f1f0f7d6c01 quiet" not in said
    assert str(tree) not in said


def test_what_operations_read_is_kept(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "machine"
    capture.write(capture.capture(Host(str(tree))), Host("/"), str(output))
    assert "PermitRootLogin no" in (output / "etc/ssh/sshd_config").read_text()
    assert "PasswordAuthentication no" in (output / "etc/ssh/sshd_config").read_text()
    assert "iface eth0 inet dhcp" in (output / "etc/network/interfaces").read_text()
    assert "request routers;" in (output / "etc/dhcp/dhclient.conf").read_text()
    assert (output / "etc/passwd").read_text().splitlines() == [
        "root:x:0:0:root:/root:/bin/sh",
        "nobody:x:65534:65534::/:/bin/false",
    ]
    assert (output / "etc/shadow").read_text().splitlines()[0] == "root:*:19000:0:99999:7:::"
    assert "captured" in (output / "ORIGIN").read_text()
    about = json.loads((output / "machine.json").read_text())
    assert about["tools"] == ["/usr/sbin/useradd"]
    assert (output / "etc/os-release").read_text() == "ID=debian\nVERSION_ID=12\n"


def test_every_capture_of_one_tree_is_the_same(tree: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        capture.write(capture.capture(Host(str(tree))), Host("/"), str(tmp_path / name))
    one, other = (everything(tmp_path / name) for name in ("one", "other"))
    assert one == other.replace("/other", "/one")


def test_what_is_there_is_not_overwritten(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        capture.write(capture.capture(Host(str(tree))), Host("/"), str(tree))
    assert main(("driver", "capture", "--root", str(tmp_path), str(tmp_path / "x"))) != 0
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "line",
    [
        "PasswordAuthentication yes",
        "#PasswordAuthentication yes",
        "PermitEmptyPasswords no",
        "# To disable tunneled clear text passwords, change to no here!",
        "Defaults passwd_tries=5",
        "%wheel ALL=(ALL) NOPASSWD: ALL",
        "HostKey /etc/ssh/ssh_host_rsa_key",
        "PASS_MAX_DAYS 99999",
        "auth sufficient pam_unix.so nullok",
    ],
)
def test_a_setting_that_is_no_secret_stays(line: str) -> None:
    assert published("/etc/x", f"{line}\n".encode()) == f"{line}\n".encode()


def test_every_pretend_tool_is_looked_for() -> None:
    wanted = {name for name in toolbox("linux") if not name.startswith("/")}
    looked = set(json.loads((Path(capture.__file__).parent / "capture.json").read_text())["tools"])
    assert wanted <= looked


# ---------------------------------------------------------------- this machine


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root: shadow(5) is not for everybody, accounts own files")
    output = tmp_path_factory.mktemp("captured") / "this-machine"
    assert main(("driver", "capture", str(output))) == 0
    return output


@pytest.mark.sandbox
def test_no_secret_of_this_machine_is_in_what_was_captured(captured: Path) -> None:
    said = everything(captured)
    secrets = [line.split(":")[1] for line in Path("/etc/shadow").read_text().splitlines()]
    secrets += (
        [Path("/etc/machine-id").read_text().strip()] if Path("/etc/machine-id").exists() else []
    )
    for pattern in ("etc/ssh/ssh_host_*_key*", "root/.ssh/authorized_keys"):
        for path in Path("/").glob(pattern):
            secrets += path.read_text(errors="replace").split()
    long = [each for each in secrets if len(each) > 12]
    assert [each[:4] for each in long if each in said] == []
    assert not re.search(r"\$[0-9y]\w?\$|BEGIN [A-Z ]*KEY|AAAA[BCE]", said)
    people = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    names = {fields[0] for fields in people if 1000 <= int(fields[2]) < 65000}
    kept = {line.split(":")[0] for line in (captured / "etc/passwd").read_text().splitlines()}
    assert not names & kept


@pytest.mark.sandbox
def test_the_kit_runs_over_what_was_captured_of_this_machine(captured: Path) -> None:
    tried = ("user", "sudo", "sshd-options", "host-name", "disk", "route", "no-leases")
    words = [word for name in tried for word in ("--operation", name)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs",
               "osdrivers.conformance", "--root", str(captured), *words]  # fmt: skip
    report = captured.parent / "report.json"
    command += ["--report-json", str(report), "-k", "g1 or g3 or g6"]
    done = subprocess.run(
        command, cwd=captured.parent, capture_output=True, text=True, timeout=480, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    cells = json.loads(report.read_text())["cells"]["this-machine"]
    assert {name for name, cell in cells.items() if cell["state"] == "holds"} >= set(tried)
