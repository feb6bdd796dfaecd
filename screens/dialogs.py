"""What every dialog is, and the one that quits. They stand over the dimmed body; top bar and answer bar stay
bright and live.

A dialog swallows every key. For its first 150 ms it hears only `n`, so that a bounced key is no answer; and
for as long after a sign that means nothing to it only what halts and `n`, so that no text that a terminal
types into it is one. Nor is a sign that came in one piece of input with the key before it.
Without a field of its own `H` halts. It decides nothing: it posts what was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.message import Message

from screens import along, frame
from screens.draw import topbar
from screens.draw.context import Context
from screens.frame import INSET, Content, Cursor, Row
from screens.ink import Line, Span, Spans, sides, wrap
from screens.paint import Paint
from screens.widgets.grid import LineGrid
from services.views.desk import DeskView
from services.views.strip import StripView

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
        self._typed = self._since - DEAF_S
        """When a sign or a paste came that means nothing to it."""
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
        if self.field_row is None:
            _tightened(self._content.rows, room)
        lines = frame.draw(self._content, self._cursor, width, height, focused=not self.alarm)
        for line in lines:
            line.ground = "surface"
        self.show(lines, width)

    def on_paste(self) -> None:
        self._typed = self._clock()

    async def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        choice = self.choices.get(event.character or event.key)
        if choice is None and event.key in self.again:
            choice = self.choices.get("F")
        now = self._clock()
        halts = event.character == "H" or event.key in self.halts
        typed = now - self._typed < DEAF_S
        if event.is_printable and choice is None and not halts:
            self._typed = now
        if event.key == "n":
            self.post_message(self.Chose(self, "no"))
        elif now - self._since < DEAF_S:
            return
        elif halts:
            self.post_message(self.Chose(self, "halt"))
        elif typed:
            return
        elif event.key == "escape":
            self.post_message(self.Chose(self, "no"))
        elif event.key in ("down", "up", "pagedown", "pageup"):
            self._scroll({"down": 1, "up": -1, "pagedown": 10, "pageup": -10}[event.key])
        elif choice is not None and not along.is_along(event):
            self.post_message(self.Chose(self, choice))

    def _scroll(self, by: int) -> None:
        self._cursor.top = max(0, self._cursor.top + by)
        self._cursor.key = ""
        self.draw(self._drawn_width, len(self.lines))


def _tightened(rows: list[Row], room: int) -> None:
    """Where the lines do not fit, blank ones go, from the bottom up and no more than must."""
    over = sum(len(row.lines) for row in rows) - room
    for at in range(len(rows) - 1, -1, -1):
        if over > 0 and not rows[at].lines[0].width:
            over -= len(rows.pop(at).lines)


def key_line(
    pairs: Sequence[tuple[str, str]], width: int, out: str = "no, back to the desk", more: Spans = ()
) -> Line:
    """The confirming keys, filled, at the left; the way out at the right."""
    left: list[Span] = []
    for at, (key, word) in enumerate(pairs):
        fill = "*on_alarm@alarm_fill" if key == "F" else "*bg@accent"
        left += [Span("   " if at else "", "text"), Span(f" {key} ", fill), Span(f" {word}", "*text")]
    left += [Span(*each) for each in more]
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
