"""The order ticket: a line that is typed, what the gate says to it while it is typed, and one key that sends.

The answer is a question over the socket: the desk asks its own gate at present figures, places nothing and
reserves nothing. `enter` on an allowed order ends the typing; `S` then sends it, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from msgspec.structs import replace

from screens import format as f
from screens.asked import AskedDialog
from screens.dialogs import key_line
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, sides, wrap
from screens.paint import Paint
from services.protocol.errors import UsageError
from services.protocol.grammar import ParsedCommand, parse
from services.views.ticket import BoundView, TicketView
from themes import glyphs as g

LABEL = 10
"""Cells before the text of a line."""
NAME = 32
"""Cells for the name of a bound."""
MOST_TOLD = 3
"""Failing checks that a ticket tells with their figures."""
View = TypeVar("View")


class Ticket(AskedDialog[View]):
    """What orders and pairs by hand have in common: typed, then armed, then sent by its own key."""

    choices: ClassVar[dict[str, str]] = {"S": "send", "e": "edit"}
    alarm = True
    field_column = LABEL
    sends: ClassVar[tuple[str, ...]]
    """The commands that it may send."""
    title: ClassVar[str]
    usage: ClassVar[str]

    def __init__(self, paint: Paint, clock: Callable[[], float], text: str = "") -> None:
        super().__init__(paint, clock, text)
        self.armed = False
        """The typing is over: keys are answers."""
        self.page = 0
        self.pages = 1
        """How many the answer fills at the present size."""

    def command(self) -> ParsedCommand | None:
        """What stands there; None = it is not whole yet."""
        try:
            found = parse(self.text)
        except UsageError:
            return None
        return found if found.name in self.sends else None

    @property
    def allowed(self) -> bool:
        return self.present and self.passes()

    def passes(self) -> bool:
        """The answer is there and lets it pass."""
        raise NotImplementedError  # abstract: each ticket knows its own answer

    def answer(self, width: int, rows: int | None) -> list[Line]:
        """The answer in lines; `rows`: so many may show, None = as many as it has."""
        raise NotImplementedError  # abstract, as above

    def enter(self) -> bool:
        """`enter` in the field. True = the typing is over."""
        self.armed = self.allowed
        if self.armed:
            self._since = self._clock()
        return self.armed

    def turn(self, by: int) -> None:
        """Another page of an answer that does not fit on one."""
        self.page = max(0, min(self.pages - 1, self.page + by))
        self.draw(self._drawn_width, len(self.lines))

    def _scroll(self, by: int) -> None:
        self.turn(1 if by > 0 else -1)

    # ---- the picture

    _rows: int | None = None

    def draw(self, width: int, height: int) -> None:
        self._rows = height - 4  # frame, line of keys and the rule above it
        try:
            super().draw(width, height)
        finally:
            self._rows = None

    def body(self, width: int) -> Content:
        content = Content(title=self.title)
        line = Line([Span("order".ljust(LABEL), "muted")])
        if self.armed:
            line.add(f.cut(self.text, width - LABEL), "*strong")
        lines = [Line(), line]
        self.field_row = 2
        if not self.text.strip() or self.command() is None:
            lines += [Line(), *wrap(self.usage, width, "muted")]
        elif not self.present:
            lines += [Line(), Line([Span("gate".ljust(LABEL), "muted"), Span("asking …", "muted")])]
        elif self.view is None:
            lines += [Line(), *labelled("gate", f.clean(self.trouble), width, "warn")]
        else:
            lines += self.answer(width, None if self._rows is None else self._rows - len(lines))
        if self._rows is None or len(lines) < self._rows:
            lines.append(Line())
        content.rows = [Row([each]) for each in lines]
        content.foot = [self._keys(width)]
        return content

    def _keys(self, width: int) -> Line:
        more: Spans = ()
        if self.pages > 1:
            at = f" page {self.page + 1} of {self.pages}"
            more = (Span("   pgdn pgup", "*accent"), Span(at, "muted"))
        if not self.armed:
            left: Spans = (Span("enter", "*accent"), Span(" then S sends", "muted"))
            if not self.allowed:
                left = (Span("enter", "stale"), Span(f" {self._waits()}", "stale"))
            return sides((*left, *more), (Span("esc", "*accent"), Span(" leaves", "muted")), width)
        keys = (("S", "send"), ("e", "edit")) if self.allowed else (("e", "edit"),)
        return key_line(keys, width, out="no, nothing is sent", more=more)

    def _waits(self) -> str:
        """Why `enter` does nothing now."""
        if self.command() is None:
            return "waits for the whole line"
        return "waits for the gate" if not self.present else "does nothing: this cannot be sent"


class TicketDialog(Ticket[TicketView]):
    asks = "preview"
    shape = TicketView
    sends = ("buy", "sell")
    title = "Order ticket"
    usage = "buy or sell, SYMBOL.VENUE, SIZE in base units; then @ PRICE, post, ioc, reduce as you like"

    def question(self) -> dict[str, str] | None:
        found = self.command()
        return None if found is None else {"side": found.name, **found.args}

    def passes(self) -> bool:
        return self.view is not None and self.view.allowed

    def answer(self, width: int, rows: int | None) -> list[Line]:
        return [] if self.view is None else fitted(_answer(self.view, width), rows)


Part = tuple[list[Line], int]
"""Lines of a part, and how many of them always show."""


def fitted(parts: Sequence[Part], rows: int | None) -> list[Line]:
    """All parts with a blank line before each; where the rows do not do, first the blanks go, then the last
    lines of what is longest beyond what it must show."""
    parts = [part for part in parts if part[0]]
    shown = [len(lines) for lines, _ in parts]
    blanks = len(parts)
    if rows is not None and sum(shown) + blanks > rows:
        blanks = max(0, min(blanks, rows - sum(shown)))
    while rows is not None and sum(shown) > max(0, rows):
        over = [count - least for count, (_, least) in zip(shown, parts, strict=True)]
        most = max(over)
        # Not even what must show does fit: the last part goes, the first ones are what is decided on.
        at = over.index(most) if most > 0 else max(i for i, count in enumerate(shown) if count)
        shown[at] -= 1
    for at, (lines, least) in enumerate(parts):
        if shown[at] == 1 < len(lines) and least != 1:
            # A table's head without a row says nothing: another part has its line.
            shown[at] = 0
            other = next((i for i, (each, _) in enumerate(parts) if 0 < shown[i] < len(each)), at)
            shown[other] += other != at
    out: list[Line] = []
    for at, ((lines, _), count) in enumerate(zip(parts, shown, strict=True)):
        if at < blanks:
            out.append(Line())
        out += lines[:count]
    return out


def _answer(view: TicketView, width: int) -> list[Part]:
    """The order in words, the gate's word, then what each limit leaves, the tightest first."""
    symbol, _, venue = view.instrument.rpartition(".")
    size = f.on_grid(view.quantity, view.size_increment)
    price = f.on_grid(view.price, view.price_increment)
    limit = f"at {price} or better"
    if not view.rests:
        limit = f"at once, {limit}; what is left is dropped"
    else:
        limit += "; it rests, and is refused if it would take" if view.post_only else "; what is left rests"
    lines = labelled(
        "means", f"{view.side} {size} {f.clean(symbol)} on {f.clean(venue)} {limit}", width, "text"
    )
    facts: list[Spans] = [
        (Span(f.UNKNOWN, "warn"),)
        if view.notional is None
        else (Span(f.dollars(view.notional), "*text"), Span(" at the mark", "muted")),
        (Span("fee ", "muted"), Span(f.UNKNOWN if view.fee is None else f.dollars(view.fee, 2), "text")),
    ]
    if view.from_mid_bps is not None:
        away = abs(view.from_mid_bps)
        word = "beyond the mid" if view.from_mid_bps > 0 else "short of the mid"
        facts.append((Span(f"{f.number(away, 1)} bps ", "text"), Span(word, "muted")))
    lines += under("costs", flow(facts, width - LABEL))
    if not view.allowed:
        failed = [check for check in view.failed if check.text]
        first = failed if len(failed) <= MOST_TOLD + 1 else failed[:MOST_TOLD]
        told = [check.text for check in first] or [view.refusal]
        others = [f"{check.name} {check.subject}".strip() for check in failed[len(first) :]]
        lines += denied(told, width, others)
    elif view.quantity_allowed < view.quantity:
        cut = f.on_grid(view.quantity_allowed, view.size_increment)
        lines += labelled("gate", f"{g.TICK} reduces; cut to {cut}", width, "*pos")
    else:
        lines += labelled("gate", f"{g.TICK} allowed{' as reducing' if view.reducing else ''}", width, "*pos")
    parts: list[Part] = [(lines, len(lines))]
    for label, bounds in (("room", view.bounds), ("sizing", view.sizing)):
        room: list[Line] = []
        for at, each in enumerate(bounds):
            # The line above says which instrument: where a name must be cut it is the first to go.
            bare = each.name if len(each.name) <= NAME else each.name.replace(f" {symbol}.{venue}", "")
            bare = bare if len(bare) <= NAME else bare.replace(f" {symbol}", "")
            room.append(bound_line(replace(each, name=bare), label if not at else "", width))
        parts.append((room, 1))
    return parts


def bound_line(bound: BoundView, label: str, width: int) -> Line:
    """A limit, what it leaves in all, and how much of that this takes."""
    line = Line([Span(label, "muted")]).to(LABEL)
    line.add(f.cut(f.clean(bound.name), NAME), "text" if label else "muted").to(43)
    line.add(f.dollars(bound.notional).rjust(12), "*text" if label else "text")
    if bound.used is None:
        return line
    over = bound.used >= 1
    word = "over" if over else f.percent(bound.used, 0)
    if width >= 76:
        ink = "alarm_bar" if over else "warn_bar" if bound.used * 10 >= 8 else "ok_bar"
        fill, track = f.bar(bound.used, max(6, width - line.width - LABEL))
        line.add("  ").add(fill, ink).add(track, "track")
    return line.add(word.rjust(7), "*warn" if over else "muted")


def denied(told: Sequence[str], width: int, others: Sequence[str] = ()) -> list[Line]:
    """Each failing check on a line of its own; of `others` the names alone, their figures are journaled."""
    lines: list[Line] = []
    for at, text in enumerate(told):
        said = f"{g.ALARM} denied: {f.clean(text)}" if not at else f"and {f.clean(text)}"
        lines += labelled("gate" if not at else "", said, width, "*warn")
    if others:
        said = f"and {len(others)} more: {', '.join(map(f.clean, others))}"
        lines += labelled("", said, width, "*warn")
    return lines


def labelled(label: str, text: str, width: int, ink: str) -> list[Line]:
    return under(label, wrap(text, max(1, width - LABEL), ink))


def under(label: str, lines: list[Line]) -> list[Line]:
    return [
        Line([Span((label if not at else "").ljust(LABEL), "muted"), *line.spans])
        for at, line in enumerate(lines)
    ]
