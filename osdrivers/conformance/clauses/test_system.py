# SPDX-License-Identifier: Apache-2.0
"""Services, places and packages: V1 to V3, P."""

from __future__ import annotations

from dataclasses import replace

import pytest

from osdrivers.api import Driver
from osdrivers.conformance.bench import Bench
from osdrivers.conformance.catalogue import packages, services
from osdrivers.errors import InvalidInput, NotFound
from osdrivers.host import Places

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "root", "network", "loop")


@pytest.mark.operation("start", "enable", "stop", "disable")
def test_v1_the_state_is_what_was_asked_for(bench: Bench) -> None:
    services = bench.after().services
    wanted = bench.operation.name
    if wanted in ("start", "stop"):
        assert services.active("ssh") == (wanted == "start")
    else:
        assert services.enabled("ssh") == (wanted == "enable")


@pytest.mark.operation("start")
@pytest.mark.untouched
def test_v1_a_service_that_is_not_there_is_not_found(bench: Bench) -> None:
    bench.refuses(NotFound, lambda d: d.services.ensure_enabled("no-such-service"))


@pytest.mark.operation("restart", "reload")
def test_v1_what_was_restarted_runs(bench: Bench) -> None:
    assert bench.after().services.active("ssh")


@pytest.mark.operation("start")
def test_v2_every_place_is_absolute_and_normal(bench: Bench) -> None:
    places: Places = bench.fresh().driver().host.places
    for name, path in vars(places).items():
        assert path.startswith("/") and "//" not in path and "/../" not in path, name


@pytest.mark.operation("install")
def test_v3_a_service_of_our_own_starts_at_boot_and_not_now(bench: Bench) -> None:
    driver = bench.after()
    assert driver.services.enabled(services.NAME)
    assert not driver.services.active(services.NAME)
    assert _written(driver)


@pytest.mark.operation("uninstall")
def test_v3_nothing_of_it_is_left(bench: Bench) -> None:
    driver = bench.after()
    assert not driver.services.enabled(services.NAME)
    assert not _written(driver)


def _written(driver: Driver) -> tuple[str, ...]:
    """Its file, where an administrator's own are."""
    places = (driver.host.places.units, "/etc/init", "/etc/init.d", "/etc/rc.d/init.d")
    return tuple(
        path
        for place in places
        for end in ("", ".service", ".conf")
        if driver.host.exists(path := f"{place}/{services.NAME}{end}")
    )


@pytest.mark.each_part
@pytest.mark.operation("install")
@pytest.mark.untouched
def test_v3_what_is_no_service_is_refused(bench: Bench) -> None:
    wrong = [replace(services.SERVICE, name=name) for name in ("", "a/b", "..", "a b")]
    wrong += [replace(services.SERVICE, command=words) for words in ((), ("agent",))]
    bench.refuses_each(InvalidInput, wrong, lambda d, each: d.services.ensure_installed(each))


@pytest.mark.operation("package")
def test_p1_p2_what_was_installed_is_told_with_its_version(bench: Bench) -> None:
    assert bench.fresh().driver().packages.installed(packages.NAME) == ""
    assert bench.after().packages.installed(packages.NAME) == "2.1.0-1"


@pytest.mark.each_part
@pytest.mark.operation("package")
def test_p3_p5_an_unknown_package_is_not_found_and_a_bad_name_is_refused(bench: Bench) -> None:
    ran = bench.fresh()
    unknown = replace(bench.operation, plan=lambda d: d.packages.ensure_installed(["no-such"]))
    assert isinstance(ran.run(unknown).error, NotFound)
    bench.refuses_each(
        InvalidInput, ("", "a b", "-x", "x-"), lambda d, name: d.packages.ensure_installed([name])
    )


@pytest.mark.operation("package")
def test_p2_what_is_there_is_left_and_one_unknown_name_installs_nothing(bench: Bench) -> None:
    driver = bench.after()
    assert list(driver.packages.ensure_installed([packages.NAME, packages.NAME])) == []
    assert list(driver.packages.ensure_installed([])) == []
    trial = bench.fresh()
    both = replace(
        bench.operation, plan=lambda d: d.packages.ensure_installed([packages.NAME, "no-such"])
    )
    assert isinstance(trial.run(both).error, NotFound)
    assert trial.driver().packages.installed(packages.NAME) == ""
