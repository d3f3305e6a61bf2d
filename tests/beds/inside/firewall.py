# SPDX-License-Identifier: Apache-2.0
"""Runs in a booted tree: guards an address, asks the real tools, and lets firewalld reload."""

from __future__ import annotations

import json
import subprocess
from ipaddress import ip_address
from pathlib import Path

from osdrivers import loader
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host

ADDRESS = ip_address("168.63.129.16")


def run(*argv: str) -> str:
    ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return ended.stdout if ended.returncode == 0 else f"{ended.returncode}: {ended.stderr}"


def main() -> None:
    host = Host()
    driver = loader.load(host).driver
    firewall = driver.firewall
    assert firewall is not None
    found: dict[str, object] = {"firewalld": run("firewall-cmd", "--state").strip()}

    def done(name: str, plan: object) -> list[str]:
        outcome = carry_out([Task(name, plan)], host, lambda *_: None)[0]  # type: ignore[arg-type]
        return [] if outcome.error is None else [repr(outcome.error)]

    def said() -> dict[str, object]:
        return {
            "rules": ADDRESS.compressed in run("nft", "list", "ruleset"),
            "guarded": [str(each) for each in firewall.guarded()],
        }

    found["before"] = said()
    found["errors"] = done("guard", lambda: firewall.ensure_guarded([ADDRESS]))
    found["guarded"] = said()
    found["again"] = [str(each) for each in firewall.ensure_guarded([ADDRESS])]
    found["reload"] = run("firewall-cmd", "--reload").strip()
    found["reloaded"] = said()
    found["errors_unguard"] = done("unguard", firewall.ensure_unguarded)
    found["after"] = said()
    Path("/lab/result.json").write_text(json.dumps(found))


main()
