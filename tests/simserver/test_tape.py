"""Trades, volumes and changes of the served market, and the streams that tell of them (ftx.md 2, 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket

from services.workers.simserver import private, public
from services.workers.simserver.candles import Candles
from services.workers.simserver.house import NS, House
from services.workers.simserver.streams import MARKETS_NS, PONG_TEXT, Socket
from services.workers.simserver.tape import FIRST
from services.workers.simserver.worlds import served_world
from tests.simserver.asking import KEY, asked

D = Decimal
SPAN_S = 600


def opened() -> House:
    return House(
        served_world("calm", 1, step_s=1.0, synthetic=0, start=None), (KEY,), lockstep=True, latency_ms=5
    )


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = opened()
    made.advance(made.now + SPAN_S * NS)
    yield made
    made.close()


def got(house: House, answer: Any, path: str, name: str = "", **query: str) -> Any:
    return asked(house, answer, "GET", f"/api{path}", names={"name": name}, query=query, ahead_ns=0)


def test_what_the_background_trades_is_told_newest_first_and_by_its_span(house: House) -> None:
    """There were none at all, of no market."""
    start = house.world.start // NS
    everything = got(
        house, public.trades, "/markets/BTC-PERP/trades", "BTC-PERP", start_time="0", end_time="4e9"
    )
    assert 200 < len(everything) < SPAN_S
    ids = [row["id"] for row in everything]
    assert ids == sorted(set(ids), reverse=True)
    assert min(ids) >= FIRST, "no number of an account's own fill"
    assert [row["time"] for row in everything] == sorted((row["time"] for row in everything), reverse=True)
    assert {row["side"] for row in everything} == {"buy", "sell"}
    assert got(house, public.trades, "/markets/BTC-PERP/trades", "BTC-PERP") == everything[:100]
    span = {"start_time": str(start + 100), "end_time": str(start + 200)}
    part = got(house, public.trades, "/markets/BTC-PERP/trades", "BTC-PERP", **span)
    assert 20 < len(part) <= 101
    assert part == [row for row in everything if row["id"] in {each["id"] for each in part}]


def test_volumes_last_prices_and_changes_are_those_of_the_tape(house: House) -> None:
    """Volumes, changes and open interest were 0 for ever."""
    rows = got(house, public.trades, "/markets/BTC-PERP/trades", "BTC-PERP", start_time="0", end_time="4e9")
    quote, base = sum(row["price"] * row["size"] for row in rows), sum(row["size"] for row in rows)
    market = got(house, public.market, "/markets/BTC-PERP", "BTC-PERP")
    future = got(house, public.future, "/futures/BTC-PERP", "BTC-PERP")
    assert (market["last"], future["last"]) == (rows[0]["price"], rows[0]["price"])
    assert market["bid"] <= market["price"] <= market["ask"]
    assert (market["quoteVolume24h"], future["volumeUsd24h"], future["volume"]) == (quote, quote, base)
    change = rows[0]["price"] / rows[-1]["price"] - 1
    assert market["change24h"] == future["change1h"] == pytest.approx(change, abs=D("1e-8"))
    assert change != 0
    stats = got(house, public.stats, "/futures/BTC-PERP/stats", "BTC-PERP")
    assert (stats["volume"], stats["openInterest"]) == (base, 0)


def test_an_accounts_position_is_open_interest() -> None:
    house = opened()
    house.advance(house.now + 2 * NS)
    body = json.dumps({"market": "BTC-PERP", "side": "sell", "price": None, "size": 0.5, "type": "market"})
    asked(house, private.place_order, "POST", "/api/orders", body.encode())
    future = got(house, public.future, "/futures/BTC-PERP", "BTC-PERP")
    assert future["openInterest"] == D("0.5")
    assert future["openInterestUsd"] == D("0.5") * future["mark"]
    house.close()


def test_every_frame_is_in_the_candles_and_their_volume_is_the_tapes() -> None:
    """They were noted once a second of the wall: at 60 times real time three of four bars were missing."""
    house, candles = opened(), Candles()
    alpha, tape = house.public.venue("alpha").floor, house.tapes["alpha"]
    house.public.watchers.append(
        lambda venue: candles.note(alpha, house.public.queue.now, tape) if venue == "alpha" else None
    )
    house.advance(house.now + 120 * NS)
    spec, usd = alpha.listed["BTC-USDC-PERP.alpha"], D("0.5")
    bars = candles.rows(spec, 15, 0, 2**62, tape, usd)
    assert [bar["time"] % 15_000 for bar in bars] == [0] * len(bars)
    assert len(bars) in (8, 9)
    assert all(bar["volume"] > 0 for bar in bars[:8])
    whole = sum(bar["volume"] for bar in candles.rows(spec, 60, 0, 2**62, tape, usd))
    assert whole == sum(bar["volume"] for bar in bars)
    first = next(iter(reversed(list(tape.since(spec.id, 0)))))
    counted = (
        tape.traded(spec, house.now).quote
        - first.ticks * first.lots * spec.price_increment * spec.size_increment
    )
    assert whole in (counted * usd, tape.traded(spec, house.now).quote * usd), (
        "but what the first frame printed"
    )
    house.close()


def test_the_same_market_prints_the_same_tape(house: House) -> None:
    again = opened()
    again.advance(house.now)
    for name in ("BTC-PERP.alpha", "USDT/USD.alpha"):
        assert list(again.tapes["alpha"].since(name, 0)) == list(house.tapes["alpha"].since(name, 0))
    again.close()


class Line:
    """A connection whose frames are looked at before they leave."""

    def __init__(self, house: House) -> None:
        self.socket = Socket(house, "alpha", cast(WebSocket, None))

    def say(self, **frame: object) -> list[dict[str, Any]]:
        self.socket._take(json.dumps(frame))
        return self.heard()

    def heard(self) -> list[dict[str, Any]]:
        out = self.socket._out
        return [cast("dict[str, Any]", out.get_nowait()) for _ in range(out.qsize())]


def test_streams_tell_each_trade_once_and_all_markets_first_and_then_what_changed() -> None:
    house = opened()
    house.advance(house.now + 5 * NS)
    line = Line(house)
    first = line.say(op="subscribe", channel="markets")
    assert [frame["type"] for frame in first] == ["subscribed", "partial"]
    listed = {spec.symbol for spec in house.public.venue("alpha").floor.listed.values()}
    assert first[1]["data"]["data"].keys() == listed
    assert [frame["type"] for frame in line.say(op="subscribe", channel="trades", market="BTC-PERP")] == [
        "subscribed"
    ]
    began = house.now
    told: list[int] = []
    changed: dict[str, Any] = {}
    for _ in range(12):
        house.advance(house.now + NS)
        line.socket.push()
        for frame in line.heard():
            assert frame["type"] == "update"
            if frame["channel"] == "trades":
                told += [row["id"] for row in frame["data"]]
            else:
                changed |= frame["data"]["data"]
    prints = [each.number for each in house.tapes["alpha"].since("BTC-PERP.alpha", 0) if each.ts > began]
    assert told == prints[::-1]
    assert len(told) > 3
    assert changed["BTC-PERP"]["bid"] != first[1]["data"]["data"]["BTC-PERP"]["bid"]
    assert MARKETS_NS < 12 * NS
    house.close()


def test_a_channel_of_a_market_wants_its_name() -> None:
    """It was told that there is no market of no name."""
    house = opened()
    (said,) = Line(house).say(op="subscribe", channel="ticker")
    assert said == {"type": "error", "code": 400, "msg": 'Missing parameter "market"'}
    house.close()


def test_a_pong_is_spelt_as_clients_of_the_time_compare_it() -> None:
    assert PONG_TEXT == '{"type": "pong"}'
    house = opened()
    assert Line(house).say(op="ping") == [json.loads(PONG_TEXT)]
    house.close()
