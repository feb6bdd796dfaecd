"""Spot pairs with the whole engine over sockets: the FTX dialect, and Binance against an exchange of ccxt.

Each changes hands once for nothing, because the second leg is refused and the first is taken back, and once
for good. What lies at the venues then is what our books say, to the last digit.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from msgspec.structs import replace

from services.desk.core import DeskCore
from services.domain.enums import FaultKind, PairState, Side
from services.domain.instrument import venue_of
from services.drive.standing import SessionNote
from services.execution.pair_state import Pair
from services.protocol.redact import Redactor
from services.settings.cross import Cross
from services.settings.layout import StateLayout
from services.settings.parameters import Settings, StrategySettings
from services.settings.venues import VenueWire
from services.venues.sim.scenarios import SCENARIOS
from services.workers.live_engine import LiveEngine
from services.workers.simserver.worlds import served_world
from tests.binance.server import fake as binance_server
from tests.binance.spot_exchange import SpotExchange, refused
from tests.binance.spot_server import SYMBOL
from tests.ccxt_venue.exchange import Refused, fake
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.program import Anchor
from tests.ccxt_venue.streams import OkxBooks
from tests.simserver.served import KEY, serving

D = Decimal
PATIENCE_S = 60.0


class World(Protocol):
    mode: str
    wires: dict[str, VenueWire]
    secrets: dict[str, str]

    def refuse(self, venue: str, *, on: bool) -> None:
        """Orders there."""

    def held(self, venue: str) -> dict[str, Decimal]:
        """By the venue's own books."""


class Ftx:
    """Coins of the simulated exchange, USDC dearer on beta from the first instant on."""

    mode = "sim"

    def __init__(self, house: object, wires: dict[str, VenueWire]) -> None:
        self._house = house
        self.wires = wires
        self.secrets = {f"STABLECONSOLE_SECRET_{name.upper()}": KEY.secret for name in wires}

    def refuse(self, venue: str, *, on: bool) -> None:
        self._house.set_fault(FaultKind.REJECT, venue, D(int(on)))  # type: ignore[attr-defined]

    def held(self, venue: str) -> dict[str, Decimal]:
        books = self._house.seat(KEY.key, "").exchange.books(venue)  # type: ignore[attr-defined]
        return {row.coin: row.total for row in books.balances}


@asynccontextmanager
async def ftx(patch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    apart = {"USDC.beta": ((0, 45.0), (7_200, 45.0))}
    patch.setitem(SCENARIOS, "dislocation", replace(SCENARIOS["dislocation"], offsets=apart))
    world = served_world("dislocation", 7, step_s=0.2, synthetic=0, start=time.time_ns() + 500_000_000)
    async with serving(world) as (house, server):
        yield Ftx(
            house,
            {
                name: VenueWire(
                    kind="ftx", rest=f"http://127.0.0.1:{port}", stream=f"ws://127.0.0.1:{port}/ws/",
                    key=KEY.key, extensions=True, symbols=("USDC/USD", "USDT/USD", "BUSD/USD", "USDT-PERP"),
                )
                for name, port in server.ports.items()
            },
        )  # fmt: skip


class Scripted:
    """Bitcoin, dearer at OKX (through ccxt) than at Binance."""

    mode = "live"

    def __init__(self, dear: OkxExchange, cheap: SpotExchange, anchor: Anchor) -> None:
        self._dear, self._cheap = dear, cheap
        self._place = cheap.routes["POST /api/v3/order"]
        self.wires = {
            "dear": okx(dear),
            "cheap": VenueWire(
                kind="binance_spot", rest=cheap.rest, stream=cheap.stream, key="key", symbols=(SYMBOL,),
                options={
                    "hosts": "local", "api": f"{cheap.stream}/ws-api/v3", "index": cheap.rest,
                },
            ),
            "anchor": okx(anchor),
        }  # fmt: skip
        self.secrets = {f"STABLECONSOLE_SECRET_{name.upper()}": "secret" for name in self.wires}
        self.secrets |= {
            f"STABLECONSOLE_SECRET_{name.upper()}__PASSPHRASE": "word" for name in ("dear", "anchor")
        }

    def refuse(self, venue: str, *, on: bool) -> None:
        if venue == "cheap":
            self._cheap.routes["POST /api/v3/order"] = refused(-2010, "no") if on else self._place
        elif on:
            no = Refused(self._dear.poor, "no")
            self._dear.replies[self._dear.order_path] = lambda query: self._dear.said(None, no)
        else:
            self._dear.replies.clear()

    def held(self, venue: str) -> dict[str, Decimal]:
        if venue == "dear":
            return {"BTC": self._dear.coins, "USDT": self._dear.wallet}
        return {coin: self._cheap.total(coin) for coin in ("BTC", "USDT")}


def okx(server: OkxExchange) -> VenueWire:
    options = {"exchange": "okx", "hosts": "local", "market": "spot"}
    return VenueWire(kind="ccxt", rest=server.rest, key="key", symbols=(server.market,), options=options)


@asynccontextmanager
async def scripted(patch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    dear, cheap, anchor = OkxExchange(spot=True), SpotExchange(), Anchor()
    dear.bid, dear.ask, dear.coins = D(60_400), D(60_401), D("0.5")
    cheap.free = {"USDT": D(100_000), "BTC": D("0.5")}
    anchor.bid, anchor.ask = D("0.9997"), D("0.9999")
    OkxBooks(dear)
    OkxBooks(anchor)
    async with fake(dear), fake(anchor), binance_server(cheap):
        ticking = asyncio.create_task(tick(cheap))
        try:
            yield Scripted(dear, cheap, anchor)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)


async def tick(server: SpotExchange) -> None:
    number = 100
    while True:
        number += 1
        ticker = {"stream": f"{SYMBOL.lower()}@bookTicker", "data": server.ticker(number)}
        for socket in server.sockets["stream"]:
            await socket.send(json.dumps(ticker))
        await asyncio.sleep(0.1)


class Watch:
    """Has the first pair's second leg refused, and waits for a pair that changes hands after it."""

    def __init__(self, core: DeskCore, world: World, done: Callable[[], None]) -> None:
        self._core, self._world, self._done = core, world, done
        self.seen: dict[str, Pair] = {}
        self.refused = ""

    def look(self) -> None:
        for pair in self._core.pairs.live():
            if not self.seen and pair.one_shot:
                self.refused = venue_of(pair.other(pair.first).instrument)
                self._world.refuse(self.refused, on=True)
            self.seen[pair.id] = pair
        ended = [pair for pair in self.seen.values() if pair.state is PairState.CLOSED]
        if self.refused and ended:
            self._world.refuse(self.refused, on=False)
            self.refused = ""
        if any(not pair.failed for pair in ended):
            self._done()


@pytest.mark.parametrize("opened", [ftx, scripted], ids=["ftx", "binance-ccxt"])
async def test_coins_change_hands_over_sockets_and_are_taken_back_when_one_leg_is_refused(
    opened: Callable[[pytest.MonkeyPatch], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(monkeypatch) as world:  # type: ignore[attr-defined]
        plain = Settings()
        cross = Cross(threshold=D(15), cooldown_failed_min=0, cooldown_close_min=60)
        chosen = replace(
            plain, profile="try", mode=world.mode, venues=tuple(world.wires), wires=world.wires,
            strategies={"cross": StrategySettings(kind="cross_exchange", cross=cross)},
            fresh=replace(plain.fresh, self_clear_s=1, outage_settle_s=1),
            breaker=replace(plain.breaker, evaluate_s=1),
            size=replace(plain.size, max_pair_fraction=D("0.01")),
        )  # fmt: skip
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", world.secrets, Redactor())
        try:
            await engine.start()
            await engine.examine()
            engine.open(SessionNote(pid="1", speed="1", state_dir=str(tmp_path)))
            core = engine.session.desk.core
            machine = engine.machine(lambda _: None)
            watch = Watch(core, world, lambda: runner.request_stop("done"))
            runner = engine.runner(machine, watch.look, PATIENCE_S)
            engine.session.first_events()
            assert await runner.run()
            assert runner.ended_by == "done", [(each.name, each.text) for each in core.causes.causes()]
            failed, good = [
                [pair for pair in watch.seen.values() if pair.failed is wanted] for wanted in (True, False)
            ]
            assert failed, "one leg was refused"
            assert all(pair.short.done == pair.long.done == 0 for pair in failed), "and the other taken back"
            assert any(pair.leg(pair.first).bought for pair in failed), "after it had traded alone"
            assert all(pair.short.done == pair.long.done > 0 for pair in good)
            assert {leg.side for pair in good for leg in pair.legs} == {Side.BUY, Side.SELL}
            for venue in {venue_of(leg.instrument) for pair in good for leg in pair.legs}:
                held, ours = world.held(venue), core.ledger.account(venue).balances
                assert {coin: ours[coin] for coin in held if coin in ours} == {
                    coin: held[coin] for coin in held if coin in ours
                }
            assert not [each for each in core.causes.causes() if each.name in ("in doubt", "reconcile")]
        finally:
            await engine.close_venues()
            engine.session.close()
