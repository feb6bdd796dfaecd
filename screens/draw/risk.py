"""Risk limits: every check of the gate with its head-room; with room also collateral, accounts, breaker, stress."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, wrap
from screens.table import Column, fit, header, row
from services.views.desk import DeskView, LimitView, RiskView
from themes import glyphs as g

COLUMNS = (
    Column("check", "Check", 18, most=22),
    Column("now", "Now", 9, right=True),
    Column("limit", "Limit", 9, right=True),
    Column("used", "Used", 6, most=12, gap=2),
    Column("free", "free", 6, right=True),
    Column("word", "", 4),
)
DROP = ("used", "limit", "free")
_RANK = {"STOP": 0, "PASS": 0, "OVER": 1, "UNKNOWN": 2, "NEAR": 3}
SORTS = ("", "tightest")
EMPTY = "No limits known yet. They come with the engine's first view."
TABLES_FROM = 112
"""Content cells from which the tables stand beside the limits."""
TABLES_WIDTH = 62
_WORD_INK = {
    "OK": "*pos",
    "PASS": "*pos",
    "NEAR": "*warn",
    "OVER": "*alarm",
    "STOP": "*alarm",
    "UNKNOWN": "*warn",
}


def draw(view: DeskView, width: int, height: int, context: Context) -> Content:
    """`height` = lines inside the frame: what does not fit is left to the least tight ones, never to an OVER."""
    risk = view.risk
    content = Content(
        title="Risk limits",
        summary=summary(risk),
        alarm=any(l.level in ("OVER", "STOP") for l in risk.limits),
    )
    limits = [l for l in risk.limits if context.keeps(l.name, l.level)]
    if not limits:
        text = f"No check matches {context.needle}." if risk.limits else EMPTY
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    beside = width >= TABLES_FROM
    own = width - TABLES_WIDTH - 3 if beside else width
    cells = {l.name: _cells(l) for l in limits}
    layout = fit(COLUMNS, list(cells.values()), own, DROP)
    limits = _ordered(limits, context.sort, crowded=len(limits) > height - 1)
    rows = [Row(row(layout, cells[l.name]), key=l.name) for l in limits]
    head = Line() if layout.wrapped else header(layout)
    if not beside:
        content.head = [] if layout.wrapped else [head]
        content.rows = rows
        return content
    left = [(r.lines[0], r.key) for r in rows]
    room = height - 1 - len(left)
    if room >= 3:
        left += [(line, "") for line in [Line(), *denied(risk, own)][:room]]
    right = tables(view, TABLES_WIDTH)
    content.head = [_beside(head, right[0] if right else Line(), own)]
    tail = right[1 : max(height, len(left) + 1)]
    for at in range(max(len(left), len(tail))):
        line, key = left[at] if at < len(left) else (Line(), "")
        content.rows.append(Row([_beside(line, tail[at] if at < len(tail) else Line(), own)], key=key))
    return content


def _beside(left: Line, right: Line, own: int) -> Line:
    return left.fitted(own).add(" ", "text").add("│", "border").add(" ", "text").extend(right.spans)


def _ordered(limits: list[LimitView], sort: str, crowded: bool) -> list[LimitView]:
    """The gate's own order while all fit; else what is over, unknown or near first, then the tightest."""
    if sort == "tightest" or crowded:
        return sorted(limits, key=lambda l: (_RANK.get(l.level, 4), -(l.used or Decimal(0))))
    return limits


def summary(risk: RiskView) -> tuple[Spans, ...]:
    total = len(risk.limits)
    over = sum(one.level == "OVER" for one in risk.limits)
    stopped = any(one.level == "STOP" for one in risk.limits)
    unknown = sum(one.level == "UNKNOWN" for one in risk.limits)
    words: list[Span] = []
    if stopped or over:
        parts = [
            part for part in ("stopped" if stopped else "", f"{over} over limit" if over else "") if part
        ]
        words.append(Span(", ".join(parts), "*alarm"))
    if unknown:
        words += [Span(f" {g.DOT} ", "muted")] if words else []
        words.append(Span(f"{unknown} unknown", "*warn"))
    if words:
        return (tuple(words), tuple(words[:1]))
    passing = f"{total} of {total} pass"
    ranked = [l for l in risk.limits if l.used is not None]
    if not ranked:
        return ((Span(passing, "muted"),),)
    tight = max(ranked, key=lambda l: l.used or Decimal(0))
    long = f"{passing} {g.DOT} tightest {f.clean(tight.name)} {f.percent(tight.used or Decimal(0), 0)}"
    return ((Span(long, "muted"),), (Span(passing, "muted"),))


def figure(value: Decimal | None, unit: str) -> str:
    """A check's value or limit in its own unit."""
    if value is None:
        return g.NONE
    if unit == "usd":
        return f.number(value, 0)
    if unit == "x":
        return f.times(value)
    if unit == "fraction":
        return f.percent(value)
    if unit == "ms":
        return f.age_ms(int(value)) if value.is_finite() else f.UNKNOWN
    if unit == "bps":
        return f"{f.number(value, 0)} bps"
    if unit == "rate/min":
        return f"{f.number(value, 0)} / min"
    return f.number(value, 0 if unit == "count" else min(4, f.places_of(value) if value.is_finite() else 0))


def _cells(l: LimitView) -> dict[str, Sequence[Spans]]:
    loud = "*alarm" if l.level in ("OVER", "STOP") else "text"
    lost = l.level == "UNKNOWN"
    if l.unit == "state":
        now = f.clean(l.text.split(" ")[0]) if l.text else l.level
        used = "all pass" if l.level == "PASS" else "reducing"
        return {
            "check": ((Span(f.clean(l.name), "text"),),),
            "now": ((Span(now[:9], loud),),),
            "used": ((Span(used, "muted" if l.level == "PASS" else "alarm"),), ()),
            "word": ((Span(l.level, _WORD_INK.get(l.level, "muted")),),),
        }
    now = f.UNKNOWN if lost and l.value is None else figure(l.value, l.unit)
    return {
        "check": ((Span(f.clean(l.name), "text" if not lost else "muted"),),),
        "now": ((Span(now, loud if not lost else "muted"),),),
        "limit": ((Span(figure(l.limit, l.unit), "muted"),),),
        "used": _bars(l.used, _bar_ink(l.level)),
        "free": ((Span(_free(l), "muted"),),),
        "word": ((Span(f.UNKNOWN if lost else l.level, _WORD_INK.get(l.level, "muted")),),),
    }


def _free(l: LimitView) -> str:
    if l.used is None:
        return ""
    return f.percent(max(Decimal(0), 1 - l.used), 0)


def _bar_ink(level: str) -> str:
    return {"NEAR": "warn_bar", "OVER": "alarm_bar", "STOP": "alarm_bar", "UNKNOWN": "faint"}.get(
        level, "ok_bar"
    )


def _bars(share: Decimal | None, ink: str) -> Sequence[Spans]:
    out: list[Spans] = []
    for width in (12, 11, 10, 9, 8, 7, 6):
        fill, track = f.bar(share, width)
        out.append((Span(fill, ink), Span(track, "track")))
    return out


def denied(risk: RiskView, width: int) -> list[Line]:
    lines = [Line([Span("Denied today   ", "muted"), Span(str(risk.denied_today), "text")])]
    for d in risk.denied:
        origin = f.clean(d.origin)
        text = f.cut(f.clean(d.text), max(8, width - 12 - len(origin)))
        lines.append(
            Line([Span(f"{f.clock(d.ts)}  ", "muted"), Span(text, "text"), Span(f"  {origin}", "muted")])
        )
    return lines


def tables(view: DeskView, width: int) -> list[Line]:
    """Collateral, accounts, breaker and stress, one below the other."""
    lines: list[Line] = []
    for part in (
        _collateral(view.risk, width),
        _accounts(view.risk, width),
        _breakers(view.risk, width),
        _stress(view.risk, width),
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


def _collateral(risk: RiskView, width: int) -> list[Line]:
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
        if c.level == "unknown":
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
                    "pos" if upnl and upnl > 0 else "neg" if upnl else "muted",
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


def _accounts(risk: RiskView, width: int) -> list[Line]:
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
                near = a.joint_distance < Decimal("0.15")
                ink = "alarm_bar" if a.joint_distance < Decimal("0.08") else "warn_bar" if near else "ok_bar"
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
    return _table(columns, rows, width, ("bar", "coin"))


def _breakers(risk: RiskView, width: int) -> list[Line]:
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
        bar_ink = {"armed": "ok_bar", "WARN": "warn_bar", "TRIPPED": "alarm_bar"}.get(b.state, "faint")
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


def _stress(risk: RiskView, width: int) -> list[Line]:
    columns = (
        Column("name", "Stress", 20, most=28, text=True),
        Column("equity", "Equity $", 9, right=True),
        Column("usage", "Usage", 7, right=True),
        Column("lev", "Lev", 6, right=True),
    )
    mark = g.LAST_KNOWN if any(a.stale and a.holds for a in risk.accounts) else ""
    rows: list[dict[str, Sequence[Spans]]] = []
    for s in risk.stress:
        change = s.equity_change
        ink = "muted" if not change else "pos" if change > 0 else "neg"
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


def drawer(view: DeskView, key: str, width: int, context: Context) -> list[Line]:
    """What the pane has no room for: the tables, beside what was denied."""
    found = next((l for l in view.risk.limits if l.name == key), None)
    lines: list[Line] = []
    if found is not None:
        lines = [
            Line(
                [
                    Span(f"{f.clean(found.name)} ", "*strong"),
                    Span(f.cut(f.clean(found.text), max(0, width - len(found.name) - 1)), "muted"),
                ]
            )
        ]
    if width >= 112:
        left, right = tables(view, 54), denied(view.risk, width - 60)
        half = [*_collateral(view.risk, 54), Line(), *_accounts(view.risk, 54)]
        other = [*_breakers(view.risk, width - 58), Line(), *_stress(view.risk, width - 58), Line(), *right]
        del left
        for at in range(max(len(half), len(other))):
            a = half[at] if at < len(half) else Line()
            b = other[at] if at < len(other) else Line()
            lines.append(Line(a.fitted(54).spans).add(" ").add("│", "border").add(" ").extend(b.spans))
        return lines
    return [*lines, *tables(view, width), Line(), *denied(view.risk, width)]
