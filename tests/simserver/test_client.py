"""Our own client trades on the served exchange: what it hears is what the exchange's books say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.domain.enums import OrderState, OrderType, Purpose, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    CancelRejected,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    VenueLink,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, VenueFacts
from services.venues.live import ASKED
from services.venues.sim.floor import TradingFloor
from services.venues.wire.errors import WireError
from services.workers.simserver import shown
from tests.simserver.served import connected, serving

D = Decimal
NAME = "BTC-USDT-PERP.alpha"


def request(
    name: str, side: Side = Side.BUY, size: str = "0.010", price: str | None = "30000.0", **more: object
) -> OrderRequest:
    return OrderRequest(
        client_order_id=name,
        instrument=NAME,
        side=side,
        quantity=D(size),
        price=None if price is None else D(price),
        purpose=Purpose.TICKET,
        origin="operator",
        **more,  # type: ignore[arg-type]
    )


async def test_the_whole_way_of_an_order() -> None:
    """Bug B4: every call of the client exists and is answered."""
    async with serving() as (house, server), connected(server) as (client, box):
        await box.first(VenueLink, up=True)
        kinds = [type(event) for event in box.events]
        assert kinds.index(VenueFacts) < kinds.index(VenueLink)
        assert [each.asked for each in box.of(VenueFacts) if isinstance(each, VenueFacts)] == [ASKED]
        spec = next(each for each in client.instruments() if each.id == NAME)
        assert (spec.settle, spec.funding_interval_h, spec.taker_fee) == ("USDT", 8, D("0.0005"))
        assert spec.tiers == house.public.venue("alpha").floor.listed[NAME].tiers
        await box.until(
            lambda events: any(
                row.instrument == NAME and row.bid > 0
                for event in events if isinstance(event, MarketFrame) for row in event.quotes
            ),
            "a quote",
        )  # fmt: skip
        client.submit(0, request("a" * 20, tif=TimeInForce.IOC))
        accepted = await box.first(OrderAccepted, client_order_id="a" * 20)
        fill = await box.first(OrderFilled, client_order_id="a" * 20)
        assert isinstance(accepted, OrderAccepted)
        assert isinstance(fill, OrderFilled)
        assert (fill.side, fill.fee_coin, fill.venue_order_id) == (Side.BUY, "USDT", accepted.venue_order_id)
        client.read_account(0, "r1", 0)
        report = await box.first(AccountReport, request="r1")
        assert isinstance(report, AccountReport)
        books = house.seat("trader", "").exchange.books("alpha")
        assert {row.instrument: row.size for row in report.positions} == {
            row.instrument: row.size for row in books.positions
        }
        assert {row.coin: row.total for row in report.balances} == {
            row.coin: row.total for row in books.balances
        }
        assert [row.entry_price for row in report.positions] == [row.entry_price for row in books.positions]
        assert report.suspended == ()
        total = sum((row.quantity for row in report.fills), D(0))
        assert total == D("0.010")
        assert {row.client_order_id for row in report.fills} == {"a" * 20}


async def test_a_resting_order_is_canceled_and_a_second_cancel_is_refused() -> None:
    async with serving() as (_, server), connected(server) as (client, box):
        await box.first(VenueLink, up=True)
        client.submit(0, request("b" * 20, price="10000.0"))
        accepted = await box.first(OrderAccepted, client_order_id="b" * 20)
        assert isinstance(accepted, OrderAccepted)
        client.query(0, NAME, "b" * 20)
        report = await box.first(OrderReport, client_order_id="b" * 20)
        assert isinstance(report, OrderReport)
        assert (report.found, report.state, report.filled) == (True, OrderState.ACCEPTED, 0)
        client.cancel(0, NAME, "b" * 20, accepted.venue_order_id)
        ended = await box.first(OrderCanceled, client_order_id="b" * 20)
        assert isinstance(ended, OrderCanceled)
        assert ended.filled == 0
        client.cancel(0, NAME, "b" * 20, accepted.venue_order_id)
        await box.first(CancelRejected, client_order_id="b" * 20)
        client.query(0, NAME, "z" * 20)
        missing = await box.first(OrderReport, client_order_id="z" * 20)
        assert isinstance(missing, OrderReport)
        assert not missing.found


async def test_refusals_are_definite_and_named() -> None:
    async with serving() as (_, server), connected(server) as (client, box):
        await box.first(VenueLink, up=True)
        client.submit(0, request("c" * 20, size="1000000.000", price="30000.0"))
        refused = await box.first(OrderRejected, client_order_id="c" * 20)
        assert isinstance(refused, OrderRejected)
        assert "margin" in refused.reason
        client.submit(0, request("d" * 20, reduce_only=True))
        refused = await box.first(OrderRejected, client_order_id="d" * 20)
        assert isinstance(refused, OrderRejected)
        assert "reduce-only" in refused.reason
        client.submit(0, request("e" * 20, post_only=True))
        refused = await box.first(OrderRejected, client_order_id="e" * 20)
        assert isinstance(refused, OrderRejected)
        assert refused.would_cross


async def test_a_stop_rests_and_is_canceled(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = shown.coin

    def closed(name: str, floor: TradingFloor) -> dict[str, Any]:
        """The client reads them anew by itself, so the server has to say it all the while."""
        return plain(name, floor) | {"canWithdraw": name != "USDT"}

    monkeypatch.setattr(shown, "coin", closed)
    async with serving() as (_, server), connected(server) as (client, box):
        await box.first(VenueLink, up=True)
        client.submit(0, request("f" * 20, type=OrderType.MARKET, price=None))
        await box.first(OrderFilled, client_order_id="f" * 20)
        stop = request(
            "g" * 20, Side.SELL, price=None, type=OrderType.MARKET, reduce_only=True, trigger=D("10000.0")
        )
        client.submit(0, stop)
        accepted = await box.first(OrderAccepted, client_order_id="g" * 20)
        assert isinstance(accepted, OrderAccepted)
        client.read_account(0, "r1", 0)
        report = await box.first(AccountReport, request="r1")
        assert isinstance(report, AccountReport)
        assert report.suspended == ("USDT",)
        assert [(row.client_order_id, row.trigger) for row in report.orders] == [("g" * 20, D("10000.0"))]
        client.query(0, NAME, "g" * 20)
        found = await box.first(OrderReport, client_order_id="g" * 20)
        assert isinstance(found, OrderReport)
        assert found.found
        client.cancel(0, NAME, "g" * 20, accepted.venue_order_id)
        await box.first(OrderCanceled, client_order_id="g" * 20)


async def test_sub_accounts_are_accounts_of_their_own_and_the_switch_is_armed() -> None:
    async with serving() as (house, server), connected(server, subaccount="arb") as (client, box):
        await box.first(VenueLink, up=True)
        client.submit(0, request("h" * 20, type=OrderType.MARKET, price=None))
        await box.first(OrderFilled, client_order_id="h" * 20)
        assert house.seat("trader", "arb").venue("alpha").floor.state.account.holdings
        assert not house.seat("trader", "").venue("alpha").floor.state.account.holdings
        client.dead_man(0, 60_000)
        armed = await box.first(DeadManReport, armed=True)
        assert isinstance(armed, DeadManReport)
        assert armed.fires_at is not None
        client.dead_man(0, 0)
        await box.first(DeadManReport, armed=False)


async def test_bug_a2_a3_a_market_that_nobody_lists_is_named_and_never_made_up() -> None:
    """Bugs A2, A3: contracts and pairs of coins come from the venue's list alone."""
    async with serving() as (_, server):
        with pytest.raises(WireError, match=r"lists no open market DAI-PERP, DAI/USD$"):
            async with connected(server, symbols=("USDT-PERP", "DAI-PERP", "DAI/USD")):
                raise AssertionError("it was taken")


async def test_bug_k1_a_timeframe_is_said_in_the_venues_own_unit() -> None:
    """Bug K1: seconds there; a minute that is written `1m` is refused by name."""
    async with serving() as (_, server), httpx.AsyncClient() as asked:
        candles = f"http://127.0.0.1:{server.ports['alpha']}/api/markets/BTC-PERP/candles"
        for unit in ("1m", "²"):
            wrong = await asked.get(candles, params={"resolution": unit})
            assert (wrong.status_code, wrong.json()["error"]) == (400, "Invalid parameter resolution")
        right = (await asked.get(candles, params={"resolution": "60"})).json()["result"]
        assert {row["time"] % 60_000 for row in right} == {0}
