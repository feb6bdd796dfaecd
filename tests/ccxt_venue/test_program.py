"""The whole program on a ccxt profile: doctor, a start, a pair opened and closed, a clean stop."""

from __future__ import annotations

import json
from decimal import Decimal

from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.program import KEY, PROFILE, SECRET, WORD, Anchor, exchanges, paying, profile
from tests.e2e.builders import ask, headless, state_folder, until

FLAGS = ("--profile", PROFILE)
QUICK = f"""
[profiles.{PROFILE}.fresh]
self_clear_s = 1
[profiles.{PROFILE}.breaker]
evaluate_s = 1
[profiles.{PROFILE}.strategies.funding_arb]
kind = "funding_arb"
entry_window_min_s = 1
entry_window_max_s = 43200
"""
"""Whatever hour of the day it is."""


def test_a_pair_is_opened_and_closed_through_the_library_and_the_program_stops() -> None:
    okx, bybit = paying(OkxExchange, "0.003"), paying(BybitExchange, "-0.001")
    with state_folder() as folder, exchanges(okx=okx, bybit=bybit, anchor=(anchor := Anchor())):
        known = profile(folder, QUICK, okx=okx, bybit=bybit, anchor=anchor)
        told = ask(folder, "doctor", "--json", *FLAGS, **known)
        assert told.returncode == 0, told.stdout
        rows = json.loads(told.stdout)["findings"]
        lacking = {row["subject"]: row["text"] for row in rows if row["check"] == "capabilities"}
        assert lacking["okx"] == "orders, stops, dead-man's switch, history"
        assert lacking["bybit"] == "lacks a dead-man's switch"
        with headless(folder, *FLAGS, "--live", **known) as engine:
            until(lambda: okx.size and okx.size + bybit.size == 0, "both legs of a pair")
            # The dearer rate is sold.
            assert okx.size < 0 < bybit.size
            ended = ask(folder, "flatten", "--yes", "--json", *FLAGS, **known)
            assert ended.returncode == 0, ended.stderr
            assert json.loads(ended.stdout)["flat"]
            assert (okx.size, bybit.size, okx.open(), bybit.open()) == (0, 0, [], [])
            assert ask(folder, "stop", *FLAGS, **known).returncode == 0
            out, err = engine.communicate(timeout=30)
            assert engine.returncode == 0, err
        summary = json.loads(out.splitlines()[-1])
        assert (summary["mode"], summary["ended_by"], summary["in_doubt"]) == ("live", "stop", 0)
        assert summary["fills"] == len(okx.trades) + len(bybit.trades)
        paid = sum((each["fee"] for each in (*okx.trades, *bybit.trades)), Decimal(0))
        assert abs(Decimal(summary["fees"]) - paid * Decimal("0.9998")) < Decimal("0.01")
        for text in (told.stdout, out, err):
            assert not any(hidden in text for hidden in (SECRET, WORD))
        assert KEY not in out
