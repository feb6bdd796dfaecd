"""Prices that stand apart between two venues: the best few, what lies on each, and transfers to make by hand.

They stand in the funding pane, below the spreads; without a strategy of that kind nothing is drawn.
"""

from __future__ import annotations

from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.frame import Row
from screens.ink import Line, Span, Spans, flow, wrap
from services.views.cross import CrossRow, CrossView
from services.views.desk import DeskView
from themes import glyphs as g

MOST = 6
"""Rows shown; `status --json` lists all."""
_INKS = {"ENTER": "*accent", "HOLD": "*pos", "BLOCK": "*warn", "STALE": "*warn"}


def key_of(row: CrossRow) -> str:
    return f"{row.sell}|{row.buy}"


def rows(view: DeskView, width: int, context: Context) -> list[Row]:
    """A heading, the best rows (what is open always), then what runs low."""
    cross = view.cross
    if cross is None:
        return []
    title = " two venues, bps net of costs "
    out = [Row([Line([Span(title, "muted"), Span("─" * max(0, width - len(title) - 1), "border")])])]
    for row in _shown(cross, context):
        out.append(Row(flow(_line(row), width), key=key_of(row)))
    if cross.inventory:
        out.append(Row(flow(_inventory(cross), width)))
    out += [Row(flow([_transfer(cross, at)], width)) for at in range(len(cross.transfers))]
    return out


def count(view: DeskView) -> int:
    """Lines that the section takes on a wide screen."""
    cross = view.cross
    if cross is None:
        return 0
    return 1 + min(MOST, len(cross.rows)) + bool(cross.inventory) + len(cross.transfers)


def drawer(view: DeskView, key: str, width: int) -> list[Line]:
    """All figures of one row, and what stands against it."""
    found = view.cross.rows if view.cross is not None else ()
    row = next((each for each in found if key_of(each) == key), None)
    if row is None:
        return []
    facts: list[Spans] = [_fact("compared in", f.clean(row.unit)), _fact("for", f"{row.quantity:f}")]
    for word, value in (("gross", row.gross), ("costs", row.costs), ("net", row.net_edge)):
        facts.append(_fact(word, _bps(value)))
    for word, age in (("age", row.age_ms), ("apart", row.skew_ms)):
        facts.append(_fact(word, g.NONE if age is None else f"{age} ms"))
    if row.residue:
        facts.append(_fact("leaves", f.clean(row.residue)))
    lines = flow([_legs(row)], width) + flow(facts, width)
    return lines + wrap(f"{row.verdict} {f.clean(row.reason)}", width, _INKS.get(row.verdict, "muted"))


def _shown(cross: CrossView, context: Context) -> list[CrossRow]:
    kept = [each for each in cross.rows if context.keeps(each.sell, each.buy, each.verdict, each.reason)]
    return [each for at, each in enumerate(kept) if at < MOST or each.pair is not None]


def _line(row: CrossRow) -> list[Spans]:
    return [
        _legs(row),
        (Span(_bps(row.net_edge), f.gain_ink(row.net_edge, 1)),),
        (Span(row.verdict, _INKS.get(row.verdict, "muted")),),
        (Span(f.clean(row.reason), "warn" if row.verdict in ("BLOCK", "STALE") else "muted"),),
    ]


def _legs(row: CrossRow) -> Spans:
    (sold, dear), (bought, cheap) = _leg(row.sell), _leg(row.buy)
    same = sold == bought
    return (
        Span("sell ", "muted"),
        Span(sold, "strong"),
        Span(f" {dear}", "muted"),
        Span(f" {g.INTO} ", "faint"),
        Span("buy ", "muted"),
        Span("" if same else f"{bought} ", "strong"),
        Span(cheap, "muted"),
    )


def _leg(instrument: str) -> tuple[str, str]:
    symbol, _, venue = instrument.rpartition(".")
    return f.clean(symbol.removesuffix("-PERP")), f.clean(venue)


def _fact(word: str, text: str) -> Spans:
    return (Span(f"{word} ", "muted"), Span(text, "text"))


def _bps(value: Decimal | None) -> str:
    return g.NONE if value is None else f.signed(value, 1)


def _inventory(cross: CrossView) -> list[Spans]:
    """Each coin's balances, venue by venue; what is at or below its low mark stands out."""
    out: list[Spans] = [(Span("lies", "muted"),)]
    for coin in dict.fromkeys(each.coin for each in cross.inventory):
        spans = [Span(f.clean(coin), "text")]
        for row in (each for each in cross.inventory if each.coin == coin):
            ink = "warn" if row.low is not False else "text"
            spans.append(Span(f" {f.clean(row.venue)} ", "muted"))
            spans.append(Span(g.NONE if row.balance is None else _amount(row.balance), ink))
            if row.low:
                spans.append(Span(" low", "warn"))
        out.append(tuple(spans))
    return out


def _amount(value: Decimal) -> str:
    """Whole units from a hundred on: an inventory is looked at, not reckoned with."""
    return f.number(value, 0 if abs(value) >= 100 else 4)


def _transfer(cross: CrossView, at: int) -> Spans:
    move = cross.transfers[at]
    text = f"move by hand: {move.amount:,f} {move.coin} {move.source} {g.INTO} {move.to}"
    return (Span(f.clean(text), "warn"),)
