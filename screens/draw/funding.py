"""Funding spreads: the ranked pairs, then below `not ranked` what cannot be judged, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from msgspec import structs

from screens import format as f
from screens.draw import cross
from screens.draw.context import Context
from screens.draw.order import last, settled
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, Fit, Measured, Remembered, fit, header, row, visible
from services.views.desk import DeskView, FundingRowView
from themes import glyphs as g

_WIDE = (
    Column("rank", "#", 2),
    Column("group", "Group", 5),
    Column("short", "Short", 12, even=True),
    Column("short_rate", "bps/8h", 6, right=True),
    Column("short_per", "per", 3, right=True),
    Column("long", "Long", 12, even=True),
    Column("long_rate", "bps/8h", 6, right=True),
    Column("long_per", "per", 3, right=True),
    Column("spread", "Spread", 6, right=True),
    Column("settled", "settled", 8, most=16, gap=2, even=True),
    Column("apr", "APR", 7, right=True),
    Column("gross", "gross", 6, right=True),
    Column("costs", "Costs", 5, right=True),
    Column("edge", "Net", 6, right=True),
    Column("times", f"{g.TIMES}cost", 5, right=True),
    Column("even", "Even", 7, right=True, even=True),
    Column("settles", "Settles", 8, right=True),
    Column("verdict", "Verdict", 7, gap=2),
    Column("why", "Why", 26, most=60, text=True),
)
_NARROW = (
    Column("rank", "#", 2),
    Column("legs", f"Short {g.INTO} long", 18, even=True),
    Column("spread", "Spread", 6, right=True),
    Column("apr", "APR", 7, right=True),
    Column("verdict", "Verdict", 7, gap=2),
    Column("why", "Why", 16, most=60, text=True),
)
DROP = (
    "group",
    "short_rate",
    "long_rate",
    "short_per",
    "long_per",
    "gross",
    "costs",
    "settles",
    "settled",
    "even",
    "edge",
    "times",
)
NARROW_BELOW = 92
NAMES = {
    "group": "group",
    "short_rate": "rate of the short leg",
    "short_per": "interval of the short leg",
    "long_rate": "rate of the long leg",
    "long_per": "interval of the long leg",
    "settled": "last settlements",
    "gross": "income before costs",
    "costs": "costs",
    "edge": "net edge",
    "times": "edge over costs",
    "even": "break-even",
    "settles": "next settlement",
}
SORTS = ("", "spread", "group")
EMPTY = "No funding pairs yet. They appear once both venues have sent their rates."
UNRANKED = "No strategy on funding is set up: no spreads are ranked. 2 has the rates of every instrument."


def draw(view: DeskView, width: int, context: Context, order: Sequence[str] = ()) -> Content:
    """`order` = the keys in the order to show; unknown ones follow as the view has them."""
    content = _spreads(view, width, context, order)
    content.rows += cross.rows(view, width, context)
    return content


def _spreads(view: DeskView, width: int, context: Context, order: Sequence[str]) -> Content:
    content = Content(title="Funding spreads", summary=_summary(view))
    rows = [r for r in view.funding if context.keeps(r.group, r.short, r.long, r.verdict, r.reason)]
    if not rows:
        text = context.no_match("pair") if view.funding else EMPTY if view.ranks else UNRANKED
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    narrow = width < NARROW_BELOW
    cells = {key_of(r): _remembered(r) for r in rows}
    columns = _NARROW if narrow else visible(_titled(view, width), context.hidden)
    layout = fit(columns, list(cells.values()), width, DROP)
    if not layout.wrapped:
        content.head = [header(layout)]
        layout = _one_naming(layout)
    rows = _ordered(rows, context, order)
    ranked = [r for r in rows if r.rank is not None]
    rest = [r for r in rows if r.rank is None]
    for number, r in enumerate(ranked, 1):
        content.rows.append(_row(r, cells[key_of(r)], layout, number))
    if rest:
        if ranked or not layout.wrapped:
            content.rows.append(
                Row([Line([Span(" not ranked ", "muted"), Span("─" * max(0, width - 12), "border")])])
            )
        content.rows += [_row(r, cells[key_of(r)], layout, 0) for r in rest]
    return content


def _one_naming(layout: Fit) -> Fit:
    """Both legs name their venue the same way."""
    wording = max(layout.wording.get("short", 0), layout.wording.get("long", 0))
    return structs.replace(layout, wording={**layout.wording, "short": wording, "long": wording})


def key_of(r: FundingRowView) -> str:
    return f"{r.short}>{r.long}"


def _titled(view: DeskView, width: int) -> tuple[Column, ...]:
    """Long headers where there is room."""
    if width < 150:
        return _WIDE
    hold = _hold(view.hold_h)
    long = {"settled": "16 settlements", "gross": f"{hold} gross", "edge": "Net edge", "even": "Even in"}
    return tuple(
        structs.replace(c, title=long[c.id], least=max(c.least, len(long[c.id]))) if c.id in long else c
        for c in _WIDE
    )


def _hold(hours: Decimal) -> str:
    if hours >= 48 and hours % 24 == 0:
        return f"{f.number(hours / 24, 0)} d"
    return f"{f.number(hours, 0)} h"


def _summary(view: DeskView) -> tuple[Spans, ...]:
    if not view.ranks:
        return ()
    hold = _hold(view.hold_h)
    return (
        (Span(f"ranked by net edge {g.DOT} hold {hold} {g.DOT} bps of notional", "muted"),),
        (Span(f"by net edge, hold {hold}", "muted"),),
    )


def _by(sort: str, r: FundingRowView) -> tuple[Any, ...]:
    return (r.rank is None, r.group if sort == "group" else "", last([r.spread], lambda one: -one[0]))


def _ordered(rows: list[FundingRowView], context: Context, order: Sequence[str]) -> list[FundingRowView]:
    if context.sort:
        return settled(rows, partial(_by, context.sort), key_of, context)
    place = {key: at for at, key in enumerate(order)}
    return sorted(rows, key=lambda r: place.get(key_of(r), len(place)))


@lru_cache(maxsize=1_024)
def leg(instrument: str) -> tuple[str, str]:
    """(`BTC-USDT`, `alpha`) of `BTC-USDT-PERP.alpha`."""
    symbol, _, venue = instrument.rpartition(".")
    return f.clean(symbol.removesuffix("-PERP")), f.clean(venue)


@lru_cache(maxsize=1_024)
def _leg(instrument: str, ink: str) -> Sequence[Spans]:
    symbol, venue = leg(instrument)
    muted = "muted" if ink != "stale" else "stale"
    return [
        (Span(symbol, ink), Span(f" {venue}", muted)),
        (Span(symbol, ink), Span(f" {venue[:2]}", muted)),
    ]


def _figure(value: Decimal | None, places: int, ink: str = "text", sign: bool = False) -> tuple[Spans, ...]:
    return _said(value, partial(f.signed if sign else f.number, places=places), ink)


def _said(value: Decimal | None, write: Callable[[Decimal], str], ink: str = "text") -> tuple[Spans, ...]:
    return ((Span(g.NONE, "muted"),),) if value is None else ((Span(write(value), ink),),)


def _verdict_ink(r: FundingRowView) -> str:
    return {"ENTER": "*accent", "HOLD": "*pos", "BLOCK": "*warn", "STALE": "*warn"}.get(r.verdict, "muted")


def _why_ink(r: FundingRowView) -> str:
    return {"ENTER": "text", "HOLD": "text", "BLOCK": "warn", "STALE": "warn"}.get(r.verdict, "muted")


_LAST: Remembered[Measured] = Remembered()
_CELLS: Remembered[Measured] = Remembered()
_ROWS: Remembered[Row] = Remembered()


def _remembered(r: FundingRowView) -> Measured:
    """The time to settlement runs on in every frame; it is another cell only when its wording is."""
    key = key_of(r)

    def make() -> Measured:
        given = (structs.replace(r, settles_ns=None), f.until(r.settles_ns))
        return _CELLS.of(key, given, lambda: Measured(_cells(r)))

    return _LAST.of(key, r, make)


def remember(rows: Sequence[FundingRowView]) -> None:
    """Makes the cells of some rows before they are drawn. What cannot be written is the drawing's to tell."""
    with suppress(ArithmeticError):
        for r in rows:
            _remembered(r)


def _cells(r: FundingRowView) -> Cells:
    known = r.spread is not None and not r.stale
    ink = "strong" if known else "stale"
    short, long = _leg(r.short, ink), _leg(r.long, ink)
    reason = f.clean(r.reason)
    edge = r.net_edge
    figures: dict[str, Sequence[Spans]] = {
        "rank": ((),),
        "group": ((Span(f.clean(r.group).upper()[:5], "accent" if r.group == "peg" else "muted"),),),
        "short": short,
        "long": long,
        "legs": tuple((*short[i], Span(f" {g.INTO} ", "faint"), *long[i]) for i in (0, 1)),
        "short_rate": _figure(r.short_rate, 2, sign=True),
        "long_rate": _figure(r.long_rate, 2, sign=True),
        "short_per": ((Span(f.interval(r.short_interval_h), "muted" if r.short_interval_h else "warn"),),),
        "long_per": ((Span(f.interval(r.long_interval_h), "muted" if r.long_interval_h else "warn"),),),
        "spread": _figure(r.spread, 2, "*strong"),
        "settled": _sparks(r.settled),
        "apr": _said(r.apr, f.percent),
        "gross": _figure(r.gross, 1),
        "costs": _figure(r.costs, 1),
        "edge": _figure(edge, 1, f.gain_ink(edge, 1), sign=True),
        "times": _said(r.edge_multiple, partial(f.times, places=1)),
        "even": (
            (Span(f.hours(r.break_even_h), "muted" if r.break_even_h is None else "text"),),
            (Span(f.hours(r.break_even_h, 0), "text"),),
        ),
        "settles": ((Span(f.until(r.settles_ns), "muted"),),),
        "verdict": ((Span(r.verdict, _verdict_ink(r)),),),
    }
    figures["why"] = ((Span(reason, _why_ink(r)),),)
    return figures


@lru_cache(maxsize=1_024)
def _sparks(settled: tuple[float, ...]) -> Sequence[Spans]:
    ink = "series" if settled else "faint"
    return tuple([(Span(f.spark(settled, width), ink),) for width in (16, 12, 10, 8)])


def _row(r: FundingRowView, cells: Cells, layout: Fit, number: int) -> Row:
    """`number` = its place among the ranked; 0 = not ranked."""
    return _ROWS.of(key_of(r), (cells, layout, number), lambda: _drawn(r, cells, layout, number))


def _drawn(r: FundingRowView, cells: Cells, layout: Fit, number: int) -> Row:
    if layout.wrapped:
        return Row(_lines(r, cells, layout, number), key=key_of(r))
    return Row(lambda: _lines(r, cells, layout, number)[0], key=key_of(r))


def _lines(r: FundingRowView, cells: Cells, layout: Fit, number: int) -> list[Line]:
    if number:
        cells = {**cells, "rank": ((Span(str(number), "muted"),),)}
    lines = row(layout, cells)
    if r.stale or r.spread is None:
        # A warning is heard from old data, too; a green HOLD is not.
        spoken = {_verdict_ink(r), _why_ink(r), "warn"} & {"*warn", "warn"}
        lines = [Line([_paled(span, spoken) for span in line.spans], line.ground) for line in lines]
    return lines


def _paled(span: Span, spoken: Collection[str]) -> Span:
    return span if span.ink in spoken else Span(span.text, "faint" if span.ink == "series" else "stale")


def drawer(view: DeskView, key: str, width: int, context: Context) -> list[Line]:
    r = next((r for r in view.funding if key_of(r) == key), None)
    if r is None:
        return cross.drawer(view, key, width)
    (short, short_venue), (long, long_venue) = leg(r.short), leg(r.long)
    first: list[Span] = [Span(f"{short} {short_venue}", "*strong"), *_rate(r.short_rate, r.short_interval_h)]
    second = [Span(f"{g.INTO}  ", "faint"), Span(f"{long} {long_venue}", "*strong")]
    second += _rate(r.long_rate, r.long_interval_h)
    lines = flow([first, second], width)
    if r.reason:
        # The first thing that a narrow row had to cut.
        lines += wrap(f"{r.verdict} {f.clean(r.reason)}", width, _why_ink(r))
    facts: list[Spans] = []
    for word, value, places, sign in (
        ("gross", r.gross, 1, False),
        ("costs", r.costs, 1, False),
        ("net edge", r.net_edge, 1, True),
    ):
        cell = _figure(value, places, "pos" if sign and value and value > 0 else "text", sign)[0]
        facts.append((Span(f"{word} ", "muted"), *cell))
    multiple = g.NONE if r.edge_multiple is None else f.number(r.edge_multiple, 1)
    facts.append((Span(f"{g.TIMES}cost ", "muted"), Span(multiple, "text")))
    facts.append((Span("even in ", "muted"), Span(f.hours(r.break_even_h), "text")))
    facts.append((Span("settles in ", "muted"), Span(f.until(r.settles_ns), "text")))
    facts.append((Span("group ", "muted"), Span(f.clean(r.group), "text")))
    if r.settled:
        newest = len(r.settled)
        facts.append((Span(f"last {newest} settled ", "muted"), Span(f.spark(r.settled, newest), "series")))
    return lines + flow([*facts, *_distribution(r)], width)


def _distribution(r: FundingRowView) -> list[Spans]:
    """What the pair's settlements really brought: seen before the pair is believed."""
    known = r.spreads
    if known is None:
        return [(Span("no settlement known", "muted"),)]

    def bps(value: float) -> Span:
        return Span(f.signed(Decimal(repr(value)), 2), "text")

    return [
        (Span(f"of {known.count} settled: median ", "muted"), bps(known.median)),
        (Span("half within ", "muted"), bps(known.low), Span(" … ", "muted"), bps(known.high)),
        (Span("all within ", "muted"), bps(known.least), Span(" … ", "muted"), bps(known.most)),
        (Span("below 0 ", "muted"), Span(f"{known.negative * 100:.1f} %", "text")),
    ]


def _rate(rate: Decimal | None, interval: Decimal | None) -> list[Span]:
    if rate is None:
        return [Span(" no rate", "warn")]
    paid = f", paid {f.interval(interval)}" if interval is not None else ", interval ?"
    return [Span(f" {f.signed(rate, 2)}", "text"), Span(" per 8 h", "text"), Span(paid, "muted")]
