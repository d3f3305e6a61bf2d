# SPDX-License-Identifier: Apache-2.0
"""What it costs to name a system and choose its driver, over every system of the table.

Everything is imported before: what is measured is what each further machine costs.  No process is
started (an audit hook counts them).  Listing the entry points is apart, since it is done once and
its cost is that of what is installed here.  It prints and judges nothing: `make bench`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from osdrivers import loader
from osdrivers.host import Host
from osdrivers.identity import detect

TABLE = Path(__file__).resolve().parents[1] / "tests" / "data" / "identities.json"
TARGET_MS = 5.0
ROUNDS = 5
STARTING = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system")


def main() -> None:
    started: list[str] = []
    sys.addaudithook(lambda event, _: started.append(event) if event in STARTING else None)
    began_s = time.perf_counter()
    known = loader.entries()
    listing_ms = (time.perf_counter() - began_s) * 1000
    taken_ms: list[float] = []
    names: dict[float, str] = {}
    with tempfile.TemporaryDirectory() as top:
        trees = [
            (str(case["name"]), _tree(Path(top, str(n)), case)) for n, case in enumerate(_cases())
        ]
        loader.choose(detect(Host(trees[0][1])), known)  # imports distro
        for name, root in trees * ROUNDS:
            began_s = time.perf_counter()
            loader.choose(detect(Host(root)), known)
            ms = (time.perf_counter() - began_s) * 1000
            taken_ms.append(ms)
            names[ms] = name
    median, worst = statistics.median(taken_ms), max(taken_ms)
    verdict = "met" if worst < TARGET_MS else "missed"
    slowest = names[worst]
    print(f"identity and choice      {median:6.2f} ms (median of {len(trees)} systems x {ROUNDS})")
    print(f"the slowest              {worst:6.2f} ms ({slowest})  target {TARGET_MS:g}: {verdict}")
    print(f"listing {len(known):3} entry points {listing_ms:6.2f} ms, once, apart")
    print(f"processes started        {len(started):6}")


def _cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(TABLE.read_text())
    return found


def _tree(root: Path, case: dict[str, Any]) -> str:
    for path, text in case["files"].items():
        real = root / path
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)
    return str(root)


if __name__ == "__main__":
    main()
