# SPDX-License-Identifier: Apache-2.0
"""The pretended setfiles(8) says what the real one says."""

from __future__ import annotations

from pathlib import Path

from osdrivers.host import Host
from tests.conformance.compared import Pair
from tests.osdrivers.parts import repository
from tests.osdrivers.parts.overlaid import overlaid

MACHINE = Path(__file__).parents[1] / "machines" / "rhel-9"
FILE = "/run/contexts"
POLICY = (
    "/.*\tsystem_u:object_r:default_t:s0\n"
    "/run/try(/.*)?\tsystem_u:object_r:etc_t:s0\n"
    "/run/try/key\t--\tsystem_u:object_r:sshd_key_t:s0\n"
)


@repository.needs("setfiles")
@overlaid
def test_setfiles_names_the_same_files_and_ends_alike(host: Host) -> None:
    """In /run, which is one file system: setfiles does not cross to another, as an overlay does."""
    pair = Pair(host, MACHINE)
    pair.put(FILE, POLICY)
    pair.put("/run/try/key", "x")
    pair.put("/run/try/sub/other", "x")
    for flags in ("-Fnv", "-Fv", "-Fnv"):
        real, pretended = pair.run("setfiles", flags, FILE, "/run/try")
        assert sorted(pretended.splitlines()) == sorted(real.splitlines()), flags
    pair.run("setfiles", "-F", FILE, "/run/no-such")
