"""The order ticket: a line that is typed, what the gate says to it while it is typed, and one key that sends.

The answer is a question over the socket: the desk asks its own gate at present figures, places nothing and
reserves nothing. It is asked again each second while the ticket stands open. `enter` on an allowed order ends
the typing; `S` then sends it, and nothing else does. An answer to another line than the one that stands there
counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import msgspec

from screens import format as f
from screens.dialogs import Dialog, key_line
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, sides, wrap
from screens.link import Answer
from screens.paint import Paint
from services.protocol.errors import UsageError
from services.protocol.grammar import ParsedCommand, parse
from services.views.ticket import BoundView, TicketView
from themes import glyphs as g

ASK_AFTER_S = 0.12
"""A pause in the typing so long asks the gate."""
USAGE = "buy or sell, SYMBOL.VENUE, SIZE in base units; then @ PRICE, post, ioc, reduce as you like"


class TicketDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"S": "send", "e": "edit"}
    alarm = True
    field_column = 10

    def __init__(self, paint: Paint, clock: Callable[[], float], text: str) -> None:
        super().__init__(paint, clock)
        self.text = text
        self.armed = False
        """The typing is over: keys are answers."""
        self.view: TicketView | None = None
        self.trouble = ""
        """Why there is no answer."""
        self._answered = ""
        """The line that `view` or `trouble` belongs to."""

    # ---- the question

    def command(self) -> ParsedCommand | None:
        """The order that stands there; None = it is not whole yet."""
        try:
            found = parse(self.text)
        except UsageError:
            return None
        return found if found.name in ("buy", "sell") else None

    def question(self) -> dict[str, str] | None:
        found = self.command()
        return None if found is None else {"side": found.name, **found.args}

    def typed(self, text: str) -> None:
        self.text = text

    def heard(self, text: str, answer: Answer) -> None:
        """The answer to the question of `text`."""
        if text != self.text:
            return
        self._answered, self.view, self.trouble = text, None, ""
        if answer.ok:
            try:
                self.view = msgspec.convert(answer.result, TicketView)
            except msgspec.ValidationError as error:
                self.trouble = f"the engine's answer cannot be read: {error}"
        else:
            self.trouble = answer.text

    @property
    def present(self) -> bool:
        """What the gate said is about the line that stands there."""
        return self._answered == self.text

    @property
    def allowed(self) -> bool:
        return self.present and self.view is not None and self.view.allowed

    def enter(self) -> bool:
        """`enter` in the field. True = the typing is over."""
        self.armed = self.allowed
        if self.armed:
            self._since = self._clock()
        return self.armed

    # ---- the picture

    def body(self, width: int) -> Content:
        content = Content(title="Order ticket")
        line = Line([Span("order".ljust(10), "muted")])
        if self.armed:
            line.add(f.cut(self.text, width - 10), "*strong")
        lines = [Line(), line, Line()]
        self.field_row = 2
        if not self.text.strip() or self.command() is None:
            lines += wrap(USAGE, width, "muted")
        elif not self.present:
            lines.append(Line([Span("gate".ljust(10), "muted"), Span("asking …", "muted")]))
        elif self.view is None:
            lines += _labelled("gate", f.clean(self.trouble), width, "warn")
        else:
            lines += _answer(self.view, width)
        content.rows = [Row([each]) for each in [*lines, Line()]]
        content.foot = [self._keys(width)]
        return content

    def _keys(self, width: int) -> Line:
        if not self.armed:
            left: Spans = (Span("enter", "*accent"), Span(" then S sends", "muted"))
            if self.command() is None or not self.allowed:
                left = (Span("enter", "stale"), Span(" waits for the gate", "stale"))
            return sides(left, (Span("esc", "*accent"), Span(" leaves", "muted")), width)
        if self.allowed:
            return key_line((("S", "send"), ("e", "edit")), width, out="no, nothing is sent")
        return key_line((("e", "edit"),), width, out="no, nothing is sent")


def _answer(view: TicketView, width: int) -> list[Line]:
    """The order in words, the gate's word, then what each limit leaves."""
    symbol, _, venue = view.instrument.rpartition(".")
    size = f.on_grid(view.quantity, view.size_increment)
    price = f.on_grid(view.price, view.price_increment)
    limit = f"at {price} or better"
    if not view.rests:
        limit = f"at once, {limit}; what is left is dropped"
    else:
        limit += "; it rests, and is refused if it would take" if view.post_only else "; what is left rests"
    lines = _labelled(
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
    lines += _under("costs", flow(facts, width - 10))
    if not view.allowed:
        lines += _labelled("gate", f"{g.ALARM} denied: {f.clean(view.refusal)}", width, "*warn")
    elif view.quantity_allowed < view.quantity:
        cut = f.on_grid(view.quantity_allowed, view.size_increment)
        lines += _labelled("gate", f"{g.TICK} reduces; cut to {cut}", width, "*pos")
    else:
        lines += _labelled(
            "gate", f"{g.TICK} allowed{' as reducing' if view.reducing else ''}", width, "*pos"
        )
    if view.bounds:
        lines.append(Line())
        lines += [_bound(bound, view, width, at == 0) for at, bound in enumerate(view.bounds)]
    return lines


def _bound(bound: BoundView, view: TicketView, width: int, first: bool) -> Line:
    """A limit, what of it this order takes, and what it leaves in all."""
    line = Line([Span("room" if first else "", "muted")]).to(10)
    line.add(f.cut(f.clean(bound.name), 32), "text" if first else "muted").to(43)
    line.add(f.dollars(bound.notional).rjust(12), "*text" if first else "text")
    if view.notional is None or width < 76:
        return line
    share = view.notional / bound.notional if bound.notional > 0 else None
    ink = "alarm_bar" if share is None or share >= 1 else "warn_bar" if share * 10 >= 8 else "ok_bar"
    fill, track = f.bar(share, max(6, width - line.width - 10))
    line.add("  ").add(fill, ink).add(track, "track")
    over = share is None or share >= 1
    word = "over" if over else f.percent(share or bound.notional, 0)
    return line.add(word.rjust(7), "*warn" if over else "muted")


def _labelled(label: str, text: str, width: int, ink: str) -> list[Line]:
    return _under(label, wrap(text, max(1, width - 10), ink))


def _under(label: str, lines: list[Line]) -> list[Line]:
    return [
        Line([Span((label if not at else "").ljust(10), "muted"), *line.spans])
        for at, line in enumerate(lines)
    ]
