"""From a profile's table to a spot venue that is examined, and whose account an engine reads."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from services.drive.standing import SessionNote
from services.protocol.redact import Redactor
from services.settings.accounts import account_names
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.live import Verdict
from services.workers.doctor import all_findings
from services.workers.live_engine import LiveEngine
from services.workers.wires import build_venues, world_of
from tests.binance.server import PATIENCE_S, Heard, fake
from tests.binance.spot_exchange import SpotExchange
from tests.binance.spot_server import KEY, SECRET, SYMBOL, FakeSpot

PAIR = f"{SYMBOL}.spot"
BY_HAND = {"newClientOrderId": "web_1", "type": "MARKET"}
D = Decimal
SECRETS = {"STABLECONSOLE_SECRET_SPOT": SECRET}


def wire(server: FakeSpot, **options: str) -> VenueWire:
    return VenueWire(
        kind="binance_spot",
        rest=server.rest,
        stream=server.stream,
        key=KEY,
        symbols=(SYMBOL,),
        options={"hosts": "local", "api": f"{server.stream}/ws-api/v3", **options},
    )


async def test_doctor_names_what_spot_lacks_and_stops_nothing(tmp_path: Path) -> None:
    server = FakeSpot()
    async with fake(server):
        chosen = Settings(profile="p", mode="live", venues=("spot",), wires={"spot": wire(server)})
        async with asyncio.timeout(PATIENCE_S):
            found = await all_findings(StateLayout(tmp_path), chosen, SECRETS, tmp_path / "a", Redactor())
    rows = {row.check: row for row in found if row.subject == "spot"}
    assert not [row for row in rows.values() if row.verdict is Verdict.STOP]
    assert rows["reachable"].text == "1 markets"
    assert rows["key rights"].verdict is Verdict.WARN
    assert rows["account mode"].verdict is Verdict.OK
    assert "dead-man's switch" in rows["capabilities"].text
    assert "weight-1m" in rows["rate budget"].text
    assert SECRET not in repr(found)


def test_every_word_for_hosts_builds_a_venue_and_paper_takes_no_key(tmp_path: Path) -> None:
    server = FakeSpot()
    server.rest, server.stream = "http://127.0.0.1:1", "ws://127.0.0.1:2"
    wires = {"spot": wire(server)} | {
        name: VenueWire(
            kind="binance_spot", symbols=(SYMBOL,), allow_remote=True, key=KEY, options={"hosts": name}
        )
        for name in ("demo",)
    }
    environ = {f"STABLECONSOLE_SECRET_{name.upper()}": SECRET for name in wires}
    built = build_venues("p", wires, environ, Heard(), Redactor())
    assert all(venue.capabilities.orders and not venue.capabilities.conditional for venue in built.values())
    on_paper = build_venues("p", wires, {}, Heard(), Redactor(), paper=tmp_path)
    assert on_paper.keys() == wires.keys()
    assert account_names(wires)["demo"] == ("binance_spot demo", KEY)
    assert world_of(wires)["demo"] == {"kind": "binance_spot", "rest": "demo", "subaccount": ""}


async def test_an_engine_reads_the_account_of_coins_and_values_it(tmp_path: Path) -> None:
    server = SpotExchange()
    opening: dict[str, Decimal] = {}
    async with fake(server):
        chosen = Settings(
            profile="p",
            mode="live",
            venues=("spot",),
            wires={"spot": wire(server, index=server.rest)},
            strategies={},
        )
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", SECRETS, Redactor())
        try:
            await engine.start()
            await engine.examine()
            engine.open(SessionNote(pid="1", speed="1", state_dir=str(tmp_path)))
            machine = engine.machine(lambda _: None)
            core = engine.session.desk.core

            def look() -> None:
                book = core.state.venues.get("spot")
                known = core.picture.fresh_index("spot", "USDT", core.now) is not None
                if book is None or not book.agreed_ts or not known:
                    return
                held = core.ledger.state.accounts["spot"].balances
                if not server.orders and core.picture.mark_fresh(PAIR, core.now):
                    opening.update(held)
                    # Somebody trades by hand on the same account, his fee taken from what he bought.
                    server.place({**BY_HAND, "side": "BUY", "quantity": "0.0137"})
                    server.place(
                        {**BY_HAND, "side": "SELL", "quantity": "0.0031", "newClientOrderId": "web_2"}
                    )
                elif server.orders and held["BTC"] != opening["BTC"] and core.state.counters.fills == 2:
                    runner.request_stop("seen")

            runner = engine.runner(machine, look, 20.0)
            engine.session.first_events()
            assert await runner.run()
            assert runner.ended_by == "seen"
            assert opening == {"USDT": 1_000_000, "BTC": 5, "BNB": 10}
            held = core.ledger.state.accounts["spot"].balances
            assert held == {coin: server.total(coin) for coin in server.free}
            assert held["BTC"] == 5 + D("0.0137") - D("0.0000137") - D("0.0031")
            fees = D("0.0000137") * D("60000") + D("0.186") * D("0.9998")
            assert core.state.counters.fees == fees, "one in the bought coin, one in dollars' coins"
            assert core.state.venues["spot"].differences == ()
        finally:
            await engine.close_venues()
            engine.session.close()
