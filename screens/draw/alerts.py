"""Alerts: open ones first, each with its age and state; with room the second line and the remedy of the
selected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from screens import format as f
from screens.draw.context import Context
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, broken, measure, wrap
from services.domain.enums import Severity
from services.views.desk import AlertView, DeskView
from themes import glyphs as g

_STATE_RANK = {"OPEN": 0, "ACK": 1, "RESOLVED": 2}
_SEVERITY_RANK = {Severity.ALARM: 0, Severity.WARNING: 1, Severity.INFO: 2}
_WORDS = {
    Severity.ALARM: (g.ALARM, "ALARM"),
    Severity.WARNING: (g.UP, "WARN"),
    Severity.INFO: (g.DOT, "INFO"),
}
_TEXT_AT = 8
SORTS = ("", "newest", "count")
NAMES = {"count": "how often", "age": "age"}
EMPTY = "Nothing needs you. Alerts appear here; a acknowledges."


def rank(alert: AlertView) -> tuple[int, int, int]:
    """Open ones first, the gravest, then the newest: the first is the one that NEEDS ME names."""
    return _STATE_RANK.get(alert.state, 0), _SEVERITY_RANK[alert.severity], -alert.since


def draw(view: DeskView, width: int, context: Context, two_lines: bool = False, height: int = 0) -> Content:
    """`height`: lines that the pane has for them. Open alerts say their whole text before those that are over
    say anything."""
    content = Content(title="Alerts", summary=summary(view), alarm=any(_calls(a) for a in view.alerts))
    rows = [a for a in view.alerts if context.keeps(a.text, a.detail, a.state, a.severity.value)]
    if not rows:
        text = context.no_match("alert") if view.alerts else EMPTY
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    if context.sort == "newest":
        rows.sort(key=lambda a: -a.since)
    elif context.sort == "count":
        rows.sort(key=lambda a: (-a.count, -a.since))
    else:
        rows.sort(key=rank)
    spare = height - sum(2 if two_lines and a.detail else 1 for a in rows if a.state != "RESOLVED")
    rows = _told_apart(rows)
    for a in rows:
        lines = _alert(a, width, context, two_lines, spare if a.state == "OPEN" else 0)
        spare -= max(0, len(lines) - (2 if two_lines and a.detail else 1))
        content.rows.append(Row(lines, key=a.key))
    return content


def _told_apart(rows: Sequence[AlertView]) -> list[AlertView]:
    """Of alerts with one text each says first whose it is: the account, the venue."""
    many = Counter(a.text for a in rows)
    return [
        replace(a, text=f"{a.key.rpartition(':')[2]}: {a.text}") if many[a.text] > 1 and ":" in a.key else a
        for a in rows
    ]


def counts(view: DeskView) -> tuple[int, int, int]:
    """(open alarms, open warnings, acknowledged)."""
    still = [a for a in view.alerts if a.state == "OPEN"]
    alarms = sum(a.severity is Severity.ALARM for a in still)
    warnings = sum(a.severity is Severity.WARNING for a in still)
    return alarms, warnings, sum(a.state == "ACK" for a in view.alerts)


def summary(view: DeskView) -> tuple[Spans, ...]:
    alarms, warnings, acknowledged = counts(view)
    spans: list[Span] = []
    if alarms:
        spans.append(Span(f"{alarms} alarm{'' if alarms == 1 else 's'}", "*alarm"))
        if warnings:
            spans += [
                Span(f" {g.DOT} ", "muted"),
                Span(f"{warnings} warning{'' if warnings == 1 else 's'}", "warn"),
            ]
    elif warnings:
        spans.append(Span(f"{warnings} open", "*warn"))
    else:
        spans.append(Span("none open", "muted"))
    short = tuple(spans)
    if acknowledged:
        spans = [*spans, Span(f" {g.DOT} {acknowledged} acknowledged", "muted")]
    return (tuple(spans), short, short[:1])


def _calls(a: AlertView) -> bool:
    return a.state == "OPEN" and a.severity is Severity.ALARM


def _alert(a: AlertView, width: int, context: Context, two_lines: bool, spare: int) -> list[Line]:
    sign, word = _WORDS[a.severity]
    live = a.state != "RESOLVED"
    ink = (
        {Severity.ALARM: "alarm", Severity.WARNING: "warn", Severity.INFO: "muted"}[a.severity]
        if live
        else "muted"
    )
    star = "*" if a.state == "OPEN" else ""
    state = _state(a, context.now)
    age = f.coarse(max(0, context.now - a.since))
    tail: list[Span] = []
    if a.count > 1 and width >= 44 and "count" not in context.hidden:
        tail.append(Span(f"{g.TIMES}{a.count}  ", "muted"))
    if width >= 30 and "age" not in context.hidden:
        tail += [Span(age.rjust(5), "muted"), Span(" ", "muted")]
    tail.append(Span(state if width < 40 else state.ljust(9), f"{star}{ink}" if live else "muted"))
    line = Line([Span(f"{sign} ", ink), Span(word.ljust(6), f"{star}{ink}" if live else "muted")])
    room = max(0, width - _TEXT_AT - measure(tail) - 1)
    text, body = f.clean(a.text), "*strong" if a.state == "OPEN" else "text" if live else "muted"
    first, more = text, []
    if len(text) > room > 0 and spare > 0:
        # On its own lines, and never the state or the age away.
        first, *rest = broken(text, room)
        more = broken(" ".join(rest), width - _TEXT_AT) if rest else []
        if len(more) > spare:
            more = [*more[: spare - 1], " ".join(more[spare - 1 :])]
    line.add(f.cut(first, room), body)
    line.to(width - measure(tail)).extend(tail)
    lines = [line]
    lines += [Line([Span(" " * _TEXT_AT + f.cut(each, width - _TEXT_AT), body)]) for each in more]
    if two_lines and a.detail:
        lines.append(Line([Span(" " * _TEXT_AT + f.cut(f.clean(a.detail), width - _TEXT_AT), "muted")]))
    return lines


def _state(a: AlertView, now: int) -> str:
    """Of an acknowledgement the minute, if it is of today: the drawer knows the day."""
    if a.state == "ACK" and a.acked_ts is not None and f.same_day(a.acked_ts, now):
        return f"ACK {f.minute(a.acked_ts)}"
    return a.state


def drawer(view: DeskView, key: str, width: int, context: Context) -> list[Line]:
    """Why it is there and what to do, in words."""
    a = next((a for a in view.alerts if a.key == key), None)
    if a is None:
        return []
    lines = _labelled("Selected", f.clean(a.text), width, "*strong", 10)
    for label, text, ink in (
        ("what", a.detail, "text"),
        ("why", a.why, "text"),
        ("do", a.do, "text"),
        ("since", _since(a, context), "muted"),
    ):
        if text:
            lines += _labelled(label, f.clean(text), width, ink)
    return lines


def _since(a: AlertView, context: Context) -> str:
    text = f"{f.when(a.since, context.now)} UTC"
    if a.count > 1:
        text += f" {g.DOT} {a.count} times"
    if a.acked_ts is not None:
        text += f" {g.DOT} acknowledged {f.when(a.acked_ts, context.now)}"
    return text


def _labelled(label: str, text: str, width: int, ink: str, column: int = 7) -> list[Line]:
    column = max(column, len(label) + 1)
    body: Sequence[Line] = wrap(text, max(1, width - column), ink)
    return [
        Line([Span(label.ljust(column) if not at else " " * column, "muted"), *line.spans])
        for at, line in enumerate(body)
    ]
