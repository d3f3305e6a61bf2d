# SPDX-License-Identifier: Apache-2.0
"""Boot and RDMA: B1, B2, R1 to R4."""

from __future__ import annotations

import pytest

from osdrivers.api import Driver, InfinibandAddress
from osdrivers.conformance.bench import Bench
from osdrivers.conformance.box import Box
from osdrivers.conformance.catalogue.boot import ADDED
from osdrivers.conformance.catalogue.rdma import PORT
from osdrivers.errors import InvalidInput, NotFound
from osdrivers.parts import kvp_pool

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "root", "network", "loop")


@pytest.mark.operation("boot-arguments", "boot-arguments-gone")
def test_b1_every_entry_has_what_was_added_and_keeps_the_rest_in_order(bench: Bench) -> None:
    before = [entry.arguments for entry in bench.fresh().driver().boot.entries() if not entry.name]
    entries = bench.after().boot.entries()
    wanted = bench.operation.name == "boot-arguments"
    assert entries
    for entry in entries:
        assert (ADDED in entry.arguments) == wanted, entry
    others = [tuple(each for each in entry.arguments if each != ADDED) for entry in entries]
    for arguments in before:
        assert tuple(each for each in arguments if each != ADDED) in others


@pytest.mark.operation("boot-arguments-gone")
def test_b1_what_was_added_and_taken_away_again_leaves_no_trace(bench: Bench) -> None:
    at_first = bench.captured.fresh(bench.machine).driver().boot.entries()
    entries = bench.after().boot.entries()  # of more kernels, where a tool made them anew
    assert [each for each in entries if not each.name] == [e for e in at_first if not e.name]
    assert {each.name for each in at_first} <= {each.name for each in entries}


@pytest.mark.each_part
@pytest.mark.operation("boot-arguments")
@pytest.mark.untouched
def test_b1_what_is_no_token_is_refused(bench: Bench) -> None:
    tokens = ("", "a b", 'a="b"', "it's=1", "a\nb=1", "a=\\")
    bench.refuses_each(InvalidInput, tokens, lambda d, token: d.boot.ensure_arguments([token]))
    bench.refuses(InvalidInput, lambda d: d.boot.ensure_arguments([ADDED], [ADDED]))


@pytest.mark.operation("boot-arguments")
def test_b1_entries_of_future_kernels_come_first(bench: Bench) -> None:
    named = [bool(entry.name) for entry in bench.after().boot.entries()]
    assert named == sorted(named)


@pytest.mark.operation("serial-console")
def test_b1_the_last_console_is_the_serial_port(bench: Bench) -> None:
    for entry in bench.after().boot.entries():
        consoles = [each for each in entry.arguments if each.startswith("console=")]
        assert "ttyS0" in consoles[-1] or "comconsole" in consoles[-1], entry


@pytest.mark.operation("serial-console")
@pytest.mark.untouched
def test_b1_a_speed_that_no_port_has_is_refused(bench: Bench) -> None:
    bench.refuses(InvalidInput, lambda d: d.boot.ensure_serial_console(speed_baud=12345))


@pytest.mark.operation("numa-policy")
def test_b2_old_kernels_alone_have_numa_off(bench: Bench) -> None:
    for entry in bench.after().boot.entries():
        if entry.name:
            assert ("numa=off" in entry.arguments) == ("2.6.32" in entry.name), entry


@pytest.mark.operation("rdma-driver")
def test_r2_the_driver_is_that_of_the_firmware(bench: Bench) -> None:
    rdma = bench.after().rdma
    if rdma.firmware_version():
        assert rdma.firmware_version() in rdma.driver_version()


@pytest.mark.operation("rdma-driver")
@pytest.mark.untouched
def test_r2_firmware_that_nothing_fits_is_not_found(bench: Bench) -> None:
    bench.refuses(NotFound, lambda d: d.rdma.ensure_driver("9999.1"))
    bench.refuses_each(InvalidInput, ("", "142.0 ", "x"), lambda d, v: d.rdma.ensure_driver(v))


@pytest.mark.operation("rdma-provider")
@pytest.mark.untouched
def test_r3_an_address_that_no_interface_has_is_not_found(bench: Bench) -> None:
    nobody = [InfinibandAddress("00155D000001", PORT)]
    bench.refuses(NotFound, lambda d: d.rdma.ensure_addresses(nobody))


@pytest.mark.operation("rdma-provider")
def test_r1_a_pool_that_is_cut_off_or_says_it_twice_is_read_as_far_as_it_goes(
    bench: Bench,
) -> None:
    trial = bench.fresh()
    host = trial.driver().host
    pool = next((path for path in kvp_pool.PATHS if host.exists(path)), "")
    if not pool:
        pytest.skip("this machine has no pool of the hypervisor's")
    records = [_record(b"NdDriverVersion", value) for value in (b"142.0", b"145.1")]
    for content, said in (
        (b"", ""),
        (records[0][:-1], ""),
        (records[0], "142.0"),
        (records[0] + records[1], "145.1"),
        (records[0] + records[1][:600], "142.0"),
    ):
        host.write(pool, content)
        assert trial.driver().rdma.firmware_version() == said


def _record(key: bytes, value: bytes) -> bytes:
    return key.ljust(kvp_pool.KEY_BYTES, b"\0") + value.ljust(kvp_pool.VALUE_BYTES, b"\0")


@pytest.mark.operation("rdma-provider")
def test_r4_the_provider_has_the_address_and_other_lines_stay(bench: Bench) -> None:
    before = _providers(bench.fresh().driver())
    after = _providers(bench.after())
    assert before.keys() == after.keys() and before
    for path, lines in after.items():
        ours = [line for line in lines if line.startswith("ofa-v2-ib0 ")]
        assert ours and all(str(PORT) in line for line in ours)
        others = [line for line in before[path] if not line.startswith("ofa-v2-ib0 ")]
        assert [line for line in lines if line not in ours] == others


@pytest.mark.operation("rdma-provider")
def test_r4_without_the_file_it_is_not_found(bench: Bench) -> None:
    trial = bench.fresh()
    for path in _providers(trial.driver()):
        Box(trial.root).remove(path)
    assert isinstance(trial.run(bench.operation).error, NotFound)


def _providers(driver: Driver) -> dict[str, list[str]]:
    """The lines of each dat.conf(5)."""
    places = ("/etc/dat.conf", "/etc/rdma/dat.conf", "/usr/local/etc/dat.conf")
    return {path: text.splitlines() for path in places if (text := driver.host.read(path, ""))}
