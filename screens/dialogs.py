"""Dialogs: flatten, resume, quit. They stand over the dimmed body; top bar and answer bar stay bright and
live.

A dialog swallows every key. For its first 150 ms it hears only `n`, so that a bounced key is no answer.
Without
a field of its own `H` halts. It decides nothing: it posts what was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import ClassVar

from textual import events
from textual.message import Message

from screens import format as f
from screens import frame
from screens.draw import topbar
from screens.draw.context import Context
from screens.frame import INSET, Content, Cursor, Row
from screens.ink import Line, Span, Spans, sides, wrap
from screens.paint import Paint
from screens.table import Column, fit, header, row
from screens.widgets.grid import LineGrid
from services.domain.enums import TradingState
from services.views.desk import DeskView, FlattenPlan
from services.views.strip import StripView
from themes import glyphs as g

DEAF_S = 0.15
"""A new dialog hears only `n` for so long."""
WIDTH = 84


class Dialog(LineGrid, can_focus=True):
    class Chose(Message):
        def __init__(self, dialog: Dialog, choice: str) -> None:
            super().__init__()
            self.dialog = dialog
            self.choice = choice

    place = "dialog"
    """Its place in the plan. No id: the one before may still be leaving when it comes."""
    choices: ClassVar[dict[str, str]] = {}
    """Key to choice. `n` and `escape` are always `no`, `H` is always `halt`."""
    low = False
    """It stands at the bottom, so that what it speaks of is seen."""
    dims = True
    """The body behind it goes back; False where the body is what is looked at."""
    alarm = False
    """Money moves: alarm border."""
    field_row: int | None = None
    """Line of the frame on which a field stands; None = no field."""
    field_column = 0

    def __init__(self, paint: Paint, clock: Callable[[], float]) -> None:
        super().__init__(paint)
        self._clock = clock
        self._since = clock()
        self._cursor = Cursor()
        self._content = Content(title="")
        self.halts = frozenset({"H"})
        """Keys that halt: a person may have moved `H`, which goes on halting here."""
        self.again: frozenset[str] = frozenset()
        """The keys of flatten, which confirm it as `F` does."""
        self.strip: StripView | None = None
        self.desk: DeskView | None = None
        self.context = Context(now=0)

    def body(self, width: int) -> Content:
        """Title, lines and the line of keys (as foot) at a content width."""
        raise NotImplementedError  # abstract: every dialog brings its own body, this one is never shown

    def wish(self, width: int) -> tuple[int, int]:
        """The size it would like, frame included."""
        wide = min(width, WIDTH)
        content = self.body(wide - INSET)
        lines = sum(len(r.lines) for r in content.rows) + len(content.head) + len(content.foot) + 3
        return wide, lines

    def draw(self, width: int, height: int) -> None:
        self._content = self.body(width - INSET)
        self._content.alarm = self.alarm
        self._content.title_ink = "*alarm" if self.alarm else "*strong"
        self._content.summary = ((topbar.badge(self.strip),),) if self.strip is not None else ()
        room = height - 2 - len(self._content.foot) - 1
        if sum(len(r.lines) for r in self._content.rows) > room and self.field_row is None:
            self._content.rows = [r for r in self._content.rows if r.lines[0].width]
        lines = frame.draw(self._content, self._cursor, width, height, focused=not self.alarm)
        for line in lines:
            line.ground = "surface"
        self.show(lines, width)

    async def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key == "n":
            self.post_message(self.Chose(self, "no"))
        elif self._clock() - self._since < DEAF_S:
            return
        elif event.key == "escape":
            self.post_message(self.Chose(self, "no"))
        elif event.character == "H" or event.key in self.halts:
            self.post_message(self.Chose(self, "halt"))
        elif event.key in ("down", "up", "pagedown", "pageup"):
            self._scroll({"down": 1, "up": -1, "pagedown": 10, "pageup": -10}[event.key])
        else:
            choice = self.choices.get(event.character or event.key)
            if choice is None and event.key in self.again:
                choice = self.choices.get("F")
            if choice is not None:
                self.post_message(self.Chose(self, choice))

    def _scroll(self, by: int) -> None:
        self._cursor.top = max(0, self._cursor.top + by)
        self._cursor.key = ""
        self.draw(self._drawn_width, len(self.lines))


class FlattenDialog(Dialog):
    """What `F` would close and what that would cost."""

    choices: ClassVar[dict[str, str]] = {"F": "flatten"}
    alarm = True

    def body(self, width: int) -> Content:
        content = Content(title="Flatten everything?")
        lines = [Line(), *_sentence(width)]
        if self.desk is None:
            lines += [
                Line(),
                *wrap(
                    "No view from the engine yet: it reads each venue first and closes what it finds.",
                    width,
                    "warn",
                ),
            ]
        else:
            try:
                lines += [Line(), *_plan(self.desk, width)]
            except ArithmeticError:
                # What is drawn must never stand between a person and flatten.
                lines += wrap("A figure of the plan is no number; flatten works without it.", width, "*alarm")
        content.rows = [Row([line]) for line in [*lines, Line()]]
        content.foot = [key_line((("F", "flatten now"),), width)]
        return content


def _sentence(width: int) -> list[Line]:
    lines = wrap("Everything below is closed by reducing orders; the desk is halted first.", width)
    for line in lines:
        line.spans = [Span(t, "*strong" if t in ("halted", "first.") else ink) for t, ink in line.spans]
    return lines


_FLATTEN = (
    Column("close", "Close", 13),
    Column("venue", "Venue", 5, gap=2),
    Column("order", "Order", 12, gap=2),
    Column("notional", "Notional $", 10, right=True, gap=2),
    Column("cost", "Est. cost $", 11, right=True),
    Column("slip", "Slippage", 9, right=True, gap=2),
)


def _plan(view: DeskView, width: int) -> list[Line]:
    plan = view.flatten
    if not plan.rows:
        lines = wrap(
            "No position is open. Orders are cancelled and each venue is read once more.", width, "muted"
        )
    else:
        lines = _plan_table(view, plan, width)
    facts: list[tuple[str, str, str]] = []
    orders = plan.working_orders
    facts.append(
        ("cancel", f"{orders} working order{'' if orders == 1 else 's'}, and any foreign order", "text")
    )
    if plan.equity_after is not None:
        funding = ""
        if plan.funding_per_day is not None and plan.funding_per_day > 0:
            funding = f" {g.DOT} gives up about {f.dollars(plan.funding_per_day)} a day of expected funding"
        facts.append(("after", f"equity about {f.number(plan.equity_after, 0)}{funding}", "text"))
    facts.append(("proof", "ends when a fresh read of each venue shows 0 orders, 0 positions", "text"))
    facts += [("doubt", f.clean(doubt), "warn") for doubt in plan.doubts]
    lines.append(Line())
    for label, text, ink in facts:
        body = wrap(text, max(1, width - 9), ink)
        for at, line in enumerate(body):
            lines.append(
                Line(
                    [
                        Span((label if not at else "").ljust(9), ink if label == "doubt" else "muted"),
                        *line.spans,
                    ]
                )
            )
    return lines


def _plan_table(view: DeskView, plan: FlattenPlan, width: int) -> list[Line]:
    increments = {p.instrument: p.size_increment for p in view.positions}
    cells: list[dict[str, Sequence[Spans]]] = []
    for r in plan.rows:
        size = f.on_grid(r.quantity, increments.get(r.instrument, r.quantity))
        cells.append(
            {
                "close": ((Span(f.clean(r.instrument.rpartition(".")[0] or r.instrument), "strong"),),),
                "venue": ((Span(f.clean(r.venue), "text"),),),
                "order": ((Span(f"{r.side:<4} ", "muted"), Span(size, "text")),),
                "notional": ((_money(r.notional, 0, "text"),),),
                "cost": ((_money(r.cost, 1, "text"),),),
                "slip": (
                    (
                        Span(
                            f.UNKNOWN if r.slippage_bps is None else f"{f.number(r.slippage_bps, 1)} bps",
                            "muted",
                        ),
                    ),
                ),
            }
        )
    count = len(plan.rows)
    notionals = [r.notional for r in plan.rows]
    costs = [r.cost for r in plan.rows]
    total: dict[str, Sequence[Spans]] = {
        "close": ((Span(f"{count} position{'' if count == 1 else 's'}", "muted"),),),
        "notional": ((_money(_sum(notionals), 0, "*strong"),),),
        "cost": ((_money(_sum(costs), 1, "*neg"),),),
    }
    layout = fit(_FLATTEN, [*cells, total], width, ("slip", "venue", "notional"))
    lines = [] if layout.wrapped else [header(layout)]
    for one in [*cells, total]:
        lines += row(layout, one)
    if plan.fees is not None and plan.slippage is not None:
        lines += wrap(
            f"of which fees {f.number(abs(plan.fees), 1)}, slippage {f.number(abs(plan.slippage), 1)}",
            width,
            "muted",
        )
    return lines


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    """Unknown as soon as one part is."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def _money(value: Decimal | None, places: int, ink: str) -> Span:
    return Span(f.UNKNOWN, "warn") if value is None else Span(f.number(value, places), ink)


def key_line(pairs: Sequence[tuple[str, str]], width: int, out: str = "no, back to the desk") -> Line:
    """The confirming keys, filled, at the left; the way out at the right."""
    left: list[Span] = []
    for at, (key, word) in enumerate(pairs):
        fill = "*on_alarm@alarm_fill" if key == "F" else "*bg@accent"
        left += [Span("   " if at else "", "text"), Span(f" {key} ", fill), Span(f" {word}", "*text")]
    right: list[Span] = [Span("n", "*accent"), Span(f" {out}", "muted")]
    line = sides(left, right, width)
    if not line.plain.rstrip().endswith(out):
        line = sides(left, [Span("n", "*accent"), Span(" no", "muted")], width)
    return line


class QuitDialog(Dialog):
    """Three ways to go."""

    choices: ClassVar[dict[str, str]] = {"d": "detach", "s": "stop", "F": "flatten_stop", "q": "no"}

    def body(self, width: int) -> Content:
        content = Content(title="Leave the console?")
        held = self.strip.positions_open if self.strip is not None else 0
        kept = "no position is open"
        if held:
            kept = f"{held} position{'' if held == 1 else 's'} kept, which nothing watches"
        choices = (
            (
                "d",
                "detach",
                "the engine goes on without a screen; stableconsole attach comes back to it",
                False,
            ),
            ("s", "stop", f"the engine ends in good order, {kept}", False),
            ("F", "flatten, stop", "closes everything first, then the engine ends", True),
        )
        lines = [Line()]
        for key, word, text, alarm in choices:
            body = wrap(text, max(1, width - 20), "muted")
            for at, part in enumerate(body):
                head = [
                    Span(f" {key} ", "*on_alarm@alarm_fill" if alarm else "*bg@accent"),
                    Span(f" {word}", "*text"),
                ]
                lines.append(Line(head if not at else []).to(20).extend(part.spans))
            lines.append(Line())
        content.rows = [Row([line]) for line in lines]
        content.foot = [key_line((), width)]
        return content


class ResumeDialog(Dialog):
    """Asks for the reason. Its field takes `--override CAUSE` and `--rebase drawdown|daily` as the command
    does.
    """

    field_column = 10

    def body(self, width: int) -> Content:
        content = Content(title="Resume trading")
        lines = [Line()]
        strip = self.strip
        if strip is None:
            lines += wrap("No view from the engine yet: it will say what still holds.", width, "warn")
        elif strip.trading_state is TradingState.ACTIVE:
            lines += wrap(
                "The desk is ACTIVE. A reason given now is journaled and changes nothing.", width, "muted"
            )
        else:
            lines.append(Line([Span("state    ", "muted"), Span(strip.trading_state.value, "*alarm")]))
            for cause in strip.causes:
                text = f"{f.clean(cause.name)}, {f.clean(cause.scope)}: {f.clean(cause.text)}"
                kind = "latched" if cause.latched else "clears itself"
                for at, part in enumerate(
                    wrap(f"{text} ({kind}, since {f.clock(cause.since)})", max(1, width - 9))
                ):
                    lines.append(Line([Span("because  " if not at else " " * 9, "muted"), *part.spans]))
            lines.append(Line())
            lines += wrap(
                "A cause that still holds is named in the answer; add --override CAUSE or --rebase daily.",
                width,
                "muted",
            )
        lines.append(Line())
        lines.append(Line([Span("reason", "*text")]))
        content.rows = [Row([line]) for line in [*lines, Line()]]
        content.foot = [
            sides(
                (Span("enter", "*accent"), Span(" resumes", "muted")),
                (Span("esc", "*accent"), Span(" leaves", "muted")),
                width,
            )
        ]
        self.field_row = len(lines)
        return content
