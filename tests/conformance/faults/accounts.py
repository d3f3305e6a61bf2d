# SPDX-License-Identifier: Apache-2.0
"""One fault for each kind of clause of old; see the other tables beside this one."""

from __future__ import annotations

from collections.abc import Mapping

from osdrivers.actions import ChangeOwner, MakeDirectory, Remove, WriteFile
from tests.conformance.faults.plans import (
    Fault,
    accepting,
    after_command,
    blind_to_files,
    credulous,
    each_time,
    edited,
    half,
    no,
    nothing,
    own_error,
    parsing,
    per_process,
    saying,
    then,
    through_links,
    unchecked,
    under_umask,
    while_shown,
)

_HOME, _KEYS = "/home/maria", "/home/maria/.ssh/authorized_keys"
FAULTS: Mapping[str, Fault] = {
    "again": Fault("g1_a_second", "user", "users", "ensure", each_time),
    "shown": Fault("g2_showing", "user", "users", "ensure", while_shown),
    "half": Fault("g3_stopped", "host-name", "hostname", "ensure", half),
    "killed": Fault("g3_killed", "user", "users", "ensure", after_command),
    "secret": Fault("g4_no_secret", "password", "users", "ensure_password", saying),
    "umask": Fault("g5_umask", "host-name", "hostname", "ensure", under_umask),
    "tools": Fault("g6_without", "user", "users", "ensure", unchecked),
    "error": Fault("a_tool_that_fails", "user", "users", "ensure", own_error),
    "lied": Fault("claims_success", "user-gone", "users", "ensure_absent", credulous),
    "babble": Fault("claims_success", "host-name", "hostname", "ensure", parsing),
    "read-only": Fault("g7_a_read_only", "ssh-key", "keys", "ensure_authorized", blind_to_files),
    "raced": Fault("g9_two", "ssh-key", "keys", "ensure_authorized", per_process),
    "root": Fault("u1_root", "user", "users", "is_system", no),
    "home": Fault("u2_the_account", "user", "users", "ensure", then(ChangeOwner(_HOME, "0:0"))),
    "open": Fault(
        "u2_a_new",
        "user",
        "users",
        "ensure",
        then(edited("/etc/shadow", b"maria:!:", b"maria::")),
    ),
    "names": Fault("u2_a_name", "user", "users", "ensure", accepting),
    "adopted": Fault("u2_u3_u4_root", "user", "users", "ensure_absent", accepting),
    "left": Fault("u3_account", "user-gone", "users", "ensure_absent", then(MakeDirectory(_HOME))),
    "unset": Fault("u4_the_account", "password", "users", "ensure_password", nothing),
    "newline": Fault("u4_what", "password", "users", "ensure_password", accepting),
    "rooted": Fault(
        "u6_no_password",
        "root-password",
        "users",
        "ensure_root_password_disabled",
        then(edited("/etc/shadow", b"root:*:", b"root::")),
    ),
    "grant": Fault("u7_the_grant_is_there", "sudo", "sudo", "ensure_granted", nothing),
    "revoke": Fault("u7_the_grant_is_gone", "no-sudo", "sudo", "ensure_revoked", nothing),
    "expiry": Fault("u11_the_last", "expiry", "users", "ensure_expiry", nothing),
    "mode": Fault(
        "u8_the_key",
        "ssh-key",
        "keys",
        "ensure_authorized",
        then(ChangeOwner(_KEYS, "maria", 0o644)),
    ),
    "outside": Fault("u8_what", "ssh-key", "keys", "ensure_authorized", accepting),
    "pair": Fault("u9_the_pair", "key-pair", "keys", "ensure_key_pair", nothing),
    "option": Fault("s1_the_option", "sshd-options", "sshd", "ensure_options", nothing),
    "forced": Fault("s1_an_option", "sshd-options", "sshd", "ensure_options", accepting),
    "stale": Fault("s2_s4", "host-keys", "sshd", "ensure_host_keys", nothing),
    "name": Fault("h1_the_name", "host-name", "hostname", "ensure", nothing),
    "hosts": Fault(
        "h1_other", "host-name", "hostname", "ensure", then(WriteFile("/etc/hosts", b"\n"))
    ),
    "route": Fault("n3_the_kernel", "route", "network", "ensure_route", nothing),
    "unrouted": Fault("n3_the_route_is_gone", "no-route", "network", "ensure_no_route", nothing),
    "pinned": Fault("n6_nothing", "all-names", "interface_names", "ensure_unpinned", nothing),
    "guard": Fault("f3_exactly", "guard", "firewall", "ensure_guarded", nothing),
    "disk": Fault("d3_d4", "disk", "disks", "ensure_prepared", nothing),
    "mount": Fault("d5_the", "mounted", "disks", "ensure_mounted", nothing),
    "readme": Fault("d6_the", "readme", "disks", "ensure_readme", nothing),
    "swap": Fault("d7_the", "swap", "swap", "ensure_file", nothing),
    "unswapped": Fault("d8_nothing", "no-swap", "swap", "ensure_off", nothing),
    "timeout": Fault("d10_every", "disk-timeout", "devices", "ensure_timeout", nothing),
    "disc": Fault("c2_it_is", "no-disc", "drives", "ensure_unmounted", nothing),
    "leases": Fault("p1_no_lease", "no-leases", "cleanup", "ensure_no_leases", nothing),
    "logs": Fault("p1_logs_are", "no-logs", "cleanup", "ensure_no_logs", nothing),
    "too-much": Fault(
        "p1_nothing_outside", "no-logs", "cleanup", "ensure_no_logs", then(Remove("/etc/hosts"))
    ),
    "through": Fault(
        "p1_nothing_is_deleted_through",
        "no-leases",
        "cleanup",
        "ensure_no_leases",
        through_links,
    ),
    "identity": Fault(
        "p1_the_machine", "no-machine-id", "cleanup", "ensure_no_machine_id", nothing
    ),
    "service": Fault("v1_the_state", "stop", "services", "ensure_stopped", nothing),
    "resolver": Fault(
        "p1_a_resolver_that_n", "no-resolver", "cleanup", "ensure_no_resolver", nothing
    ),
    "managed": Fault(
        "p1_a_resolver_that_is",
        "no-resolver",
        "cleanup",
        "ensure_no_resolver",
        then(Remove("/etc/resolv.conf")),
    ),
    "host-keys": Fault("p1_no_host_key", "no-host-keys", "cleanup", "ensure_no_host_keys", nothing),
    "named": Fault("p1_the_persistent", "no-host-name", "cleanup", "ensure_no_host_name", nothing),
    "seed": Fault("p1_no_seed", "no-random-seed", "cleanup", "ensure_no_random_seed", nothing),
    "history": Fault("p1_no_history", "no-history", "cleanup", "ensure_no_history", nothing),
}
