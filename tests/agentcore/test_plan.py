# SPDX-License-Identifier: Apache-2.0
"""``waagent plan``: what it prints, what it refuses, and that it changes nothing."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

from agentcore.cli import main
from osdrivers.host import Host
from tests.agentcore.documents import PASSWORD, ovf, public_key

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "osdrivers/plan.schema.json").read_text())
MACHINES = ROOT / "tests/machines"
SAMPLES = ROOT.parent / "shared/samples"
FAMILIES = {
    "debian": "ID=debian\nVERSION_ID=12\n",
    "ubuntu": "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\n",
    "rhel": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n',
    "suse": 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n',
    "flatcar": "ID=flatcar\nID_LIKE=coreos\nVERSION_ID=3815.2.0\n",
    "linux": "ID=somethingnew\n",
    "freebsd": "ID=freebsd\nVERSION_ID=14.1\n",
}


class Run:
    """One command line: exit status, lines of standard output, text of standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        self.status = main(words)
        said = capsys.readouterr()
        self.lines, self.errors = said.out.splitlines(), said.err

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(params=sorted(FAMILIES))
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc/os-release").write_text(FAMILIES[request.param])
    return made


@pytest.fixture
def debian(tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc/os-release").write_text(FAMILIES["debian"])
    (made / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
    )
    return made


def document(tmp_path: pathlib.Path, data: bytes) -> str:
    path = tmp_path / "ovf-env.xml"
    path.write_bytes(data)
    return str(path)


def tree(root: pathlib.Path) -> list[tuple[str, float]]:
    return sorted((str(path), os.lstat(path).st_mtime) for path in root.rglob("*"))


def test_every_family_has_a_plan_that_fits_the_schema(root, tmp_path, capsys):
    given = document(tmp_path, ovf())
    before = tree(root)
    run = Run(capsys, "plan", "--ovf", given, "--root", str(root), "--json")
    assert (run.status, run.errors) == (0, "")
    records = run.records()
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    known, kinds = set(SCHEMA["properties"]), SCHEMA["properties"]["kind"]["enum"]
    for record in records:
        assert set(record) <= known
        assert record["kind"] in kinds
        assert all(key in record for key in SCHEMA["required"])
    tasks = [record["task"] for record in records]
    wanted = ["host-name", "account", "password", "sudo", "ssh-keys", "host-keys", "provisioned"]
    assert [task for task in dict.fromkeys(tasks) if task in wanted] == wanted
    assert tree(root) == before


def test_lines_for_people_and_records_say_the_same(root, tmp_path, capsys):
    given = document(tmp_path, ovf())
    lines = Run(capsys, "plan", "--ovf", given, "--root", str(root)).lines
    records = Run(capsys, "plan", "--ovf", given, "--root", str(root), "--json").records()
    assert [line.split()[:2] for line in lines] == [
        [record["task"], record["kind"]] for record in records
    ]


def test_no_secret_is_in_a_plan(root, tmp_path, capsys):
    data = ovf(custom_data="c3VwZXItc2VjcmV0LWN1c3RvbS1kYXRh")
    given = document(tmp_path, data)
    for words in ([], ["--json"]):
        run = Run(capsys, "plan", "--ovf", given, "--root", str(root), *words)
        said = "\n".join(run.lines) + run.errors
        assert PASSWORD not in said
        assert "c3VwZXI" not in said


def test_the_authorized_keys_are_where_the_document_says(debian, tmp_path, capsys):
    run = Run(capsys, "plan", "--ovf", document(tmp_path, ovf()), "--root", str(debian), "--json")
    paths = [
        record["path"]
        for record in run.records()
        if record["task"] == "ssh-keys" and record["kind"] in ("edit", "write")
    ]
    assert paths == ["/home/azureuser/.ssh/authorized_keys"]


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({"host_name": ""}, 24, "HostName"),
        ({"host_name": None}, 24, "HostName"),
        ({"host_name": "x" * 70}, 6, "host name"),
        ({"host_name": "b\u00fcro"}, 6, "host name"),
        ({"host_name": "two words"}, 6, "host name"),
        ({"user_name": ""}, 24, "UserName"),
        ({"user_name": "a:b"}, 6, "a:b"),
        ({"user_name": "a\nb"}, 6, ""),
        ({"user_name": "-x"}, 6, "-x"),
        ({"user_name": "x" * 40}, 6, ""),
        ({"user_name": "root"}, 8, "root"),
        ({"user_name": "daemon"}, 8, "daemon"),
        ({"password": None, "keys": ("this is no key",)}, 6, "key"),
        ({"password": None, "keys": ("ssh-rsa AAAANOTAREALKEY== x",)}, 6, "key"),
        ({"password": None, "key_path": "/etc/shadow"}, 6, "/etc/shadow"),
        ({"password": None, "key_path": "$HOME/other/.ssh/authorized_keys"}, 6, "other"),
        ({"namespace": "http://example.com/wrong"}, 24, "namespace"),
    ],
)
def test_a_bad_value_is_refused_in_one_line(values, status, said, debian, tmp_path, capsys):
    given = document(tmp_path, ovf(**values))
    run = Run(capsys, "plan", "--ovf", given, "--root", str(debian))
    assert run.status == status, run.errors
    last = run.errors.splitlines()[-1]
    assert last.startswith("waagent: ")
    assert said in last
    assert "Traceback" not in run.errors


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        ovf()[:300],
        b"\xff\xfe" * 50,
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"<Environment/>",
        b" " * (101 * 1024 * 1024),
    ],
    ids=["empty", "bracket", "truncated", "binary", "entity", "other", "huge"],
)
def test_a_document_that_is_none_is_refused(data, debian, tmp_path, capsys):
    run = Run(capsys, "plan", "--ovf", document(tmp_path, data), "--root", str(debian))
    assert run.status == 24
    assert len(run.errors.splitlines()) == 1
    assert run.lines == []


def test_a_key_that_is_none_beside_a_password_is_said_and_the_rest_is_done(
    debian, tmp_path, capsys
):
    given = document(tmp_path, ovf(keys=("ssh-rsa AAAANOTAREALKEY== x", public_key())))
    run = Run(capsys, "plan", "--ovf", given, "--root", str(debian))
    assert run.status == 0
    assert "not an SSH public key" in run.errors
    assert any(line.startswith("provisioned") for line in run.lines)


def test_wrong_command_lines_say_what_to_do(debian, tmp_path, capsys):
    given = document(tmp_path, ovf())
    for words, status, said in (
        (("plan",), 64, "--ovf FILE is needed"),
        (("plam",), 64, "did you mean plan?"),
        (("plan", "--ovff", "x"), 64, "--help"),
        (("driver",), 64, "list explain"),
        (("plan", "--ovf", "/nowhere"), 2, "cannot read /nowhere"),
        (("plan", "--ovf", given, "--root", "/nowhere"), 7, "no directory"),
        (("plan", "--ovf", given, "--driver", "plan9"), 6, "plan9"),
        (("plan", "--ovf", given, "--driver", "no.such:driver"), 15, "no.such"),
        (("provision", "--root", str(debian)), 64, "--ovf"),
    ):
        run = Run(capsys, *words)
        assert run.status == status, (words, run.errors)
        assert said in run.errors
        assert len(run.errors.splitlines()) == 1


def test_dashes_before_a_word_do_not_matter(debian, tmp_path, capsys):
    given = document(tmp_path, ovf())
    expected = Run(capsys, "plan", "--ovf", given, "--root", str(debian)).lines
    for words in (
        ("-plan", "-ovf", given),
        ("--plan", f"--ovf={given}"),
        ("plan", f"-ovf={given}"),
    ):
        assert Run(capsys, *words, "-root", str(debian)).lines == expected
    assert Run(capsys, "-version").lines == Run(capsys, "version").lines
    assert Run(capsys, "help").status == 0


def test_a_configuration_named_by_hand_counts(debian, tmp_path, capsys):
    conf = tmp_path / "my.conf"
    conf.write_text("Provisioning.DeleteRootPassword=n\nOS.HomeDir=/srv/home\nNonsense=1\n")
    given = document(tmp_path, ovf())
    run = Run(capsys, "plan", "--ovf", given, "--root", str(debian), f"conf:{conf}")
    assert run.status == 0
    assert "unknown option Nonsense" in run.errors
    assert not any(line.startswith("root-password") for line in run.lines)
    assert any("/srv/home/azureuser" in line for line in run.lines)


@pytest.mark.parametrize("machine", sorted(path.name for path in MACHINES.iterdir()))
def test_every_captured_system_has_a_plan(machine, capsys):
    document = ROOT / "docs/examples/ovf-env.xml"
    run = Run(capsys, "plan", "--ovf", str(document), "--root", str(MACHINES / machine))
    assert (run.status, run.errors) == (0, "")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside this checkout")
def test_every_sample_document_has_a_plan_for_every_family(root, capsys):
    for sample in sorted(SAMPLES.glob("azure/ovf-env*.xml")):
        run = Run(capsys, "plan", "--ovf", str(sample), "--root", str(root), "--json")
        assert run.status == 0, run.errors
        assert run.records()
        pair = [record for record in run.records() if record["task"] == "key-pairs"]
        assert pair[-1]["summary"] == "deploy EB0C0AB4B2D5FC35F2F0658D19F44C8283E2DD62"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside this checkout")
def test_every_sample_system_is_explained(capsys):
    for system in sorted((SAMPLES / "os-release").iterdir()):
        run = Run(capsys, "driver", "explain", "--root", str(system), "--json")
        assert (run.status, run.errors) == (0, "")
        (explained,) = run.records()
        assert {"id", "version", "like", "driver", "reason", "parts"} <= set(explained)
        assert explained["driver"]


@pytest.mark.sandbox
def test_a_second_agent_on_the_same_machine_is_told_so(debian, tmp_path, capsys):
    given = document(tmp_path, ovf())
    with Host(str(debian)).claim("/run/waagent.pid"):
        run = Run(capsys, "provision", "--ovf", given, "--root", str(debian))
    assert run.status == 17
    assert "another agent" in run.errors
    assert not (debian / "var").exists()
