# SPDX-License-Identifier: Apache-2.0
"""What the demo proves about the guest.  Each function returns its evidence or raises NotHeld."""

from __future__ import annotations

import base64
import re
import shlex
import tempfile
from collections.abc import Mapping

from defusedxml import ElementTree
from defusedxml.ElementTree import ParseError

from lab.sandbox import guest

from .snapshot import changed_tree, differences, files_that_hold, mounted_trees
from .trial import NotHeld, Trial, held_if
from .wanted import CUSTOM_DATA_RESULT, RESOURCE_DISK, SWAP_MIB

STATE = "/var/lib/waagent"
LOG = "/var/log/waagent.log"
_DOAS = """
import os, pty, sys
typed = sys.stdin.buffer.read()
child, terminal = pty.fork()
if child == 0:
    os.execvp("doas", ("doas", "id", "-u"))
said = b""
try:
    while True:
        said += os.read(terminal, 1024)
        if typed and said.lower().rstrip().endswith(b"password:"):
            os.write(terminal, typed)
            typed = b""
except OSError:  # EIO: the other end is closed
    print(said.decode(errors="replace").replace("\\r", ""))
"""
#: Of the disk's size, at most, that file system metadata takes.
_METADATA_SHARE = 0.1


def agent_ended_well(trial: Trial) -> str:
    ran = trial.ran
    return held_if(
        ran.ended.status == 0,
        f"status {ran.ended.status} after {ran.seconds:.2f} s"
        + (f": {ran.last_words}" if ran.ended.status else ""),
    )


def key_login(trial: Trial) -> str:
    user = trial.with_key("id", "-un").strip()
    return held_if(user == trial.wanted.machine.user, f"logged in over SSH as {user}")


def password_login(trial: Trial) -> str:
    with tempfile.TemporaryFile() as complaints, trial.passing("not-the-password") as other:
        with trial.start_with_password(other, complaints.fileno()) as refused:
            user = trial.with_password("id", "-un").strip()
            held_if(user == trial.wanted.machine.user, f"logged in over SSH as {user}")
            status = refused.wait(60).status
        complaints.seek(0)
        said = " ".join(complaints.read().decode(errors="replace").split())
    denied = status != 0 and "Permission denied" in said
    return held_if(denied, f"logged in as {user}; another password: status {status}, {said}")


def sudo(trial: Trial) -> str:
    """Become root with one's own password, by sudo(8), or by doas(1) where there is no sudo."""
    if not has_sudo(trial):
        return doas(trial)
    typed = f"{trial.wanted.password}\n".encode()
    uid = trial.with_key("sudo", "-k", "-S", "-p", "''", "id", "-u", stdin=typed).strip()
    return held_if(uid == "0", f"sudo id -u over SSH: {uid}")


def has_sudo(trial: Trial) -> bool:
    """Whether the guest has sudo(8)."""
    return trial.made.bed.guest.run(("sh", "-c", "command -v sudo")).status == 0


def doas(trial: Trial) -> str:
    """doas(1) asks on a terminal, and forgets what was typed before it asked."""
    typed = f"{trial.wanted.password}\n".encode()
    said = trial.with_key("python3", "-c", shlex.quote(_DOAS), stdin=typed).split()
    return held_if(said[-1:] == ["0"], f"doas id -u over SSH: {' '.join(said[-3:])}")


def sshd_config(trial: Trial) -> str:
    trial.says("sshd", "-t")
    effective = dict(
        line.split(" ", 1) for line in trial.says("sshd", "-T").splitlines() if " " in line
    )
    wanted = {"passwordauthentication": "yes", "clientaliveinterval": "180"}
    found = {name: effective.get(name) for name in wanted}
    return held_if(found == wanted, ", ".join(f"{name} {value}" for name, value in found.items()))


def hostname(trial: Trial) -> str:
    wanted = trial.wanted.machine.hostname
    kernel = trial.with_key("hostname").strip()
    file = trial.says("cat", "/etc/hostname").strip()
    return held_if(kernel == file == wanted, f"kernel {kernel}, /etc/hostname {file}")


def resource_disk(trial: Trial) -> str:
    columns = "SOURCE,FSTYPE,SIZE"
    argv = ("findmnt", "--noheadings", "--bytes", "--output", columns, "--mountpoint")
    source, fs, size = trial.says(*argv, RESOURCE_DISK).split()
    least = guest.DISK_BYTES * (1 - _METADATA_SHARE)
    evidence = f"{source}, {fs}, {int(size) / 2**30:.2f} GiB at {RESOURCE_DISK}"
    ours = source.startswith(trial.made.bed.disk) and source != trial.made.bed.disk
    trial.says("test", "-s", f"{RESOURCE_DISK}/DATALOSS_WARNING_README.txt")
    return held_if(ours and fs == "ext4" and least <= int(size) <= guest.DISK_BYTES, evidence)


def swap(trial: Trial) -> str:
    lines = [line.split() for line in trial.says("cat", "/proc/swaps").splitlines()[1:]]
    ours = [words for words in lines if words[0].startswith(f"{RESOURCE_DISK}/")]
    held_if(len(ours) == 1, f"{len(ours)} swap files below {RESOURCE_DISK} in /proc/swaps")
    path, size_kib = ours[0][0], int(ours[0][2])
    mode, size, blocks = trial.says("stat", "--format", "%a %s %b", path).split()
    whole = int(size) == SWAP_MIB << 20 and int(blocks) * 512 >= int(size)
    page_kib = 4  # its first page is the header
    evidence = f"{path}, {size_kib} KiB, mode {mode}, {'no' if whole else 'wrong size or'} holes"
    return held_if(mode == "600" and whole and (SWAP_MIB << 10) - size_kib == page_kib, evidence)


def routes(trial: Trial) -> str:
    """What there was is still there, and what the DHCP server's option 249 said came to it."""
    before = set(trial.routes_before.splitlines())
    now = {line.strip() for line in trial.says("ip", "route").splitlines()}
    lost = {line.strip() for line in before} - now
    held_if(not lost, f"routes that were lost: {', '.join(sorted(lost))}")
    told = f"{guest.WIRE_SERVER} via {guest.GATEWAY} dev eth0"
    new = sorted(now - {line.strip() for line in before})
    held_if(
        any(line.startswith(told) for line in new), f"no route {told}: {', '.join(sorted(now))}"
    )
    to = trial.says("ip", "route", "get", guest.WIRE_SERVER).split(" uid")[0].strip()
    return held_if(
        f"via {guest.GATEWAY} dev eth0" in to, f"kept {len(before)}, new {'; '.join(new)}"
    )


def ovf_scrubbed(trial: Trial) -> str:
    copy = f"{STATE}/ovf-env.xml"
    text, facts = trial.says("cat", copy), trial.says("stat", "--format", "%a %U", copy).strip()
    held_if(facts == "600 root", f"{copy} has mode and owner {facts}")
    try:
        found = {
            each.tag.partition("}")[2]: each.text for each in ElementTree.fromstring(text).iter()
        }
    except ParseError as cause:
        raise NotHeld(f"{copy} is not well-formed: {cause}") from cause
    held_if(found.get("HostName") == trial.wanted.machine.hostname, f"{copy} lost the host name")
    custom = trial.wanted.machine.custom_data or b""
    for secret in (trial.wanted.password, base64.b64encode(custom).decode()):
        held_if(secret not in (found.get("UserPassword") or "", text), f"{copy} holds a secret")
        held_if(secret not in (found.get("CustomData") or ""), f"{copy} holds custom data")
    return f"{copy}, 0600, UserPassword {found.get('UserPassword')!r}"


def no_secret_left(trial: Trial) -> str:
    """The password in clear text is in no file, and the disc is gone from the file tree."""
    password = trial.wanted.password
    forms = [password, base64.b64encode(password.encode()).decode(), _escaped(password)]
    holding = files_that_hold(trial.made, (form.encode() for form in forms))
    held_if(not holding, f"the password is in {', '.join(holding)}")
    mounted = trial.says("cat", "/proc/mounts")
    held_if(guest.DVD_DRIVE not in mounted, "the provisioning disc is still mounted")
    return "the password is in no changed file, the disc is released"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def file_modes(trial: Trial) -> str:
    user = trial.wanted.machine.user
    home = trial.says("sh", "-c", f"echo ~{user}").strip()
    wanted = {
        f"{home}/.ssh": f"700 {user}",
        f"{home}/.ssh/authorized_keys": f"600 {user}",
        STATE: "700 root",
        f"{STATE}/ovf-env.xml": "600 root",
        f"{STATE}/journal.jsonl": "600 root",
        f"{STATE}/provisioned": "600 root",
    }
    keys = trial.says("sh", "-c", "ls /etc/ssh/ssh_host_*_key").split()
    wanted.update(dict.fromkeys(keys, "600 root"))
    wanted.update({f"{key}.pub": "644 root" for key in keys})
    changed = changed_tree(trial.made)
    rules = r"/etc/sudoers\.d/." if has_sudo(trial) else r"/etc/doas\."
    sudoers = [path for path in changed if re.match(rules, path)]
    if has_sudo(trial):  # doas.conf(5) keeps the mode that the image gave it
        wanted.update(dict.fromkeys(sudoers, "440 root"))
    found = _modes(trial, [*wanted, *sudoers])
    wrong = [
        f"{path} is {found.get(path, 'missing')}"
        for path in wanted
        if found.get(path) != wanted[path]
    ]
    held_if(sudoers, "no rule for the administrator was written")
    return held_if(not wrong, ", ".join(wrong) or f"{len(wanted)} files have the modes they need")


def _modes(trial: Trial, paths: list[str]) -> Mapping[str, str]:
    ended = trial.made.bed.guest.run(("stat", "--format", "%n\t%a %U", *paths))
    return dict(line.split("\t") for line in ended.stdout.splitlines())


def custom_data(trial: Trial) -> str:
    left = trial.says("cat", CUSTOM_DATA_RESULT).strip()
    return held_if(left == trial.wanted.token, f"it ran and left {left} in {CUSTOM_DATA_RESULT}")


def second_run(trial: Trial) -> str:
    """Run the agent again; the log, which says so, is the one file that may differ."""
    mounted = ("/run", RESOURCE_DISK)
    before = {**changed_tree(trial.made), **mounted_trees(trial.made, mounted)}
    again = trial.made.agent("provision", "--json")
    after = {**changed_tree(trial.made), **mounted_trees(trial.made, mounted)}
    held_if(again.status == 0, f"status {again.status}: {' '.join(again.stderr.split())[-300:]}")
    paths = [path for path in differences(before, after) if path != LOG]
    held_if(not paths, f"it changed {', '.join(paths[:5])}")
    return f"{len(before)} changed files compared by bytes, modes and times"
