"""Journal: what was decided, commanded, refused and done, newest first; the chain of the selected row."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from screens import facts
from screens import format as f
from screens.draw.context import Context
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, fit, header, row, visible
from services.views.journal import JournalRowView, JournalView
from themes import glyphs as g

_ROWS = (
    Column("time", "UTC", 8),
    Column("kind", "What", 10),
    Column("subject", "Of", 15, most=19, text=True),
    Column("text", "Why", 20, most=200, text=True),
)
NAMES = {"subject": "what it is of", "time": "time"}
SORTS = ("", "oldest", "what", "of")
_SORT_KEYS: dict[str, Callable[[JournalRowView], Any]] = {
    "oldest": lambda one: one.seq,
    "what": lambda one: (one.kind, -one.seq),
    "of": lambda one: (one.subject, -one.seq),
}
"""Within one kind or one subject the newest first."""
_GROUP_INK = {"commands": "*accent", "refused": "*warn", "orders": "text", "decisions": "muted"}
EMPTY = "Nothing yet. Decisions, commands, refusals and orders stand here as they happen."


def rows(view: JournalView, width: int, context: Context) -> Content:
    content = Content(title="Journal", summary=_summary(view))
    shown = [one for one in view.rows if context.keeps(one.kind, one.subject, one.text)]
    if not shown:
        text = context.no_match(f"row of the newest {len(view.rows)}") if view.rows else EMPTY
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    by = _SORT_KEYS.get(context.sort)
    if by is not None:
        shown.sort(key=by)
    cells = [_cells(one, context.now) for one in shown]
    layout = fit(visible(_ROWS, context.hidden), cells, width, ("subject",))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [Row(row(layout, each), key=str(one.seq)) for one, each in zip(shown, cells, strict=True)]
    return content


def _summary(view: JournalView) -> tuple[Spans, ...]:
    words = f"{view.kind} {g.DOT} newest {len(view.rows)} of {view.heard} kept {g.DOT} v: what"
    return ((Span(words, "muted"),), (Span(view.kind, "accent"),))


def _cells(one: JournalRowView, now: int) -> Cells:
    return {
        "time": _one(f.when(one.ts, now), "muted"),
        "kind": _one(f.clean(one.kind).replace("_", " "), _GROUP_INK.get(one.group, "text")),
        "subject": _one(f.clean(_subject(one)), "*strong" if one.group == "commands" else "text"),
        "text": _one(_text(one), "warn" if one.group == "refused" else "text"),
    }


def drawer(view: JournalView, key: str, width: int) -> list[Line]:
    """One row with its whole text and its figures."""
    one = next((each for each in view.rows if str(each.seq) == key), None)
    if one is None:
        return []
    head: Spans = (
        Span(f"{f.date(one.ts)} {f.clock(one.ts)} ", "muted"),
        Span(f.clean(one.kind).replace("_", " "), _GROUP_INK.get(one.group, "text")),
        Span(f" {f.clean(one.subject)}", "*strong"),
    )
    return flow([head], width) + wrap(_text(one), width) + figures(one, width)


def chain(view: JournalView, name: str, width: int, context: Context) -> Content:
    """Everything kept about one order, pair, strategy or cause, oldest first, with its figures."""
    content = Content(title=f"Chain of {f.scoped(f.clean(name))}" if name else "Chain")
    if not name:
        text = "Select a row to see all that is kept about its order, pair, strategy or cause."
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    if view.name != name:
        content.rows = [Row([Line([Span("…", "muted")])])]
        return content
    for one in view.chain:
        if not context.keeps(one.kind, one.subject, one.text):
            continue
        head: list[Span] = [
            Span(f"{f.when(one.ts, context.now)} ", "muted"),
            Span(f.clean(one.kind).replace("_", " "), _GROUP_INK.get(one.group, "text")),
        ]
        if one.subject != name:
            head.append(Span(f" {f.clean(_subject(one))}", "text"))
        lines = [Line(head), *(_indented(line) for line in wrap(_text(one), max(8, width - 2)))]
        lines += [_indented(line) for line in figures(one, max(8, width - 2))]
        content.rows.append(Row(lines, key=f"chain {one.seq}"))
    if not view.chain:
        whole = f"stableconsole why {name}" if _ASKED.fullmatch(name) else "stableconsole audit export"
        text = f"Nothing about {name} is kept here any more. All of it: {whole}"
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
    elif not content.rows:
        content.rows = [Row([line]) for line in wrap(context.no_match("row"), width, "muted")]
    many = "" if len(view.chain) == 1 else "s"
    content.summary = ((Span(f"{len(view.chain)} row{many}", "muted"),),)
    return content


def figures(one: JournalRowView, width: int) -> list[Line]:
    """Name and value of each figure that the decision rested on, to be read; `why --json` has every digit."""
    shown: list[Spans] = [
        (
            Span(f"{facts.name(name)} ", "muted"),
            Span(facts.value(name, value), "text"),
        )
        for name, value in one.figures.items()
        if value and f"{name} {value}" != one.text
    ]
    return flow(shown, width)


def _subject(one: JournalRowView) -> str:
    """An order by its end, as on screen 3; `why` takes it, too."""
    return one.subject[-8:] if _ORDER.fullmatch(one.subject) else f.scoped(one.subject)


_ORDER = re.compile(r"[0-9a-z]{20}")
_ASKED = re.compile(r"[0-9a-z]{20}|P-\d+")
"""`why` knows orders and pairs, no causes and no strategies."""


def _text(one: JournalRowView) -> str:
    """An instant in it as a time of day, or of another day than the row's own."""
    return _INSTANT.sub(lambda found: f"{f.when(int(found[0]), one.ts)} UTC", facts.sentence(one.text))


_INSTANT = re.compile(r"(?<![\w.])1\d{18}(?![\w.])")
"""Nanoseconds since 1970, as the desk writes them."""


def _indented(line: Line) -> Line:
    return Line([Span("  ", "text"), *line.spans])


def _one(text: str, ink: str) -> Sequence[Spans]:
    return ((Span(text, ink),),)
