# SPDX-License-Identifier: Apache-2.0
"""H3: what a daemon notices of the host name and of DHCP clients, by a clock of the test's."""

from __future__ import annotations

import pytest

from osdrivers.api import DhcpClient
from osdrivers.errors import FileFailed
from osdrivers.watching import (
    RETRY_LIMIT_S,
    RETRY_S,
    DhcpClientWatch,
    HostNameWatch,
    StaleNamesWatch,
)


class Machine:
    """A name, a record and a clock that the test sets."""

    def __init__(self, name: str, record: str = "") -> None:
        self.name, self.kept, self.now_s = name, record, 1000.0
        self.records: list[str] = []
        self.watch = HostNameWatch(lambda: self.name, self.recall, self.records.append, self.clock)

    def recall(self) -> str:
        if self.kept == "unreadable":
            raise FileFailed("/var/lib/record", OSError(5, "Input/output error"))
        return self.kept

    def clock(self) -> float:
        return self.now_s

    def looks(self, *names: str) -> list[str]:
        found = []
        for name in names:
            self.name = name
            found.append(self.watch.look())
        return found


def test_a_change_is_reported_when_two_looks_have_seen_it() -> None:
    machine = Machine("old", "old")
    assert machine.looks("old", "new", "new", "new") == ["", "", "new", "new"]
    machine.watch.published("new")
    assert machine.looks("new", "new") == ["", ""]
    assert machine.records == ["new"]


def test_a_name_that_flaps_is_not_reported() -> None:
    machine = Machine("old", "old")
    assert machine.looks("old", *["a", "b"] * 5, "old", "old") == [""] * 13
    assert machine.records == []


@pytest.mark.parametrize("record", ["", "unreadable", "\0\0\0", "a b", "localhost", "x" * 300])
def test_without_a_usable_record_the_present_name_is_adopted(record: str) -> None:
    machine = Machine("present", record)
    assert machine.looks("present", "present", "present") == ["", "", ""]
    assert machine.records == ["present"]
    assert machine.looks("other", "other") == ["", "other"]


@pytest.mark.parametrize(
    "name", ["localhost", "localhost.localdomain", "LOCALHOST", "localhost4", "", "a_b", "-a"]
)
def test_a_name_that_is_no_machine_s_own_is_never_reported(name: str) -> None:
    machine = Machine("old", "old")
    assert machine.looks("old", name, name, name) == [""] * 4
    assert machine.looks("old", "old") == ["", ""]


def test_a_machine_that_starts_without_a_name_is_reported_when_it_gets_one() -> None:
    machine = Machine("localhost")
    assert machine.looks("localhost", "localhost", "vm-1", "vm-1") == ["", "", "", "vm-1"]
    assert machine.records == []


def test_a_record_of_another_name_is_a_change_that_happened_while_nobody_looked() -> None:
    assert Machine("new", "old").looks("new", "new") == ["", "new"]


def test_letters_of_another_case_are_the_same_name() -> None:
    assert Machine("VM-1", "vm-1").looks("VM-1", "Vm-1", "vm-1") == ["", "", ""]


def test_a_failure_is_reported_again_with_pauses_that_double() -> None:
    machine = Machine("old", "old")
    assert machine.looks("old", "new", "new")[-1] == "new"
    pause_s = RETRY_S
    for _ in range(10):
        machine.watch.failed()
        machine.now_s += pause_s - 1
        assert machine.looks("new") == [""]
        machine.now_s += 1
        assert machine.looks("new") == ["new"]
        pause_s = min(RETRY_LIMIT_S, pause_s * 2)
    assert pause_s == RETRY_LIMIT_S
    machine.watch.published("new")
    assert machine.looks("newer", "newer") == ["", "newer"]


def client(pid: int | None, interface: str = "eth0", kind: str = "dhclient") -> DhcpClient:
    return DhcpClient(kind, interface, pid)


def reported(*looks: tuple[DhcpClient, ...]) -> list[tuple[DhcpClient, ...]]:
    coming = iter(looks)
    watch = DhcpClientWatch(lambda: next(coming))
    return [watch.look() for _ in looks]


def test_a_new_pid_of_a_known_client_is_a_restart() -> None:
    assert reported((client(7),), (client(7),), (client(8),), (client(8),)) == [
        (),
        (),
        (client(8),),
        (),
    ]


def test_a_client_that_went_and_came_back_was_restarted() -> None:
    assert reported((client(7),), (), (client(None),), (client(9),)) == [(), (), (), (client(9),)]
    assert reported((client(7),), (), (client(7),)) == [(), (), ()]


def test_clients_of_other_interfaces_and_new_ones_are_no_restart() -> None:
    both = (client(7), client(8, "eth1"))
    assert reported((client(7),), both, (client(7), client(9, "eth1"))) == [
        (),
        (),
        (client(9, "eth1"),),
    ]
    assert reported((), (client(1, "", "networkd"),)) == [(), ()]


def test_a_name_is_stale_when_two_looks_missed_its_interface() -> None:
    pinned = {"a": "eth0", "b": "eth1"}
    seen = iter((["a", "b"], ["a"], ["a"], ["a", "b"], ["a"], [], ["a"], ["a"]))
    watch = StaleNamesWatch(lambda: pinned, lambda: next(seen))
    looks = [watch.look() for _ in range(8)]
    assert looks == [{}, {}, {"b": "eth1"}, {}, {}, {}, {}, {"b": "eth1"}]


def test_where_nothing_is_pinned_no_interface_is_asked_for() -> None:
    watch = StaleNamesWatch(dict, lambda: [str(1 / 0)])
    assert watch.look() == watch.look() == {}
