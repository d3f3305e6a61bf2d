# SPDX-License-Identifier: Apache-2.0
"""waagent.conf: layers, values, and what is said about mistakes."""

from __future__ import annotations

import pathlib

import pytest

from agentcore import configuration
from agentcore.configuration import Configuration, apply
from agentcore.known_options import later
from agentcore.settings import LATER, options
from osdrivers.host import Host

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRAGMENTS = [ROOT / "conf/10-packaged.conf", *sorted(ROOT.glob("conf/vendor/*.conf"))]


def read(text: str) -> Configuration:
    return apply(Configuration(), "/etc/waagent.conf", text)


def test_later_layers_win_and_each_value_knows_its_origin(tmp_path: pathlib.Path):
    for path, text in (
        ("usr/lib/waagent/conf.d/10-vendor.conf", "ResourceDisk.Format=n\nOS.HomeDir=/vendor"),
        ("etc/waagent.conf", "OS.HomeDir=/main\n"),
        ("etc/waagent.conf.d/50-mine.conf", "\nResourceDisk.SwapSizeMB=256"),
        ("etc/waagent.conf.d/ignored.txt", "OS.HomeDir=/wrong"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    found = configuration.read(Host(str(tmp_path)))
    assert found.settings.resource_disk.format is False
    assert found.settings.system.home_dir == "/main"
    assert found.settings.resource_disk.swap_size_mib == 256
    assert found.origins["ResourceDisk.SwapSizeMB"] == "/etc/waagent.conf.d/50-mine.conf:2"
    assert found.notes == ()


def test_no_file_at_all_means_the_defaults(tmp_path: pathlib.Path):
    settings = configuration.read(Host(str(tmp_path))).settings
    assert settings.resource_disk.format is True
    assert settings.provisioning.regenerate_ssh_host_keys is True
    assert settings.provisioning.monitor_host_name is True
    assert settings.resource_disk.filesystem == "ext4"
    assert settings.system.root_device_scsi_timeout_s == 300


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('OS.HomeDir="/srv/home"', "/srv/home"),
        ("OS.HomeDir = /srv/home # where homes are", "/srv/home"),
        ("OS.HomeDir='/srv/home'\r", "/srv/home"),
        ("OS.HomeDir=/a=b", "/a=b"),
    ],
)
def test_values_are_read_as_people_write_them(line, value):
    found = read(line)
    assert found.settings.system.home_dir == value
    assert found.notes == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Provisioning.Agent=cloudinit", "did you mean cloud-init?"),
        ("ResourceDisk.Format=maybe", "neither y nor n"),
        ("OS.SshClientAliveInterval=six", "not a whole number"),
        ("Provisioning.PasswordCryptSaltLength=99", "not between 4 and 16"),
        ("resourcedisk.format=n", "unknown option resourcedisk.format; did you mean"),
        ("Lib.Dir=relative", "not an absolute path"),
        ("just words", "not Key=Value"),
    ],
)
def test_a_mistake_keeps_the_default_and_is_said_with_its_line(line, said):
    found = read(f"\n{line}\n")
    assert found.settings == Configuration().settings
    assert len(found.notes) == 1
    assert found.notes[0].line == 2
    assert found.notes[0].error
    assert said in str(found.notes[0])


def test_yes_is_understood_and_noted_never_the_opposite():
    found = read("ResourceDisk.EnableSwap=yes\nResourceDisk.Format=No\n")
    assert found.settings.resource_disk.enable_swap is True
    assert found.settings.resource_disk.format is False
    assert [note.error for note in found.notes] == [False, False]


def test_none_unsets_what_can_be_unset():
    found = apply(read("OS.Driver=acme:linux"), "/etc/waagent.conf.d/a.conf", "OS.Driver=None")
    assert found.settings.system.driver is None
    assert read("OS.RootDeviceScsiTimeout=None").settings.system.root_device_scsi_timeout_s is None
    assert found.notes == ()


def test_none_leaves_the_default_of_what_is_always_set():
    found = read("OS.HomeDir=None\nResourceDisk.Format=\n")
    assert found.settings == Configuration().settings
    assert [note.error for note in found.notes] == [False, False]


def test_of_two_lines_with_one_key_the_last_counts_and_that_is_noted():
    found = read("OS.HomeDir=/a\nOS.HomeDir=/b\n")
    assert found.settings.system.home_dir == "/b"
    assert [str(note) for note in found.notes] == [
        "/etc/waagent.conf:2: OS.HomeDir stands in line 1 already; this line counts"
    ]
    assert not found.notes[0].error


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ResourceDisk.EnableSwap=y\n", "ResourceDisk.EnableSwap"),
        ("Provisioning.Agent=waagent\nProvisioning.Enabled=n\n", "Provisioning.Enabled"),
    ],
)
def test_what_contradicts_itself_is_noted_where_it_stands(tmp_path: pathlib.Path, text, key):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/waagent.conf").write_text(text)
    found = configuration.read(Host(str(tmp_path)))
    assert [(note.key, note.line) for note in found.notes] == [(key, text.count("\n"))]


def test_a_file_that_cannot_be_read_is_said_and_the_others_count(tmp_path: pathlib.Path):
    fragments = tmp_path / "etc/waagent.conf.d"
    fragments.mkdir(parents=True)
    (fragments / "10-loop.conf").symlink_to("20-loop.conf")
    (fragments / "20-loop.conf").symlink_to("10-loop.conf")
    (fragments / "30-gone.conf").symlink_to("/nowhere")
    (fragments / "40-directory.conf").mkdir()
    (fragments / "50-binary.conf").write_bytes(b"OS.HomeDir=/x\n\0\xff")
    (fragments / "60-mine.conf").write_bytes(b"\xef\xbb\xbfOS.HomeDir=/mine\r\n")
    found = configuration.read(Host(str(tmp_path)))
    assert found.settings.system.home_dir == "/mine"
    said = {note.path.rpartition("/")[2]: note.text for note in found.notes}
    assert set(said) == {"10-loop.conf", "20-loop.conf", "40-directory.conf", "50-binary.conf"}
    assert all(text.startswith("not read: ") for text in said.values())


def test_a_directory_of_fragments_that_is_a_link_loop_is_said(tmp_path: pathlib.Path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/waagent.conf.d").symlink_to("waagent.conf.d")
    notes = configuration.read(Host(str(tmp_path))).notes
    assert [note.path for note in notes] == ["/etc/waagent.conf.d"]


def test_an_option_of_a_later_part_is_accepted_in_silence():
    assert read("Extensions.Enabled=y\nAutoUpdate.Enabled=n\n").notes == ()


def test_a_mistake_in_an_option_without_effect_is_said_too():
    found = read("Extensions.Enabled=perhaps\nHttpProxy.Port=80000\n")
    assert [note.line for note in found.notes if note.error] == [1, 2]


def test_every_option_without_effect_is_declared():
    assert set(later()) == LATER


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_the_fragments_that_are_shipped_have_no_mistake(fragment: pathlib.Path):
    found = read(fragment.read_text())
    assert found.notes == ()
    assert found.origins


def test_no_option_is_declared_twice():
    assert not set(options()) & LATER


def test_every_option_says_what_it_is_for():
    for key, (_, _, declared) in options().items():
        assert declared.key == key
        assert declared.help
        assert declared.kind in ("bool", "int", "str", "path")
        assert declared.default is not None or declared.none
        if declared.choices:
            assert declared.default in declared.choices
