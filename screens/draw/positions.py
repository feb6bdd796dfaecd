"""Positions: the legs of each pair under the pair's own line, then outright positions, then the total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from screens import format as f
from screens.draw.context import Context
from screens.draw.legs import told_apart
from screens.draw.order import last, settled
from screens.draw.pairs import pair_facts, pair_line, share_of, signed
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, Fit, fit, header, row, visible
from services.views.desk import DeskView, PairView, PositionView
from themes import glyphs as g

COLUMNS = (
    Column("symbol", " Symbol", 15),
    Column("venue", "Venue", 5),
    Column("side", "Side", 7, gap=2),
    Column("size", "Size", 7, right=True),
    Column("entry", "Entry", 9, right=True),
    Column("mark", "Mark", 8, right=True, gap=2),
    Column("notional", "Notional", 8, right=True, gap=2),
    Column("upnl", "uPnL $", 10, right=True),
    Column("funding", "Funding", 8, right=True),
    Column("lev", "Lev", 5, right=True),
    Column("liq", "Liq. at", 9, right=True),
    Column("away", "Liq away", 8, right=True),
    Column("gauge", "", 7, most=8),
    Column("stop", "Stop", 14, gap=2, flex=True),
    Column("strategy", "Strategy", 11, gap=2),
    Column("held", "Held", 5, right=True),
    Column("age", "Age", 7, right=True),
)
DROP = ("gauge", "strategy", "held", "entry", "liq", "lev", "mark", "venue", "notional", "funding")
NAMES = {
    "venue": "venue",
    "entry": "entry",
    "mark": "mark",
    "notional": "notional",
    "funding": "funding so far",
    "lev": "account leverage",
    "liq": "liquidation price",
    "gauge": "liquidation bar",
    "strategy": "strategy",
    "held": "held since",
}
"""Columns that may be hidden; the others say what is at stake."""
SORTS = ("", "uPnL", "size", "age")
_SORT_KEYS: dict[str, Callable[[Sequence[PositionView]], Any]] = {
    "uPnL": lambda legs: last([leg.upnl for leg in legs], lambda all_of: -sum(all_of, Decimal(0))),
    "size": lambda legs: last([leg.notional for leg in legs], lambda all_of: -max(all_of)),
    "age": lambda legs: last([leg.age_ms for leg in legs], lambda all_of: -max(all_of)),
}
STOPPED = "Nothing opens while trading is stopped: TRADE says why; 2 looks at markets."
UNSEEN = "An account has not been read since: see at its venue what is open there; 6 says why."
RESTING = "No strategy runs: 4 says why and lets one run again; o and O open a ticket."
EMPTY = "Strategies open pairs when one passes every check; 2 looks at markets, o opens a ticket."


def draw(view: DeskView, width: int, context: Context) -> Content:
    content = Content(title="Positions", summary=_summary(view))
    shown = [p for p in view.positions if context.keeps(p.symbol, p.venue, p.strategy, p.pair or "")]
    if not shown:
        # What cannot happen now is no promise to make: the bar says why, R or time ends it.
        stopped = any(limit.level == "STOP" for limit in view.risk.limits)
        rests = bool(view.strategies) and all(state != "running" for _, state, _ in view.strategies)
        none = f"No positions. {STOPPED if stopped else RESTING if rests else EMPTY}"
        if (ms := context.unseen_ms) is not None:
            none = f"No positions {f.age_ms(ms, context.remote)} ago. {UNSEEN}"
        text = context.no_match("position") if view.positions else none
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    cells = {p.key: _cells(p, context) for p in shown}
    total = _total_cells(view)
    layout = fit(visible(COLUMNS, context.hidden), [*cells.values(), total], width, DROP)
    if not layout.wrapped:
        content.head = [header(layout)]
    if not layout.shows("venue"):
        _with_venues(shown, cells)
    for pair, legs in _groups(view.pairs, shown, context):
        if pair is not None and not legs:
            continue
        if content.rows and context.room:
            content.rows.append(Row([Line()]))
        if pair is not None:
            stale = [leg for leg in legs if leg.level == "stale"]
            content.rows.append(Row([pair_line(pair, stale, width, context)]))
        for at, leg in enumerate(legs):
            join = "" if pair is None else "╰" if at == len(legs) - 1 else "│"
            content.rows.append(_position(leg, cells[leg.key], layout, join))
    if layout.shows("notional") and not context.needle:
        content.rows.append(Row(row(layout, total)))
    return content


def _with_venues(shown: Sequence[PositionView], cells: dict[str, dict[str, Sequence[Spans]]]) -> None:
    """Without their column: legs of one symbol on two venues say theirs in their names."""
    for at, (name, venue) in told_apart([(p.symbol, p.venue) for p in shown]).items():
        key = shown[at].key
        [(before, ink)] = cells[key]["symbol"][0]
        indent = before[: len(before) - len(before.lstrip())]
        cells[key] = cells[key] | {"symbol": ((Span(indent + name.text, ink), venue),)}


def _groups(
    pairs: Sequence[PairView], positions: Sequence[PositionView], context: Context
) -> list[tuple[PairView | None, list[PositionView]]]:
    groups: list[tuple[PairView | None, list[PositionView]]] = []
    placed: set[str] = set()
    for pair in pairs:
        legs = [p for p in positions if p.pair == pair.id]
        placed.update(p.instrument for p in legs)
        groups.append((pair, legs))
    rest = [p for p in positions if p.pair is None or all(p.pair != pair.id for pair in pairs)]
    if rest:
        groups.append((None, rest))
    key = _SORT_KEYS.get(context.sort)
    if key is None:
        return groups
    return settled(groups, lambda each: key(each[1]), lambda each: each[0].id if each[0] else "", context)


def _cells(p: PositionView, context: Context) -> dict[str, Sequence[Spans]]:
    stale = p.level == "stale"
    arrow = g.DOWN if p.side == "short" else g.UP
    mark = g.LAST_KNOWN if stale else ""  # what is reckoned from old prices, also where there is no colour
    return {
        "symbol": ((Span("  " + f.clean(p.symbol), "*strong" if not stale else "stale"),),),
        "venue": ((Span(f.clean(p.venue), "text"),),),
        "side": ((Span(f"{arrow} ", "muted"), Span(p.side, "text")),),
        "size": ((Span(f.on_grid(abs(p.size), p.size_increment), "text"),),),
        "entry": ((Span(f.on_grid(p.entry, p.price_increment), "text"),),),
        "mark": ((_maybe(p.mark, lambda v: f.on_grid(v, p.price_increment), "text"),),),
        "notional": ((_maybe(p.notional, lambda v: mark + f.number(v, 0), "text"),),),
        "upnl": gain(p.upnl, known=not stale),
        "funding": tuple((span,) for span in signed(p.funding)),
        "lev": ((_maybe(p.leverage, lambda v: mark + f.times(v), "text"),),),
        "liq": ((_liquidation_price(p, stale),),),
        "away": ((_away(p, stale, context),),),
        "gauge": _gauge(p, stale, context),
        "stop": _stop(p),
        "strategy": (
            (Span("foreign" if p.foreign else f.clean(p.strategy), "warn" if p.foreign else "muted"),),
        ),
        "held": ((Span(f.coarse(p.held_ns), "muted"),),),
        "age": ((age_span(p.age_ms, p.level, holds=True, remote=context.remote),),),
    }


def age_span(age_ms: int | None, level: str, holds: bool, remote: bool) -> Span:
    """Fresh is muted, late is a warning, stale is an alarm where we hold something."""
    if level == "stale" or age_ms is None:
        text = f.UNKNOWN if age_ms is None else f.age_ms(age_ms, remote)
        return Span(f"{g.LOST} {text}", "*alarm" if holds else "warn")
    if level == "late":
        return Span(f"{g.DEGRADED} {f.age_ms(age_ms, remote)}", "warn")
    return Span(f.age_ms(age_ms, remote), "muted")


def gain(value: Decimal | None, bold: bool = False, known: bool = True) -> Sequence[Spans]:
    """Money with a direction: `▲ +141.58`; zero is muted and has no arrow; `~` when it rests on old data."""
    if value is None:
        return ((Span(f.UNKNOWN, "muted"),),)
    star = "*" if bold else ""
    mark = "" if known else g.LAST_KNOWN
    out: list[Spans] = []
    for text in f.money_choices(value):
        if not f.rounded(value, 2):
            out.append((Span(mark + text, "muted"),))
        elif not known:
            out.append((Span(mark + text, "stale"),))
        else:
            ink = star + ("pos" if value > 0 else "neg")
            out.append((Span(g.UP + " " if value > 0 else g.DOWN + " ", ink), Span(text, ink)))
    return out


def _maybe(value: Decimal | None, write: Callable[[Decimal], str], ink: str) -> Span:
    return Span(f.UNKNOWN, "muted") if value is None else Span(write(value), ink)


def _liquidation_price(p: PositionView, stale: bool) -> Span:
    if stale or p.liquidation_price is None:
        return Span(g.NONE, "muted")
    return Span(f.on_grid(p.liquidation_price, p.price_increment), "text")


def _away(p: PositionView, stale: bool, context: Context) -> Span:
    if stale:
        return Span(f.UNKNOWN, "muted")
    if p.liquidation_away is None:
        return Span(g.NONE, "muted")
    ink = {"alarm": "*alarm", "warn": "warn", "ok": "text"}[context.near(p.liquidation_away)]
    return Span(f.percent(p.liquidation_away), ink)


def _gauge(p: PositionView, stale: bool, context: Context) -> Sequence[Spans]:
    """Distance used up: longer is worse."""
    if stale or p.liquidation_away is None:
        return ((),)
    used = max(Decimal(0), 1 - p.liquidation_away)
    ink = f"{context.near(p.liquidation_away)}_bar"
    out = []
    for width in (8, 7):
        fill, track = f.bar(used, width)
        out.append((Span(fill, ink), Span(track, "track")))
    return out


def _stop(p: PositionView) -> Sequence[Spans]:
    stop = p.stop
    if stop.kind == "PAIR":
        level = "" if stop.local is None else f.signed_percent(-abs(stop.local))
        return ((Span("pair ", "muted"), Span(level, "text")),)
    if stop.kind == "DUST":
        return ((Span("dust", "muted"),),)
    if stop.kind == "NONE" or (stop.local is None and stop.resting is None):
        return ((Span("NONE", "*alarm"),),)
    local = "" if stop.local is None else f.on_grid(stop.local, p.price_increment)
    resting = "" if stop.resting is None else f.on_grid(stop.resting, p.price_increment)
    if not resting:
        return ((Span("local ", "muted"), Span(local, "text")), (Span(local, "text"),))
    if not local:
        return ((Span("rest ", "muted"), Span(resting, "text")),)
    return (
        (Span("local ", "muted"), Span(local, "text"), Span("  rest ", "muted"), Span(resting, "text")),
        (Span(local, "text"), Span(" +rest", "muted")),
        (Span(local, "text"),),
    )


def _position(p: PositionView, cells: Cells, layout: Fit, join: str) -> Row:
    lines = row(layout, cells)
    if p.level == "stale":
        lines = [_without_colour(line) for line in lines]
    if join:
        lines = [_joined(line, join if at == len(lines) - 1 else "│") for at, line in enumerate(lines)]
    return Row(lines, key=p.key)


def _joined(line: Line, join: str) -> Line:
    """The bracket of a pair at the left of its legs."""
    text, ink = line.spans[0]
    rest = line.spans[1:]
    if text.startswith("  "):
        return Line([Span(f" {join}"[1:] + " ", "faint"), Span(text[2:], ink), *rest], line.ground)
    return line


def _without_colour(line: Line) -> Line:
    """A stale row: all in `stale` but the words that say so."""
    kept = (g.LOST, "NONE")
    return Line(
        (
            span
            if span.ink.lstrip("*") == "alarm" and span.text.startswith(kept)
            else Span(span.text, "stale")
            for span in line.spans
        ),
        line.ground,
    )


def _total_cells(view: DeskView) -> dict[str, Sequence[Spans]]:
    old = any(p.level == "stale" for p in view.positions)
    mark = g.LAST_KNOWN if old else ""
    notional = f.UNKNOWN if view.total_notional is None else mark + f.number(view.total_notional, 0)
    leverage = f.UNKNOWN if view.total_leverage is None else mark + f.times(view.total_leverage)
    return {
        "symbol": ((Span("  total", "muted"),),),
        "notional": ((Span(notional, "*strong"),),),
        "upnl": gain(view.total_upnl, known=not old),
        "funding": tuple((span,) for span in signed(view.total_funding)),
        "lev": ((Span(leverage, "*strong"),),),
    }


def _summary(view: DeskView) -> tuple[Spans, ...]:
    stale = [p for p in view.positions if p.level == "stale"]
    if stale:
        venues = sorted({p.venue for p in stale})
        oldest = max((p.age_ms or 0 for p in stale), default=0)
        name = venues[0] if len(venues) == 1 else f"{len(venues)} venues"
        return (
            (Span(f"{name} rows are ", "muted"), Span(f"{f.age_ms(oldest)} old", "*alarm")),
            (Span("stale rows", "*alarm"),),
        )
    if not view.positions:
        return ()
    singles = sum(1 for p in view.positions if p.pair is None)
    pairs = len(view.pairs)
    words = f"{pairs} pair{'' if pairs == 1 else 's'}"
    if singles:
        words += f", {singles} directional"
    return ((Span(words, "muted"),), (Span(f"{len(view.positions)}", "muted"),))


def drawer(view: DeskView, key: str, width: int, context: Context) -> list[Line]:
    """All of the selected row that its columns may have dropped."""
    found = next((p for p in view.positions if p.key == key), None)
    if found is None:
        return []
    pair = next((pair for pair in view.pairs if pair.id == found.pair), None)
    items = _facts(found, pair)
    name = [
        Span(f.clean(found.symbol), "*strong"),
        Span(
            f"  {f.clean(found.venue)} {g.DOT} {'foreign' if found.foreign else f.clean(found.strategy)}"
            f" {g.DOT} held {f.coarse(found.held_ns)}"
            + (f" {g.DOT} pair {found.pair}" if found.pair else ""),
            "muted",
        ),
    ]
    lines = flow([name], width) + flow(items, width)
    if pair is not None:
        lines += flow(pair_facts(pair), width)
        if pair.reason:
            lines += wrap(f"{pair.id}: {f.clean(pair.reason)}", width, "muted")
    return lines


def _facts(p: PositionView, pair: PairView | None) -> list[Spans]:
    stale = p.level == "stale"
    cells = _cells(p, Context(now=0))
    facts: list[Spans] = [
        (Span("entry ", "muted"), Span(f.on_grid(p.entry, p.price_increment), "text")),
        (Span("mark ", "muted"), *cells["mark"][0]),
        (Span("notional ", "muted"), *cells["notional"][0]),
        (Span("liq ", "muted"), _liquidation_price(p, stale)),
        (Span("funding ", "muted"), signed(p.funding)[0]),
    ]
    if pair is not None and share_of(pair):
        facts.append((Span("realised/expected ", "muted"), Span(share_of(pair), "text")))
    facts.append((Span("account lev ", "muted"), *cells["lev"][0]))
    if p.single_leg_liquidation is not None:
        price = f.on_grid(p.single_leg_liquidation, p.price_increment)
        facts.append((Span("if the other leg vanished, liq ", "muted"), Span(price, "text")))
    facts.append((Span("stop ", "muted"), *_stop(p)[0]))
    return facts
