"""Samples of equity for reports: by the clock, whenever the unit value has moved, and at a graceful stop."""

from __future__ import annotations

from decimal import Decimal

from services.desk import attributing, gatekeeping, market_rows
from services.desk.core import MINUTE, DeskCore
from services.domain.money import ZERO
from services.domain.records import EquityRecord
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import Margin, account_margin, merge_margins

EQUITY_EVERY_NS = 5 * MINUTE
MOVED = Decimal("0.001")
"""Of the unit value since the last sample."""


def due(core: DeskCore) -> bool:
    """Every five minutes of the clock, and whenever the unit value has moved: a report tells highs and lows
    as the breakers have seen them. And at the first value of all, or what was paid until the clock strikes
    would be in no return and no drawdown."""
    state, last = core.state, core.breaker.state.last
    value = None if last is None else last.value
    first = state.sampled is None and last is not None and last.ts == core.now and last.value > ZERO
    moved = value is not None and state.sampled is not None and abs(value / state.sampled - 1) >= MOVED
    on_time = core.now >= state.next_equity
    if on_time:
        every = max(EQUITY_EVERY_NS, core.settings.data_step_ns)
        state.next_equity = (core.now // every + 1) * every
    wanted = on_time or moved or first
    if wanted:
        state.sampled = value if value is not None and value > ZERO else None
    return wanted


def take(core: DeskCore, books: dict[str, AccountInput], margins: dict[str, Margin], total: Margin) -> None:
    """At a look at everything: what the breakers have just been told is the unit value."""
    last = core.breaker.state.last
    # Equity is unknown now where they were told none: the last value would be drawn as if it were still true.
    value = last.value if last is not None and last.ts == core.now else None
    _record(core, books, margins, total, value)


def last(core: DeskCore) -> None:
    """At a graceful stop: what was earned since the clock struck is in the report, too. Only a look: no
    breaker hears of it, for what it might trip could not be done any more. Unknown equity adds nothing."""
    books = gatekeeping.accounts(core, marks_of_all=False)
    margins = {venue: account_margin(book) for venue, book in books.items()}
    total = merge_margins(margins.values())
    if total.equity is None:
        return
    begun = all(core.state.venue(venue).opened for venue in core.account_venues())
    _record(core, books, margins, total, core.units.present(total.equity) if begun else None)


def _record(
    core: DeskCore,
    books: dict[str, AccountInput],
    margins: dict[str, Margin],
    total: Margin,
    value: Decimal | None,
) -> None:
    daily = core.breaker.loss("daily")
    start = core.breaker.state.day_start
    pnl = None
    if start is not None and value is not None and total.equity is not None and start > ZERO:
        pnl = total.equity * (1 - start / value) if value > ZERO else None
    for name, margin in (("all", total), *margins.items()):
        free = None
        if margin.collateral_initial is not None and margin.initial is not None:
            free = margin.collateral_initial - margin.initial
        core.record(
            EquityRecord(
                ts=core.now,
                account=name,
                total_balance=margin.equity,
                available_balance=free,
                total_position_size=margin.notional,
                leverage=margin.leverage,
                daily_pnl=pnl if name == "all" and daily is not None else None,
                drawdown=core.breaker.loss("drawdown") if name == "all" else None,
                unit_value=value if name == "all" else None,
            )
        )
    market_rows.coins(core, books)
    attributing.record(core)
