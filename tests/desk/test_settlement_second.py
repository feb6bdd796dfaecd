"""A settlement in the very second in which a pair is built, halted or flattened.

Whoever held the position at the instant is paid, by the exchange's own order of things: what our fills say
stood then, what the row says, what the pair's result says and what the balances say must be one figure.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState
from services.domain.events import Command
from services.domain.records import EpisodeRecord, FillRecord, FundingRecord
from services.settings.parameters import Settings
from tests.desk.world import MS, DeskWorld, S, quick

HOURLY = ("ETH-USDT-PERP.beta", "ETH-USDC-PERP.beta", "BTC-USDT-PERP.beta", "BTC-USDC-PERP.beta")
"""Beta settles every hour; what is held at alpha is not due before 16:00."""
HAND = {"short": "ETH-USDT-PERP.beta", "long": "ETH-USDC-PERP.beta", "notional": "4000"}


def settlement(world: DeskWorld) -> int:
    """The next full hour."""
    return (world.now // (3600 * S) + 1) * 3600 * S


def say(world: DeskWorld, ts: int, word: str, **args: str) -> str:
    """A command that comes at that very instant, among what else is due; its id."""
    identity = f"{word} {ts}"
    world.queue.deliver(ts, Command(id=identity, name=word, args=args, origin="test", ts=ts))
    return identity


def at(world: DeskWorld, ts: int) -> DeskWorld:
    world.machine.run_until(ts)
    return world


def held(world: DeskWorld, instrument: str, ts: int) -> set[Decimal]:
    """By the fills alone: just before the instant, and just behind it."""
    fills = [
        each for each in world.keeper.rows if isinstance(each, FillRecord) and each.instrument == instrument
    ]
    return {
        sum((each.size * each.side.sign for each in fills if each.ts < until), Decimal(0))
        for until in (ts, ts + 1)
    }


def judged(world: DeskWorld, instant: int) -> int:
    """What was settled at the instant, held against everything that is told of it; how many payments."""
    world.books_agree()
    rows = [each for each in world.keeper.rows if isinstance(each, FundingRecord)]
    assert len({each.payment_id for each in rows}) == len(rows)
    now = [each for each in rows if each.ts == instant]
    for instrument in HOURLY:
        told = [each.size for each in now if each.instrument == instrument]
        assert (told[0] if told else Decimal(0)) in held(world, instrument, instant), instrument
    episodes = [each for each in world.keeper.rows if isinstance(each, EpisodeRecord)]
    usd = [each.usd for each in rows]
    assert None not in usd
    open_books = world.desk.state.books.open
    told = sum((each.funding for each in episodes), Decimal(0))
    told += sum((each.funding for each in open_books.values()), Decimal(0))
    assert told == sum(filter(None, usd), Decimal(0))
    for each in episodes:
        assert each.net_pnl == each.price_pnl + each.funding - each.fees
    return len(now)


@pytest.mark.parametrize(("offset", "paid"), [(-900, 0), (-150, 1), (21, 1)])
def test_a_flatten_in_that_second(offset: int, paid: int) -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    instant = settlement(world)
    done = say(world, instant + offset * MS, "flatten", reason="test")
    at(world, instant + 60 * S)
    assert world.done[done].ok
    assert world.positions() == {}
    assert judged(world, instant) == paid


def hasty() -> Settings:
    """No blackout: what the defaults keep out of that second, and a slow venue may carry into it."""
    plain = quick()
    strategy = plain.strategies["funding_arb"]
    funding = replace(strategy.funding, blackout_s=0, entry_window_min_s=0)
    return replace(plain, strategies={"funding_arb": replace(strategy, funding=funding)})


@pytest.mark.parametrize(("halted", "size"), [(None, "2.44"), (30, "0"), (90, "1.48")])
def test_a_pair_is_built_in_that_second_and_halted_on_the_way(halted: int | None, size: str) -> None:
    """One leg stands when the settlement comes, and pays or is paid alone: beside the pair of before, that is
    one payment more. A halt ends what was begun hedged, or takes it back."""
    world = DeskWorld(settings=hasty()).run(30)
    instant = settlement(world)
    asked = instant - 50 * MS
    done = say(world, asked, "pair open", **HAND)
    if halted is not None:
        say(world, asked + halted * MS, "halt", reason="test")
    at(world, instant + 60 * S)
    assert world.done[done].ok
    assert world.position(HAND["long"]) == -world.position(HAND["short"]) == Decimal(size)
    assert judged(world, instant) == 2
