# SPDX-License-Identifier: Apache-2.0
"""What a provisioned machine must look like from inside and outside."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import Callable

from .network import GUEST, WIRE_SERVER, Told
from .stage import Stage

STATE = "/var/lib/waagent"
RESOURCE = "/mnt/resource"
_LIMIT_S = 400.0
_MODES = {
    STATE: "700 root:root",
    f"{STATE}/ovf-env.xml": "600 root:root",
    f"{STATE}/journal.jsonl": "600 root:root",
    "/etc/shadow": "640 root:shadow",
}
_QUESTIONS = {
    # Ready is told before the resource disk is there: this waits for what is under way.
    "waited": "systemctl start waagent-provision waagent",
    "name": "hostname; cat /etc/hostname",
    "virtualisation": "systemd-detect-virt",
    "document": f"cat {STATE}/ovf-env.xml",
    "sshd": "sshd -T",
    "routes": "ip -4 route",
    "disk": f"findmnt -n -o SOURCE,FSTYPE {RESOURCE}; ls {RESOURCE}",
    # The kernel names the file as the agent's mount namespace has it (lab-vmbus), here without its
    # mount; that it swaps on this very file is seen by ETXTBSY, which allocating in it ends in.
    "swap": f"cat /proc/swaps; fallocate -n -l 1 {RESOURCE}/swapfile 2>&1 || true",
    "units": "systemctl list-units --failed --no-legend --plain",
    "services": "systemctl is-active ssh waagent-provision waagent",
    "shadow": "getent shadow root",
    "actions": f"cat {STATE}/journal.jsonl",
    "log": "cat /var/log/waagent.log",
    "system-log": "journalctl --boot --output cat --no-pager",
}


def logins(stage: Stage) -> None:
    """Log in with the key and the password, at the first try: Ready promises that."""
    stage.progress.say("  logging in")
    _login(stage, "ssh-key-login", stage.guest.by_key)
    stage.report.figure(stage.name, "key_login_s", stage.since_start(time.time()))
    password_login(stage)
    sudo(stage)


def password_login(stage: Stage) -> None:
    """Log in with the password and nothing else."""
    _login(stage, "ssh-password-login", stage.guest.by_password)


def sudo(stage: Stage) -> None:
    """Become root with the password."""
    with stage.report.trial(stage.name, "sudo"):
        stage.check("sudo", stage.guest.as_root("id -u").strip() == "0", "with the password")


def _login(stage: Stage, name: str, login: Callable[..., str]) -> None:
    with stage.report.trial(stage.name, name):
        stage.check(name, login("id", "-un").strip() == stage.machine.user, "at the first try")


def everything(stage: Stage) -> None:
    """Every promise of first boot that can be seen in the guest or at the platform."""
    user = stage.machine.user
    modes = {
        **_MODES,
        f"/home/{user}/.ssh": f"700 {user}:{user}",
        f"/home/{user}/.ssh/authorized_keys": f"600 {user}:{user}",
    }
    questions = {**_QUESTIONS, "modes": f"stat -c '%n %a %U:%G' {' '.join(modes)}"}
    found = stage.guest.sections(questions, limit_s=_LIMIT_S)
    wanted = sorted(f"{path} {mode}" for path, mode in modes.items())
    wrong = sorted(set(wanted) ^ set(found["modes"].splitlines()))
    stage.check("file-modes", not wrong, wrong or f"{len(wanted)} files")
    names = set(found["name"].split())
    stage.check("hostname", names == {stage.machine.hostname}, found["name"])
    stage.check("virtualisation", found["virtualisation"] == "microsoft", found["virtualisation"])
    _secrets(stage, found)
    _system(stage, found)
    _platform(stage, found)
    _actions(stage, found["actions"])


def discovery(stage: Stage, told: Told) -> None:
    """How the guest learned of the platform: the DHCP server saw an exchange of our own or not."""
    log = (stage.network.place / "dnsmasq.log").read_text(errors="replace")
    packets = log.rpartition("started")[2]
    own = sum("DHCPDISCOVER" in line for line in packets.splitlines())
    evidence = f"{own} DHCPDISCOVER, {told.value}"
    stage.check("discovery", (own > 1) == (told is Told.EXCHANGE), evidence)


def _secrets(stage: Stage, found: dict[str, str]) -> None:
    password, document = stage.machine.password or "", found["document"]
    scrubbed = "<" in document and password not in document and "CustomData>" not in re.sub(
        r"CustomData>\s*\*?\s*</", "", document
    )  # fmt: skip
    stage.check("ovf-scrubbed", scrubbed, "no password, no custom data")
    places = {**found, "console": stage.vm.console_text()}
    leaks = [name for name, text in places.items() if password in text or password[:18] in text]
    stage.check("no-secret-in-logs", not leaks, leaks or "actions, logs, console")
    locked = found["shadow"].split(":")[1:2]
    stage.check("root-password", locked != [""] and locked[0][:1] in "*!", locked)


def _system(stage: Stage, found: dict[str, str]) -> None:
    sshd = dict(line.partition(" ")[::2] for line in found["sshd"].splitlines())
    shown = {name: sshd.get(name) for name in ("passwordauthentication", "clientaliveinterval")}
    wanted = {"passwordauthentication": "yes", "clientaliveinterval": "180"}
    stage.check("sshd-config", shown == wanted, shown)
    via = re.search(r"^default via (\S+)", found["routes"], re.MULTILINE)
    stage.check("routes", via is not None, found["routes"])
    disk = found["disk"].split()
    good = len(disk) > 2 and disk[1] == "ext4" and "DATALOSS_WARNING_README.txt" in disk
    stage.check("resource-disk", good, found["disk"])
    swap = " ".join(found["swap"].split())
    once = swap.count("/swapfile file ") == 1
    stage.check("swap", once and "Text file busy" in swap, swap)
    stage.check("no-unit-failed", not found["units"], found["units"] or "none")
    services = found["services"].split()
    good = services == ["active"] * 3
    stage.check("services", good, f"ssh, provisioning, daemon: {services}")


def _platform(stage: Stage, found: dict[str, str]) -> None:
    reports = stage.platform.health
    first = reports[0]
    order = f"{first.state} {first.substatus}, then {len(reports) - 1} more"
    stage.check("told-starting", first.state == "NotReady" and first.substatus != "", order)
    names = stage.network.host_names()
    stage.check("hostname-published", names[-1:] == (stage.machine.hostname,), names)
    stage.check("protocol", not stage.platform.violations, stage.platform.violations or "kept")
    sent = [one.get("CertificateThumbprint", "") for one in stage.platform.role_properties]
    fingerprints = _fingerprints(stage)
    known = any(_bare(text) in map(_bare, fingerprints) for text in sent)
    stage.check("fingerprint", known, f"sent {sent}, keys {sorted(fingerprints)}")


def _fingerprints(stage: Stage) -> set[str]:
    """Of every host key that the server presents, in both notations of ssh-keygen(1)."""
    scan = subprocess.run(
        ("ssh-keyscan", "-T", "20", GUEST), capture_output=True, timeout=60, check=False
    )
    found = set()
    for kind in ("sha256", "md5"):
        listed = subprocess.run(
            ("ssh-keygen", "-l", "-E", kind, "-f", "-"), input=scan.stdout, capture_output=True,
            timeout=20, check=False,
        )  # fmt: skip
        found |= {line.split()[1] for line in listed.stdout.decode().splitlines()}
    return found


def _bare(fingerprint: str) -> str:
    """Without the name of the hash and the colons, which the platform does not want."""
    return re.sub(r"^(SHA256|MD5):?", "", fingerprint).replace(":", "").lower()


def _actions(stage: Stage, text: str) -> None:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    tasks = list(dict.fromkeys(str(line.get("task")) for line in lines))
    failed = [line for line in lines if line.get("status") == "failed"]
    stage.check("actions-recorded", len(lines) > 10, f"{len(lines)} lines: {', '.join(tasks)}")
    stage.check("no-action-failed", not failed, failed or "none")
    used = WIRE_SERVER in {one.headers.get("host", "").partition(":")[0] for one in
                           stage.platform.requests}  # fmt: skip
    stage.check("endpoint", used, f"asked at {WIRE_SERVER}")
