"""Paper mode in the engine: the venue's live market, an account that exists only here."""

from __future__ import annotations

import time
from pathlib import Path

from services.drive.standing import SessionNote
from services.protocol.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.workers.live_engine import LiveEngine
from services.workers.simserver.worlds import served_world
from tests.simserver.served import KEY, serving


async def test_the_desk_reads_a_paper_account_over_a_live_market(tmp_path: Path) -> None:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=time.time_ns())
    async with serving(world) as (house, server):
        port = server.ports["alpha"]
        wire = VenueWire(
            kind="ftx",
            rest=f"http://127.0.0.1:{port}",
            stream=f"ws://127.0.0.1:{port}/ws/",
            key=KEY.key,
            symbols=("USDT-PERP", "USDC-PERP", "USDT/USD", "USDC/USD"),
        )
        chosen = Settings(
            profile="try", mode="paper", venues=("alpha",), wires={"alpha": wire}, strategies={}
        )
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", {}, Redactor())
        try:
            await engine.start()
            await engine.examine()
            engine.open(SessionNote(pid="1", speed="1", state_dir=str(tmp_path)))
            machine = engine.machine(lambda _: None)
            core = engine.session.desk.core

            def look() -> None:
                book = core.state.venues.get("alpha")
                if book is not None and book.opened and core.picture.quote_fresh("USDT-PERP.alpha", core.now):
                    runner.request_stop("seen")

            runner = engine.runner(machine, look, 20.0)
            engine.session.first_events()
            assert await runner.run()
            assert runner.ended_by == "seen"
            facts = core.state.venues["alpha"].facts
            assert facts is not None
            assert facts.own_clock
            bids, asks = engine.depth("USDT-PERP.alpha", 8) or ([], [])
            assert len(bids) == len(asks) == 8, "the ladder shows the served book, not its top alone"
            assert engine.depth("USDT-PERP.nowhere", 8) is None
            assert core.ledger.state.accounts["alpha"].balances["USD"] > 0
            assert engine.meta().badge == "PAPER"
            assert not [name for name in house._seats if name[0]], "no account of the venue was touched"
        finally:
            await engine.close_venues()
            engine.session.close()
