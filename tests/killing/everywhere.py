# SPDX-License-Identifier: Apache-2.0
"""A piece of work killed at each of its points, and begun again: what was there, what ran."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from . import points
from .points import Points

Tree = Mapping[str, object]
#: Of a point's name, as it is shown.
WIDTH = 60


@dataclass(frozen=True)
class Subject:
    """Some work, and how to see what became of it.

    :param prepare: makes the directory in which the work begins.
    :param work: from there, or from where a killed run stopped, to the end.
    :param tree: what counts of the directory when it is done.
    :param again: whether something that ran to its end may be done once more.
    """

    name: str
    prepare: Callable[[Path], object]
    work: Callable[[Path, Points], object]
    tree: Callable[[Path], Tree]
    again: Callable[[str], bool] = lambda what: False


@dataclass(frozen=True)
class Row:
    """One point: what a kill there left, what had run, what ran then, and what is wrong or ""."""

    number: int
    point: str
    same: int
    other: int
    missing: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class Report:
    """Of one subject.  ``points`` are all of them, ``rows`` those that were tried."""

    name: str
    points: tuple[str, ...]
    ran: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def problems(self) -> list[str]:
        return [
            f"{self.name} {one.number} {one.point}: {one.problem}"
            for one in self.rows
            if one.problem
        ]


def sampled(count: int, wanted: int) -> list[int]:
    """Some of the points, evenly, the first and the last among them."""
    if wanted >= count:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (wanted - 1)) for step in range(wanted)})


def report(
    subject: Subject, scratch: Path, *, every: bool = True, sample: Optional[int] = None
) -> Report:
    """Kill it at each point, or at a sample of them, and go on each time."""
    origin, sound = scratch / "origin", scratch / "sound"
    subject.prepare(origin)
    shutil.copytree(origin, sound, symlinks=True)
    whole = points.run(str(sound), lambda here: subject.work(sound, here), every=every)
    expected = subject.tree(sound)
    count = len(whole.points)
    chosen = range(1, count + 1) if sample is None else sampled(count, sample)
    rows = [_killed(subject, scratch, whole, expected, number, every=every) for number in chosen]
    return Report(subject.name, whole.points, whole.ran, tuple(rows))


def _killed(
    subject: Subject, scratch: Path, whole: points.End, expected: Tree, number: int, *, every: bool
) -> Row:
    here = scratch / "killed"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(scratch / "origin", here, symlinks=True)

    def work(found: Points) -> object:
        return subject.work(here, found)

    first = points.run(str(here), work, fatal=number, every=every)
    left = subject.tree(here)
    second = points.run(str(here), work, every=every)
    problem = _problem(subject, whole, expected, subject.tree(here), (first.ran, second.ran))
    return Row(
        number,
        whole.points[number - 1],
        sum(left.get(name) == fact for name, fact in expected.items()),
        sum(name in left and left[name] != fact for name, fact in expected.items()),
        sum(name not in left for name in expected),
        first.ran,
        second.ran,
        problem,
    )


def _problem(
    subject: Subject,
    whole: points.End,
    expected: Tree,
    found: Tree,
    ran: tuple[tuple[str, ...], tuple[str, ...]],
) -> str:
    names = sorted({*expected, *found})
    differing = [name for name in names if expected.get(name) != found.get(name)]
    if differing:
        name = differing[0]
        return f"{differing[:3]} differ: {expected.get(name)} / {found.get(name)}"[:400]
    both, wanted = Counter([*ran[0], *ran[1]]), Counter(whole.ran)
    twice = [one for one in both if both[one] > wanted[one] and not subject.again(one)]
    never = [one for one in wanted if both[one] < wanted[one]]
    said = [*(f"twice: {one}" for one in twice), *(f"never: {one}" for one in never)]
    return "; ".join(said)[:400]


def lines(found: Report) -> Iterable[str]:
    """The report as a table."""
    tried, bad = len(found.rows), len(found.problems)
    yield f"{found.name}: {len(found.points)} points, {tried} tried, {bad} bad"
    width = min(max((len(one.point) for one in found.rows), default=0), WIDTH)
    yield f"  {'':4} {'killed before':{width}}  there (same/other/missing)  had run > ran then"
    for one in found.rows:
        there = f"{one.same}/{one.other}/{one.missing}"
        ran = f"{shown(one.before)} > {shown(one.after)}"
        point = one.point[-width:]
        yield f"  {one.number:4} {point:{width}}  {there:26}  {ran}  {one.problem}".rstrip()


def shown(ran: tuple[str, ...]) -> str:
    """What ran, in a few words."""
    return ", ".join(one.partition(" -")[0] for one in ran) or "-"
