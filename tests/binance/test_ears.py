"""What the three streams say, heard: quotes, rebuilt books, silence, renewals; garbage changes nothing."""

from __future__ import annotations

import contextlib
import json
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.venues.binance import frames, market
from services.venues.binance import schemas as wire
from services.venues.binance.ears import Ears
from services.venues.binance.feed import Feed
from services.venues.binance.market import MarketEars, PublicEars
from services.venues.binance.private import PrivateEars
from services.venues.sim.facts import perp
from services.venues.wire.stream import Renew

D = Decimal


class Public:
    def __init__(self, *names: str) -> None:
        self.now = 100.0
        self.troubles: list[str] = []
        self.wanted: list[str] = []
        self.ears = PublicEars(
            {name: perp("v", name, "BTC", "USDT") for name in names},
            trouble=self.troubles.append,
            snapshot=self.wanted.append,
            clock=lambda: self.now,
        )
        self.said = [json.loads(text) for text in self.ears.greeting()]
        self.ears.take_changed()

    def hear(self, **frame: object) -> None:
        self.ears.heard(json.dumps(frame))

    def ticker(self, number: int, bid: str = "9", ask: str = "10", name: str = "A") -> None:
        self.hear(e="bookTicker", E=1, u=number, s=name, b=bid, B="1", a=ask, A="2")

    def diff(self, first: int, last: int, before: int, **more: object) -> None:
        self.hear(
            e="depthUpdate", E=1, s="A", **{"U": first, "u": last, "pu": before, "b": [], "a": [], **more}
        )


def test_subscriptions_are_lower_case_and_ready_when_answered() -> None:
    heard = Public("BTCUSDT", "USDCUSDT")
    (frame,) = heard.said
    assert frame["params"] == [
        "btcusdt@bookTicker", "btcusdt@depth@100ms", "usdcusdt@bookTicker", "usdcusdt@depth@100ms",
    ]  # fmt: skip
    assert not heard.ears.ready()
    heard.hear(result=None, id=frame["id"])
    assert heard.ears.ready()
    with pytest.raises(Renew, match="refused"):
        heard.hear(error={"code": 2, "msg": "Invalid request"}, id=frame["id"])
    until = time.time_ns() // 1_000_000 + 90_000
    for status, text, least in (
        (418, f"IP banned until {until}", 80),
        (418, "banned", 120),
        (429, "slow", 10),
    ):
        with pytest.raises(Renew) as found:
            heard.hear(status=status, error={"code": -1003, "msg": text}, id=frame["id"])
        assert least <= found.value.wait_s <= max(least, 90), "a banned address sends nothing"


def test_the_quote_is_the_tickers_and_its_depth_the_books_once_it_holds() -> None:
    heard = Public("A")
    heard.ticker(5, "9999", "10001")
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.ask_size, row.bid_depth) == (9999.0, 2.0, 0.0)
    heard.diff(4, 6, 3)
    assert heard.wanted == ["A"]
    heard.diff(7, 8, 6)
    assert heard.wanted == ["A"], "asked once"
    levels = [(D(9999), D(3)), (D(9990), D(100))]
    heard.ears.filled("A", wire.Depth(6, levels, [(D(10001), D(4))]))
    (row,) = heard.ears.take_changed()
    assert (row.bid_depth, row.ask_depth) == (3.0, 4.0)
    assert heard.ears.levels("A", 5) == (levels, [(D(10001), D(4))])
    assert heard.ears.levels("A", 1) == (levels[:1], [(D(10001), D(4))])
    heard.diff(20, 21, 19)
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.bid_depth) == (9999.0, 0.0), "a hole: no depth until a new snapshot"
    assert heard.ears.levels("A", 5) is None
    assert heard.ears.refused == 1
    heard.diff(22, 23, 21)
    assert heard.wanted == ["A", "A"]
    heard.ears.filled("A", None)
    heard.diff(24, 25, 23)
    assert heard.wanted == ["A", "A", "A"], "a snapshot that could not be had is asked for again"


def test_old_and_crossed_tickers_are_no_quotes() -> None:
    heard = Public("A")
    heard.ticker(5)
    heard.ticker(4, "1", "2")
    (row,) = heard.ears.take_changed()
    assert row.bid == 9.0
    heard.ticker(6, "10", "10")
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.ask) == (0.0, 0.0)


@pytest.mark.parametrize("bid", ["0.00", "NaN", "-1", "1e30"])
def test_a_side_with_nobody_on_it_ends_the_quote_before_it(bid: str) -> None:
    """The venue tells it as zero; the last whole quote stood until the connection's word was too old."""
    heard = Public("A", "B")
    heard.ticker(5)
    heard.ticker(5, name="B")
    assert len(heard.ears.take_changed()) == 2
    heard.ticker(6, bid)
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.ask, heard.ears.top("A"), heard.ears.mid("A")) == (0.0, 0.0, None, None)
    assert heard.ears.top("B") == (9, 10)
    heard.ticker(7)
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.ask) == (9.0, 10.0)


def test_a_quote_that_cannot_be_read_is_somebodys_and_the_connection_is_made_anew() -> None:
    heard = Public("A")
    with pytest.raises(Renew, match="a quote that cannot be read"):
        heard.hear(e="bookTicker", E=1, u=6, s="A", b="ten", B="1", a="11", A="2")


def test_a_new_connection_knows_nothing() -> None:
    heard = Public("A")
    heard.ticker(5)
    heard.ears.greeting()
    (row,) = heard.ears.take_changed()
    assert row.bid == 0.0
    heard.ticker(1)
    assert heard.ears.quote("A").bid == 9.0, "numbers begin anew"


def test_what_the_venue_stamped_long_ago_is_no_quote_and_no_mark() -> None:
    """A socket may hold what was said minutes ago: heard now, it is still of then."""
    late = True
    public = PublicEars(
        {"A": perp("v", "A", "BTC", "USDT")},
        trouble=lambda text: None,
        snapshot=lambda symbol: None,
        late=lambda ms: late and ms < 100,
    )
    public.greeting()

    def ticker(number: int, ms: int) -> list[float]:
        frame = {"e": "bookTicker", "E": ms, "u": number, "s": "A", "b": "9", "B": "1", "a": "10", "A": "2"}
        public.heard(json.dumps(frame))
        return [row.bid for row in public.take_changed()]

    public.take_changed()
    assert ticker(1, 100) == [9.0]
    assert ticker(2, 50) == [0.0]
    assert public.mid("A") is None
    diff = {"e": "depthUpdate", "E": 60, "s": "A", "U": 1, "u": 1, "pu": 0, "b": [], "a": []}
    public.heard(json.dumps(diff))
    assert [row.bid for row in public.take_changed()] == [0.0]
    assert ticker(3, 120) == [9.0]
    marks = MarketEars("v", ("A",), {}, trouble=lambda text: None, late=lambda ms: ms < 100)
    marks.greeting()
    for ms, told in ((50, 0), (120, 1)):
        frame = {"e": "markPriceUpdate", "E": ms, "s": "A", "p": "2", "i": "3", "r": "", "T": 1}
        marks.heard(json.dumps(frame))
        assert len(marks.take()[0]) == told


def test_each_stream_must_speak_by_its_time() -> None:
    heard = Public("A", "B")
    for name in "AB":
        heard.ticker(1, name=name)
    heard.now += market.FIRST_WORD_S
    assert heard.ears.silent(heard.now) == "a@depth@100ms"
    now = 50.0
    ears = MarketEars("v", ("BTCUSDT",), {"BTCUSDT": 4}, trouble=lambda text: None, clock=lambda: now)
    (said,) = ears.greeting()
    ears.heard(json.dumps({"result": None, "id": json.loads(said)["id"]}))
    assert not ears.ready(), "an acknowledgement proves nothing"
    frame = {"e": "markPriceUpdate", "E": 1_700_000_000_000, "s": "BTCUSDT", "p": "2", "i": "3", "r": "0.01",
             "T": 1_700_006_400_000}  # fmt: skip
    ears.heard(json.dumps({"stream": "btcusdt@markPrice@1s", "data": frame}))
    assert ears.ready()
    marks, rates, _ = ears.take()
    assert (marks[0].mark, marks[0].index, rates[0].interval_h) == (2.0, 3.0, 4)
    assert ears.marks["BTCUSDT"] == 2
    assert ears.silent(now + 4.9) is None
    assert ears.silent(now + 5) == "btcusdt@markPrice@1s"


class Noted:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def order_frame(self, frame: frames.OrderFrame) -> None:
        self.calls.append("order")

    def algo_frame(self, frame: frames.AlgoFrame) -> None:
        self.calls.append("algo")

    def account_frame(self, frame: frames.AccountFrame) -> None:
        self.calls.append("account")

    def margin_called(self, symbols: tuple[str, ...]) -> None:
        self.calls.append(f"called {symbols}")

    def changed(self, text: str) -> None:
        self.calls.append("changed")


def test_private_words_are_booked_named_or_renew() -> None:
    noted, troubles = Noted(), []
    ears = PrivateEars(noted, trouble=troubles.append)
    assert ears.greeting() == []
    assert ears.ready(), "there is no acknowledgement here"
    assert ears.silent(10**9) is None
    ears.heard('{"e":"TRADE_LITE","s":"A","l":"1","L":"2","t":3}')
    assert (noted.calls, ears.passed) == ([], {"TRADE_LITE": 1})
    ears.heard('{"e":"ACCOUNT_CONFIG_UPDATE","E":1,"ac":{"s":"A","l":50}}')
    assert noted.calls == ["changed"]
    ears.heard('{"e":"MARGIN_CALL","E":1,"cw":"3","p":[{"s":"BTCUSDT","pa":"1","mm":"NaN"}]}')
    ears.heard('{"e":"MARGIN_CALL","E":1,"p":[{"q":7}]}')
    assert noted.calls[1:] == ["called ('BTCUSDT',)", "called ()"], "a warning counts whatever is in it"
    ears.heard('{"e":"NEW_THING","E":1}')
    assert [text.partition(":")[0] for text in troubles] == ["NEW_THING"]
    for text in (
        '{"e":"ORDER_TRADE_UPDATE","E":1,"T":1,"o":{"s":"A"}}',
        '{"e":"ACCOUNT_UPDATE","E":1,"a":{"m":"ORDER","B":[{"a":"X","wb":"NaN","bc":"1"}]}}',
        '{"e":"ALGO_UPDATE","E":1}',
    ):
        with pytest.raises(Renew, match="cannot be read"):
            ears.heard(text)
    with pytest.raises(Renew, match="expired"):
        ears.heard('{"e":"listenKeyExpired","E":1}')


@settings(max_examples=60)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_garbage_escapes(raw: bytes) -> None:
    heard = Public("A")
    for ears in (heard.ears, MarketEars("v", ("A",), {}, trouble=heard.troubles.append)):
        ears.heard(raw)
        assert ears.applied == 0
        assert ears.refused <= 30
    assert heard.ears.take_changed() == ()


LEAF = st.sampled_from([None, True, "NaN", "Infinity", "1e30", "-1", "0", "", "1", 1, 0, -1, 1.5, 10**30])
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
EVENTS = st.sampled_from(
    ["bookTicker", "depthUpdate", "markPriceUpdate", "assetIndexUpdate", "kline", "odd", "ORDER_TRADE_UPDATE"]
)
FIELDS = st.dictionaries(st.sampled_from([*"sEuUbBaAiprTkPx", "pu", "id", "stream"]), JSON, max_size=9)


@settings(max_examples=200)
@given(EVENTS, FIELDS, st.booleans())
def test_no_public_frame_makes_a_price_of_nonsense(name: str, fields: dict[str, Any], known: bool) -> None:
    heard = Public("A")
    other = MarketEars("v", ("A",), {}, trouble=heard.troubles.append)
    frame = {"e": name, **fields, **({"s": "A"} if known else {})}
    ears: Ears
    for ears in (heard.ears, other):
        before = ears.applied + ears.refused + sum(ears.passed.values())
        with contextlib.suppress(Renew):
            ears.heard(msgspec.json.encode(frame))
        assert ears.applied + ears.refused + sum(ears.passed.values()) > before
    for row in heard.ears.take_changed():
        assert row.bid == row.ask == 0.0 or 0 < row.bid < row.ask < 1e20
    marks, rates, indexes = other.take()
    assert all(0 < row.mark < 1e20 and 0 < row.index < 1e20 for row in marks)
    assert all(abs(row.rate) < 1 for row in rates)
    assert all(0 < row.index < 1e20 for row in indexes)


async def test_an_interval_that_no_venue_has_silences_the_rate() -> None:
    """While running the one before it went on being told, for another span of time."""

    class Odd:
        async def funding_info(self, ours: object) -> dict[str, wire.FundingInfo]:
            return {"A": wire.FundingInfo("A", hours)}

    hours, intervals = 6, {"A": 8}
    market = MarketEars("v", ("A",), intervals, trouble=lambda text: None)
    market.greeting()
    feed = Feed("v", Odd(), {"A": None}, intervals, None, market, (), print, bool, int, int)  # type: ignore[arg-type]
    frame = {"e": "markPriceUpdate", "E": 1_700_000_000_000, "s": "A", "p": "2", "i": "3", "r": "0.01",
             "T": 1_700_006_400_000}  # fmt: skip
    for told in (None, 4):
        hours = told or hours
        await feed._ask_intervals()  # what its task does every five minutes
        market.heard(json.dumps(frame))
        marks, rates, _ = market.take()
        assert len(marks) == 1
        assert [row.interval_h for row in rates] == ([] if told is None else [told])
