"""Prices apart as the first strategy on them judges them, its inventory, and the transfers that mend it.

A verdict in one word, as in the funding pane. HOLD: the pair is open. STALE: a quote is older than the desk
allows, or a chance waits for quotes that are young and in step. SHOWN: spot that is not to be traded, or of
which nothing is held.
BLOCK: a fact is unknown, or a depeg, the inventory, the other side of a leg or the trading state forbids it.
ENTER: nothing is against it. `—`: the edge is too small, or it is not the time.
"""

from __future__ import annotations

from services.desk import looks
from services.desk.core import DeskCore
from services.desk.strategy import Strategies
from services.desk.views.figures import Figures
from services.desk.views.funding import NONE
from services.desk.views.refused import entry_refused
from services.market.board import MAX_PAIRS
from services.market.crossing import BLACKOUT, COOLDOWN, IDLE, SKEWED, SMALL_EDGE, TOO_OLD, Discrepancy
from services.strategies import cross_exchange
from services.views.cross import CrossRow, CrossView, StockRow, TransferRow

_WAITS = (SMALL_EDGE, COOLDOWN, BLACKOUT, MAX_PAIRS)


def cross_view(figures: Figures, strategies: Strategies) -> CrossView | None:
    """None = no such strategy is set up and on."""
    names = [
        name
        for name, settings in figures.core.settings.strategies.items()
        if settings.kind == cross_exchange.KIND and settings.enabled and name in strategies.states
    ]
    if not names:
        return None
    return figures.cache.get("cross", figures.token, lambda: _judge(figures, strategies, names[0]))


def _judge(figures: Figures, strategies: Strategies, name: str) -> CrossView:
    core = figures.core
    settings = core.settings.strategies[name]
    view = strategies.view(name, settings)
    judged = cross_exchange.rows(view, settings.cross, strategies.states[name])
    return CrossView(
        strategy=name,
        rows=tuple(row_of(core, name, each) for each in judged),
        inventory=tuple(
            StockRow(coin=each.coin, venue=each.venue, balance=each.balance, target=each.target, low=each.low)
            for each in view.stocks
        ),
        transfers=tuple(
            TransferRow(coin=each.coin, amount=each.amount, source=each.source, to=each.to)
            for each in looks.suggested(core, view.stocks)
        ),
    )


def row_of(core: DeskCore, name: str, row: Discrepancy) -> CrossRow:
    verdict, reason = _verdict(row)
    refused = entry_refused(core, name, row.sell, row.buy) if verdict == "ENTER" else ""
    if refused:
        verdict, reason = "BLOCK", refused
    return CrossRow(
        sell=row.sell,
        buy=row.buy,
        kind=row.kind,
        unit=row.unit,
        quantity=row.quantity,
        gross=row.gross,
        costs=row.costs,
        net_edge=row.net,
        age_ms=row.age_ms,
        skew_ms=row.skew_ms,
        residue=row.residue,
        verdict=verdict,
        reason=reason,
        pair=row.pair,
    )


def _verdict(row: Discrepancy) -> tuple[str, str]:
    """One word, and the refusal that it stands on."""
    if row.pair is not None:
        return "HOLD", f"{row.pair} is open"
    if not row.refusals:
        return "ENTER", "enter"
    old = [text for text in row.refusals if text.startswith("stale ")]
    if old:
        return "STALE", old[0]
    out_of_step = [text for text in row.refusals if text.startswith((TOO_OLD, SKEWED))]
    waits = [text for text in row.refusals if text in _WAITS]
    idle = [text for text in row.refusals if text.startswith(IDLE)]
    grave = [text for text in row.refusals if text not in (*waits, *out_of_step, *idle)]
    if grave:
        return "BLOCK", grave[0]
    if idle and SMALL_EDGE not in waits:
        return "SHOWN", idle[0]
    if waits:
        return NONE, waits[0]
    return "STALE", out_of_step[0]
