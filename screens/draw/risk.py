"""Risk limits: every check of the gate with its head-room; with room also collateral, accounts, breaker,
stress.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.draw.order import last
from screens.draw.risk_tables import accounts, breakers, collateral, denied, stress, tables
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, wrap
from screens.table import Cells, Column, Fit, Measured, Remembered, fit, header, row, visible
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
NAMES = {"limit": "limit", "used": "bar of what is used", "free": "what is free"}
"""Columns that may be hidden; the others say which check it is, where it stands and whether it passes."""
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


def draw(view: DeskView, width: int, height: int, context: Context, order: Sequence[str] = ()) -> Content:
    """`height` = lines inside the frame: what does not fit is left to the least tight ones, never to an
    OVER.
    """
    risk = view.risk
    content = Content(
        title="Risk limits",
        summary=summary(risk, context.tightest),
        alarm=any(one.level in ("OVER", "STOP") for one in risk.limits),
    )
    limits = [one for one in risk.limits if context.keeps(one.name, one.level)]
    if not limits:
        text = context.no_match("check") if risk.limits else EMPTY
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    beside = width >= TABLES_FROM
    own = width - TABLES_WIDTH - 3 if beside else width
    cells = {one.name: _remembered(one) for one in limits}
    layout = fit(visible(COLUMNS, context.hidden), list(cells.values()), own, DROP)
    limits = _ordered(limits, context.sort, crowded=len(limits) > height - 1, order=order)
    rows = [_row(one.name, cells[one.name], layout) for one in limits]
    head = Line() if layout.wrapped else header(layout)
    if not beside:
        content.head = [] if layout.wrapped else [head]
        content.rows = rows
        return content
    left = [(r.lines[0], r.key) for r in rows]
    room = height - 1 - len(left)
    if room >= 3:
        left += [(line, "") for line in [Line(), *denied(risk, own)][:room]]
    right = tables(view, TABLES_WIDTH, context)
    content.head = [_beside(head, right[0] if right else Line(), own)]
    tail = right[1 : max(height, len(left) + 1)]
    for at in range(max(len(left), len(tail))):
        line, key = left[at] if at < len(left) else (Line(), "")
        content.rows.append(Row([_beside(line, tail[at] if at < len(tail) else Line(), own)], key=key))
    return content


def _beside(left: Line, right: Line, own: int) -> Line:
    return left.fitted(own).add(" ", "text").add("│", "border").add(" ", "text").extend(right.spans)


def natural(view: DeskView) -> list[str]:
    """The keys by tightness: what `order` follows once rows may move."""
    limits = sorted(
        view.risk.limits, key=lambda one: (_RANK.get(one.level, 4), last([one.used], lambda used: -used[0]))
    )
    return [one.name for one in limits]


def _ordered(limits: list[LimitView], sort: str, crowded: bool, order: Sequence[str]) -> list[LimitView]:
    """The gate's own order while all fit; else what is over, unknown or near first, then the tightest.

    A change of level moves a row at once; a change of tightness waits until rows may move.
    """
    if sort == "tightest" or crowded:
        place = {name: at for at, name in enumerate(order)}
        return sorted(limits, key=lambda one: (_RANK.get(one.level, 4), place.get(one.name, len(place))))
    return limits


def summary(risk: RiskView, tightest: str) -> tuple[Spans, ...]:
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
    if not tightest:
        return ((Span(passing, "muted"),),)
    long = f"{passing} {g.DOT} tightest {tightest}"
    return ((Span(long, "muted"),), (Span(passing, "muted"),))


def tab(risk: RiskView) -> tuple[str, str]:
    """The same in a word and a half."""
    levels = [one.level for one in risk.limits]
    over, unknown = levels.count("OVER"), levels.count("UNKNOWN")
    if "STOP" in levels:
        return ("stopped", "*alarm")
    if over:
        return (f"{over} over", "*alarm")
    return (f"{unknown} unknown", "*warn") if unknown else (f"{len(levels)}/{len(levels)}", "muted")


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


_CELLS: Remembered[Measured] = Remembered()
_ROWS: Remembered[Row] = Remembered()


def _remembered(one: LimitView) -> Measured:
    return _CELLS.of(one.name, one, lambda: Measured(_cells(one)))


def _row(name: str, cells: Cells, layout: Fit) -> Row:
    return _ROWS.of(name, (cells, layout), lambda: Row(row(layout, cells), key=name))


def _cells(one: LimitView) -> Cells:
    loud = "*alarm" if one.level in ("OVER", "STOP") else "text"
    lost = one.level == "UNKNOWN"
    if one.unit == "state":
        now = f.clean(one.text.split(" ")[0]).rstrip(":") if one.text else one.level
        why = f.clean(one.text.partition(": ")[2])  # of a venue without new risk; a halt's is in the bar
        used = "all pass" if one.level == "PASS" else "reducing" if one.level == "STOP" else why
        return {
            "check": ((Span(f.clean(one.name), "text"),),),
            "now": ((Span(now[:9], loud),),),
            "used": ((Span(used, "muted" if one.level == "PASS" else "alarm"),), ()),
            "word": ((Span(one.level, _WORD_INK.get(one.level, "muted")),),),
        }
    now = f.UNKNOWN if lost and one.value is None else figure(one.value, one.unit)
    if one.level == "OVER" and one.used is not None and one.used < 1:
        # Refused though the figure is inside: the reason stands in the bar's place (`stale: alpha`).
        why = f.clean(one.text.partition(";")[0])
        bars: Sequence[Spans] = ((Span(why, "alarm"),), (Span(why.partition(":")[0], "alarm"),), ())
        free = ""
    else:
        bars, free = _bars(one.used, _bar_ink(one.level)), _free(one)
    return {
        "check": ((Span(f.clean(one.name), "text" if not lost else "muted"),),),
        "now": ((Span(now, loud if not lost else "muted"),),),
        "limit": ((Span(figure(one.limit, one.unit), "muted"),),),
        "used": bars,
        "free": ((Span(free, "muted"),),),
        "word": ((Span(f.UNKNOWN if lost else one.level, _WORD_INK.get(one.level, "muted")),),),
    }


def _free(one: LimitView) -> str:
    if one.used is None:
        return ""
    return f.percent(max(Decimal(0), 1 - one.used), 0)


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


def drawer(view: DeskView, key: str, width: int, context: Context) -> list[Line]:
    """What the pane has no room for: the tables, beside what was denied."""
    found = next((one for one in view.risk.limits if one.name == key), None)
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
        # The stress cases last: where the rows end there is screen 8 for them.
        half = [*collateral(view.risk, 54), Line(), *accounts(view.risk, 54, context), Line()]
        half += denied(view.risk, 54)
        other = [*breakers(view.risk, width - 58), Line(), *stress(view.risk, width - 58)]
        for at in range(max(len(half), len(other))):
            a = half[at] if at < len(half) else Line()
            b = other[at] if at < len(other) else Line()
            lines.append(Line(a.fitted(54).spans).add(" ").add("│", "border").add(" ").extend(b.spans))
        return lines
    return [*lines, *tables(view, width, context), Line(), *denied(view.risk, width)]
