"""The words that have to agree before an engine connects to anything (bug row O1)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.drive.choice import choose
from services.drive.modes import check_mode
from services.protocol.errors import ProductError
from services.protocol.options import RunOptions
from services.settings.gate import Gate, InstrumentLimit
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire

LIMIT = InstrumentLimit(max_position=Decimal(100), max_leverage=Decimal(1))
WIRES = {"alpha": VenueWire(kind="ftx", rest="http://127.0.0.1:1", stream="ws://127.0.0.1:1")}


def refused(settings: Settings, **options: object) -> str:
    with pytest.raises(ProductError) as caught:
        check_mode(settings, RunOptions(**options))  # type: ignore[arg-type]
    assert caught.value.exit == 2
    assert "\n" not in caught.value.text
    return caught.value.text


def test_live_wants_the_profile_and_the_flag_and_a_venue() -> None:
    live = Settings(profile="mine", mode="live", venues=("alpha",), wires=WIRES)
    check_mode(live, RunOptions(live=True))
    assert "--live" in refused(live)
    for mode in ("sim", "paper"):
        assert 'mode = "live"' in refused(Settings(mode=mode, wires=WIRES), live=True)
    assert "[profiles.mine.venue.NAME]" in refused(Settings(profile="mine", mode="live"), live=True)


def test_the_simulator_inside_needs_nothing() -> None:
    check_mode(Settings(), RunOptions(speed=Decimal(60), scenario="calm", for_sim_s=60))


def test_flags_of_a_made_world_are_refused_over_sockets() -> None:
    over = Settings(mode="sim", venues=("alpha",), wires=WIRES)
    check_mode(over, RunOptions(for_s=10))
    text = refused(over, speed="max", scenario="calm", for_sim_s=60, new_world=True, seed=0)
    for flag in ("--speed", "--scenario", "--for-sim", "--new-world", "--seed"):
        assert flag in text


def test_a_limit_for_what_nobody_lists_and_venues_that_are_not_there_stop_a_made_world() -> None:
    rows = {**Gate().limits, "USDT-PREP": LIMIT}
    for settings, told in (
        (Settings(gate=Gate(limits=rows)), 'limits.instrument."USDT-PREP": no such instrument; there are'),
        (
            Settings(venues=("alpha", "gamma")),
            "venues = alpha, gamma: the simulator inside the engine",
        ),
        (Settings(venues=("alpha",)), "trades on alpha, beta"),
    ):
        with pytest.raises(ProductError) as caught:
            choose(RunOptions(new_world=True), StateLayout(Path("/nowhere")), settings)
        assert caught.value.exit == 2
        assert told in caught.value.text
    fits = {**Gate().limits, "ETH-USDT-PERP.beta": LIMIT}
    assert choose(
        RunOptions(new_world=True), StateLayout(Path("/nowhere")), Settings(gate=Gate(limits=fits))
    ).durable
