"""What the gate would refuse although nothing speaks against the strategy as a whole."""

from __future__ import annotations

from services.desk.core import DeskCore
from services.desk.gatekeeping import halted_venues, state_of
from services.domain.enums import TradingState
from services.domain.instrument import venue_of


def entry_refused(core: DeskCore, name: str, *legs: str) -> str:
    """Why an entry on these legs would be refused: a venue, coin or symbol may not take new risk. A board
    that says ENTER then promises what will not happen. Empty = nothing of that kind."""
    halted = halted_venues(core)
    for leg in legs:
        if venue_of(leg) in halted:
            return f"no new risk on {venue_of(leg)}"
        state, why = state_of(core, leg, f"strategy:{name}", None)
        if state is not TradingState.ACTIVE:
            return f"{state.value}: {why.partition(':')[0]}"  # the cause's name: TRADE has its words
    return ""
