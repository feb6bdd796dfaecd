"""The whole program on a ccxt profile: doctor, a start, a pair opened and closed, a clean stop."""

from __future__ import annotations

import json
from decimal import Decimal

from services.venues.ccxt_venue.findings import FOLLOWED
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import Exchange
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.program import KEY, PROFILE, SECRET, WORD, Anchor, exchanges, paying, profile
from tests.ccxt_venue.streams import BybitBooks, OkxBooks
from tests.e2e.builders import ask, headless, state_folder, until

FLAGS = ("--profile", PROFILE)
QUICK = f"""
[profiles.{PROFILE}.fresh]
self_clear_s = 1
[profiles.{PROFILE}.size]
max_pair_fraction = 0.008
[profiles.{PROFILE}.breaker]
evaluate_s = 1
[profiles.{PROFILE}.strategies.funding_arb]
kind = "funding_arb"
entry_window_min_s = 1
entry_window_max_s = 43200
[profiles.{PROFILE}.strategies.cross_exchange]
kind = "cross_exchange"
"""
"""Whatever hour of the day it is; in one slice."""


def spots() -> tuple[Exchange, Exchange]:
    """Bitcoin lies on both and is dearer on the first."""
    dear, cheap = OkxExchange(spot=True), BybitExchange(spot=True)
    dear.bid, dear.ask = Decimal(60_400), Decimal(60_401)
    dear.coins = cheap.coins = Decimal("0.5")
    OkxBooks(dear), BybitBooks(cheap)
    return dear, cheap


def questions(server: Exchange) -> int:
    """For a book."""
    return sum("book" in name for name, _, _ in server.asked)


def test_pairs_and_spot_are_traded_through_the_library_and_the_program_stops() -> None:
    """Funding between perpetuals, and coins out of inventory: on five accounts of two exchanges."""
    okx, bybit = paying(OkxExchange, "0.003"), paying(BybitExchange, "-0.001")
    dear, cheap = spots()
    named = {"okx": okx, "bybit": bybit, "dear": dear, "cheap": cheap, "anchor": Anchor()}
    with state_folder() as folder, exchanges(**named):
        known = profile(folder, QUICK, **named)
        told = ask(folder, "doctor", "--json", *FLAGS, **known)
        assert told.returncode == 0, told.stdout
        rows = json.loads(told.stdout)["findings"]
        lacking = {row["subject"]: row["text"] for row in rows if row["check"] == "capabilities"}
        assert lacking["okx"] == "orders, stops, dead-man's switch, history"
        assert lacking["bybit"] == "lacks a dead-man's switch"
        assert "conditional orders" in lacking["dear"]
        books = {row["subject"]: row["text"] for row in rows if row["check"] == "books"}
        assert books == dict.fromkeys(named, FOLLOWED)
        with headless(folder, *FLAGS, "--live", **known) as engine:
            until(lambda: okx.size and okx.size + bybit.size == 0, "both legs of a pair")
            until(lambda: dear.trades and cheap.trades, "coins that change hands")
            # By stream: what is left to ask for is its control.
            assert questions(dear) < questions(okx)
            # The dearer rate is sold, and the dearer coin.
            assert okx.size < 0 < bybit.size
            assert {each["order"]["side"] for each in dear.trades} == {"sell"}
            assert {(each["order"]["side"], each["coin"]) for each in cheap.trades} == {("buy", "BTC")}
            ended = ask(folder, "flatten", "--yes", "--json", *FLAGS, **known)
            assert ended.returncode == 0, ended.stderr
            flat = json.loads(ended.stdout)
            assert flat["flat"]
            assert any("BTC" in kept for kept in flat["kept"])
            assert (okx.size, bybit.size, okx.open(), bybit.open()) == (0, 0, [], [])
            assert ask(folder, "stop", *FLAGS, **known).returncode == 0
            out, err = engine.communicate(timeout=30)
            assert engine.returncode == 0, err
        summary = json.loads(out.splitlines()[-1])
        assert (summary["mode"], summary["ended_by"], summary["in_doubt"]) == ("live", "stop", 0)
        assert summary["fills"] == sum(len(each.trades) for each in named.values())
        for text in (told.stdout, out, err):
            assert not any(hidden in text for hidden in (SECRET, WORD))
        assert KEY not in out
