"""What the stream says, heard: proven books, counted refusals, no private word lost; recorded captures."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.book import checksum_of
from services.venues.ftx.ears import FtxEars
from services.venues.sim.facts import perp
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Renew

NOW_MS = 1_650_000_000_000


class Booked:
    def __init__(self) -> None:
        self.orders: list[wire.Order] = []
        self.fills: list[wire.Fill] = []

    def order_frame(self, order: wire.Order) -> None:
        self.orders.append(order)

    def fill_frame(self, fill: wire.Fill) -> None:
        self.fills.append(fill)


class Heard:
    """Ears with everything they say noted down."""

    def __init__(self, markets: list[str], *, secret: str | None = None) -> None:
        self.said: list[dict[str, str]] = []
        self.troubles: list[str] = []
        self.booked = Booked()
        self.now = 100.0
        self.ears = FtxEars(
            {name: perp("ftx", name, name, "USD") for name in markets},
            "key",
            Secret(secret) if secret else None,
            None,
            self.booked,
            now_ms=lambda: NOW_MS,
            say=lambda text: self.said.append(json.loads(text)),
            trouble=self.troubles.append,
            clock=lambda: self.now,
        )
        self.greeting = [json.loads(text) for text in self.ears.greeting()]
        self.ears.take_changed()

    def hear(self, **frame: object) -> None:
        self.ears.heard(json.dumps(frame))

    def confirm_all(self) -> None:
        for frame in self.greeting:
            if frame["op"] == "subscribe":
                self.hear(type="subscribed", channel=frame["channel"], market=frame.get("market", ""))


def book_data(
    bids: list[list[float]], asks: list[list[float]], checksum: int | None = None
) -> dict[str, object]:
    def texts(rows: list[list[float]]) -> list[str]:
        return [f"{float(price)!r}:{float(size)!r}" for price, size in rows]

    crc = checksum_of(texts(bids), texts(asks)) if checksum is None else checksum
    return {"time": 1650000000.5, "checksum": crc, "bids": bids, "asks": asks, "action": "partial"}


def test_private_channels_only_with_a_key_and_ready_only_when_all_is_confirmed() -> None:
    open_ = Heard(["A", "B"])
    assert [frame["channel"] for frame in open_.greeting] == ["ticker", "orderbook"] * 2
    closed = Heard(["A"], secret="secret")
    assert closed.greeting[0]["op"] == "login"
    assert closed.greeting[0]["args"]["sign"] == (
        "fdda9a64739d4763a5c4b716f749ee48ad4c451a04125ba0ae7925fb18a41c82"
    )
    assert "subaccount" not in closed.greeting[0]["args"]
    assert not closed.ears.ready()
    closed.confirm_all()
    assert closed.ears.ready()
    closed.ears.greeting()
    assert not closed.ears.ready(), "a new connection has confirmed nothing"


def test_a_proven_book_is_a_quote_and_a_broken_one_is_none_until_the_next_partial() -> None:
    heard = Heard(["A"])
    heard.hear(type="partial", channel="orderbook", market="A", data=book_data([[99.0, 2.0]], [[101.0, 3.0]]))
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.bid_size, row.ask, row.ask_size) == (99.0, 2.0, 101.0, 3.0)
    assert heard.ears.take_changed() == ()
    broken = book_data([[99.5, 1.0]], [], checksum=1)
    heard.hear(type="update", channel="orderbook", market="A", data=broken)
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.ask) == (0.0, 0.0)
    assert [(frame["op"], frame["channel"]) for frame in heard.said] == [
        ("unsubscribe", "orderbook"), ("subscribe", "orderbook"),
    ]  # fmt: skip
    # What was still on its way is not taken for a book.
    heard.hear(type="update", channel="orderbook", market="A", data=book_data([[98.0, 1.0]], []))
    assert heard.ears.take_changed() == ()
    heard.hear(type="partial", channel="orderbook", market="A", data=book_data([[98.0, 2.0]], [[99.0, 3.0]]))
    (row,) = heard.ears.take_changed()
    assert row.bid == 98.0
    assert heard.ears.refused == 1


def test_a_private_frame_that_cannot_be_read_renews_the_connection() -> None:
    heard = Heard(["A"], secret="secret")
    with pytest.raises(Renew, match="private frame"):
        heard.hear(type="update", channel="fills", data={"id": 1, "market": "A"})
    with pytest.raises(Renew, match="private frame"):
        heard.hear(type="update", channel="orders", data="x")


def test_restart_and_a_refused_log_in_renew_and_a_second_log_in_does_not() -> None:
    heard = Heard(["A"], secret="secret")
    with pytest.raises(Renew, match="restarts"):
        heard.hear(type="info", code=20001, msg="bye")
    with pytest.raises(Renew, match="log-in refused"):
        heard.hear(type="error", code=400, msg="Invalid login credentials")
    with pytest.raises(Renew, match="log-in refused"):
        heard.hear(type="error", code=400, msg="Not logged in")
    heard.hear(type="error", code=400, msg="Already logged in")
    heard.hear(type="error", code=404, msg="No such market: X")
    assert heard.troubles == ["error 404: No such market: X"]


def test_a_market_that_says_nothing_for_a_minute_is_named() -> None:
    heard = Heard(["A", "B"])
    heard.now += 59
    assert heard.ears.silent(heard.now) is None
    heard.hear(type="update", channel="ticker", market="A", data={"time": 1650000000.5, "bid": None})
    heard.now += 1
    assert heard.ears.silent(heard.now) == "ticker B"


@pytest.mark.parametrize("time", [0, -1.5, 1e11, 10**30, "0", "NaN", None, True])
def test_a_ticker_of_no_time_is_refused_by_name_and_is_no_sign_of_life(time: object) -> None:
    heard = Heard(["A"])
    heard.now += 60
    heard.hear(type="update", channel="ticker", market="A", data={"time": time})
    assert heard.ears.refused == 1
    assert heard.troubles[0].startswith("ticker A: ")
    assert heard.ears.silent(heard.now) == "ticker A"


def test_a_quiet_market_is_no_dead_one_where_the_venue_says_the_same_and_is_told_again() -> None:
    heard = Heard(["A"])
    heard.hear(type="partial", channel="orderbook", market="A", data=book_data([[99.0, 2.0]], [[101.0, 3.0]]))
    (told,) = heard.ears.take_changed()
    heard.now += 50
    assert heard.ears.top("A") == (99, 101)
    heard.ears.confirm("A")
    heard.now += 50
    assert heard.ears.silent(heard.now) is None
    assert heard.ears.take_changed() == (told,)
    heard.ears.doubt("A")
    (row,) = heard.ears.take_changed()
    assert (row.bid, row.ask) == (0.0, 0.0)
    assert [frame["op"] for frame in heard.said] == ["unsubscribe", "subscribe"]
    assert heard.ears.top("A") is None


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_garbage_escapes(raw: bytes) -> None:
    heard = Heard(["A"])
    heard.ears.heard(raw)
    assert heard.ears.take_changed() == ()


FIELDS = ["time", "checksum", "bids", "asks", "action", "bid", "price", "size", "id"]
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("NaN")
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(FIELDS), inner, max_size=5
), max_leaves=8)  # fmt: skip


@given(st.sampled_from(["ticker", "orderbook", "trades", "odd"]), st.sampled_from(["A", "Z"]), JSON)
def test_no_public_frame_makes_a_quote_without_a_proven_book(channel: str, market: str, data: object) -> None:
    heard = Heard(["A"])
    heard.hear(type="update", channel=channel, market=market, data=data)
    heard.hear(type="partial", channel=channel, market=market, data=data)
    for row in heard.ears.take_changed():
        assert (row.bid, row.ask) == (0.0, 0.0)


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "books"), [("FTX_2021-04.ws", 1_276), ("FTX_US_2021-04.ws", 415)])
def test_every_recorded_frame_is_understood_and_every_book_proves_itself(
    recorded: Path, name: str, books: int
) -> None:
    lines = (recorded / "ftx_recorded" / "cryptofeed" / name).read_text().splitlines()
    frames = [line.partition(": ")[2] for line in lines if "<-" not in line.split(": ")[0] and "{" in line]
    frames = [text for text in frames if text.startswith("{") and '"type"' in text]
    decoded = [json.loads(text) for text in frames]
    markets = sorted({frame["market"] for frame in decoded if frame.get("market")})
    heard = Heard(markets)
    kinds: dict[str, int] = {}
    for text, frame in zip(frames, decoded, strict=True):
        heard.ears.heard(text)
        kinds[frame.get("channel", "")] = kinds.get(frame.get("channel", ""), 0) + (
            frame["type"] != "subscribed"
        )
    received = [line for line in lines if re.match(r"[\d.]+: ", line)]
    assert len(frames) == len(received), "a line of the capture was not heard"
    assert kinds["orderbook"] == books
    assert kinds["ticker"] > 300
    assert heard.troubles == []
    assert heard.ears.refused == 0
    quoted = [row for row in heard.ears.take_changed() if row.bid > 0]
    assert len(quoted) >= 5
    assert all(row.bid < row.ask for row in quoted)


@pytest.mark.recorded
def test_recorded_replies_are_understood(recorded: Path) -> None:
    folder = recorded / "ftx_recorded"
    text = (folder / "cryptofeed" / "FTX_2021-04.rest").read_text().splitlines()[0].partition(": {")[2]
    markets = msgspec.json.decode("{" + text, type=wire.Envelope[list[wire.Market]]).result
    assert markets is not None
    assert len(markets) > 400
    spot = [
        market for market in markets if market.type == "spot" and market.enabled and not market.restricted
    ]
    assert len(spot) > 50
    for market in spot:
        assert parse.instrument_of("ftx", market, None, None).kind == "spot"
    account = msgspec.json.decode((folder / "nautilus" / "account_info.json").read_bytes(), type=wire.Account)
    assert account.takerFee == Decimal("0.0007")
    fill = msgspec.json.decode((folder / "nautilus" / "ws_fills.json").read_bytes(), type=wire.Frame)
    ours = parse.fill_of("ftx", wire.FILL.decode(fill.data), "c", "USD", 0)
    assert (ours.fee, ours.quantity) == (Decimal("78.05799225"), Decimal("14.973"))
