"""What our own fills were measured to cost comes back into what the desk enters (PARAMETERS, exec)."""

from __future__ import annotations

from decimal import Decimal

from services.desk.desk import Desk
from services.domain.enums import Purpose, Side
from services.execution.measured import FillStats, note_fill, note_quote
from services.settings.parameters import Execution, Settings
from services.strategies import funding_arb
from tests.safety.moments import moments

D = Decimal
NAME = "funding_arb"
ENOUGH = Execution().maker_sample


def measured(count: int, *, maker: bool, price: str = "100") -> FillStats:
    """So many fills of 1,000 USD against a mid of 100; of what rests three quarters fill."""
    stats = FillStats()
    for _ in range(count):
        if maker:
            note_quote(stats, Purpose.ENTRY, 1, D(1000))
        note_fill(
            stats,
            purpose=Purpose.ENTRY if maker else Purpose.HEDGE,
            maker=maker,
            side=Side.BUY,
            price=D(price),
            mid=D(100),
            notional=D(750) if maker else D(1000),
            fee_usd=D("0.1"),
        )
    return stats


def desk_with(stats: FillStats | None) -> Desk:
    """A flat desk in a generous market, at the very frame in which it looks for an entry."""
    moment = moments()["flat, market"]
    desk = moment.desk(Settings(exec=Execution(entry_style="maker")))
    slot = desk.core.state.strategies[NAME]
    slot.paused, slot.next_ts = False, 0
    if stats is not None:
        desk.core.state.measured[NAME] = stats
    desk.handle(moment.event)
    return desk


def costs(stats: FillStats | None) -> dict[tuple[str, str], Decimal]:
    """Of every pair, as the strategy itself reckons them."""
    desk = desk_with(stats)
    settings = desk.core.settings.strategies[NAME]
    view = desk.strategies.view(NAME, settings)
    rows = funding_arb.rows(view, settings.funding, desk.strategies.states[NAME])
    return {(row.short, row.long): row.costs for row in rows if row.costs is not None}


def test_a_leg_measured_to_rest_makes_entries_cheaper_once_there_is_a_sample() -> None:
    unmeasured = costs(None)
    assert len(unmeasured) >= 3
    assert costs(measured(ENOUGH - 1, maker=True)) == unmeasured
    resting = costs(measured(ENOUGH, maker=True))
    assert resting.keys() == unmeasured.keys()
    # Three quarters of leg 1 pay 2 bps instead of 5 and no half-spread; all else takes as before.
    assert all(D("2.25") < before - resting[pair] < D(4) for pair, before in unmeasured.items())


def test_fills_that_cost_more_than_funding_brings_end_the_entries() -> None:
    """The gain of the same market, at the same instant, is not worth 60 bps a fill."""
    assert len(desk_with(None).core.pairs.live()) == 1
    assert len(desk_with(measured(ENOUGH - 1, maker=False, price="100.6")).core.pairs.live()) == 1
    dear = desk_with(measured(ENOUGH, maker=False, price="100.6"))
    assert dear.core.pairs.live() == ()
    assert min(costs(measured(ENOUGH, maker=False, price="100.6")).values()) > 240
    assert "edge < 0.5× cost" in dear.core.state.strategies[NAME].last_reason
