"""Health: venues, process, store and channels as tables, and what was found, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.context import Context
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, fit, header, row, visible
from services.views.health import Finding, HealthView, VenueHealth
from themes import glyphs as g

_VENUES = (
    Column("name", "Venue", 8),
    Column("link", "Link", 11),
    Column("age", "Data age", 8, right=True),
    Column("p50", "p50 ms", 6, right=True),
    Column("p95", "p95 ms", 6, right=True),
    Column("clock", "Clock ms", 8, right=True),
    Column("bar", "Rate limit used", 8, most=24, gap=2),
    Column("budget", "Free", 7, right=True),
    Column("dead", "Dead man", 9, gap=2),
    Column("errors", "Errors", 7, right=True),
    Column("read", "Read", 6, right=True),
    Column("again", "Reconnects", 10, right=True),
)
_DROP = ("bar", "again", "errors", "read", "p50", "budget")
VENUE_NAMES = {
    "p50": "latency, half within",
    "p95": "latency, 19 of 20 within",
    "clock": "clock offset",
    "bar": "rate limit as a bar",
    "budget": "rate limit free",
    "errors": "failed requests",
    "read": "account read",
    "again": "reconnects",
}
"""Columns that may be hidden."""
_LEVELS = {"ok": (g.GOOD, "*pos"), "late": (g.DEGRADED, "*warn"), "bad": (g.LOST, "*alarm")}
_LEAST_BUDGET = Decimal("0.1")
NONE_FOUND = "Nothing found: every reading is inside its limit."
NO_CHANNELS = "No channel is set up: alerts are shown here and written to the log."


def venues(view: HealthView, width: int, context: Context) -> Content:
    up = sum(one.connected for one in view.venues)
    content = Content(title="Venues", summary=((Span(f"{up} of {len(view.venues)} connected", "muted"),),))
    rows = [one for one in view.venues if context.keeps(one.name)]
    if not rows:
        content.rows = [Row([line]) for line in wrap(context.no_match("venue"), width, "muted")]
        return content
    cells = [_venue(one, context) for one in rows]
    layout = fit(visible(_VENUES, context.hidden), cells, width, _DROP)
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [Row(row(layout, each), key=one.name) for one, each in zip(rows, cells, strict=True)]
    return content


def _venue(one: VenueHealth, context: Context) -> Cells:
    sign, ink = _LEVELS.get(one.level, (g.UNKNOWN, "*warn"))
    word = "connected" if one.connected else "lost" if one.level != "unknown" else f.UNKNOWN
    late = one.data_age_ms is not None and one.level != "ok"
    tight = one.budget_free is not None and one.budget_free < _LEAST_BUDGET
    used = None if one.budget_free is None else 1 - one.budget_free
    return {
        "name": _one(f.clean(one.name), "*strong"),
        "link": ((Span(f"{sign} ", ink), Span(word, "text" if one.connected else "*alarm")),),
        "age": _one(f.age_ms(one.data_age_ms, context.remote), "warn" if late else "text"),
        "p50": _number(one.latency_ms_p50),
        "p95": _number(one.latency_ms_p95, most=Decimal(500)),
        "clock": _clock(one.clock_offset_ms),
        "bar": [()]
        if used is None
        else [
            (Span(f.bar(used, w)[0], "warn_bar" if tight else "ok_bar"), Span(f.bar(used, w)[1], "track"))
            for w in range(24, 7, -4)
        ],
        "budget": _one(g.NONE, "muted")
        if one.budget_free is None
        else _one(f.percent(one.budget_free, 0), "*warn" if tight else "text"),
        "dead": _dead(one.dead_man),
        "errors": _one(g.NONE if one.error_rate is None else f.percent(one.error_rate, 0), "text"),
        "read": _one(f.age_ms(one.read_age_ms, context.remote), "text"),
        "again": _one(g.NONE if one.reconnects is None else str(one.reconnects), "text"),
    }


def venue_drawer(view: HealthView, key: str, width: int, context: Context) -> list[Line]:
    """What the columns had to leave out."""
    found = next((one for one in view.venues if one.name == key), None)
    if found is None:
        return []
    cells = _venue(found, context)
    said = (
        ("half of the answers within", "p50", " ms"),
        ("19 of 20 within", "p95", " ms"),
        ("rate limit free", "budget", ""),
        ("failed requests", "errors", ""),
        ("account read", "read", ""),
        ("reconnects", "again", ""),
    )
    limit = f.age_ms(found.late_after_ms, context.remote)
    facts = []
    for name, column, unit in said:
        shown = cells[column][-1]
        known = any(text.strip() not in (g.NONE, f.UNKNOWN) for text, _ in shown)
        facts.append((Span(f"{name} ", "muted"), *shown, Span(unit if known else "", "muted")))
    return flow([*facts, (Span("stale from ", "muted"), Span(limit, "text"))], width, gap=3)


def _clock(offset: int | None) -> Sequence[Spans]:
    if offset is None:
        return _one(f.UNKNOWN, "*warn")
    return _one(f.signed(Decimal(offset), 0) if offset else "0", "*warn" if abs(offset) >= 250 else "text")


def _dead(state: str | None) -> Sequence[Spans]:
    if state is None:
        return _one(f.UNKNOWN, "muted")
    return _one(state, "*alarm" if state in ("late", "fired", "failed") else "text")


def process(view: HealthView, width: int, context: Context) -> Content:
    del context
    one = view.process
    content = Content(title="Process", summary=((Span(f"pid {one.pid}, up {_up(one.up_s)}", "muted"),),))
    mega = None if one.memory_mb is None else f"{f.number(_dec(one.memory_mb), 0)} MB"
    files = (
        None
        if one.files is None
        else f"{one.files} of {one.files_most}"
        if one.files_most
        else str(one.files)
    )
    lag = None if one.loop_lag_ms is None else f"{f.number(_dec(one.loop_lag_ms), 1)} ms"
    worst = one.loop_lag_worst_ms
    content.rows = _bars(
        width,
        (
            ("machine CPU", _share(one.machine_cpu), one.machine_cpu, 0.80),
            ("our CPU, a core", _share(one.cpu), one.cpu, None),
            ("machine memory", _share(one.machine_memory), one.machine_memory, 0.85),
            ("our memory", mega, None, None),
            ("loop lag", lag, None, None),
            (
                "worst in a minute",
                None if worst is None else f"{f.number(_dec(worst), 0)} ms",
                None if worst is None else worst / 500,
                1.0,
            ),
            (
                "open files",
                files,
                None if one.files is None or not one.files_most else one.files / one.files_most,
                0.8,
            ),
            ("threads", None if one.threads is None else str(one.threads), None, None),
        ),
    )
    return content


def store(view: HealthView, width: int, context: Context) -> Content:
    del context
    one = view.store
    content = Content(title="Store", alarm=not one.ok)
    content.summary = ((Span("ok" if one.ok else "TROUBLE", "*pos" if one.ok else "*alarm"),),)
    size = None if one.size_mb is None else f"{f.number(_dec(one.size_mb), 1)} MB"
    log = None if one.wal_mb is None else f"{f.number(_dec(one.wal_mb), 1)} MB"
    content.rows = _bars(
        width,
        (
            ("rows that wait", str(one.waiting), one.waiting / max(1, one.waiting_most), 1.0),
            ("oldest", f"{f.number(_dec(one.oldest_s), 1)} s", one.oldest_s / 2, 1.0),
            ("disk used", _share(one.disk), one.disk, 0.90),
            ("store", size, None, None),
            ("its log", log, None, None),
            ("blocks lost", str(one.gaps), None, None),
            (
                "last backup",
                "none" if one.backup_ts is None else f"{f.date(one.backup_ts)} {f.minute(one.backup_ts)}",
                None,
                None,
            ),
        ),
    )
    if not one.ok:
        content.rows += [Row([line]) for line in wrap(f.clean(one.text), width, "*alarm")]
    return content


def channels(view: HealthView, width: int, context: Context) -> Content:
    content = Content(title="Channels")
    if not view.channels:
        content.rows = [Row([line]) for line in wrap(NO_CHANNELS, width, "muted")]
        return content
    for one in view.channels:
        if context.keeps(one.name):
            ink = {"ok": "*pos", "failed": "*alarm"}.get(one.state, "muted")
            line = Line([Span(f.clean(one.name).ljust(18), "text"), Span(one.state, ink)])
            if one.last_ts is not None:
                line.add(f"  last {f.when(one.last_ts, context.now, f.minute)}", "muted")
            content.rows.append(Row([line], key=one.name))
    return content


def findings(view: HealthView, width: int, context: Context) -> Content:
    rows = [one for one in view.findings if context.keeps(one.subject, one.text)]
    rows.sort(key=lambda one: one.severity != "alarm")
    grave = any(one.severity == "alarm" for one in rows)
    content = Content(title="Findings", alarm=grave)
    count = len(view.findings)
    content.summary = ((Span(f"{count} found" if count else "nothing found", "*warn" if count else "*pos"),),)
    if not view.findings:
        content.rows = [Row([line]) for line in wrap(NONE_FOUND, width, "muted")]
    for one in rows:
        content.rows.append(Row(_finding(one, width), key=finding_key(one)))
    return content


def finding_key(one: Finding) -> str:
    return f"{one.subject} {one.text}"


def _finding(one: Finding, width: int) -> list[Line]:
    ink = "*alarm" if one.severity == "alarm" else "*warn"
    head = Line(
        [Span(f"{g.ALARM if one.severity == 'alarm' else g.UP} ", ink), Span(f.clean(one.subject), "*strong")]
    )
    lines = [head]
    lines += [Line([Span("  ", "text"), *line.spans]) for line in wrap(f.clean(one.text), width - 2, "text")]
    lines += [
        Line([Span("  ", "text"), *line.spans]) for line in wrap(f"do: {f.clean(one.do)}", width - 2, "muted")
    ]
    return lines


Reading = tuple[str, str | None, float | None, float | None]
"""(name, figure, value as a share, the share at which it is too much)."""


def _bars(width: int, readings: Sequence[Reading]) -> list[Row]:
    side = max(len(text or f.UNKNOWN) for _, text, _, _ in readings) + 1
    room = min(30, width - 19 - side - 2)
    rows = []
    for name, text, share, most in readings:
        over = share is not None and most is not None and share >= most
        line = Line([Span(name.ljust(18), "muted")])
        shown = text if text is not None else f.UNKNOWN
        line.add(shown.rjust(side), "*warn" if over else "text" if text is not None else "muted")
        if share is not None and most is not None and room >= 6:
            full, track = f.bar(_dec(min(1.0, share / most)), room)
            line.add("  ", "text").add(full, "warn_bar" if over else "ok_bar").add(track, "track")
        rows.append(Row([line], key=name))
    return rows


def _share(value: float | None) -> str | None:
    return None if value is None else f.percent(_dec(value), 1)


def _number(value: Decimal | None, most: Decimal | None = None) -> Sequence[Spans]:
    if value is None:
        return _one(g.NONE, "muted")
    return _one(f.number(value, 0), "*warn" if most is not None and value > most else "text")


def _one(text: str, ink: str) -> Sequence[Spans]:
    return ((Span(text, ink),),)


def _up(seconds: int) -> str:
    return f.coarse(seconds * 1_000_000_000)


def _dec(value: float) -> Decimal:
    return Decimal(repr(float(value)))
