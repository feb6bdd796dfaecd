"""What a strategy is told of one of its pairs, at the marks of the moment."""

from __future__ import annotations

from decimal import Decimal

from services.desk import gatekeeping
from services.desk.core import DeskCore
from services.domain.money import BPS, ZERO
from services.execution.pair_state import Pair
from services.strategies.base import PairFacts


def pair_facts(core: DeskCore, pair: Pair) -> PairFacts:
    """None where a mark or an index is not fresh."""
    admitted = core.state.admitted.get(pair.id)
    hedged = pair.hedged_ts
    pnl: Decimal | None = ZERO
    for leg in pair.legs:
        entry = leg.entry_price
        mark = gatekeeping.fresh_mark(core, leg.instrument)
        usd = _fresh_usd(core, leg.instrument)
        if leg.size == ZERO:
            continue
        if entry is None or mark is None or usd is None:
            pnl = None
            break
        pnl = None if pnl is None else pnl + leg.size * leg.side.sign * (mark - entry) * usd
    entry, usd = pair.short.entry_price, _fresh_usd(core, pair.short.instrument)
    notional = None if entry is None or usd is None else pair.short.size * entry * usd
    return PairFacts(
        id=pair.id,
        group=admitted.group if admitted is not None else core.instruments[pair.short.instrument].hedge_group,
        short=pair.short.instrument,
        long=pair.long.instrument,
        state=pair.state,
        opened_ts=hedged,
        leg_notional=notional,
        price_pnl=pnl,
        entry_basis=admitted.entry_basis if admitted is not None else None,
        quantity=min(leg.size for leg in pair.legs),
    )


def _fresh_usd(core: DeskCore, instrument: str) -> Decimal | None:
    spec = core.instruments[instrument]
    return core.picture.fresh_index(spec.venue, spec.quote, core.now)


def basis_bps(core: DeskCore, pair: Pair) -> Decimal | None:
    """(USD price of the short leg / of the long leg - 1) at the entry fills, bps."""
    short, long = pair.short.entry_price, pair.long.entry_price
    short_usd = core.picture.quote_usd(pair.short.instrument)
    long_usd = core.picture.quote_usd(pair.long.instrument)
    if short is None or long is None or short_usd is None or long_usd is None:
        return None
    return (short * short_usd / (long * long_usd) - 1) / BPS
