"""Binance's wallet service: a key that can withdraw is refused, coins that cannot leave are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from services.domain.events import AccountReport
from services.settings.venues import KINDS
from services.venues.binance.base import WiredVenue
from services.venues.binance.build import build_binance
from services.venues.binance.hosts import SPOT, USDM, SpotSettings, check_hosts
from services.venues.binance.spot.build import build_spot
from services.venues.live import KEY_RIGHTS, Finding, Verdict
from services.venues.wire.errors import WireError
from tests.binance.server import PATIENCE_S, QUICK, FakeBinance, Heard, fake, settings_of
from tests.binance.spot_server import KEY, SECRET, SYMBOL, FakeSpot, hosts_of

RIGHTS = "GET /sapi/v1/account/apiRestrictions"
COINS = "GET /sapi/v1/capital/config/getall"


def coin(name: str, *chains: bool, whole: bool = True) -> dict[str, object]:
    rows = [{"network": f"N{n}", "withdrawEnable": open_} for n, open_ in enumerate(chains)]
    return {"coin": name, "withdrawAllEnable": whole, "networkList": rows, "free": "0"}


def told(server: FakeBinance, *, withdraws: bool = False, **shut: bool) -> FakeBinance:
    """A wallet that answers; `shut`: coins that can leave by no chain."""
    server.say(RIGHTS, {"ipRestrict": True, "enableReading": True, "enableWithdrawals": withdraws})
    rows = [coin(name, not shut.get(name, False), False) for name in ("USDT", "USDC", "BTC")]
    server.say(COINS, [*rows, coin("XYZ", True, whole=False), coin("EUR")])
    return server


@asynccontextmanager
async def watched(server: FakeBinance, *, wallet: bool = True) -> AsyncIterator[tuple[WiredVenue, Heard]]:
    async with fake(server):
        heard = Heard()
        venue: WiredVenue
        address = server.rest if wallet else ""
        if isinstance(server, FakeSpot):
            hosts = replace(hosts_of(server), wallet=address)
            spot = SpotSettings(hosts=hosts, symbols=(SYMBOL,), key=KEY)
            venue = build_spot("binance", spot, SECRET, heard, habits=QUICK, payouts_s=0.05)
        else:
            chosen = settings_of(server, key=KEY)
            chosen = replace(chosen, hosts=replace(chosen.hosts, wallet=address))
            venue = build_binance("binance", chosen, SECRET, heard, habits=QUICK, payouts_s=0.05)
        try:
            await venue.start()
            yield venue, heard
        finally:
            await venue.close()


async def key_row(venue: WiredVenue) -> Finding:
    return next(row for row in await venue.examine() if row.check == KEY_RIGHTS)


both = pytest.mark.parametrize("made", [FakeBinance, FakeSpot], ids=["futures", "spot"])


@both
async def test_bug_a8_a_key_that_can_withdraw_is_refused(made: type[FakeBinance]) -> None:
    async with watched(told(made(), withdraws=True)) as (venue, _):
        assert (await key_row(venue)).verdict is Verdict.STOP
    server = told(made())
    async with watched(server) as (venue, _):
        assert (await key_row(venue)).verdict is Verdict.OK
    (asked,) = server.queries(RIGHTS)
    assert list(asked)[-1] == "signature"


@both
async def test_coins_that_can_leave_by_no_chain_are_told_with_the_account(made: type[FakeBinance]) -> None:
    server = told(made(), USDT=True)
    async with watched(server) as (venue, heard):
        await asked_twice(server)
        assert await suspended(venue, heard, "before") == ("USDT", "XYZ")
        told(server)
        await asked_twice(server)
        assert await suspended(venue, heard, "after") == ("XYZ",)


@both
async def test_what_the_wallet_does_not_tell_is_unknown_and_stops_nothing(made: type[FakeBinance]) -> None:
    server = made()
    server.say(RIGHTS, {"ipRestrict": True})
    server.say(COINS, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401)
    async with watched(server) as (venue, heard):
        assert (await key_row(venue)).verdict is Verdict.WARN
        assert await suspended(venue, heard, "refused") == ()
    silent = made()
    async with watched(silent, wallet=False) as (venue, heard):
        assert (await key_row(venue)).verdict is Verdict.WARN
        assert await suspended(venue, heard, "nobody") == ()
    assert not silent.queries(RIGHTS)


async def test_a_start_that_fails_behind_the_wallet_leaves_one_loop_however_often_it_is_made() -> None:
    """An engine that waits for its venue makes it again and again: each loop would go on asking for ever."""
    server = told(FakeBinance())
    index = server.routes["GET /fapi/v1/assetIndex"]
    server.say("GET /fapi/v1/assetIndex", {"code": -1, "msg": "no"}, 400)
    async with fake(server):
        chosen = settings_of(server, key=KEY)
        chosen = replace(chosen, hosts=replace(chosen.hosts, wallet=server.rest))
        venue = build_binance("binance", chosen, SECRET, Heard(), habits=QUICK)
        for _ in range(3):
            with pytest.raises(WireError):
                await venue.start()
        server.routes["GET /fapi/v1/assetIndex"] = index
        await venue.start()
        assert [task.get_coro().__qualname__ for task in venue._work._tasks].count("Payouts.run") == 1  # type: ignore[union-attr]
        await venue.close()


def test_the_wallet_stands_in_production_alone_and_is_named_by_nobody_else() -> None:
    for hosts in (USDM, SPOT):
        assert [name for name, each in hosts.items() if each.wallet] == ["production"]
    with pytest.raises(ValueError, match="https"):
        check_hosts(replace(USDM["production"], wallet="http://api.binance.com"))
    for kind in ("binance", "binance_spot"):
        assert "wallet" in KINDS[kind].fields


async def asked_twice(server: FakeBinance) -> None:
    """Until the wallet was asked again after an answer later than now: what it says now is known."""
    asked = len(server.queries(COINS))
    async with asyncio.timeout(PATIENCE_S):
        while len(server.queries(COINS)) < asked + 2:
            await asyncio.sleep(0.01)


async def suspended(venue: WiredVenue, heard: Heard, name: str) -> tuple[str, ...]:
    """By one read of the account: the budget of a test does not bear many."""
    venue.read_account(0, name, 0)
    report: AccountReport = await heard.until(AccountReport, lambda each: each.request == name)
    return report.suspended
