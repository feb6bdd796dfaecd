"""PARAMETERS, situations: the fee tier changes mid-pair. The cost of the exit is estimated anew and the entry
rule follows; what was decided and booked stands as it was."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk.desk import Desk
from services.desk.views.figures import Figures
from services.desk.views.flatten import flatten_plan
from services.desk.views.funding import funding_views
from services.desk.views.pairs import pair_views
from services.domain.enums import PairState
from services.domain.records import EpisodeRecord, FillRecord
from services.domain.venue_events import InstrumentsListed
from services.views.desk import FlattenRow, FundingRowView
from tests.desk.world import DeskWorld, quick

D = Decimal


def dearer(world: DeskWorld, by: str = "0.0045") -> None:
    """alpha takes so much more than its five bps from now on: it says so, and charges it."""
    venue = world.exchange.venues["alpha"]
    specs = []
    for name, spec in venue.floor.listed.items():
        assert spec.taker_fee is not None
        specs.append(replace(spec, taker_fee=spec.taker_fee + D(by)))
        venue.floor.listed[name] = specs[-1]
    world.machine.feed(InstrumentsListed(venue="alpha", instruments=tuple(specs), ts=world.now))
    world.run(6)


def board(world: DeskWorld) -> dict[str, FundingRowView]:
    figures = Figures(world.desk.core)
    return {f"{row.short}|{row.long}": row for row in funding_views(figures, world.desk.strategies)}


def plan(world: DeskWorld) -> dict[str, FlattenRow]:
    return {row.instrument: row for row in flatten_plan(world.desk.core).rows}


def booked(world: DeskWorld) -> Decimal:
    """By the exchange's own fills, USDT at a dollar or not: in coins."""
    return sum((fill.fee for v in world.exchange.venues.values() for fill in v.state.account.fills), D(0))


def test_a_tier_that_eats_the_edge_ends_the_entries() -> None:
    """The same market in which a pair is opened in the other test."""
    world = DeskWorld(settings=quick()).run(2)
    dearer(world, "0.0145")
    world.run(60)
    assert world.desk.core.pairs.live() == ()
    assert world.sent == []
    refused = {row.reason for row in board(world).values() if row.short == "BTC-USDT-PERP.beta"}
    assert any("cost" in why for why in refused), refused


def test_the_fee_tier_changes_mid_pair() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED]).run(10)
    core = world.desk.core
    short, long = world.legs()
    assert {short.rpartition(".")[2], long.rpartition(".")[2]} == {"alpha", "beta"}
    on_alpha = short if short.endswith(".alpha") else long
    before, costs, exit_before = board(world), pair_views(core)[0].costs, plan(world)
    fees, paid = core.state.counters.fees, booked(world)
    opening = list(world.decisions("gate"))
    fills = [row for row in world.keeper.rows if isinstance(row, FillRecord)]
    assert costs == fees > 0
    crossing = [
        key
        for key, row in before.items()
        if {row.short[-5:], row.long[-5:]} == {"alpha", ".beta"} and row.costs
    ]
    assert crossing

    dearer(world)

    # The entry rule: two of the four fills of such a pair are dearer by 45 bps each.
    after = board(world)
    for key in crossing:
        old, new = before[key], after[key]
        assert old.costs is not None
        assert new.costs is not None
        assert old.net_edge is not None
        assert new.net_edge is not None
        assert D(89) < new.costs - old.costs < D(91)
        assert D(-91) < new.net_edge - old.net_edge < D(-89)
    # The expected cost of the exit: that leg's taker fee, on what it is worth now.
    new_leg, old_leg = plan(world)[on_alpha], exit_before[on_alpha]
    assert new_leg.fee is not None
    assert new_leg.notional is not None
    assert old_leg.fee is not None
    assert new_leg.fee == -new_leg.notional * D("0.005")
    assert new_leg.fee < 9 * old_leg.fee < 0
    # What was decided and booked stands, and the pair too.
    assert (pair_views(core)[0].costs, core.state.counters.fees, booked(world)) == (costs, fees, paid)
    assert [row for row in world.keeper.rows if isinstance(row, FillRecord)] == fills
    assert world.decisions("gate") == opening
    assert world.pair_states() == [PairState.HEDGED]
    restored = Desk(core.base_settings, core.instruments, Desk.restore(world.desk.export()))
    assert pair_views(restored.core)[0].costs == costs
    assert restored.core.instruments[on_alpha].taker_fee == D("0.005")

    # The exit pays what the venue takes by then, and the whole is what it charged, fill by fill.
    world.command("pair close", id=world.desk.core.pairs.live()[0].id)
    world.until(lambda w: w.pair_states() == [], 60).run(5)
    world.books_agree()
    (episode,) = [row for row in world.keeper.rows if isinstance(row, EpisodeRecord) and row.kind == "pair"]
    told = [row for row in world.keeper.rows if isinstance(row, FillRecord)]
    assert sum((row.fee for row in told), D(0)) == booked(world)
    assert episode.fees == sum((row.fee_usd or D(0) for row in told), D(0))
    exits = [row for row in told[len(fills) :] if row.venue == "alpha"]
    assert exits
    for row in exits:
        assert abs(row.fee - row.size * row.price * D("0.005")) < D("1e-8")


def test_a_fee_that_is_unknown_now_keeps_out_what_is_new_and_lets_out_what_is_held() -> None:
    """As where only makers are let in, or a venue's brackets cannot be read any more."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED]).run(5)
    unknown = tuple(
        replace(spec, taker_fee=None)
        for spec in world.desk.core.instruments.values()
        if spec.venue == "alpha"
    )
    world.machine.feed(InstrumentsListed(venue="alpha", instruments=unknown, ts=world.now))
    world.run(10)
    assert world.pair_states() == [PairState.HEDGED], "nothing is closed for it"
    refused = world.answer("buy", symbol="ETH-USDT-PERP.alpha", size="0.01")
    assert not refused.ok
    assert "taker fee" in refused.text
    world.command("pair close", id=world.desk.core.pairs.live()[0].id)
    world.until(lambda w: w.pair_states() == [], 60).run(5)
    assert all(size == 0 for size in world.positions().values())
    world.books_agree()
