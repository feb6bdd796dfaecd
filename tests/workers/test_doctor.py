"""`doctor` on a served exchange and on folders that are not well; what a start makes of its rows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.drive.latch import Latch
from services.drive.lock import EngineLock, Holder
from services.protocol.errors import ProductError
from services.protocol.redact import Redactor
from services.runtime.clock import wall_ns
from services.settings.accounts import account_names
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.secrets import secret_of
from services.settings.venues import VenueWire
from services.store.migrate import open_store
from services.venues.live import Finding, Verdict
from services.venues.wire.bans import Bans
from services.workers import machine
from services.workers.doctor import all_findings, keys
from services.workers.live_engine import LiveEngine
from tests.simserver.served import KEY, LONG_S, serving

SECRET = {"STABLECONSOLE_SECRET_ALPHA": KEY.secret}


def settings(port: int, mode: str = "sim", key: str = KEY.key) -> Settings:
    wire = VenueWire(
        kind="ftx",
        rest=f"http://127.0.0.1:{port}",
        stream=f"ws://127.0.0.1:{port}/ws/",
        key=key,
        symbols=("USDT-PERP", "USDC-PERP"),
        extensions=True,
    )
    return Settings(profile="sock", mode=mode, venues=("alpha",), wires={"alpha": wire})


async def rows(tmp_path: Path, chosen: Settings, environ: Mapping[str, str] = SECRET) -> dict[str, Finding]:
    layout = StateLayout(tmp_path)
    async with asyncio.timeout(LONG_S):
        found = await all_findings(layout, chosen, environ, tmp_path / "accounts", Redactor())
    assert len({(row.subject, row.check) for row in found}) == len(found)
    return {row.check: row for row in found}


async def test_a_venue_that_is_well_has_no_row_that_stops(tmp_path: Path) -> None:
    async with serving() as (_, server):
        found = await rows(tmp_path, settings(server.ports["alpha"]))
    assert {row.text for row in found.values() if row.verdict is Verdict.STOP} <= {found["clock"].text}
    assert found["reachable"].text == "2 markets"
    assert found["key rights"].text == "trades, cannot withdraw"
    assert found["capabilities"].verdict is Verdict.OK
    assert "requests-1s" in found["rate budget"].text
    assert found["account"].verdict is Verdict.OK
    assert (found["leverage"].verdict, found["leverage"].text) == (Verdict.OK, "10x, for the whole account")


async def test_a_leverage_above_the_limits_is_told_before_a_pair_stops_half_way(tmp_path: Path) -> None:
    """Nobody said so: the gate refused the second slice of a pair once the account had been read."""
    async with serving() as (house, server):
        house.seat(KEY.key, "").set_leverage("alpha", Decimal(20))
        found = await rows(tmp_path, settings(server.ports["alpha"]))
    assert found["leverage"].verdict is Verdict.WARN
    assert found["leverage"].text == (
        "20x, for the whole account; above the limit of USDT-PERP and 1 more: no position may grow there"
    )
    assert found["leverage"].remedy.startswith("set the account to 10x or less at the venue")


async def test_a_market_of_another_time_is_a_clock_that_is_off(tmp_path: Path) -> None:
    async with serving() as (_, server):  # begins at the scenario's own instant, years ago
        found = await rows(tmp_path, settings(server.ports["alpha"]))
    assert found["clock"].verdict is Verdict.STOP
    assert "clock" in found["clock"].remedy


async def test_a_key_that_can_withdraw_stops_the_doctor_and_every_start(tmp_path: Path) -> None:
    """Bug A8: keys trade and nothing else."""
    key = replace(KEY, withdraw=True)
    async with serving(keys=(key,)) as (_, server):
        chosen = settings(server.ports["alpha"])
        found = await rows(tmp_path, chosen)
        assert found["key rights"].verdict is Verdict.STOP
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", SECRET, Redactor())
        try:
            await engine.start()
            with pytest.raises(ProductError, match="the key can withdraw") as caught:
                await engine.examine()
            assert caught.value.exit == 2
        finally:
            await engine.close_venues()


async def test_live_is_refused_by_any_row_that_stops_and_sim_by_none_but_the_keys(tmp_path: Path) -> None:
    async with serving() as (_, server):  # its clock is years off
        for mode, refused in (("live", True), ("sim", False)):
            chosen = settings(server.ports["alpha"], mode)
            engine = LiveEngine(StateLayout(tmp_path), chosen, "test", SECRET, Redactor())
            try:
                await engine.start()
                if refused:
                    with pytest.raises(ProductError, match="doctor: alpha: clock"):
                        await engine.examine()
                else:
                    await engine.examine()
            finally:
                await engine.close_venues()


@pytest.mark.parametrize("mode", ["sim", "paper", "live"])
async def test_a_strategy_is_refused_at_every_start_where_its_venue_lacks_what_it_needs(
    tmp_path: Path, mode: str
) -> None:
    async with serving() as (_, server):
        engine = LiveEngine(
            StateLayout(tmp_path), settings(server.ports["alpha"], mode), "test", SECRET, Redactor()
        )
        try:
            await engine.start()
            venue = engine.venues["alpha"]
            venue.capabilities = replace(venue.capabilities, history=False)
            with pytest.raises(ProductError, match="funding_arb needs settled funding rates") as caught:
                await engine.examine()
            assert caught.value.exit == 2
        finally:
            await engine.close_venues()


async def test_a_venue_without_a_key_is_market_data_as_long_as_another_has_one(tmp_path: Path) -> None:
    async with serving() as (_, server):
        one = settings(server.ports["alpha"], "live")
        alone = replace(one, wires={"alpha": replace(one.wires["alpha"], key="")})
        found = await rows(tmp_path, alone)
        assert found["keys"].verdict is Verdict.STOP
        assert found["capabilities"].verdict is Verdict.WARN
        assert "lacks orders" in found["capabilities"].text
        both = {**one.wires, "beta": settings(server.ports["beta"], key="").wires["alpha"]}
        assert keys(both, "live") == ()
        assert keys(alone.wires, "paper") == ()
        on_paper = await rows(tmp_path, replace(one, mode="paper"), {})
        assert on_paper["capabilities"].verdict is Verdict.OK, "nothing is traded on the venue itself"
        assert "are the paper account's" in on_paper["capabilities"].text
        engine = LiveEngine(StateLayout(tmp_path), alone, "test", SECRET, Redactor())
        try:
            await engine.start()
            with pytest.raises(ProductError, match="nothing can be traded"):
                await engine.examine()
        finally:
            await engine.close_venues()


async def test_no_secret_a_wrong_one_and_nobody_there(tmp_path: Path) -> None:
    async with serving() as (_, server):
        chosen = settings(server.ports["alpha"])
        missing = await rows(tmp_path, chosen, {})
        assert "STABLECONSOLE_SECRET_ALPHA" in missing["key"].text
        wrong = await rows(tmp_path, chosen, {"STABLECONSOLE_SECRET_ALPHA": "not-the-secret"})
        assert wrong["reachable"].verdict is Verdict.STOP
        assert "not-the-secret" not in wrong["reachable"].text
    gone = await rows(tmp_path, chosen)
    assert gone["reachable"].verdict is Verdict.STOP


async def test_a_venue_that_has_banned_this_machine_is_not_asked_by_the_doctor_either(tmp_path: Path) -> None:
    async with serving() as (_, server):
        chosen = settings(server.ports["alpha"])
        Bans(StateLayout(tmp_path).bans).note(chosen.wires["alpha"].rest, 300.0, wall_ns() // 1_000_000)
        found = await rows(tmp_path, chosen)
    assert found["reachable"].verdict is Verdict.STOP
    assert "the request budget is spent" in found["reachable"].text


def test_the_keyring_is_asked_last_and_named() -> None:
    assert secret_of("sock", "alpha", SECRET) == KEY.secret
    with pytest.raises(ProductError) as caught:
        secret_of("sock", "alpha", {})
    assert "sock/alpha" in caught.value.text
    assert "STABLECONSOLE_SECRET_ALPHA" in caught.value.text


async def test_the_profile_of_the_simulator_inside_needs_no_venue(tmp_path: Path) -> None:
    found = await rows(tmp_path, Settings(venues=("alpha",)))
    assert found["simulator"].verdict is Verdict.OK
    assert not [row for row in found.values() if row.verdict is Verdict.STOP]
    live = await rows(tmp_path, Settings(mode="live", venues=("alpha",)))
    assert live["venues"].verdict is Verdict.STOP


def local(root: Path, chosen: Settings | None = None) -> dict[str, Finding]:
    layout = StateLayout(root)
    found = (
        *machine.local_findings(layout, chosen or Settings()),
        *machine.other_findings(layout, (chosen or Settings()).wires, root / "accounts", {"TERM": "dumb"}),
    )
    return {row.check: row for row in found}


def test_a_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    found = local(tmp_path / "not" / "yet")
    assert not [row for row in found.values() if row.verdict is Verdict.STOP]
    assert not (tmp_path / "not").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_halt_in_the_latch_and_a_torn_store_are_told(tmp_path: Path) -> None:
    latch = Latch(tmp_path / "latch")
    latch.write("HALTED", "halt", "by hand", 1)
    latch.close()
    open_store(tmp_path / "store.sqlite", "abc123")
    assert local(tmp_path)["store"].verdict is Verdict.OK
    with (tmp_path / "store.sqlite").open("r+b") as file:
        file.seek(0)
        file.write(b"\xff" * 4096)
    found = local(tmp_path)
    assert found["latch"].verdict is Verdict.WARN
    assert "by hand" in found["latch"].text
    assert found["store"].verdict is Verdict.STOP
    assert found["store"].remedy


def test_a_slow_disk_stops_and_a_long_path_too(tmp_path: Path) -> None:
    ticks = iter(range(100))
    (slow,) = machine._sync(tmp_path, 0.25, lambda: float(next(ticks)))
    assert slow.verdict is Verdict.STOP
    assert list(tmp_path.iterdir()) == []
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    assert local(deep)["socket"].verdict is Verdict.STOP


def test_another_engine_on_the_same_account_stops(tmp_path: Path) -> None:
    chosen = settings(1)
    holder = Holder(os.getpid(), "other", "1", "now", ("alpha",), str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    lock = EngineLock(tmp_path / "other", holder)
    try:
        for where, key in account_names(chosen.wires).values():
            lock.lock_account(tmp_path / "accounts", where, key)
        found = local(tmp_path, chosen)["account"]
        assert found.verdict is Verdict.STOP
        assert str(tmp_path / "other") in found.text
    finally:
        lock.release()
    assert local(tmp_path, chosen)["account"].verdict is Verdict.OK
