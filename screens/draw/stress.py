"""Stress: which coins are shocked, what would be left, how it grows with the shock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from screens import format as f
from screens.draw.context import Context
from screens.draw.order import last, settled
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, fit, header, row, visible
from services.views.stress import OutcomeView, ShockView, StepView, StressLab
from themes import glyphs as g

Tell = Callable[[Decimal], str]

_SHOCKS = (
    Column("coin", "Coin", 6),
    Column("price", "Price $", 10, right=True),
    Column("change", "Shock", 8, right=True),
    Column("after", "Then $", 10, right=True),
    Column("word", "", 4, gap=2),
)
_OUTCOME = (
    Column("venue", "Account", 12),
    Column("equity", "Equity $ then", 13, right=True),
    Column("change", "change", 9, right=True),
    Column("lev", "Leverage", 13, right=True),
    Column("usage", "Usage", 15, right=True),
    Column("liq", "Liq away", 15, right=True),
    Column("word", "", 4, gap=2),
)
_STEPS = (
    Column("share", "Shocks", 6),
    Column("equity", "Equity $", 9, right=True),
    Column("lev", "Lev", 6, right=True),
    Column("bar", "Usage of the worst account", 8, most=40, gap=2),
    Column("usage", "", 7, right=True),
    Column("liq", "Liq away", 8, right=True),
    Column("word", "", 4, gap=2),
)
SHOCK_NAMES = {"price": "price", "after": "price then"}
OUTCOME_NAMES = {"change": "change of equity", "lev": "leverage"}
STEP_NAMES = {"equity": "equity", "lev": "leverage", "liq": "distance to liquidation"}
OUTCOME_SORTS = ("", "change", "usage")
_OUTCOME_KEYS: dict[str, Callable[[OutcomeView], Any]] = {
    "change": lambda one: last([one.equity, one.equity_now], lambda both: both[0] - both[1]),
    "usage": lambda one: (not one.infinite, *last([one.usage], lambda usage: -usage[0])),
}
"""The worst first."""
NEAR = Decimal("0.8")
"""Of usage: the same share at which a limit is NEAR."""
NOTHING = "Nothing is shocked. Select a coin and press e, or + and - for 1 %; enter on a case takes it over."


def shocks(lab: StressLab, width: int, context: Context) -> Content:
    content = Content(title="Shocks", summary=_summary(lab))
    rows = [one for one in lab.shocks if context.keeps(one.coin)]
    if not rows:
        content.rows = [Row([line]) for line in wrap(context.no_match("coin"), width, "muted")]
        return content
    cells = [_shock_cells(one) for one in rows]
    layout = fit(visible(_SHOCKS, context.hidden), cells, width, ("word", "price"))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [Row(row(layout, each), key=one.coin) for one, each in zip(rows, cells, strict=True)]
    return content


def _summary(lab: StressLab) -> tuple[Spans, ...]:
    active = [one for one in lab.shocks if one.change]
    if not active:
        return ((Span("nothing shocked", "muted"),),)
    return ((Span(", ".join(told(one) for one in active), "*accent"),), (Span(f"{len(active)}", "accent"),))


def told(one: ShockView) -> str:
    """`USDC −3 %`."""
    return f"{f.clean(one.coin)} {percents(one.change)}"


def percents(change: Decimal) -> str:
    places = min(2, f.places_of((change * 100).normalize()))
    return f.signed_percent(change, places)


def _shock_cells(one: ShockView) -> Cells:
    quiet = "text" if one.held else "muted"
    after = None if one.price is None else one.price * (1 + one.change)
    return {
        "coin": plain(f.clean(one.coin), "*strong" if one.held else "muted"),
        "price": _price(one.price, quiet),
        "change": plain(percents(one.change), "*accent") if one.change else plain(g.NONE, "faint"),
        "after": _price(after, "text") if one.change else ((),),
        "word": plain("held", "muted") if one.held else ((),),
    }


def _price(price: Decimal | None, ink: str) -> Sequence[Spans]:
    if price is None:
        return plain(f.UNKNOWN, "muted")
    return plain(f.number(price, 4 if price < 100 else 2), ink)


def outcome(lab: StressLab, width: int, context: Context) -> Content:
    """Now and then, account by account; without a shock both are the present."""
    content = Content(title="Outcome", alarm=any(each.infinite for each in lab.outcomes))
    if any(each.stale and each.holds for each in lab.outcomes):
        content.summary = ((Span("~ on last known figures", "warn"),),)
    rows = [each for each in lab.outcomes if context.keeps(each.venue or "all accounts")]
    if not rows:
        content.rows = [Row([line]) for line in wrap(context.no_match("account"), width, "muted")]
        return content
    by = _OUTCOME_KEYS.get(context.sort)
    if by is not None:
        rows = settled(rows, by, account_key, context)
    cells = [_outcome_cells(each) for each in rows]
    layout = fit(visible(_OUTCOME, context.hidden), cells, width, ("lev", "change"))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [
        Row(row(layout, each), key=account_key(one)) for one, each in zip(rows, cells, strict=True)
    ]
    if not any(one.change for one in lab.shocks):
        content.rows.append(Row([Line()]))
        content.rows += [Row([line]) for line in wrap(NOTHING, width, "muted")]
    return content


def account_key(one: OutcomeView) -> str:
    return one.venue or "all"


def _outcome_cells(one: OutcomeView) -> Cells:
    mark = g.LAST_KNOWN if one.stale and one.holds else ""
    change = None if one.equity is None or one.equity_now is None else one.equity - one.equity_now
    gone = one.infinite
    cells: dict[str, Sequence[Spans]] = {
        "venue": plain(f.clean(one.venue) or "all accounts", "text" if one.venue else "*strong"),
        "equity": known(one.equity, lambda v: mark + f.number(v, 0), "*strong"),
        "change": known(change, lambda v: f.signed(v, 0), f.gain_ink(change, 0)),
    }
    if not one.holds:
        return cells | {"word": ((Span("holds nothing", "muted"),), (Span("empty", "muted"),))}
    none = g.NONE if one.usage is not None else f.UNKNOWN
    none_now = g.NONE if one.usage_now is not None else f.UNKNOWN
    cells |= {
        "lev": _moved(one.leverage_now, one.leverage, f.times, f.UNKNOWN, f.UNKNOWN),
        "usage": _moved(one.usage_now, one.usage, f.percent, f.UNKNOWN, f.UNKNOWN),
        "liq": _moved(one.distance_now, one.distance, f.percent, none_now, none),
        "word": plain(*verdict(one.usage, gone)),
    }
    return cells


def verdict(usage: Decimal | None, gone: bool) -> tuple[str, str]:
    if gone or (usage is not None and usage >= 1):
        return "LIQUIDATED", "*alarm"
    if usage is None:
        return f.UNKNOWN, "*warn"
    return ("NEAR", "*warn") if usage >= NEAR else ("OK", "*pos")


def _moved(
    now: Decimal | None, then: Decimal | None, tell: Tell, no_now: str, no_then: str
) -> Sequence[Spans]:
    """`31.0 % › 44.2 %`; the present alone when nothing moves."""
    before = no_now if now is None else tell(now)
    after = no_then if then is None else tell(then)
    if before == after:
        return plain(before, "text")
    return (
        (Span(before, "muted"), Span(f" {g.INTO} ", "faint"), Span(after, "*strong")),
        (Span(after, "*strong"),),
    )


def outcome_drawer(lab: StressLab, key: str, width: int) -> list[Line]:
    """One account with every figure, now and then."""
    found = next((one for one in lab.outcomes if account_key(one) == key), None)
    return [] if found is None else _told(found, width)


def outcome_lines(lab: StressLab, width: int) -> list[Line]:
    """The whole in a few words, under the shocks where there is no room for the outcome beside them."""
    whole = lab.outcomes[0] if lab.outcomes else None
    if whole is None:
        return []
    return _told(whole, width, but="lev")


def _told(one: OutcomeView, width: int, but: str = "") -> list[Line]:
    cells = {column: cell for column, cell in _outcome_cells(one).items() if column != but}
    said = (
        *(("equity $ ", "equity"), ("", "change"), ("leverage ", "lev"), ("usage ", "usage")),
        *(("liq away ", "liq"), ("", "word")),
    )
    facts: list[Spans] = [
        ((Span(name, "muted"),) if name else ()) + tuple(cells[column][0])
        for name, column in said
        if column in cells
    ]
    return flow(facts, width)


def steps(lab: StressLab, width: int, height: int, context: Context) -> Content:
    """How the outcome grows with the shocks, as charts of bars: where would it end? Usage stands in the
    table, the others below it where there is room. Nothing here is filtered or sorted: it is one line of
    thought."""
    content = Content(
        title="From none to twice the shocks", summary=((Span("bar full = liquidation", "muted"),),)
    )
    if len(lab.steps) < 2:
        content.title = "Scale"
        content.summary = ()
        content.rows = [Row([line]) for line in wrap("The chart comes with the first shock.", width, "muted")]
        return content
    cells = [_step_cells(one) for one in lab.steps]
    layout = fit(visible(_STEPS, context.hidden), cells, width, ("lev", "equity", "liq"))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [
        Row(row(layout, each), key=str(one.share)) for one, each in zip(lab.steps, cells, strict=True)
    ]
    used = len(content.head) + sum(len(each.lines) for each in content.rows)
    content.rows += [Row([line]) for line in _charts(lab.steps, width, height - used)]
    return content


def _charts(found: Sequence[StepView], width: int, height: int) -> list[Line]:
    """Equity, leverage and joint liquidation distance over the shocks: beside each other, or as many below
    one another as fit."""
    first = found[0].equity
    changes = [None if one.equity is None or first is None else one.equity - first for one in found]
    charts: tuple[tuple[str, list[Decimal | None], Tell], ...] = (
        ("Equity change $", changes, lambda v: f.signed(v, 0)),
        ("Leverage", [one.leverage for one in found], f.times),
        ("Liquidation away", [one.distance for one in found], f.percent),
    )
    each = len(found) + 2
    beside = max(1, min(len(charts), (width + 3) // 23))
    lines: list[Line] = []
    for at in range(0, len(charts), beside):
        if len(lines) + each > height:
            break
        wide = (width - 3 * (beside - 1)) // beside
        blocks = [
            _chart(found, *chart, wide, changes=chart[1] is changes) for chart in charts[at : at + beside]
        ]
        lines.append(Line())
        for parts in zip(*blocks, strict=True):
            line = Line()
            for number, part in enumerate(parts):
                line.to(number * (wide + 3)).extend(part.spans)
            lines.append(line)
    return lines


def _chart(
    found: Sequence[StepView],
    title: str,
    values: Sequence[Decimal | None],
    tell: Tell,
    width: int,
    *,
    changes: bool,
) -> list[Line]:
    """One bar a step, on the longest one's scale; a change's bar has the colour of its sign."""
    lines = [Line([Span(title, "muted")])]
    known = [abs(value) for value in values if value is not None and value.is_finite()]
    most = max(known, default=Decimal(0))
    texts = [g.NONE if value is None else tell(value) for value in values]
    side = max(len(text) for text in texts) + 1
    room = width - 6 - side
    for one, value, text in zip(found, values, texts, strict=True):
        chosen = one.share == 1
        line = Line([Span(f"{one.share.normalize():f}{g.TIMES}".ljust(6), "*strong" if chosen else "muted")])
        if room >= 4:
            finite = value is not None and value.is_finite()
            share = Decimal(1) if value is not None and not finite else None
            if value is not None and finite and most:
                share = abs(value) / most
            ink = f.gain_ink(value, 0) if changes else "series"
            fill, track = f.bar(share, room)
            line.add(fill, ink).add(track, "track")
        lines.append(line.to(width - len(text)).add(text, "*strong" if chosen else "text"))
    return lines


def _step_cells(one: StepView) -> Cells:
    word, ink = verdict(one.usage, one.infinite)
    bar_ink = {"LIQUIDATED": "alarm_bar", "NEAR": "warn_bar", "OK": "ok_bar"}.get(word, "faint")
    full = one.infinite or (one.usage is not None and one.usage > 1)
    share = Decimal(1) if full else one.usage
    return {
        "share": plain(f"{one.share.normalize():f}{g.TIMES}", "*strong" if one.share == 1 else "muted"),
        "equity": known(one.equity, lambda v: f.number(v, 0), "text"),
        "lev": known(one.leverage, f.times, "text"),
        "bar": [
            (Span(f.bar(share, w)[0], bar_ink), Span(f.bar(share, w)[1], "track")) for w in range(40, 7, -4)
        ],
        "usage": known(one.usage, f.percent, "text"),
        "liq": known(one.distance, f.percent, "text", g.NONE if one.usage is not None else f.UNKNOWN),
        "word": plain(word, ink),
    }


def plain(text: str, ink: str) -> Sequence[Spans]:
    return ((Span(text, ink),),)


def known(value: Decimal | None, shown: Tell, ink: str, missing: str = f.UNKNOWN) -> Sequence[Spans]:
    if value is None:
        return plain(missing, "muted")
    return plain(shown(value), ink)
