"""Every recorded payload of spot: understood, or refused by name; none dropped in silence."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.domain.events import Event, OrderFilled, TransferBooked
from services.venues.binance import schemas as wire
from services.venues.binance.market import PublicEars
from services.venues.binance.orders import OrderBook
from services.venues.binance.parse import ParseError
from services.venues.binance.spot import frames
from services.venues.binance.spot import schemas as spot
from services.venues.binance.spot.parse import instrument_of
from services.venues.binance.spot.private import SpotPrivateEars
from services.venues.sim.facts import perp
from tests.binance.test_recorded import accounted, official

pytestmark = pytest.mark.recorded
D = Decimal


@pytest.fixture
def payloads(recorded: Path) -> Path:
    return recorded / "binance_payloads"


class Booked:
    def __init__(self) -> None:
        self.told: list[Event] = []
        self.held: dict[str, Decimal] = {}
        self.orders = OrderBook("binance", {}, lambda: 1, self.told.append, lambda text: None)

    def report(self, frame: frames.Report) -> None:
        assert self.orders.frame(frame.plain())

    def balances(self, frame: frames.Balances) -> None:
        self.held |= {row.a: row.f + row.l for row in frame.B}

    def transfer(self, frame: frames.Transfer) -> None:
        self.told.append(TransferBooked("binance", "1", frame.a, frame.d, frame.T, frame.E))


USER_DATA = {
    "account_position": "held",
    "account_position_wrapped": "held",
    "balance_update": "transfer",
    "balance_update_wrapped": "transfer",
    "execution_report_canceled": "nobody's",
    "execution_report_expired": "nobody's",
    "execution_report_new": "nobody's",
    "execution_report_stop_loss": "nobody's",
    "execution_report_trade": "fill",
    "execution_report_wrapped": "nobody's",
    "list_status_wrapped": "passed",
}
"""`nobody's`: read and booked under a name that is none of ours, so nothing is told of it."""


def test_every_event_of_the_account_is_booked_or_named(payloads: Path) -> None:
    files = sorted((payloads / "nautilus" / "spot" / "user_data_json").glob("*.json"))
    assert {path.stem for path in files} == USER_DATA.keys()
    for path in files:
        private, refused = Booked(), []  # type: ignore[var-annotated] # a list of texts
        ears = SpotPrivateEars(private, "key", lambda payload: "", now_ms=lambda: 1, trouble=refused.append)
        ears.heard(path.read_bytes())
        assert (accounted(ears), refused) == (1, [])
        outcome = "passed" if ears.passed else "held" if private.held else "nobody's"
        for event in private.told:
            outcome = "fill" if isinstance(event, OrderFilled) else "transfer"
        assert outcome == USER_DATA[path.stem], path.stem
        for event in private.told:
            if isinstance(event, OrderFilled):
                assert (event.fee, event.fee_coin, event.quantity, event.price, event.maker) == (
                    D("0.001"), "ETH", 1, 2500, True,
                )  # fmt: skip


REPLIES: dict[str, Any] = {
    "account_response": spot.Account,
    "account_trades_response": list[spot.Trade],
    "avg_price_response": spot.AveragePrice,
    "cancel_order_response": spot.Order,
    "depth_response": wire.Depth,
    "exchange_info_response": spot.ExchangeInfo,
    "new_order_full_response": spot.Order,
    "open_orders_response": list[spot.Order],
    "order_response": spot.Order,
    "server_time_response": wire.Time,
}
NEVER_ASKED = {
    "all_orders_response", "book_ticker_response", "cancel_open_orders_response", "klines_response",
    "ping_response", "ticker_24hr_response", "ticker_price_response", "trades_response",
}  # fmt: skip


def test_replies_of_the_documents_are_read_and_those_never_asked_for_are_listed(payloads: Path) -> None:
    folder = payloads / "nautilus" / "spot" / "http_json"
    assert {path.stem for path in folder.glob("*.json")} == REPLIES.keys() | NEVER_ASKED
    read = {
        name: msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=kind)
        for name, kind in REPLIES.items()
    }
    account = read["account_response"]
    assert (account.commissionRates.maker, account.balances[0].free) == (D("0.0015"), D("4723846.89208129"))
    (trade,) = (row.plain() for row in read["account_trades_response"])
    assert (trade.side, trade.commission, trade.commissionAsset, trade.maker) == (
        "BUY",
        D("10.1"),
        "BNB",
        False,
    )
    canceled = read["cancel_order_response"].plain()
    assert (canceled.clientOrderId, canceled.status, canceled.updateTime) == (
        "myOrder1", "CANCELED", 1684804350068,
    )  # fmt: skip
    sent = read["new_order_full_response"].plain()
    assert (sent.status, sent.executedQty, sent.clientOrderId) == ("FILLED", 10, "6gCrw2kRUAF9CvJDGP16IP")
    with pytest.raises(ParseError, match="ETHBTC: quoted in 'BTC'"):
        instrument_of("binance", read["exchange_info_response"].symbols[0], account.commissionRates)


NOT_ASKED_FOR = {
    "1hTicker", "24hrMiniTicker", "24hrTicker", "aggTrade", "avgPrice", "blockTrade", "kline",
    "referencePrice", "trade",
}  # fmt: skip


def test_every_public_frame_of_the_official_client_is_applied_or_named(payloads: Path) -> None:
    refused: list[str] = []
    ears = PublicEars(
        {"BNBBTC": perp("binance", "BNBBTC", "BNB", "BTC")},
        trouble=refused.append,
        snapshot=lambda symbol: None,
        spot=True,
    )
    ears.greeting()
    sent = 0
    for case in official(payloads)["spot/websocket_streams/test_default_api_ws_streams"].values():
        told = case["expected_response"]
        sent += len(told) if isinstance(told, list) else 1
        ears.heard(json.dumps(told))
    assert accounted(ears) == sent
    assert ears.applied == 3, "the book's diffs"
    assert {line.partition(":")[0] for line in refused} == NOT_ASKED_FOR | {"a frame without a name"}


def test_market_replies_of_the_official_client_are_read(payloads: Path) -> None:
    found = official(payloads)

    def told(group: str, name: str) -> bytes:
        return json.dumps(
            found[f"spot/rest_api/test_{group}_api"][f"test_{name}_success"]["expected_response"]
        ).encode()

    assert msgspec.json.decode(told("general", "time"), type=wire.Time).serverTime == 1499827319559
    assert msgspec.json.decode(told("market", "depth"), type=wire.Depth).bids[0] == (4, 431)
    assert msgspec.json.decode(told("market", "avg_price"), type=spot.AveragePrice).price == D("9.35751834")
    info = msgspec.json.decode(told("general", "exchange_info"), type=spot.ExchangeInfo)
    assert info.rateLimits[0].limit == 6000
    assert info.symbols[0].isSpotTradingAllowed
