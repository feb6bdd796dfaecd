"""Paper on Binance: the live book of a scripted server, books of our own, nothing sent to the venue."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.desk.gatekeeping import order_context
from services.domain.enums import Purpose, Side, TimeInForce
from services.domain.events import AccountReport, MarketFrame, OrderFilled
from services.drive.standing import SessionNote
from services.protocol.redact import Redactor
from services.risk.context import GateAnswer
from services.risk.gate import check_order
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.binance.build import build_binance
from services.venues.paper.account import PaperSettings
from services.venues.paper.venue import PaperVenue
from services.workers.live_engine import LiveEngine
from tests.binance.samples import NAME, order
from tests.binance.server import QUICK, SYMBOL, FakeBinance, Heard, fake, settings_of
from tests.binance.spot_server import FakeSpot

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
            bids, asks = venue.depth("BTCUSDT.binance", 5) or ([], [])
            assert (bids[0], asks[0][0]) == ((60_000, 2), 60_001)
            assert [row.size for row in report.positions] == [D("0.010")]
        finally:
            await venue.close()
    assert not any(name.startswith(("POST /fapi/v1/order", "DELETE")) for name, _ in server.asked)


WAITING = {"trading state", "depeg"}
"""A minute of good data comes first; and Binance has no dollar: some venue beside it has to quote one."""


@pytest.mark.parametrize("kind", ["binance", "binance_spot"])
async def test_a_profile_without_a_key_can_trade_on_paper(kind: str, tmp_path: Path) -> None:
    """Fees and brackets are told to keys alone: paper has terms of its own, or nothing could be entered."""
    spot = kind == "binance_spot"
    server = FakeSpot() if spot else FakeBinance()
    priced = [{"symbol": f"{coin}USD", "index": "0.9998", "bidBuffer": "0.0001"} for coin in ("USDT", "USDC")]
    server.say("GET /fapi/v1/assetIndex", priced)
    async with fake(server):
        options = {"hosts": "local"}
        if spot:
            options |= {"api": server.stream, "index": server.rest}
        wire = VenueWire(
            kind=kind, rest=server.rest, stream=server.stream, symbols=(SYMBOL,), options=options
        )
        chosen = Settings(profile="p", mode="paper", venues=("v",), wires={"v": wire}, strategies={})
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", {}, Redactor())
        asked = order(
            instrument=f"{SYMBOL}.v", quantity=D("0.01"), price=D(60_010), tif=TimeInForce.IOC,
            purpose=Purpose.TICKET,
        )  # fmt: skip
        answers: list[GateAnswer] = []
        try:
            await engine.start()
            await engine.examine()
            engine.open(SessionNote(pid="1", speed="1", state_dir=str(tmp_path)))
            machine = engine.machine(lambda _: None)
            core = engine.session.desk.core

            def look() -> None:
                book = core.state.venues.get("v")
                if book is None or not book.agreed_ts:
                    return
                answers.append(check_order(order_context(core, asked), asked))
                if not _failed(answers[-1]).keys() - WAITING:
                    runner.request_stop("seen")

            runner = engine.runner(machine, look, 4.0)
            engine.session.first_events()
            assert await runner.run()
        finally:
            await engine.close_venues()
            engine.session.close()
    assert not _failed(answers[-1]).keys() - WAITING, _failed(answers[-1])


def _failed(answer: GateAnswer) -> dict[str, str]:
    return {check.name: check.text for check in answer.checks if not check.passed}
