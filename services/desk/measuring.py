"""Takes the pairs' own quotes and fills into the statistics that the entry rule and the sizing learn from."""

from __future__ import annotations

from decimal import Decimal

from services.desk.core import DeskCore
from services.domain.enums import Purpose
from services.domain.events import OrderFilled, OrderRejected
from services.domain.money import ZERO
from services.execution.entries import OrderEntry
from services.execution.measured import FillStats, note_fill, note_quote

_COUNTED = (Purpose.ENTRY, Purpose.HEDGE, Purpose.EXIT)
"""Protection pays what it must; that says nothing about what an entry costs."""


def stats_of(core: DeskCore, strategy: str) -> FillStats:
    return core.state.measured.setdefault(strategy, FillStats())


def on_sent(core: DeskCore, entry: OrderEntry) -> None:
    """A quote of leg 1 went out."""
    request = entry.request
    strategy = _strategy(core, entry)
    if not request.post_only or strategy is None:
        return
    usd = core.picture.quote_usd(request.instrument)
    worth = None if usd is None or request.price is None else request.quantity * request.price * usd
    note_quote(stats_of(core, strategy), request.purpose, request.attempt, worth)


def on_refused(core: DeskCore, event: OrderRejected, entry: OrderEntry) -> None:
    strategy = _strategy(core, entry)
    if event.would_cross and strategy is not None:
        stats_of(core, strategy).way(entry.request.purpose).refused += 1


def on_fill(core: DeskCore, fill: OrderFilled, entry: OrderEntry, fee_usd: Decimal | None) -> None:
    """`fee_usd`: the fee of this fill in USD, paid > 0."""
    strategy = _strategy(core, entry)
    if strategy is None or entry.request.pair is None:
        return
    usd = core.picture.quote_usd(fill.instrument)
    notional = None if usd is None else fill.quantity * fill.price * usd
    mid = entry.request.decided_mid
    if fill.maker:
        fresh = core.picture.fresh_quote(fill.instrument, core.now) is not None
        mid = core.picture.mid(fill.instrument) if fresh else None
    note_fill(
        stats_of(core, strategy),
        purpose=entry.request.purpose,
        maker=fill.maker,
        side=fill.side,
        price=fill.price,
        mid=mid,
        notional=notional,
        fee_usd=fee_usd,
    )
    admitted = core.state.admitted.get(entry.request.pair)
    if admitted is not None and notional is not None:
        admitted.rested += notional if fill.maker else ZERO
        admitted.took += ZERO if fill.maker else notional


def _strategy(core: DeskCore, entry: OrderEntry) -> str | None:
    """The strategy whose figures an order belongs to; None = to nobody's."""
    request = entry.request
    pair = core.pairs.get(request.pair) if request.pair is not None else None
    return pair.strategy if pair is not None and request.purpose in _COUNTED else None
