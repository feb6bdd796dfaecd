"""The pair ticket: both legs of a pair by hand, what it costs and hides and changes, and what the gate says.

Typed and sent as an order is: `enter` on a pair that passes ends the typing, `S` sends it. On a small
terminal the first page has the first lines of each part, what is tightest or worst first; the page keys show
the whole of each, under the gate's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from screens import format as f
from screens.ink import Line, Span, Spans, flow
from screens.table import Column, fit, header, row
from screens.ticket import LABEL, Part, Ticket, bound_line, denied, fitted, labelled, under
from services.views.pair_ticket import (
    ChangeView,
    CoinView,
    PairLegView,
    PairTicketView,
    StressPairView,
)
from themes import glyphs as g

WIDE = 108
"""Cells it takes where there is room."""

VERDICT_ROWS = 3
"""Of the gate's and the board's word on the pages behind the first."""

Cells = Mapping[str, Sequence[Spans]]


class PairTicketDialog(Ticket[PairTicketView]):
    asks = "preview pair"
    shape = PairTicketView
    sends = ("pair open",)
    title = "Pair ticket"
    usage = (
        "pair open SHORT LONG USD: sells the first and buys the second, each SYMBOL.VENUE, for so many USD a "
        "leg; a reason may follow"
    )

    def wish(self, width: int) -> tuple[int, int]:
        _, lines = super().wish(min(width, WIDE))
        return min(width, WIDE), lines

    def question(self) -> dict[str, str] | None:
        found = self.command()
        return None if found is None else dict(found.args)

    def passes(self) -> bool:
        return self.view is not None and self.view.allowed

    def answer(self, width: int, rows: int | None) -> list[Line]:
        if self.view is None:
            return []
        parts = _parts(self.view, width)
        first = fitted(parts, rows)
        if rows is None:
            return first
        if sum(len(lines) for lines, _ in parts) <= rows:
            self.page, self.pages = 0, 1
            return first
        verdict = _verdict(self.view, width)[0][:VERDICT_ROWS]
        whole = [
            _legs_rest(self.view, width),
            *(lines for at, (lines, _) in enumerate(parts) if at not in (0, 2)),
        ]
        more = paged(whole, rows - len(verdict) - 1)
        self.pages = 1 + len(more)
        self.page = min(self.page, len(more))
        return first if self.page == 0 else [*verdict, Line(), *more[self.page - 1]]


def paged(parts: Sequence[Sequence[Line]], rows: int) -> list[list[Line]]:
    """The parts in pages of at most so many lines, a blank one between two parts; a part that fits on a page
    stands on one."""
    pages: list[list[Line]] = [[]]
    for part in filter(None, parts):
        if pages[-1] and len(pages[-1]) + 1 + len(part) <= rows:
            pages[-1].append(Line())
        elif pages[-1]:
            pages.append([])
        left = list(part)
        while left:
            room = max(1, rows - len(pages[-1]))
            pages[-1] += left[:room]
            left = left[room:]
            if left:
                pages.append([])
    return pages


def _parts(view: PairTicketView, width: int) -> list[Part]:
    """In the order in which a person decides: what, at what cost, whether it may, what it does to the
    books."""
    legs = _legs(view, width)
    verdict, least = _verdict(view, width)
    rooms = [bound_line(each, "room" if not at else "", width) for at, each in enumerate(view.bounds)]
    coins = _grid("Hidden coins", _COINS, [_coin(each) for each in view.coins], width)
    stress = _grid("What if", _STRESS, [_stress(each) for each in view.stress], width)
    changes = _grid("Account", _CHANGES, [_change(each) for each in view.changes], width)
    return [
        (legs, len(legs)),
        (_costs(view, width), 2),
        (verdict, least),
        (rooms, 1),
        (coins, min(3, len(coins))),
        (stress, min(2, len(stress))),
        (changes, 0),
    ]


def _legs(view: PairTicketView, width: int) -> list[Line]:
    cells = [_leg(view.short, "short"), _leg(view.long, "long")]
    layout = fit(_LEGS, cells, width, _LEGS_DROPPED)
    lines = [] if layout.wrapped else [header(layout)]
    for one in cells:
        lines += row(layout, one)
    return lines


def _legs_rest(view: PairTicketView, width: int) -> list[Line]:
    """Of the legs what their table had no room for."""
    cells = [_leg(view.short, "short"), _leg(view.long, "long")]
    layout = fit(_LEGS, cells, width, _LEGS_DROPPED)
    rest = [each for each in _LEGS if each.id in ("side", "symbol") or not layout.shows(each.id)]
    if layout.wrapped or len(rest) <= 2:
        return []
    small = fit(rest, cells, width, ())
    return [header(small), *(line for one in cells for line in row(small, one))]


def _grid(title: str, heads: Sequence[str], rows: Sequence[Sequence[Span]], width: int) -> list[Line]:
    """A name and its figures. The tables below each other share their columns: now stands under now."""
    if not rows:
        return []
    cell = 12 if width >= 90 or len(heads) < 4 else 10
    name = min(40, width - len(heads) * cell)
    lines = [Line([Span(title, "muted")]).to(name)]
    for head in heads:
        lines[0].add(head.rjust(cell), "muted")
    for first, *figures in rows:
        line = Line([Span(f.cut(first.text, name - 1), first.ink)]).to(name)
        for text, ink in figures:
            line.add(text.rjust(cell), ink)
        lines.append(line)
    return lines


def _text(text: str, ink: str = "text") -> Sequence[Spans]:
    return ((Span(text, ink),),)


def _figure(value: Decimal | None, places: int = 0, ink: str = "text", sign: bool = False) -> Sequence[Spans]:
    if value is None:
        return _text(f.UNKNOWN, "warn")
    return _text(f.signed(value, places) if sign else f.number(value, places), ink)


# ---- the legs, their costs

_LEGS = (
    Column("side", "Legs", 7),
    Column("symbol", "", 12, gap=3),
    Column("venue", "Venue", 5, gap=2),
    Column("size", "Size", 6, right=True, gap=2),
    Column("price", "At about", 8, right=True, gap=2),
    Column("notional", "USD", 6, right=True, gap=2),
    Column("rate", "bps/8h", 6, right=True, gap=2),
    Column("every", "Every", 4, right=True, gap=2),
    Column("settles", "Settles", 7, right=True, gap=2),
    Column("cost", "In and out $", 6, right=True, gap=2),
)
_LEGS_DROPPED = ("settles", "every", "cost", "notional", "venue")


def _leg(leg: PairLegView, side: str) -> Cells:
    symbol, _, venue = leg.instrument.rpartition(".")
    size, price = f.UNKNOWN, f.UNKNOWN
    if leg.quantity is not None:
        size = f.on_grid(leg.quantity, leg.size_increment)
    if leg.price is not None:
        price = f.on_grid(leg.price, leg.price_increment)
    cost = None if leg.fee is None or leg.slippage is None else leg.fee + leg.slippage
    return {
        "side": _text(side, "*strong"),
        "symbol": _text(f.clean(symbol), "strong"),
        "venue": _text(f.clean(venue)),
        "size": _text(size, "text" if leg.quantity is not None else "warn"),
        "price": _text(price, "text" if leg.price is not None else "warn"),
        "notional": _figure(leg.notional),
        "rate": _figure(leg.rate, 2, sign=True),
        "every": _text(f.interval(leg.interval_h), "muted"),
        "settles": _text(f.until(leg.settles_ns), "muted"),
        "cost": _figure(cost, 2),
    }


def _costs(view: PairTicketView, width: int) -> list[Line]:
    """Three lines where they fit: what it costs, what it earns, what it risks."""
    room = width - LABEL
    costs: list[Spans] = [_unknown("cost unknown")]
    if view.costs is not None and view.costs_bps is not None:
        costs = [
            (Span(f.dollars(view.costs, 2), "*text"), Span(" round trip", "muted")),
            (Span(f"{f.number(view.costs_bps, 1)} bps", "text"),),
        ]
        if view.fees is not None and view.slippage is not None:
            parts = f"fees {f.dollars(view.fees, 2)}, slippage {f.dollars(view.slippage, 2)}"
            costs.append((Span(parts, "muted"),))
    earns: list[Spans] = [_unknown("spread unknown")]
    if view.spread is not None and view.apr is not None:
        earns = [
            (Span(f"{f.signed(view.spread, 2)} bps/8h", "*text"),),
            (Span(f"{f.signed_percent(view.apr, 1)} APR", "text"),),
        ]
        even = _unknown("break-even unknown")
        if view.break_even_h is not None:
            even = (Span("even in ", "muted"), Span(f.hours(view.break_even_h), "*text"))
        elif view.spread <= 0:
            even = (Span("never even at this spread", "*warn"),)
        earns.append(even)
    if view.net is not None:
        money = Span(f.dollars(view.net, 2, sign=True), "pos" if view.net > 0 else "neg")
        earns.append((Span("net ", "muted"), money, Span(f" in {f.number(view.hold_h, 0)} h", "muted")))
    lines = under("costs", flow(costs, room)) + under("earns", flow(earns, room))
    if view.loss_at_stop is not None:
        loss = (
            Span(f.dollars(-view.loss_at_stop), "text"),
            Span(" with all costs at the pair stop", "muted"),
        )
        stop = (Span(f"{f.number(view.stop_bps, 0)} bps of a leg", "muted"),)
        lines += under("risks", flow([loss, stop], room))
    return lines


def _unknown(text: str) -> Spans:
    return (Span(text, "warn"),)


# ---- the word of board, sizing and gate


def _verdict(view: PairTicketView, width: int) -> Part:
    if view.allowed:
        lines = labelled("gate", f"{g.TICK} allowed, both legs as one", width, "*pos")
    else:
        lines = denied(view.refusals, width)
    if view.opinions:
        board = ", ".join(f.clean(text) for text in view.opinions)
        lines += labelled("board", f"would not enter: {board}", width, "warn")
    return lines, min(2, len(lines))


# ---- what it does to the books

_COINS = ("Now $", "With it $", "Pair $", "Limit ± $")
_STRESS = ("Now $", "With it $", "Usage now", "With it")
_CHANGES = ("Now", "With it", "Limit")


def _money(value: Decimal | None, ink: str, sign: bool = True) -> Span:
    if value is None:
        return Span(f.UNKNOWN, "warn")
    return Span(f.signed(value, 0) if sign else f.number(value, 0), ink)


def _coin(one: CoinView) -> list[Span]:
    over = one.limit is not None and one.after is not None and abs(one.after) >= one.limit
    word = "" if one.pair is None or one.pair == 0 else ", long" if one.pair > 0 else ", short"
    return [
        Span(f.clean(one.coin) + word, "text"),
        _money(one.before, "muted"),
        _money(one.after, "*alarm" if over else "*text"),
        _money(one.pair, "text"),
        _money(one.limit, "muted", sign=False),
    ]


def _change(one: ChangeView) -> list[Span]:
    return [
        Span(f.clean(one.name), "text"),
        Span(_measure(one, one.before), "muted"),
        Span(_measure(one, one.after), "*text"),
        Span(("min " if one.floor else "") + _measure(one, one.limit), "muted"),
    ]


def _measure(one: ChangeView, value: Decimal | None) -> str:
    """A distance that is not there is no such move; any other figure that is not there is unknown."""
    if value is None:
        return f.NONE if one.floor else f.UNKNOWN
    return f.times(value) if one.unit == "x" else f.percent(value)


def _stress(one: StressPairView) -> list[Span]:
    return [
        Span(f.clean(one.name), "text"),
        _money(one.change_before, "muted"),
        _money(one.change_after, "*text"),
        Span(_usage(one.usage_before, one.change_before, one.infinite_before), "muted"),
        Span(
            _usage(one.usage_after, one.change_after, one.infinite_after),
            "*alarm" if one.infinite_after else "*text",
        ),
    ]


def _usage(value: Decimal | None, change: Decimal | None, infinite: bool) -> str:
    """Without anything open there is none; where the change is not known it is unknown."""
    if infinite:
        return "gone"
    if value is None:
        return f.UNKNOWN if change is None else f.NONE
    return f.percent(value)
