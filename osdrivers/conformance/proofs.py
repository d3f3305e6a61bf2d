# SPDX-License-Identifier: Apache-2.0
"""What was shown of the real tools, where: read from the marks of tests, which need not run.

A test says it in literals::

    @pytest.mark.proves("publish", bed="network", tools=("dhclient",))

and the kit's own runs on beds with real tools keep it in a JSON file: bed -> operation -> tools.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Proof:
    """These operations were carried out on that bed, and these tools did it."""

    operations: tuple[str, ...]
    bed: str
    tools: frozenset[str]


class Proofs:
    """All that there are."""

    def __init__(self, proofs: Iterable[Proof] = ()) -> None:
        self._by_operation: dict[str, list[Proof]] = {}
        for proof in proofs:
            for operation in proof.operations:
                self._by_operation.setdefault(operation, []).append(proof)

    def __iter__(self) -> Iterator[Proof]:
        return iter(
            {id(each): each for held in self._by_operation.values() for each in held}.values()
        )

    def beds(self, operation: str, tool: str) -> frozenset[str]:
        """The beds on which this tool did its part of the operation."""
        found = self._by_operation.get(operation, ())
        return frozenset(proof.bed for proof in found if tool in proof.tools)

    def beds_of_all(self, operation: str, tools: Iterable[str]) -> frozenset[str]:
        """The beds on which all of these tools did their part."""
        beds = frozenset(proof.bed for proof in self._by_operation.get(operation, ()))
        wanted = list(tools)
        return frozenset(
            bed for bed in beds if all(bed in self.beds(operation, tool) for tool in wanted)
        )


def read(tests: Path, kept: Path) -> Proofs:
    """Of every test module below ``tests``, and the kit's own in ``kept``."""
    return Proofs([*_marked(sorted(tests.rglob("test_*.py"))), *_kept(kept)])


def _kept(path: Path) -> Iterator[Proof]:
    if path.is_file():
        held: Mapping[str, Mapping[str, list[str]]] = json.loads(path.read_text(encoding="utf-8"))
        for bed, operations in held.items():
            for operation, tools in operations.items():
                yield Proof((operation,), bed, frozenset(tools))


def _marked(modules: Iterable[Path]) -> Iterator[Proof]:
    for module in modules:
        text = module.read_text(encoding="utf-8")
        if "mark.proves" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.proves":
                named = {each.arg: ast.literal_eval(each.value) for each in node.keywords}
                operations = tuple(ast.literal_eval(each) for each in node.args)
                yield Proof(operations, named["bed"], frozenset(named["tools"]))
