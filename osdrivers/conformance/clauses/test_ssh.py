# SPDX-License-Identifier: Apache-2.0
"""Keys of users and the SSH server: U8, U9, S1 to S4."""

from __future__ import annotations

import pytest

from osdrivers.conformance.bench import Bench
from osdrivers.conformance.catalogue.ssh import KEY, PAIR, PRIVATE
from osdrivers.conformance.operation import HOME, NAME
from osdrivers.errors import Conflict, InvalidInput
from osdrivers.host import Secret

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "root", "network", "loop")


@pytest.mark.operation("ssh-key")
def test_u8_the_key_is_there_once_in_a_file_that_sshd_trusts(bench: Bench) -> None:
    driver = bench.after()
    account = driver.users.get(NAME)
    assert account is not None
    lines = driver.host.read(f"{HOME}/.ssh/authorized_keys").splitlines()
    assert [line.split()[1] for line in lines].count(KEY.split()[1]) == 1
    for path, mode in ((f"{HOME}/.ssh", 0o700), (f"{HOME}/.ssh/authorized_keys", 0o600)):
        status = driver.host.status(path)
        assert status is not None
        assert (status.mode & 0o7777, status.uid) == (mode, account.uid)


@pytest.mark.each_part
@pytest.mark.operation("ssh-key")
@pytest.mark.untouched
def test_u8_what_is_no_key_or_lies_outside_home_is_refused(bench: Bench) -> None:
    bench.refuses_each(
        InvalidInput,
        ("", "ssh-ed25519", "ssh-rsa AAAA!", f"{KEY}\n{KEY}\n#x\n\0"),
        lambda d, bad: d.keys.ensure_authorized(NAME, HOME, [bad]),
    )
    bench.refuses(
        InvalidInput, lambda d: d.keys.ensure_authorized(NAME, HOME, [KEY], path="/etc/passwd")
    )
    bench.refuses(
        InvalidInput,
        lambda d: d.keys.ensure_authorized(NAME, HOME, [KEY], path=f"{HOME}/../../etc/keys"),
    )


@pytest.mark.operation("key-pair")
def test_u9_the_pair_is_the_users_and_the_private_half_is_private(bench: Bench) -> None:
    driver = bench.after()
    account = driver.users.get(NAME)
    assert account is not None
    for path, mode in ((f"{HOME}/.ssh/id", 0o600), (f"{HOME}/.ssh/id.pub", 0o644)):
        status = driver.host.status(path)
        assert status is not None
        assert (status.mode & 0o7777, status.uid) == (mode, account.uid)
    assert driver.host.read(f"{HOME}/.ssh/id.pub").split()[1] == PAIR.split()[1]


@pytest.mark.operation("key-pair")
def test_u9_a_path_outside_home_is_refused_and_another_key_is_kept(bench: Bench) -> None:
    bench.refuses(
        InvalidInput,
        lambda d: d.keys.ensure_key_pair(NAME, HOME, "/root/id", Secret(PRIVATE), PAIR),
    )
    trial = bench.fresh()
    assert trial.run(bench.operation).error is None
    other = Secret(PRIVATE.replace(b"PRIVATE", b"RSA PRIVATE"))
    with pytest.raises(Conflict):
        list(trial.driver().keys.ensure_key_pair(NAME, HOME, f"{HOME}/.ssh/id", other, PAIR))


@pytest.mark.operation("sshd-options")
def test_s1_the_option_is_effective(bench: Bench) -> None:
    assert bench.after().sshd.options()["passwordauthentication"] == "yes"


@pytest.mark.each_part
@pytest.mark.operation("sshd-options")
@pytest.mark.untouched
def test_s1_an_option_that_is_not_known_is_refused(bench: Bench) -> None:
    bench.refuses(InvalidInput, lambda d: d.sshd.ensure_options({"ForceCommand": "x"}))
    bench.refuses(
        InvalidInput,
        lambda d: d.sshd.ensure_options({"PasswordAuthentication": "yes\nPermitRootLogin yes"}),
    )


@pytest.mark.operation("host-keys")
def test_s2_s4_every_key_is_fresh_private_and_has_its_fingerprints(bench: Bench) -> None:
    before = {key.sha256 for key in bench.fresh().driver().sshd.host_keys()}
    driver = bench.after()
    keys = driver.sshd.host_keys()
    assert keys
    assert not before & {key.sha256 for key in keys}
    assert len({key.type for key in keys}) == len(keys)
    for key in keys:
        assert len(key.md5.split(":")) == 16
        private = driver.host.status(key.path[: -len(".pub")])
        assert private is not None and not private.mode & 0o027


@pytest.mark.operation("sshd")
def test_s3_the_server_runs(bench: Bench) -> None:
    assert bench.after().services.active("ssh")
