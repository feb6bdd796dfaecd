"""The engine over real sockets, on the simulator in another process: hedged, killed, recovered, flat."""

from __future__ import annotations

import json
import os
import signal
from decimal import Decimal
from typing import Any

from tests.e2e.builders import ask, headless, state_folder, status, until
from tests.e2e.sockets import KEY, PROFILE, SECRET, profile, served

QUICK = f"""
[profiles.{PROFILE}.fresh]
self_clear_s = 1
[profiles.{PROFILE}.strategies.funding_arb]
kind = "funding_arb"
entry_window_min_s = 1
entry_window_max_s = 43200
"""
"""Whatever hour of the day it is: the market's time is the wall's here."""


def held(told: dict[str, Any]) -> dict[str, Decimal]:
    sizes: dict[str, Decimal] = {}
    for row in told["positions"]:
        sizes[row["instrument"]] = sizes.get(row["instrument"], Decimal(0)) + Decimal(row["size"])
    return {name: size for name, size in sizes.items() if size}


def test_hedged_halted_killed_recovered_and_flat_over_sockets() -> None:
    with state_folder() as folder, served("--scenario", "funding-harvest") as server:
        known = profile(folder, server, more=QUICK)
        flags = ("--profile", PROFILE)
        with headless(folder, *flags, **known) as engine:
            hedged = until(
                lambda: [
                    row
                    for row in status(folder, PROFILE).get("pairs", [])
                    if row["state"] == "hedged" and Decimal(row["size"])
                ],
                "a hedged pair",
            )
            assert hedged
            assert ask(folder, "halt", *flags, **known).returncode == 0
            os.killpg(engine.pid, signal.SIGKILL)
            engine.wait()
        with headless(folder, *flags, **known) as engine:
            told = until(
                lambda: (
                    (found := status(folder, PROFILE)).get("positions")
                    and not any(cause["name"] == "unread" for cause in found["causes"])
                    and found
                ),
                "read again",
            )
            assert told["trading_state"] == "HALTED"
            assert (told["mode"], told["synthetic"], told["in_doubt"]) == ("sim", True, 0)
            assert held(told) == server.all_books()
            assert held(told)
            for venue in told["venues"]:
                assert venue["connected"]
                assert abs(venue["clock_offset_ms"]) < 1_000
            # By the engine while it answers, by the venues alone once it hangs.
            some = next(iter(held(told)))
            ended = ask(folder, "flatten", some, "--yes", "--json", *flags, **known)
            assert ended.returncode == 0, ended.stderr
            assert some not in server.all_books()
            os.killpg(engine.pid, signal.SIGSTOP)
            direct = ask(folder, "flatten", "--direct", "--yes", "--json", *flags, **known)
            assert direct.returncode == 0, direct.stderr
            assert json.loads(direct.stdout)["flat"]
            assert server.all_books() == {}
        ran = ask(folder, "run", "--no-ui", "--for", "2s", *flags, **known)
        out, err = ran.stdout, ran.stderr
        assert ran.returncode == 0, err
        summary = json.loads(out.splitlines()[-1])
        assert (summary["stamp"], summary["trading_state"]) == ("SIM OVER SOCKETS", "HALTED")
        assert "SIM ⇄" in err
        exported = folder / "journal.jsonl"
        assert ask(folder, "audit", "export", str(exported), *flags, **known).returncode == 0
        for text in (out, err, exported.read_text(), ask(folder, "config", "show", *flags, **known).stdout):
            assert SECRET not in text
        assert KEY not in exported.read_text()
        replayed = ask(folder, "replay", "--json", *flags, **known)
        assert json.loads(replayed.stdout)["ok"], replayed.stdout
