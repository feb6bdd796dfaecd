"""Performance: where equity went, the metrics by strategy and symbol; the charts are `equity.py`'s."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.draw.equity import exact
from screens.frame import Content, Row, aged
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, fit, header, row, visible
from services.views.performance import MetricsView, PerformanceView, ShownView
from themes import glyphs as g

INFINITE = "∞"
EMPTY = "No trade was closed in this period. i walks through the periods."

_PARTS = (
    ("price", "price", 1, "profit and loss against the mid at which each order was decided"),
    ("funding", "funding", 1, "received less paid, at the coin's index of that instant"),
    ("currency", "currency", 1, "what the held coins did in USD"),
    ("adjustments", "adjustments", 1, "what a venue's read brought that no fill or payment explains"),
    ("fees", "fees", -1, "paid on fills"),
    ("slippage", "slippage", -1, "fills against the mid of their decision"),
    ("interest", "interest", -1, "on negative balances"),
    ("conversion", "conversion", -1, "spot trades against the index"),
    ("liquidation", "liquidation", -1, "fees and prices of liquidations"),
)
_METRICS = (
    Column("name", "", 11, most=26, text=True),
    Column("trades", "Trades", 6, right=True),
    Column("won", "Won", 7, right=True),
    Column("pnl", "PnL $", 9, right=True),
    Column("funding", "Funding $", 9, right=True),
    Column("fees", "Fees $", 8, right=True),
    Column("slip", "Slippage $", 10, right=True),
    Column("win", "Avg win", 8, right=True),
    Column("loss", "Avg loss", 8, right=True),
    Column("factor", "Factor", 6, right=True),
    Column("each", "Per trade", 9, right=True),
    Column("time", "In market", 9, right=True),
    Column("turnover", "Turnover $", 10, right=True),
)
METRIC_NAMES = {
    "won": "share of trades won",
    "funding": "funding",
    "fees": "fees",
    "slip": "slippage",
    "win": "average win",
    "loss": "average loss",
    "factor": "profit factor",
    "each": "result per trade",
    "time": "time in market",
    "turnover": "turnover",
}
"""Columns that may be hidden."""
_COUNTED = (
    ("closed trades", ("trades", "pnl", "won", "funding", "fees", "win", "loss", "factor", "each")),
    ("every fill of the period", ("slip", "turnover")),
    ("closed and open", ("time",)),
)
"""What each figure counts: a trade that is still open has fills but no result yet."""
METRIC_SORTS = ("", "PnL", "trades")
_DROP = ("turnover", "win", "loss", "each", "slip", "time", "fees", "factor", "won")


def old(content: Content, view: ShownView) -> Content:
    """The last report that could be made, when newer ones do not come: with its age, and why."""
    age = f"{g.LOST} {f.coarse(view.age_s * 10**9)} old" if view.age_s else f"{g.LOST} not known"
    why = f.clean(view.failing) or "the store is still being read"
    short: Spans = (Span(age, "*warn"),)
    mid: Spans = (*short, Span(f" {g.DOT} {'reports fail' if view.failing else 'still reading'}", "warn"))
    return aged(content, ((*short, Span(f" {g.DOT} {why}", "warn")), mid, short))


def waterfall(view: PerformanceView, width: int, context: Context) -> Content:
    content = Content(title="Where equity went", summary=((Span("USD", "muted"),),))
    fall = view.waterfall
    if fall is not None:
        # The newest sample may be minutes behind the equity of the top row.
        until = f.when(fall.until, context.now, f.minute)
        content.summary = ((Span(f"to {until} {g.DOT} USD", "muted"),), *content.summary)
    if fall is None:
        text = " ".join(view.notes) if not view.curve else "This store keeps no waterfall for the period."
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    steps = [(name, sign * getattr(fall, key), key) for key, name, sign, _ in _PARTS]
    if fall.transfers:
        steps.insert(0, ("transfers", fall.transfers, "transfers"))
    places = 2 if abs(fall.equity_end) < 10_000_000 else 0
    side = max(len(f.number(fall.equity_end, places)), 11) + 1
    room = width - 14 - side
    low, high = _reach([change for _, change, _ in steps])
    content.rows.append(_total("before", fall.equity_start, room, side, places))
    level = Decimal(0)
    for name, change, key in steps:
        bar = _bar(level, change, low, high, room) if room >= 8 else []
        line = Line([Span(name.ljust(14), "text" if change else "muted"), *bar])
        line.to(width - side).add(f.signed(change, places).rjust(side), f.gain_ink(change, places))
        content.rows.append(Row([line], key=key))
        level += change
    content.rows.append(_total("after", fall.equity_end, room, side, places))
    result = Line([Span("result", "*strong")]).to(width - side)
    content.rows.append(
        Row(
            [result.add(f.signed(fall.result, places).rjust(side), _sign(fall.result, bold=True))],
            key="result",
        )
    )
    if fall.difference:
        text = f"The parts miss the change of equity by {f.signed(fall.difference, 8)}: a fault of ours."
        content.rows += [Row([line]) for line in wrap(text, width, "*alarm")]
    return content


def _total(name: str, amount: Decimal, room: int, side: int, places: int) -> Row:
    line = Line([Span(f"equity {name}".ljust(14), "muted")]).to(14 + max(0, room))
    return Row([line.add(f.number(amount, places).rjust(side), "*strong")])


def _reach(changes: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    level = low = high = Decimal(0)
    for change in changes:
        level += change
        low, high = min(low, level), max(high, level)
    return low, high


def _bar(level: Decimal, change: Decimal, low: Decimal, high: Decimal, room: int) -> list[Span]:
    """The step's own place on one scale for all; the smallest change shows one cell."""
    span = high - low
    if not span:
        return []
    cells = room - 1
    ends = sorted(int((one - low) / span * (cells - 1)) for one in (level, level + change))
    if not change:
        return [Span(" " * ends[0], "text"), Span("│", "faint")]
    ink = "pos" if change > 0 else "neg"
    return [Span(" " * ends[0], "text"), Span("━" * max(1, ends[1] - ends[0]), ink)]


def part_drawer(view: PerformanceView, key: str, width: int) -> list[Line]:
    fall = view.waterfall
    if fall is None:
        return []
    if key == "result":
        return wrap(
            "Change of equity less transfers: the sum of the parts, to the last digit.", width, "muted"
        )
    said = next((text for name, _, _, text in _PARTS if name == key), "deposits less withdrawals")
    lines = wrap(f"{said[0].upper()}{said[1:]}.", width, "muted")
    if key in ("slippage", "price") and fall.unmeasured:
        text = f"{fall.unmeasured} fills had no mid to be measured against: their slippage is in price."
        lines += wrap(text, width, "muted")
    if key == "currency":
        lines += _coins(view, width)
    return lines


_COINS = (
    Column("coin", "Coin", 5),
    Column("account", "Account", 7),
    Column("start", "Held before", 11, right=True),
    Column("end", "after", 11, right=True),
    Column("was", "$ before", 9, right=True, gap=2),
    Column("is", "$ after", 8, right=True),
)


def _coins(view: PerformanceView, width: int) -> list[Line]:
    """Amounts and prices at both ends of the period: what the revaluation rests on."""
    cells: list[Cells] = [
        {
            "coin": _one(f.clean(one.coin), "*text"),
            "account": _one(f.clean(one.account), "muted"),
            "start": _plain(one.start),
            "end": _plain(one.end),
            "was": _plain(one.index_start, places=4),
            "is": _plain(one.index_end, places=4),
        }
        for one in view.coins
    ]
    layout = fit(_COINS, cells, width, ("account",))
    return [header(layout), *(line for each in cells for line in row(layout, each))] if cells else []


def ratios(view: PerformanceView, width: int) -> list[Line]:
    risk = view.risk
    interval = ""
    if risk.sharpe_low is not None and risk.sharpe_high is not None:
        interval = f" {f.number(exact(risk.sharpe_low), 1)} … {f.number(exact(risk.sharpe_high), 1)}"
    facts: list[Spans] = [
        _fact(
            "return",
            None if risk.total_return is None else f.signed_percent(exact(risk.total_return), 2),
        ),
        (*_fact("Sharpe", _ratio(risk.sharpe)), Span(interval, "muted")),
        _fact("Sortino", _ratio(risk.sortino)),
        _fact("Calmar", _ratio(risk.calmar)),
        _fact("days", str(risk.days)),
    ]
    return flow(facts, width, gap=3)


def _fact(name: str, text: str | None) -> Spans:
    return (Span(f"{name} ", "muted"), Span(g.NONE if text is None else text, "*strong" if text else "muted"))


def _ratio(value: float | None) -> str | None:
    return None if value is None else f.number(exact(value), 2)


def metrics(view: PerformanceView, width: int, context: Context) -> Content:
    total = view.total
    content = Content(title="Metrics", summary=_metrics_summary(total))
    groups = (("By strategy", view.by_strategy, "strategy"), ("By symbol", view.by_symbol, "symbol"))
    cells = {("all", "all"): _cells(total, "*strong")}
    order = _BY.get(context.sort)
    for _, rows, kind in groups:
        ranked = sorted(rows, key=order) if order is not None else rows
        cells |= {(kind, one.name): _cells(one, "text") for one in ranked if context.keeps(one.name)}
    layout = fit(visible(_METRICS, context.hidden), list(cells.values()), width, _DROP)
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows.append(Row(row(layout, cells["all", "all"]), key=metric_key("total", total.name)))
    if not total.total_trades:
        content.rows += [Row([line]) for line in wrap(EMPTY, width, "muted")]
    for title, _, kind in groups:
        chosen = [key for key in cells if key[0] == kind]
        if not chosen:
            continue
        if context.room:
            content.rows.append(Row([Line()]))
        content.rows.append(Row([Line([Span(title, "muted")])]))
        content.rows += [Row(row(layout, cells[key]), key=metric_key(f"by_{kind}", key[1])) for key in chosen]
    content.foot = ratios(view, width)
    return content


_BY: dict[str, Callable[[MetricsView], Decimal]] = {
    "PnL": lambda one: -one.total_pnl,
    "trades": lambda one: Decimal(-one.total_trades),
}


def metric_key(of: str, name: str) -> str:
    """`of`: the part of the view that the row is from."""
    return f"{of} {name}"


def metric_drawer(view: PerformanceView, key: str, width: int) -> list[Line]:
    """Every figure of a row, those too that its columns had to leave out."""
    of, _, name = key.partition(" ")
    rows = {"total": (view.total,), "by_strategy": view.by_strategy, "by_symbol": view.by_symbol}.get(of, ())
    one = next((each for each in rows if each.name == name), None)
    if one is None:
        return []
    cells = _cells(one, "*strong")
    words = {"trades": "trades", "pnl": "result"} | METRIC_NAMES
    facts: list[Spans] = [(Span(f.clean(one.name), "*strong"),)]
    for counted, columns in _COUNTED:
        facts.append((Span(f"{counted}:", "muted"),))
        facts += [(Span(f"{words[column]} ", "muted"), *cells[column][0]) for column in columns]
    return flow(facts, width)


def _metrics_summary(total: MetricsView) -> tuple[Spans, ...]:
    return (
        (
            Span("closed trades, net of fees and funding ", "muted"),
            Span(f"{g.DOT} slippage, turnover: of every fill ", "muted"),
            Span(f"{g.DOT} in market: with what is open", "muted"),
        ),
        (Span(f"closed trades {g.DOT} slippage, turnover: of every fill", "muted"),),
        (Span("closed trades, net of fees and funding", "muted"),),
        (Span(f"{total.total_trades}", "muted"),),
    )


def _cells(one: MetricsView, ink: str) -> Cells:
    factor = g.NONE if one.profit_factor is None else f.number(exact(one.profit_factor), 2)
    if one.profit_factor is None and one.total_trades and one.avg_loss is None:
        factor = INFINITE
    return {
        "name": _one(f.clean(one.name), ink),
        "trades": _one(str(one.total_trades), ink),
        "won": _one(g.NONE if one.win_rate is None else f.percent(exact(one.win_rate)), "text"),
        "pnl": _money(one.total_pnl),
        "funding": _money(one.funding),
        "fees": _plain(one.fees),
        "slip": _plain(one.slippage),
        "win": _plain(one.avg_win, g.NONE),
        "loss": _plain(one.avg_loss, g.NONE),
        "factor": _one(factor, "text"),
        "each": _money(one.expectancy) if one.expectancy is not None else _one(g.NONE, "muted"),
        "time": _one(g.NONE if one.time_in_market is None else f.percent(exact(one.time_in_market)), "text"),
        "turnover": _plain(one.turnover, places=0),
    }


def _one(text: str, ink: str) -> Sequence[Spans]:
    return ((Span(text, ink),),)


def _money(value: Decimal) -> Sequence[Spans]:
    return tuple((Span(text, _sign(value)),) for text in f.money_choices(value))


def _plain(value: Decimal | None, missing: str = f.UNKNOWN, places: int = 2) -> Sequence[Spans]:
    return _one(missing, "muted") if value is None else _one(f.number(value, places), "text")


def _sign(value: Decimal, *, bold: bool = False) -> str:
    ink = f.gain_ink(value)
    return f"*{ink}" if bold and ink != "muted" else ink
