"""Screen 2: the instruments as a table, the book of the selected one as a ladder, its history as charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from screens import format as f
from screens.draw import plots
from screens.draw.context import Context
from screens.draw.order import last, settled
from screens.draw.positions import age_span
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, first_that_fits, flow, wrap
from screens.table import Column, fit, header, row, visible
from services.views.markets import BookView, LevelView, MarketRow, MarketsView
from themes import glyphs as g

COLUMNS = (
    Column("symbol", "Instrument", 15),
    Column("venue", "Venue", 5),
    Column("bid", "Bid", 9, right=True, gap=2),
    Column("ask", "Ask", 9, right=True),
    Column("spread", "bps", 5, right=True),
    Column("mark", "Mark", 9, right=True, gap=2),
    Column("index", "Index", 9, right=True),
    Column("basis", "Basis bps", 9, right=True),
    Column("rate", "bps/8h", 7, right=True, gap=2),
    Column("per", "per", 4, right=True),
    Column("settles", "Settles", 8, right=True, gap=2),
    Column("held", "Held", 8, right=True, gap=2),
    Column("note", "", 0, gap=2, flex=True),
    Column("age", "Age", 7, right=True),
)
NAMES = {
    "bid": "bid",
    "ask": "ask",
    "spread": "spread",
    "mark": "mark",
    "index": "index",
    "basis": "basis",
    "rate": "funding",
    "per": "interval",
    "settles": "settles",
    "held": "held",
    "note": "note",
}
DROP = ("note", "index", "settles", "per", "spread", "held", "basis", "bid", "ask")
SORTS = ("", "funding", "basis", "spread")
EMPTY = "No instruments yet. They appear once a venue has told its list."
_KEYS: dict[str, Callable[[MarketRow], Any]] = {
    "funding": lambda r: last([r.rate], lambda one: -one[0]),
    "basis": lambda r: last([r.basis_bps], lambda one: -abs(one[0])),
    "spread": lambda r: last([r.spread_bps], lambda one: one[0]),
}


def table(view: MarketsView, width: int, context: Context) -> Content:
    content = Content(title="Markets", summary=_summary(view))
    shown = [r for r in view.rows if context.keeps(r.symbol, r.venue, r.kind, r.note)]
    if not shown:
        text = context.no_match("instrument") if view.rows else EMPTY
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    key = _KEYS.get(context.sort)
    if key is not None:
        shown = settled(shown, key, lambda r: r.instrument, context)
    cells = [_cells(r, context) for r in shown]
    layout = fit(visible(COLUMNS, context.hidden), cells, width, DROP)
    if not layout.wrapped:
        content.head = [header(layout)]
    for r, one in zip(shown, cells, strict=True):
        lines = row(layout, one)
        if r.level == "stale":
            lines = [_past(line) for line in lines]
        content.rows.append(Row(lines, key=r.instrument))
    return content


def _past(line: Line) -> Line:
    return Line(
        (span if span.text.startswith(g.LOST) else Span(span.text, "stale") for span in line.spans),
        line.ground,
    )


def _summary(view: MarketsView) -> tuple[Spans, ...]:
    stale = sum(r.level == "stale" for r in view.rows)
    perps = sum(r.kind == "perp" for r in view.rows)
    words: Spans = (Span(f"{perps} perps, {len(view.rows) - perps} spot", "muted"),)
    if stale:
        return ((*words, Span(f" {g.DOT} ", "muted"), Span(f"{stale} stale", "*warn")), words)
    return (words,)


def _cells(r: MarketRow, context: Context) -> dict[str, Sequence[Spans]]:
    def price(value: Decimal | None) -> Span:
        return Span(g.NONE, "muted") if value is None else Span(f.on_grid(value, r.price_increment), "text")

    return {
        "symbol": ((Span(f.clean(r.symbol), "*strong" if r.held else "strong"),),),
        "venue": ((Span(f.clean(r.venue), "text"),),),
        "bid": ((price(r.bid),),),
        "ask": ((price(r.ask),),),
        "spread": ((_plain(r.spread_bps),),),
        "mark": ((price(r.mark),),),
        "index": ((_index(r.index, r.price_increment),),),
        "basis": ((_signed(r.basis_bps),),),
        "rate": _rate(r),
        "per": ((Span(f.interval(r.interval_h) if r.kind == "perp" else g.NONE, "muted"),),),
        "settles": ((Span(f.until(r.settles_ns), "muted"),),),
        "held": ((_held(r.held, r.size_increment),),),
        "note": ((Span(f.clean(r.note), "warn"),),),
        "age": ((age_span(r.age_ms, r.level, holds=bool(r.held), remote=context.remote),),),
    }


def _plain(value: float | None) -> Span:
    return Span(g.NONE, "muted") if value is None else Span(f"{value:.1f}", "text")


def _index(value: float | None, increment: Decimal) -> Span:
    return Span(g.NONE, "muted") if value is None else Span(f"{value:,.{f.places_of(increment)}f}", "text")


def _signed(value: float | None) -> Span:
    if value is None:
        return Span(g.NONE, "muted")
    return Span(bps(value), "text")


def bps(value: float) -> str:
    """`+2.3`, `−0.4`, with the sign of the console; zero has none."""
    text = f"{abs(value):.1f}"
    if not float(text):
        return text
    return (g.MINUS if value < 0 else "+") + text


def _rate(r: MarketRow) -> Sequence[Spans]:
    if r.kind != "perp":
        return ((Span(g.NONE, "muted"),),)
    if r.rate is None:
        return ((Span(f.UNKNOWN, "warn"),),)
    return ((Span(f.signed(r.rate), "text" if r.predicted else "muted"),),)


def _held(size: Decimal, increment: Decimal) -> Span:
    if not size:
        return Span(g.NONE, "muted")
    return Span(f.signed(size, f.places_of(increment)), "text")


def drawer(view: MarketsView, key: str, width: int, context: Context) -> list[Line]:
    r = next((r for r in view.rows if r.instrument == key), None)
    if r is None:
        return []
    name: Spans = (
        Span(f.clean(r.symbol), "*strong"),
        Span(f"  {f.clean(r.venue)} {g.DOT} {r.kind}", "muted"),
        Span(f" {g.DOT} {f.clean(r.note)}" if r.note else "", "warn"),
    )
    cells = _cells(r, context)
    words = (("bid", "bid"), ("ask", "ask"), ("spread bps", "spread"), ("mark", "mark"), ("index", "index"))
    more = (("basis bps", "basis"), ("funding bps/8h", "rate"), ("every", "per"), ("settles in", "settles"))
    facts: list[Spans] = [
        (Span(f"{word} ", "muted"), *cells[column][0]) for word, column in (*words, *more, ("held", "held"))
    ]
    steps = (Span("steps ", "muted"), Span(f"{r.price_increment:f} / {r.size_increment:f}", "text"))
    return flow([name], width) + flow([*facts, steps], width)


# ---- the selected instrument


def ladder(view: BookView, width: int, height: int) -> Content:
    """Asks above, bids below, the spread between; bars are the size at a price. A stale book stays, without
    its colours and with its age."""
    age = book_age(view)
    name = Span(_short(view.instrument), "muted")
    content = Content(title="Book", summary=((name, *((Span("  ", "muted"), *age) if age else ())), age))
    if not view.bids and not view.asks:
        content.rows = [
            Row([line])
            for line in wrap(
                "No book: the venue has sent no quote. 6 shows how its connection is.", width, "muted"
            )
        ]
        return content
    half = max(1, (height - 2) // 2)
    asks, bids = _shown(view.asks, half), _shown(view.bids, half)
    both = [level for level, _ in (*asks, *bids)]
    most = max((level.size for level in both), default=Decimal(1)) or Decimal(1)
    price_width = max(len(f.on_grid(level.price, view.price_increment)) for level in both)
    size_width = max(len(f.on_grid(level.size, view.size_increment)) for level in both)
    sum_width = max(len(f.on_grid(total, view.size_increment)) for _, total in (*asks, *bids))
    bar = width - price_width - size_width - sum_width - 6
    head = Line([Span("Price".rjust(price_width + 2), "muted"), Span("Size".rjust(size_width + 1), "muted")])
    content.head = [head.to(width - sum_width).add("Sum".rjust(sum_width), "muted")]

    def drawn(level: LevelView, total: Decimal) -> Line:
        line = Line([Span(f"{g.INTO} " if level.ours else "  ", "*accent")])
        price = f.on_grid(level.price, view.price_increment).rjust(price_width)
        line.add(price, "*strong" if level.ours else "text")
        line.add(f.on_grid(level.size, view.size_increment).rjust(size_width + 1), "text").add("  ")
        if bar >= 6:
            fill, track = f.bar(level.size / most, bar)
            line.add(fill, "series").add(track, "track")
        return line.to(width - sum_width).add(f.on_grid(total, view.size_increment).rjust(sum_width), "muted")

    lines = [drawn(level, total) for level, total in reversed(asks)]
    lines.append(_between(view, width))
    lines += [drawn(level, total) for level, total in bids]
    if not view.whole:
        lines += wrap("Only the best prices and what lies within 5 bps are known now.", width, "muted")
    if view.level == "stale":
        lines = [line.recoloured("stale") for line in lines]
    content.rows = [Row([line]) for line in lines]
    return content


def book_age(view: BookView) -> tuple[Span, ...]:
    """How old the picture is, when it is not fresh."""
    if view.level == "fresh":
        return ()
    return (age_span(view.age_ms, view.level, holds=False, remote=False),)


def _shown(levels: Sequence[LevelView], most: int) -> list[tuple[LevelView, Decimal]]:
    """The best levels with what stands up to them. Where an order of ours lies further out, the last row is
    the nearest of them."""
    out, total = [], Decimal(0)
    for level in levels:
        total += level.size
        out.append((level, total))
    ours = next((each for each in out[most:] if each[0].ours), None)
    if ours is None or most < 3 or any(level.ours for level, _ in out[:most]):
        return out[:most]
    return [*out[: most - 1], ours]


def _between(view: BookView, width: int) -> Line:
    if not view.bids or not view.asks:
        return Line([Span("one side is empty", "warn")])
    bid, ask = view.bids[0].price, view.asks[0].price
    spread = float((ask - bid) / ((ask + bid) / 2)) * 10_000
    line = Line([Span(f"  {spread:.1f} bps", "*text")])
    mark = "" if view.mark is None else f.on_grid(view.mark, view.price_increment)
    if mark and line.width + len(mark) + 8 <= width:
        line.add("   mark ", "muted").add(mark, "text")
    sides = f" asks {g.UP} {g.DOWN} bids"
    rule = width - line.width - len(sides) - 1
    if rule < 2:
        return line
    return line.add(" ", "text").add("─" * rule, "border").add(sides, "muted")


def candles(view: BookView, width: int, height: int) -> Content:
    content = Content(title="Candles")
    content.summary = (
        (Span(f"{_short(view.instrument)} {g.DOT} mid, {_minutes(view.minutes)}", "muted"),),
        (),
    )
    places = f.places_of(view.price_increment)
    bars = [(c.start, c.open, c.high, c.low, c.close) for c in view.candles]
    lines = plots.candles(bars, width, height, lambda value: f"{value:,.{places}f}")
    content.rows = _or_empty(
        lines, "No candle yet: they are built from quotes since the engine's start.", width
    )
    return content


def basis(view: BookView, width: int, height: int) -> Content:
    content = Content(title="Basis", summary=((Span("mark − index, bps", "muted"),), (Span("bps", "muted"),)))
    points = [(c.start, c.basis_bps) for c in view.candles if c.basis_bps is not None]
    lines = plots.line_chart(points, width, height, bps)
    content.rows = _or_empty(lines, "No basis: the venue tells no mark and index of it.", width)
    return content


def funding(view: BookView, width: int, height: int) -> Content:
    content = Content(title="Funding", summary=(*_next(view), ()))
    points = [(each.ts, float(each.rate)) for each in view.settled]
    pending = view.rate is not None and view.predicted and view.settles_ns is not None
    if view.rate is not None and view.settles_ns is not None and pending:
        points.append((view.ts + view.settles_ns, float(view.rate)))
    lines = plots.columns(points, width, height, _hundredths, pending=pending)
    content.rows = _or_empty(
        lines, "No settlement known yet. They come with the venue's funding history.", width
    )
    return content


def _hundredths(value: float) -> str:
    return f"{value:+.2f}".replace("-", g.MINUS) if abs(value) >= 0.005 else "0.00"


def _next(view: BookView) -> tuple[Spans, ...]:
    if view.rate is None:
        return ((Span("bps/8h", "muted"),),)
    rate = Span(f.signed(view.rate), "*accent" if view.predicted else "text")
    when = f" in {f.until(view.settles_ns)}" if view.settles_ns is not None else ""
    per = f"bps/8h, each {f.interval(view.interval_h)}"
    return (
        (Span(f"{per} {g.DOT} next ", "muted"), rate, Span(when, "muted")),
        (Span("next ", "muted"), rate, Span(when, "muted")),
        (Span("next ", "muted"), rate),
    )


def spreads(view: BookView, width: int, height: int) -> Content:
    content = Content(title="Spread", summary=((Span("bid to ask, bps", "muted"),), (Span("bps", "muted"),)))
    lines = plots.histogram([(each.from_bps, each.quotes) for each in view.spreads], width, height - 1, 0.1)
    if lines and view.spread_median_bps is not None and view.spread_wide_bps is not None:
        half, wide = (
            Span(f"{view.spread_median_bps:.1f}", "text"),
            Span(f"{view.spread_wide_bps:.1f}", "text"),
        )
        facts: tuple[Spans, ...] = (
            (Span("half within ", "muted"), half, Span(f" {g.DOT} 19 of 20 within ", "muted"), wide),
            (Span("50 % ", "muted"), half, Span("  95 % ", "muted"), wide),
            (Span("half within ", "muted"), half),
        )
        lines.append(Line(first_that_fits(facts, width)))
    content.rows = _or_empty(
        lines, "No quote counted yet. Spreads are counted from the engine's start on.", width
    )
    return content


def _or_empty(lines: Sequence[Line], text: str, width: int) -> list[Row]:
    return [Row([line]) for line in lines or wrap(text, width, "muted")]


def _short(instrument: str) -> str:
    symbol, _, venue = instrument.rpartition(".")
    return f"{f.clean(symbol)} {f.clean(venue)}"


def _minutes(minutes: int) -> str:
    return f"{minutes} m" if minutes < 60 else f"{minutes // 60} h"
