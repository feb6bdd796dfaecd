"""Screen 3: orders that may still fill, orders that have ended, and fills. What is in doubt stands first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from screens import format as f
from screens.draw.context import Context
from screens.draw.order import last
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Column, fit, header, row, visible
from services.views.orders import FillRow, OrderRow, OrdersView
from themes import glyphs as g

_ORDER = (
    Column("at", "Since", 8),
    Column("symbol", "Instrument", 15),
    Column("venue", "Venue", 5),
    Column("side", "Side", 4, gap=2),
    Column("size", "Size", 8, right=True),
    Column("filled", "Filled", 8, right=True),
    Column("price", "Limit", 10, right=True, gap=2),
    Column("avg", "Average", 10, right=True),
    Column("state", "State", 12, gap=2),
    Column("why", "Purpose", 8),
    Column("pair", "Pair", 5),
    Column("id", "Id", 8),
    Column("text", "Why", 12, gap=2, most=60, text=True),
)
_FILL = (
    Column("at", "At", 8),
    Column("symbol", "Instrument", 15),
    Column("venue", "Venue", 5),
    Column("side", "Side", 4, gap=2),
    Column("size", "Size", 9, right=True),
    Column("price", "Price", 10, right=True),
    Column("fee", "Fee", 8, right=True, gap=2),
    Column("coin", "", 4),
    Column("pnl", "Realised", 9, right=True),
    Column("strategy", "Strategy", 11, gap=2),
    Column("id", "Order", 8),
)
ORDER_NAMES = {
    "venue": "venue",
    "filled": "filled",
    "avg": "average",
    "why": "purpose",
    "pair": "pair",
    "id": "id",
    "text": "why",
}
FILL_NAMES = {"venue": "venue", "fee": "fee", "pnl": "realised", "strategy": "strategy", "id": "order"}
_DROP = ("avg", "id", "pair", "why", "at", "text", "venue")
_DROP_FILL = ("id", "strategy", "coin", "fee", "at", "venue")
SORTS = ("", "instrument", "size")
EMPTY = {
    "working": "No order works. While trading is ACTIVE strategies send them when a pair passes every check; "
    "o opens a ticket.",
    "recent": "No order has ended yet. Filled, canceled and refused ones come here.",
    "fills": "No fill yet. Each trade on our orders comes here.",
}
_TITLES = {"working": "Working", "recent": "Ended", "fills": "Fills"}
_KEYS: dict[str, Callable[[OrderRow], Any]] = {
    "instrument": lambda r: r.instrument,
    "size": lambda r: last([_priced(r)], lambda one: -r.quantity * one[0]),
}


def _priced(r: OrderRow) -> Decimal | None:
    """Of a market order what it was filled at, else what releases it."""
    return next((price for price in (r.price, r.avg_price, r.trigger) if price is not None), None)


def orders(view: OrdersView, pane: str, width: int, context: Context) -> Content:
    every = view.working if pane == "working" else view.recent
    content = Content(title=_TITLES[pane], summary=_summary(view) if pane == "working" else _ended(view))
    content.alarm = pane == "working" and any(r.doubt for r in every)
    shown = [
        r
        for r in every
        if context.keeps(r.instrument, r.state, r.purpose, r.origin, r.pair or "", r.id, r.text)
    ]
    if not shown:
        return _empty(content, pane, bool(every), width, context)
    key = _KEYS.get(context.sort)
    if key is not None:
        shown.sort(key=key)
    cells = [_order(r, context) for r in shown]
    layout = fit(visible(_ORDER, context.hidden), cells, width, _DROP)
    if not layout.wrapped:
        content.head = [header(layout)]
    for r, one in zip(shown, cells, strict=True):
        content.rows.append(Row(row(layout, one), key=r.id))
    return content


def fills(view: OrdersView, width: int, context: Context) -> Content:
    content = Content(title=_TITLES["fills"], summary=((Span(f"last {len(view.fills)}", "muted"),),))
    shown = [r for r in view.fills if context.keeps(r.instrument, r.side, r.strategy, r.order)]
    if not shown:
        return _empty(content, "fills", bool(view.fills), width, context)
    if context.sort == "instrument":
        shown.sort(key=lambda r: r.instrument)
    elif context.sort == "size":
        shown.sort(key=lambda r: -r.size * r.price)
    cells = [_fill(r, context.now) for r in shown]
    layout = fit(visible(_FILL, context.hidden), cells, width, _DROP_FILL)
    if not layout.wrapped:
        content.head = [header(layout)]
    for r, one in zip(shown, cells, strict=True):
        content.rows.append(Row(row(layout, one), key=r.key))
    return content


def _empty(content: Content, pane: str, some: bool, width: int, context: Context) -> Content:
    text = context.no_match("row") if some else EMPTY[pane]
    content.rows = [Row([line]) for line in wrap(text, width, "muted")]
    return content


def _summary(view: OrdersView) -> tuple[Spans, ...]:
    doubt = sum(r.doubt for r in view.working)
    working = len(view.working) - doubt
    words: list[Span] = [Span(f"{working} working", "muted")]
    if doubt:
        words = [Span(f"IN DOUBT {doubt}", "*alarm"), Span(f" {g.DOT} ", "muted"), *words]
    return (tuple(words),)


def _ended(view: OrdersView) -> tuple[Spans, ...]:
    bad = sum(r.state in ("rejected", "denied") for r in view.recent)
    if not bad:
        return ((Span(f"last {len(view.recent)}", "muted"),),)
    return ((Span(f"{bad} refused", "warn"), Span(f" of the last {len(view.recent)}", "muted")),)


_STATE_INK = {
    "in_doubt": "*alarm",
    "rejected": "warn",
    "denied": "warn",
    "filled": "text",
    "partially_filled": "accent",
    "accepted": "text",
    "resting": "warn",
}
_WORDS = {"in_doubt": "IN DOUBT", "partially_filled": "partly filled", "pending_cancel": "cancelling"}


def _order(r: OrderRow, context: Context) -> dict[str, Sequence[Spans]]:
    symbol, _, venue = r.instrument.rpartition(".")
    ink = "strong" if r.live else "text"
    word = _WORDS.get(r.state, r.state)
    if r.doubt:
        word = f"IN DOUBT {f.coarse(r.doubt_ns)}"
    level = r.trigger if r.trigger is not None else r.price
    return {
        "at": ((Span(f.when(r.ts, context.now), "muted"),),),
        "symbol": ((Span(f.clean(symbol), f"*{ink}" if r.live else ink),),),
        "venue": ((Span(f.clean(venue), "text"),),),
        "side": ((Span(r.side, "text"),),),
        "size": ((Span(f.on_grid(r.quantity, r.size_increment), "text"),),),
        "filled": ((Span(f.on_grid(r.filled, r.size_increment), "text" if r.filled else "muted"),),),
        "price": (
            (Span("market", "muted"),)
            if level is None
            else (
                Span("at " if r.trigger is not None else "", "muted"),
                Span(f.on_grid(level, r.price_increment), "text"),
            ),
        ),
        "avg": ((_price(r.avg_price, r.price_increment),),),
        "state": ((Span(f.clean(word), _STATE_INK.get(r.state, "muted")),),),
        "why": ((Span(f.clean(r.purpose), "warn" if r.foreign else "muted"),),),
        "pair": ((Span(f.clean(r.pair or g.NONE), "accent" if r.pair else "muted"),),),
        "id": ((Span(f.clean(r.id[-8:]), "muted"),),),
        "text": ((Span(f.clean(r.text), "warn" if r.state in ("rejected", "denied") else "muted"),),),
    }


def who(origin: str) -> str:
    """A strategy by its name; a person is a person, whichever console it was."""
    said = f.clean(origin)
    kind, colon, name = said.partition(":")
    if colon and kind in ("console", "shell"):
        return "by hand"
    return name if kind == "strategy" else said


def _price(value: Decimal | None, increment: Decimal) -> Span:
    return Span(g.NONE, "muted") if value is None else Span(f.on_grid(value, increment), "text")


def _fill(r: FillRow, now: int) -> dict[str, Sequence[Spans]]:
    symbol, _, venue = r.instrument.rpartition(".")
    pnl = Span(f.number(r.pnl, 2), "muted")
    if f.rounded(r.pnl, 2):
        pnl = Span(f.signed(r.pnl), "pos" if r.pnl > 0 else "neg")
    return {
        "at": ((Span(f.when(r.ts, now), "muted"),),),
        "symbol": ((Span(f.clean(symbol), "strong"),),),
        "venue": ((Span(f.clean(venue), "text"),),),
        "side": ((Span(r.side, "text"),),),
        "size": ((Span(f.on_grid(r.size, r.size_increment), "text"),),),
        "price": ((Span(f.on_grid(r.price, r.price_increment), "text"),),),
        "fee": ((Span(f.number(r.fee, 4), "text"),), (Span(f.number(r.fee, 2), "text"),)),
        "coin": ((Span(f.clean(r.fee_coin), "muted"),),),
        "pnl": ((pnl,),),
        "strategy": (
            (
                Span(
                    "foreign" if r.foreign else who(r.strategy),
                    "warn" if r.foreign else "muted",
                ),
            ),
        ),
        "id": ((Span(f.clean(r.order[-8:]), "muted"),),),
    }


def drawer(view: OrdersView, pane: str, key: str, width: int) -> list[Line]:
    """All of the selected row that its columns may have dropped."""
    if pane == "fills":
        return _fill_detail(view, key, width)
    every = view.working if pane == "working" else view.recent
    r = next((r for r in every if r.id == key), None)
    if r is None:
        return []
    cells = _order(r, Context(now=view.ts))
    flags = [word for word, on in (("reduce-only", r.reduce_only), ("post-only", r.post_only)) if on]
    lines = flow(
        [
            (Span(f.clean(r.instrument), "*strong"), Span(f"  {r.side} ", "muted"), *cells["size"][0]),
            (Span(f"{r.purpose} {g.DOT} {who(r.origin)} {' '.join(flags)}", "muted"),),
        ],
        width,
    )
    facts: list[Spans] = [
        (Span("filled ", "muted"), *cells["filled"][0]),
        (Span("limit ", "muted"), *cells["price"][0]),
        (Span("average ", "muted"), *cells["avg"][0]),
        (Span("state ", "muted"), *cells["state"][0]),
    ]
    if r.doubt:
        facts.append((Span("asked ", "muted"), Span(f"{r.probes} times", "*alarm")))
    facts += [
        (Span("pair ", "muted"), *cells["pair"][0]),
        (Span("since ", "muted"), *cells["at"][0]),
        (Span("id ", "muted"), Span(f.clean(r.id), "text")),
        (Span("at the venue ", "muted"), Span(f.clean(r.venue_order_id) or f.UNKNOWN, "text")),
    ]
    lines += flow(facts, width)
    if r.text:
        lines += wrap(f.clean(r.text), width, "warn" if r.state in ("rejected", "denied") else "muted")
    if r.live:
        word = "It protects: flatten closes the position, nothing else takes it away." if r.protective else ""
        word = word or ("Not ours: cancel it at the venue." if r.foreign else "")
        cancels: Spans = (Span("c", "*accent"), Span(" cancels it", "muted"))
        lines.append(Line([Span(word, "muted")] if word else cancels))
    return lines


def _fill_detail(view: OrdersView, key: str, width: int) -> list[Line]:
    r = next((r for r in view.fills if r.key == key), None)
    if r is None:
        return []
    cells = _fill(r, view.ts)
    return flow(
        [(Span(f.clean(r.instrument), "*strong"), Span(f"  {r.side} ", "muted"), *cells["size"][0])], width
    ) + flow(
        [
            (Span("price ", "muted"), *cells["price"][0]),
            (
                Span("fee ", "muted"),
                Span(f"{r.fee:f}".replace("-", g.MINUS), "text"),
                Span(f" {f.clean(r.fee_coin)}", "muted"),
            ),
            (Span("realised ", "muted"), *cells["pnl"][0], Span(f" {f.clean(r.settle)}", "muted")),
            (Span("at ", "muted"), *cells["at"][0]),
            (Span("strategy ", "muted"), *cells["strategy"][0]),
            (Span("order ", "muted"), Span(f.clean(r.order) or g.NONE, "text")),
            (Span("trade ", "muted"), Span(f.clean(r.key.partition("|")[2]), "text")),
        ],
        width,
    )
