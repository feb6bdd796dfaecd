"""A payment belongs to whoever held the position at its instant, however late the venue tells of it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.desk import figures
from services.domain.enums import PairState, Side
from services.domain.events import FundingSettled, Timer
from services.domain.records import EpisodeRecord
from tests.desk.world import DeskWorld, quick

ETH = "ETH-USDT-PERP.beta"


@pytest.fixture
def hedged() -> DeskWorld:
    return DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])


def instant(world: DeskWorld, instrument: str) -> FundingSettled:
    """A settlement now; its payment, not told yet."""
    core = world.desk.core
    spec = core.instruments[instrument]
    size = core.ledger.size(spec)
    figures.at_instant(core, instrument, world.now, size, None)
    core.set_timer(f"settled {instrument} {world.now}", world.now + 600 * 10**9)
    return FundingSettled(
        venue=spec.venue,
        payment_id=f"{instrument}:{world.now}",
        instrument=instrument,
        size=size,
        price=Decimal(20_000),
        rate=Decimal(0),
        amount=Decimal(8),
        coin=spec.settle,
        ts_event=world.now,
        ts=world.now,
    )


def usd(world: DeskWorld, payment: FundingSettled) -> Decimal:
    index = world.desk.core.picture.index(payment.venue, payment.coin)
    assert index is not None
    return payment.amount * index


def results(world: DeskWorld, kind: str) -> list[EpisodeRecord]:
    return [each for each in world.desk.state.episodes if each.kind == kind]


def test_a_result_waits_for_the_rows_of_the_settlements_that_it_was_held_at(hedged: DeskWorld) -> None:
    """The rows of a venue are some seconds late, or a minute where they are asked for; an exit may be sooner.
    What was cut meanwhile changes no share, and a row that never comes holds nothing up for good."""
    pair, books = hedged.pair(), hedged.desk.state.books
    assert pair is not None
    first, second = (instant(hedged, leg.instrument) for leg in pair.legs)
    hedged.command("pair close", id=pair.id)
    hedged.until(lambda _: 0 < pair.short.size < abs(first.size) / 2)
    assert first.amount > 0
    hedged.machine.feed(first)
    assert books.open[pair.id].funding == usd(hedged, first)
    hedged.until(lambda _: pair.state is PairState.CLOSED)
    assert results(hedged, "pair") == []
    hedged.machine.feed(Timer(name=f"settled {second.instrument} {second.ts_event}", ts=hedged.now))
    (result,) = results(hedged, "pair")
    assert result.funding == usd(hedged, first)
    assert any(note.key == f"missed settlement:{second.instrument}" for note in hedged.told)


def test_what_is_no_pairs_belongs_to_the_position_that_stood_then(hedged: DeskWorld) -> None:
    hedged.foreign(ETH, Side.BUY, "0.5")
    hedged.run(1)
    payment = instant(hedged, ETH)
    hedged.foreign(ETH, Side.SELL, "0.5")
    hedged.run(1)
    hedged.foreign(ETH, Side.BUY, "0.7")
    hedged.run(1)
    assert results(hedged, "position") == []
    hedged.machine.feed(payment)
    (result,) = results(hedged, "position")
    assert result.funding == usd(hedged, payment) > 0
    assert hedged.desk.state.books.open[ETH].funding == 0
