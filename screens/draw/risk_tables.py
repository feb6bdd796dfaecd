"""The tables beside the limits: collateral, accounts, breaker, stress, and what was denied today."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.ink import Line, Span, Spans, flow
from screens.table import Column, fit, header, row
from services.views.desk import DeskView, RiskView
from themes import glyphs as g


def denied(risk: RiskView, width: int) -> list[Line]:
    lines = [Line([Span("Denied today   ", "muted"), Span(str(risk.denied_today), "text")])]
    for d in risk.denied:
        origin = f.clean(d.origin)
        text = f.cut(f.clean(d.text), max(8, width - 12 - len(origin)))
        lines.append(
            Line([Span(f"{f.clock(d.ts)}  ", "muted"), Span(text, "text"), Span(f"  {origin}", "muted")])
        )
    return lines


def tables(view: DeskView, width: int, context: Context) -> list[Line]:
    """Collateral, accounts, breaker and stress, one below the other."""
    lines: list[Line] = []
    for part in (
        collateral(view.risk, width),
        accounts(view.risk, width, context),
        breakers(view.risk, width),
        stress(view.risk, width),
    ):
        if lines and part:
            lines.append(Line())
        lines += part
    return lines


def _table(
    columns: Sequence[Column], rows: Sequence[dict[str, Sequence[Spans]]], width: int, drop: Sequence[str]
) -> list[Line]:
    if not rows:
        return []
    layout = fit(columns, rows, width, drop)
    out = [] if layout.wrapped else [header(layout)]
    for cells in rows:
        out += row(layout, cells)
    return out


def _one(text: str, ink: str = "text") -> Sequence[Spans]:
    return ((Span(text, ink),),)


def _known(value: Decimal | None, text: str, ink: str = "text") -> Sequence[Spans]:
    return _one(f.UNKNOWN, "muted") if value is None else _one(text, ink)


def collateral(risk: RiskView, width: int) -> list[Line]:
    columns = (
        Column("coin", "Collateral", 10),
        Column("balance", "Balance", 9, right=True),
        Column("weight", "Weight", 6, right=True),
        Column("index", "Index $", 8, right=True),
        Column("depeg", "Depeg bps", 9, right=True),
        Column("counts", "Counts $", 9, right=True),
    )
    rows: list[dict[str, Sequence[Spans]]] = []
    for c in risk.collateral:
        ink = {"warn": "*warn", "block": "*alarm", "reduce": "*alarm", "unknown": "*warn"}.get(
            c.level, "text"
        )
        depeg: Sequence[Spans] = _one(g.NONE, "muted")
        if c.level == "unknown" or (c.depeg_bps is None and c.level != "ok"):
            depeg = _one(f.UNKNOWN, "*warn")
        elif c.depeg_bps is not None:
            arrow = "" if ink == "text" else f" {g.DOWN}" if c.depeg_bps < 0 else f" {g.UP}"
            plain = f.number(c.depeg_bps, 0) if ink == "text" else f.signed(c.depeg_bps, 0)
            depeg = ((Span(plain + (arrow or "  "), ink),),)
        rows.append(
            {
                "coin": _one(f.clean(c.coin)),
                "balance": _one(f.number(c.balance, 0)),
                "weight": _known(c.weight, f.number(c.weight or Decimal(0), 2), "muted"),
                "index": _known(c.index, f.number(c.index or Decimal(0), 4)),
                "depeg": depeg,
                "counts": _known(c.counts, f.number(c.counts or Decimal(0), 0)),
            }
        )
    if rows:
        upnl = risk.upnl
        rows.append(
            {
                "coin": _one("uPnL", "muted"),
                "counts": _known(
                    upnl,
                    f.signed(upnl or Decimal(0), 0),
                    f.gain_ink(upnl, 0),
                ),
            }
        )
        rows.append(
            {
                "coin": _one("total C", "muted"),
                "counts": _known(
                    risk.total_collateral, f.number(risk.total_collateral or Decimal(0), 0), "*strong"
                ),
            }
        )
    return _table(columns, rows, width, ("weight", "index"))


def accounts(risk: RiskView, width: int, context: Context) -> list[Line]:
    columns = (
        Column("venue", "Account", 8),
        Column("c", "C $", 9, right=True),
        Column("lev", "Lev", 6, right=True),
        Column("usage", "Usage", 7, right=True),
        Column("bar", "Joint move", 6, most=10, gap=2),
        Column("move", "", 7, right=True),
        Column("coin", "1 coin", 6),
    )
    rows: list[dict[str, Sequence[Spans]]] = []
    for a in risk.accounts:
        mark = g.LAST_KNOWN if a.stale and a.holds else ""
        cells: dict[str, Sequence[Spans]] = {
            "venue": _one(f.clean(a.venue), "stale" if a.stale else "text"),
            "c": _known(
                a.collateral, mark + f.number(a.collateral or Decimal(0), 0), "stale" if a.stale else "text"
            ),
        }
        if not a.holds:
            cells["bar"] = ((Span("holds nothing", "muted"),), (Span("empty", "muted"),))
        else:
            cells["lev"] = _known(
                a.leverage, mark + f.times(a.leverage or Decimal(0)), "stale" if a.stale else "text"
            )
            cells["usage"] = _known(
                a.usage, mark + f.percent(a.usage or Decimal(0)), "stale" if a.stale else "text"
            )
            if a.stale or a.joint_distance is None:
                cells["bar"] = ((Span(f.UNKNOWN if a.stale else g.NONE, "warn" if a.stale else "muted"),),)
            else:
                ink = f"{context.near(a.joint_distance)}_bar"
                cells["bar"] = [
                    (
                        Span(f.bar(1 - a.joint_distance, w)[0], ink),
                        Span(f.bar(1 - a.joint_distance, w)[1], "track"),
                    )
                    for w in (10, 8, 6)
                ]
                cells["move"] = _one(f.percent(a.joint_distance), "*strong")
            coin = a.coin_distance
            cells["coin"] = (
                _one(f"{g.NONE} none", "muted")
                if coin is None
                else _one(f"{f.clean(coin[0])} {f.percent(coin[1], 0)}", "text")
            )
        rows.append(cells)
    return [*_table(columns, rows, width, ("bar", "coin")), *switches(risk, width)]


def switches(risk: RiskView, width: int) -> list[Line]:
    """The venues' dead-man's switches in a line; none where no venue has said a word of one."""
    loud = {"late": "*warn", "failed": "*warn", "fired": "*alarm", "armed": "text"}
    said: list[Spans] = [
        (
            Span(f"{f.clean(a.venue)} ", "muted"),
            Span(a.dead_man or f.UNKNOWN, loud.get(a.dead_man or "", "muted")),
        )
        for a in risk.accounts
    ]
    if all(a.dead_man is None for a in risk.accounts):
        return []
    return flow([(Span("dead man's switch", "muted"),), *said], width)


def breakers(risk: RiskView, width: int) -> list[Line]:
    columns = (
        Column("name", "Breaker", 12),
        Column("now", "Now", 7, right=True),
        Column("trips", "Trips at", 8, right=True),
        Column("bar", "50 % and 80 % warn", 6, most=14, gap=2),
        Column("word", "", 8),
    )
    rows: list[dict[str, Sequence[Spans]]] = []
    for b in risk.breakers:
        ink = {"armed": "*pos", "WARN": "*warn", "TRIPPED": "*alarm"}.get(b.state, "*warn")
        bars = {"armed": "ok_bar", "WARN": "warn_bar", "OVERRIDE": "warn_bar", "TRIPPED": "alarm_bar"}
        bar_ink = bars.get(b.state, "faint")
        share = None if b.now is None or b.trips_at <= 0 else b.now / b.trips_at
        rows.append(
            {
                "name": _one(f.clean(b.name)),
                "now": _known(
                    b.now, f.percent(b.now or Decimal(0), 2), "*alarm" if b.state == "TRIPPED" else "text"
                ),
                "trips": _one(f.percent(b.trips_at, 2), "muted"),
                "bar": [
                    (Span(f.bar(share, w)[0], bar_ink), Span(f.bar(share, w)[1], "track"))
                    for w in (14, 10, 6)
                ],
                "word": _one(b.state, ink),
            }
        )
    return _table(columns, rows, width, ("bar", "trips"))


def stress(risk: RiskView, width: int) -> list[Line]:
    """Worst first, unknown before that: on the Desk there is room for a few of them."""
    columns = (
        Column("name", "Stress", 20, most=28, text=True),
        Column("equity", "Equity $", 9, right=True),
        Column("usage", "Usage", 7, right=True),
        Column("lev", "Lev", 6, right=True),
    )
    mark = g.LAST_KNOWN if any(a.stale and a.holds for a in risk.accounts) else ""
    rows: list[dict[str, Sequence[Spans]]] = []
    for s in sorted(risk.stress, key=lambda s: (s.equity_change is not None, s.equity_change or Decimal(0))):
        change = s.equity_change
        ink = f.gain_ink(change, 0)
        usage_ink = "*alarm" if s.usage is not None and s.usage >= 1 else "text"
        rows.append(
            {
                "name": _one(f.clean(s.name)),
                "equity": _known(change, mark + f.signed(change or Decimal(0), 0), ink),
                "usage": _known(s.usage, mark + f.percent(s.usage or Decimal(0)), usage_ink),
                "lev": _known(s.leverage, mark + f.times(s.leverage or Decimal(0))),
            }
        )
    return _table(columns, rows, width, ("lev",))
