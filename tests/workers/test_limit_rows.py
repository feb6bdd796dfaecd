"""A limit row over sockets: a slip of the pen refuses the start, what was delisted since only warns."""

from __future__ import annotations

import logging
import time
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.drive.live_session import LiveSession
from services.drive.standing import SessionNote
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.redact import Redactor
from services.settings.gate import DEFAULT_LIMIT_ROWS, Gate
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.live import VenueHealth
from services.venues.sim.facts import venue_instruments
from services.workers.live_engine import LiveEngine
from services.workers.simserver.worlds import served_world
from tests.simserver.served import KEY, serving

LISTED = venue_instruments("alpha", 0)
ONE = next(iter(DEFAULT_LIMIT_ROWS.values()))


def settings(*rows: str, mode: str = "sim", **more: object) -> Settings:
    gate = Gate(limits={**DEFAULT_LIMIT_ROWS, **dict.fromkeys(rows, ONE)})
    return Settings(profile="sock", mode=mode, venues=("alpha",), gate=gate, **more)  # type: ignore[arg-type]


def session(folder: Path, *rows: str) -> LiveSession:
    return LiveSession(StateLayout(folder), settings(*rows), "test")


def note(folder: Path) -> SessionNote:
    return SessionNote(pid="1", speed="1", state_dir=str(folder))


@pytest.mark.parametrize("mode", ["sim", "paper"])
async def test_an_engine_over_sockets_does_not_start_with_a_limit_that_nobody_lists(
    mode: str, tmp_path: Path
) -> None:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=time.time_ns())
    async with serving(world) as (_, server):
        address = f"127.0.0.1:{server.ports['alpha']}"
        wire = VenueWire(
            kind="ftx", rest=f"http://{address}", stream=f"ws://{address}/ws/", key=KEY.key, extensions=True,
            symbols=("USDT-PERP", "USDC-PERP", "USDT/USD", "USDC/USD"),
        )  # fmt: skip
        chosen = settings("USDT-PREP.alpha", mode=mode, wires={"alpha": wire}, strategies={})
        secrets = {"STABLECONSOLE_SECRET_ALPHA": KEY.secret}
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", secrets, Redactor())
        try:
            await engine.start()
            with pytest.raises(ProductError) as refused:
                engine.open(note(tmp_path))
        finally:
            await engine.close_venues()
    assert refused.value.exit == Exit.USAGE
    assert refused.value.text.startswith('profiles.sock.limits.instrument."USDT-PREP.alpha": no venue of ')
    assert "the nearest are USDT-PERP.alpha" in refused.value.text


def test_what_was_delisted_while_nobody_ran_is_told_and_keeps_nobody_from_its_positions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = "BTC-USDT-PERP.alpha"
    first = session(tmp_path, row)
    first.open(note(tmp_path), LISTED, {})
    assert first.close()
    fewer = tuple(each for each in LISTED if each.id != row)
    with caplog.at_level(logging.WARNING, "stableconsole.engine"):
        again = session(tmp_path, row)
        again.open(note(tmp_path), fewer, {})
    assert again.close()
    told = [said for each in caplog.records if "no venue lists it any more" in (said := each.getMessage())]
    assert [text.split('"')[1] for text in told] == [row]
    slip = session(tmp_path, "BTC-USDT-PREP")
    with pytest.raises(ProductError, match="no venue of the profile lists it"):
        slip.open(note(tmp_path), LISTED, {})


class Reserving:
    """A venue that lists alpha's markets and notes what is kept of its budget."""

    name = "alpha"

    def __init__(self) -> None:
        self.shares: list[float] = []

    def instruments(self) -> tuple[Instrument, ...]:
        return LISTED

    def reserve(self, share: float) -> None:
        self.shares.append(share)

    def health(self) -> VenueHealth:
        return VenueHealth(
            connected=True, data_age_ms=1, latency_ms_p50=None, latency_ms_p95=None, clock_offset_ms=0,
            budget={}, reconnects=0,
        )  # fmt: skip


def test_the_share_for_getting_out_is_one_setting_for_the_gate_and_for_the_wires(tmp_path: Path) -> None:
    chosen = settings(strategies={})
    chosen = replace(chosen, gate=replace(chosen.gate, reserved_share=Decimal("0.4")))
    venue = Reserving()
    engine = LiveEngine(
        StateLayout(tmp_path),
        chosen,
        "test",
        {},
        Redactor(),
        build=lambda *_: {"alpha": venue},  # type: ignore[dict-item]
    )
    engine.open(note(tmp_path))
    assert venue.shares == [0.4], "before anything is sent"
    machine, core = engine.machine(lambda _: None), engine.session.desk.core
    engine.tell_clocks(machine)
    core.bind(replace(core.settings, gate=replace(core.settings.gate, reserved_share=Decimal("0.5"))))
    engine._looked = 0.0
    engine.tell_clocks(machine)
    assert venue.shares == [0.4, 0.5], "and an override while it runs"
    assert engine.session.close()
