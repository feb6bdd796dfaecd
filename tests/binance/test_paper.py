"""Paper on Binance: the live book of a scripted server, books of our own, nothing sent to the venue."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Side, TimeInForce
from services.domain.events import AccountReport, MarketFrame, OrderFilled
from services.venues.binance.build import build_binance
from services.venues.paper.account import PaperSettings
from services.venues.paper.venue import PaperVenue
from tests.binance.samples import NAME, order
from tests.binance.server import QUICK, Heard, fake, settings_of

D = Decimal


async def test_an_order_is_met_by_the_live_book_and_the_venue_hears_of_none() -> None:
    async with fake() as server:
        heard = Heard()
        venue = PaperVenue(
            lambda outbox: build_binance("binance", settings_of(server), "secret", outbox, habits=QUICK),
            PaperSettings(),
            None,
            heard,
        )
        try:
            await venue.start()
            (spec,) = venue.instruments()
            assert (spec.taker_fee, spec.tiers is None) == (D("0.0005"), False)
            await heard.until(MarketFrame, lambda frame: frame.marks)
            await heard.until(MarketFrame, lambda frame: frame.quotes and frame.quotes[0].ask > 0)
            venue.submit(0, order(side=Side.BUY, tif=TimeInForce.IOC, price=D(60_010)))
            fill = await heard.until(OrderFilled)
            assert (fill.client_order_id, fill.price, fill.quantity) == (NAME, 60_001, D("0.010"))
            venue.read_account(0, "r", 0)
            report = await heard.until(AccountReport)
            assert [row.size for row in report.positions] == [D("0.010")]
        finally:
            await venue.close()
    assert not any(name.startswith(("POST /fapi/v1/order", "DELETE")) for name, _ in server.asked)
