"""What a venue says of money in figures that no account has: kept out, and the engine goes on."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.door import MOST
from services.domain.enums import PairState, TradingState
from services.domain.events import AccountReport, Event, OrderFilled
from tests.desk.world import Answers, DeskWorld, quick

HUGE = MOST * 10**12


def _spoilt(event: Event, what: str) -> Event:
    if isinstance(event, AccountReport) and event.venue == "alpha":
        if what == "balance":
            rows = (replace(event.balances[0], total=HUGE), *event.balances[1:])
            return replace(event, balances=rows)
        if what == "worth" and event.positions:
            row = replace(event.positions[0], size=MOST / 10, entry_price=Decimal(100_000))
            return replace(event, positions=(row, *event.positions[1:]))
    if isinstance(event, OrderFilled) and event.venue == "alpha" and what in ("price", "fee"):
        return replace(event, **{what: HUGE})
    return event


@pytest.mark.parametrize("what", ["balance", "worth", "price", "fee"])
def test_a_figure_that_no_account_has_is_not_booked_and_ends_no_engine(what: str) -> None:
    world = DeskWorld(settings=quick())
    if what in ("balance", "worth"):
        world.until(lambda w: w.pair_states() == [PairState.HEDGED])

    def spoil(due: int, event: Event) -> Answers:
        return ((due, _spoilt(event, what)),)

    world.wire.hook = spoil
    world.run(60)
    world.command("flatten")
    world.run(5)
    assert world.decisions("nonsense")
    assert world.trading_state is TradingState.HALTED, "the flatten was taken"
    assert all(abs(each) < MOST for each in world.desk.core.ledger.account("alpha").balances.values())
