"""The dialog of `:reconcile`, and of `enter` on its alert: what differs from the venues, line by line.

`A` accepts exactly the lines on the screen, by their ids. Lines that have just changed under the finger are
not taken for read: `A` is deaf for a second after every change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import ClassVar

from textual import events

from screens import format as f
from screens.dialogs import Dialog, key_line
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, wrap
from screens.paint import Paint
from screens.table import Column, fit, header, row
from services.views.desk import DeskView, DifferenceView
from themes import glyphs as g

CHANGED_DEAF_S = 1.0

_COLUMNS = (
    Column("subject", "What", 12),
    Column("kind", "Kind", 8, gap=2),
    Column("venue", "Venue", 5, gap=2),
    Column("ours", "Ours", 8, right=True, gap=2),
    Column("theirs", "Theirs", 8, right=True, gap=2),
    Column("usd", "USD", 7, right=True, gap=2),
)
_DROPPED = ("venue",)
_KINDS = {"position": "position", "balance": "balance", "ghost_fill": "our fill"}


class ReconcileDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"A": "accept", "r": "read"}

    def __init__(self, paint: Paint, clock: Callable[[], float]) -> None:
        super().__init__(paint, clock)
        self.shown: tuple[str, ...] | None = None
        """Ids of the waiting lines as last drawn: what `A` accepts."""
        self._settled = clock()

    def body(self, width: int) -> Content:
        lines = self.desk.differences if self.desk is not None else ()
        waiting = [line for line in lines if line.waits and line.acceptable]
        self._note(tuple(line.id for line in waiting))
        # Money moves when the acceptance itself cuts a leg.
        self.alarm = any("missing" in line.accepting for line in waiting)
        content = Content(title="Our books against the venues")
        drawn = [Line()]
        if self.desk is None:
            drawn += wrap("No present view from the engine.", width, "warn")
        elif not lines and (silent := [one.venue for one in self.desk.risk.accounts if one.stale]):
            text = f"No difference is known; what stands on {', '.join(silent)} is not fresh."
            drawn += wrap(text, width, "warn")
        elif not lines:
            text = "No difference: our books are the venues'. Small ones are adopted by themselves."
            drawn += wrap(text, width, "muted")
        else:
            drawn += _table(self.desk, width)
        content.rows = [Row([line]) for line in [*drawn, Line()]]
        keys = []
        if waiting:
            keys.append(("A", f"accept {len(waiting)} line{'' if len(waiting) == 1 else 's'}"))
        content.foot = [key_line((*keys, ("r", "read again")), width)]
        return content

    async def on_key(self, event: events.Key) -> None:
        if event.character == "A" and (not self.shown or self._clock() < self._settled):
            event.stop()
            event.prevent_default()
            return
        await super().on_key(event)

    def _note(self, ids: tuple[str, ...]) -> None:
        if self.shown is not None and ids != self.shown:
            self._settled = self._clock() + CHANGED_DEAF_S
        self.shown = ids


def _table(view: DeskView, width: int) -> list[Line]:
    cells = [_cells(view, line) for line in view.differences]
    layout = fit(_COLUMNS, cells, width, _DROPPED)
    lines = [] if layout.wrapped else [header(layout)]
    for line, one in zip(view.differences, cells, strict=True):
        lines += row(layout, one)
        since = f"{f.when(line.since, view.ts)} " if line.since else ""
        note, ink = (f"{since}adopted by itself: small", "muted")
        if line.waits:
            note, ink = (f"since {since}{g.DOT} accepting {line.accepting}", "text")
            if not line.acceptable:
                note, ink = (f"since {since}{g.DOT} cannot be accepted: {line.accepting}", "warn")
        for part in wrap(f.clean(note).replace(" -", f" {g.MINUS}"), max(1, width - 2), ink):
            lines.append(Line([Span("  ", "muted"), *part.spans]))
    return lines


def _cells(view: DeskView, line: DifferenceView) -> dict[str, Sequence[Spans]]:
    bold = "*strong" if line.waits else "muted"
    ink = "text" if line.waits else "muted"
    name, _, trade = line.subject.partition("|")
    subject = name.removesuffix(f".{line.venue}") + (f" {trade}" if trade else "")
    usd = Span(f.UNKNOWN, "warn") if line.usd is None else Span(f.number(line.usd, 2), ink)
    return {
        "subject": ((Span(f.clean(subject), bold),),),
        "kind": ((Span(_KINDS.get(line.kind, f.clean(line.kind)), ink),),),
        "venue": ((Span(f.clean(line.venue), ink),),),
        "ours": ((Span(_exact(line.ours), ink),),),
        "theirs": ((Span(_exact(line.theirs), ink),),),
        "usd": ((usd,),),
    }


def _exact(value: Decimal) -> str:
    """A figure of the books with every digit that says something: what differs may be the last one."""
    return f"{value.normalize():,f}".replace("-", g.MINUS)
