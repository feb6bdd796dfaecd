"""Strategies: what each does and why, its parameters, and each live pair with what it was to bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from screens import format as f
from screens.draw.context import Context
from screens.draw.funding import leg
from screens.draw.pairs import pair_facts, pair_name, pair_state, settlements, share_of
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, fit, header, row, visible
from services.views.desk import PairView
from services.views.strategies import ParameterView, StrategiesView, StrategyView
from themes import glyphs as g

_STRATEGIES = (
    Column("name", "Strategy", 12),
    Column("state", "State", 8, most=20, gap=2),
    Column("pairs", "Pairs", 5, right=True),
    Column("ago", "Decided", 8, right=True),
    Column("why", "Why", 20, most=90, gap=2, text=True),
)
_PARAMETERS = (
    Column("key", "Parameter", 16),
    Column("value", "Value", 9, right=True),
    Column("before", "Profile", 9, right=True),
    Column("word", "", 10, gap=2),
    Column("doc", "What it does", 20, most=120, gap=2, text=True),
)
_PAIRS = (
    Column("id", "Pair", 5),
    Column("name", "", 9),
    Column("state", "State", 8, most=24, gap=2),
    Column("legs", "Short › long", 20, even=True),
    Column("size", "Size", 8, right=True),
    Column("net", "Net uPnL", 9, right=True),
    Column("real", "Funding", 9, right=True),
    Column("expected", "Expected", 9, right=True),
    Column("share", "Share", 6, right=True),
    Column("costs", "Costs", 7, right=True),
    Column("held", "Held", 7, right=True),
)
PAIR_NAMES = {
    "name": "what it is",
    "legs": "legs",
    "size": "size",
    "net": "net uPnL",
    "real": "funding so far",
    "expected": "funding expected",
    "share": "funding share",
    "costs": "costs",
    "held": "held since",
}
"""Columns that may be hidden; the others say which pair it is and whether it is hedged."""
SETTLEMENTS = 12
"""Of a pair in its drawer."""

PAIR_SORTS = ("", "funding", "age")
EMPTY_PAIRS = (
    "No live pairs. A strategy opens one when an entry passes every check; funding spreads are on screen 1."
)


def strategies(view: StrategiesView, width: int, context: Context) -> Content:
    content = Content(title="Strategies")
    rows = [one for one in view.strategies if context.keeps(one.status.name, one.status.state)]
    if not rows:
        text = (
            context.no_match("strategy")
            if view.strategies
            else "This profile has no strategy: one is set up in the configuration file; o trades by hand."
        )
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    cells = [_strategy_cells(one, context) for one in rows]
    layout = fit(_STRATEGIES, cells, width, ("pairs", "ago", "why"))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [
        Row(row(layout, each), key=one.status.name) for one, each in zip(rows, cells, strict=True)
    ]
    return content


def _strategy_cells(one: StrategyView, context: Context) -> Cells:
    status = one.status
    ago = None if status.last_decision is None else max(0, context.now - status.last_decision)
    return {
        "name": _one(f.clean(status.name), "*strong"),
        "state": _state(status.state),
        "pairs": _one(str(one.pairs), "text" if one.pairs else "muted"),
        "ago": _one(g.NONE if ago is None else f.age(ago, context.remote), "muted"),
        "why": _one(_told(status.reason) or g.NONE, "text" if status.reason else "muted"),
    }


def _state(state: str) -> Sequence[Spans]:
    word = f.clean(state.partition(":")[0])
    ink = {"running": "*pos", "off": "muted", "paused": "*warn"}.get(word, "*alarm")
    return ((Span(f.clean(state), ink),), (Span(word, ink),))


def strategy_drawer(view: StrategiesView, name: str, width: int) -> list[Line]:
    one = next((each for each in view.strategies if each.status.name == name), None)
    if one is None:
        return []
    status, fills = one.status, one.status.fills
    # A profile that calls a strategy by its kind says it once.
    kind = () if status.kind == status.name else (Span(f" {f.clean(status.kind)}", "muted"),)
    facts: list[Spans] = [
        (Span(f.clean(status.name), "*strong"), *kind),
        _state(status.state)[0],
        (Span("slices quoted ", "muted"), Span(f.number(Decimal(fills.attempts), 0), "text")),
        (Span("re-quotes ", "muted"), Span(f.number(Decimal(fills.requotes), 0), "text")),
        (Span("rested ", "muted"), Span(g.NONE if fills.rested is None else f.percent(fills.rested), "text")),
        (Span("a resting fill costs ", "muted"), _bps(fills.maker_bps)),
        (Span("a taking fill costs ", "muted"), _bps(fills.taker_bps)),
        (Span("slippage 9 of 10 times within ", "muted"), _bps(fills.taker_p90_bps)),
    ]
    lines = flow(facts, width)
    if status.reason:
        lines += wrap(_told(status.reason), width, "text")
    return lines


def _told(reason: str) -> str:
    return f.clean(reason).replace(" -", f" {g.MINUS}")


def _bps(value: Decimal | None) -> Span:
    return Span(g.NONE if value is None else f"{f.number(value, 2)} bps", "text")


def parameters(view: StrategiesView, name: str, width: int, context: Context) -> Content:
    """The selected strategy's, the overridden first; values as `:set` takes them."""
    content = Content(title=f"Parameters of {f.clean(name)}" if name else "Parameters")
    one = next((each for each in view.strategies if each.status.name == name), None)
    found = one.parameters if one is not None else ()
    changed = sum(each.overridden for each in found)
    content.summary = ((Span(f"{changed} overridden", "*accent" if changed else "muted"),),)
    rows = [each for each in found if context.keeps(_short(each), each.doc)]
    if not rows:
        text = context.no_match("parameter") if found else "Select a strategy above."
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    cells = [_parameter_cells(each) for each in rows]
    layout = fit(_PARAMETERS, cells, width, ("before", "word", "doc"))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [Row(row(layout, each), key=one.key) for one, each in zip(rows, cells, strict=True)]
    return content


def _short(one: ParameterView) -> str:
    return one.key.partition(".")[2]


def _parameter_cells(one: ParameterView) -> Cells:
    return {
        "key": _one(f.clean(_short(one)), "*strong" if one.overridden else "text"),
        "value": _one(f.clean(one.value), "*accent" if one.overridden else "*text"),
        "before": _one(f.clean(one.before), "muted"),
        "word": _one("overridden", "*accent")
        if one.overridden
        else _one("limit" if one.limit else "", "muted"),
        "doc": _one(_plain(one.doc), "muted"),
    }


def parameter_drawer(view: StrategiesView, key: str, width: int) -> list[Line]:
    one = parameter(view, key)
    if one is None:
        return []
    facts: list[Spans] = [
        (Span(f.clean(one.key), "*strong"),),
        (Span("now ", "muted"), Span(f.clean(one.value), "*accent" if one.overridden else "text")),
        (Span("profile ", "muted"), Span(f.clean(one.before), "text")),
        (Span("default ", "muted"), Span(f.clean(one.default), "text")),
        (Span("unit ", "muted"), Span(f.clean(one.unit), "text")),
    ]
    lines = flow(facts, width)
    if one.doc:
        lines += wrap(_plain(one.doc), width, "text")
    if one.limit:
        lines += wrap("A limit: loosening it needs a reason after the value, and ACTIVE.", width, "muted")
    return lines


def meaning(one: ParameterView) -> str:
    """What a parameter does, as a sentence."""
    words = _plain(one.doc).strip()
    return words if words[-1:] in (".", "") else f"{words}."


def _plain(doc: str) -> str:
    """Without the marks that the pages of `docs/` set around names."""
    return f.clean(doc).replace("`", "")


def parameter(view: StrategiesView, key: str) -> ParameterView | None:
    return next((one for each in view.strategies for one in each.parameters if one.key == key), None)


def pairs(view: StrategiesView, width: int, context: Context, order: Sequence[str] = ()) -> Content:
    content = Content(title="Pairs", alarm=any(_is_naked(pair) for pair in view.pairs))
    rows = [
        pair
        for pair in view.pairs
        if context.keeps(pair.id, pair_name(pair), pair.strategy, pair.short, pair.long)
    ]
    if not rows:
        text = context.no_match("pair") if view.pairs else EMPTY_PAIRS
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    cells = {pair.id: _pair_cells(pair, context) for pair in rows}
    drop = ("costs", "held", "legs", "name", "size", "share", "expected")
    layout = fit(visible(_PAIRS, context.hidden), list(cells.values()), width, drop)
    content.head = [] if layout.wrapped else [header(layout)]
    place = {key: at for at, key in enumerate(order)}
    rows.sort(key=_BY.get(context.sort, lambda pair: (place.get(pair.id, len(place)),)))
    content.rows = [Row(row(layout, cells[pair.id]), key=pair.id) for pair in rows]
    return content


_BY: dict[str, Callable[[PairView], tuple[Any, ...]]] = {
    "funding": lambda pair: (-pair.funding_realised, pair.id),
    "age": lambda pair: (pair.opened_ts is None, pair.opened_ts or 0, pair.id),
}


def _is_naked(pair: PairView) -> bool:
    return pair.naked.notional is None or pair.naked.notional != 0


def _pair_cells(pair: PairView, context: Context) -> Cells:
    late = pair.hedged_age_ms is not None and pair.hedged_age_ms >= LATE_MS
    stale = pair.hedged_age_ms if pair.old or late else None
    held = None if pair.opened_ts is None else max(0, context.now - pair.opened_ts)
    return {
        "id": _one(f.clean(pair.id), "*accent"),
        "name": _one(pair_name(pair), "text"),
        "state": (tuple(pair_state(pair, stale, context)),),
        "legs": _legs(pair),
        "size": _one(f.number(pair.size, min(4, f.places_of(pair.size))), "text"),
        "net": _money(pair.net_upnl),
        "real": _money(pair.funding_realised),
        "expected": _one(g.NONE, "muted") if pair.funding_expected is None else _money(pair.funding_expected),
        "share": _one(share_of(pair) or g.NONE, "text"),
        "costs": _one(f.number(pair.costs, 2), "text"),
        "held": _one(g.NONE if held is None else f.coarse(held), "muted"),
    }


def _legs(pair: PairView) -> Sequence[Spans]:
    """`BTC-USDT alpha › BTC-USDC beta`; where that is too wide the venues by two letters, as on the board."""
    (short, here), (long, there) = leg(pair.short), leg(pair.long)
    return tuple(
        (Span(f"{short} {here[:size]} {g.INTO} {long} {there[:size]}", "muted"),) for size in (99, 2)
    )


LATE_MS = 5_000
"""Of the older leg's figures: from here on the pair is hedged as of then."""


def _money(value: Decimal | None) -> Sequence[Spans]:
    if value is None:
        return _one(f.UNKNOWN, "muted")
    return tuple((Span(text, f.gain_ink(value)),) for text in f.money_choices(value))


def pair_drawer(view: StrategiesView, key: str, width: int) -> list[Line]:
    pair = next((each for each in view.pairs if each.id == key), None)
    if pair is None:
        return []
    over = f"{pair.intervals} settlement{'' if pair.intervals == 1 else 's'}"
    facts = [
        *pair_facts(pair),
        (Span("over ", "muted"), Span(over, "text")),
        (Span("strategy ", "muted"), Span(f.clean(pair.strategy), "text")),
    ]
    if pair.rested is not None:
        facts.append((Span("rested ", "muted"), Span(f.percent(pair.rested), "text")))
    lines = flow([(Span(f"{f.clean(pair.short)} {g.INTO} {f.clean(pair.long)}", "*strong"),), *facts], width)
    if pair.reason:
        lines += wrap(f.clean(pair.reason), width, "text")
    return lines + flow(settlements(pair, SETTLEMENTS), width)


def _one(text: str, ink: str) -> Sequence[Spans]:
    return ((Span(text, ink),),)
