# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.vm.cache import Cache, digest
from osdrivers.errors import Busy


def test_a_thing_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []
    cache = Cache(tmp_path / "cache")
    first = cache.obtain("tree", "k1", made.append)
    second = cache.obtain("tree", "k1", made.append)
    assert first == second
    assert len(made) == 1


def test_only_root_can_enter_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.obtain("tree", "k1", lambda place: None)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_what_failed_half_way_is_not_there(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        (place / "half").write_text("")
        raise RuntimeError

    cache = Cache(tmp_path)
    with pytest.raises(RuntimeError):
        cache.obtain("tree", "k1", fail)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_a_killed_run_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "tree-k1.partial").mkdir()
    (tmp_path / "tree-k1.partial" / "old").write_text("")
    entry = Cache(tmp_path).obtain("tree", "k1", lambda place: None)
    assert list(entry.iterdir()) == []


def test_the_oldest_of_a_kind_makes_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for age, key in enumerate(("k1", "k2", "k3")):
        entry = cache.obtain("tree", key, lambda place: None)
        os.utime(entry, (age, age))
    cache.obtain("image", "k1", lambda place: None)
    cache.obtain("tree", "k3", lambda place: None)
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert names == ["image-k1", "tree-k2", "tree-k3"]


def test_a_workplace_is_empty_and_belongs_to_one_run(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.workplace("first-boot") as place:
        (place / "console.log").write_text("text")
        with pytest.raises(Busy, match="first-boot"), cache.workplace("first-boot"):
            pass
    assert (place / "console.log").exists()
    with cache.workplace("first-boot") as again:
        assert list(again.iterdir()) == []


def test_a_digest_changes_with_its_ingredients() -> None:
    assert digest(["a", {"b": 1}]) == digest(["a", {"b": 1}])
    assert digest(["a", {"b": 1}]) != digest(["a", {"b": 2}])
