"""Help, made from the bindings and the commands themselves: it cannot be out of date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from screens.dialogs import Dialog
from screens.frame import Content, Row
from screens.ink import Line, Span, sides, wrap
from screens.keys import Key
from screens.paint import Paint
from screens.rooms import BY_NAME
from screens.typed import OWN_HELP
from services.protocol.commands import SPECS
from themes import glyphs as g

_GROUPS = {"safety": "Safety", "move": "Move and look", "do": "Do", "app": "Console"}
_LEGEND = (
    (g.NONE, "there is no such number"),
    ("unknown", "there is one and we do not have it"),
    ("0", "zero"),
    (g.LAST_KNOWN, "last known, not current"),
    (f"{g.GOOD} {g.DEGRADED} {g.LOST} {g.ALARM}", "good, degraded or late, stale or lost, alarm"),
)
_WORDS = (
    ("naked", "a leg without its hedge, and for how long"),
    ("in doubt, ID", "orders whose outcome is not known: nothing is sent on a guess"),
    ("residual, Δ", "what the two legs of a hedged pair differ by"),
    ("outright", "what belongs to no pair"),
    ("lev, mar, mg", "leverage; margin used, both of the worst account"),
    ("liq away", "how far prices must move against us until liquidation"),
    ("C", "collateral: what balances and open profit count, at the coins' weights"),
    ("uPnL", "profit or loss that is still open"),
    ("bps", "a hundredth of a percent; bps/8h is a funding rate for eight hours"),
    ("edge, ×cost", "income of the hold less the costs, and how many times the costs that is"),
    ("even in", "hours until the income has paid the costs"),
    ("real./exp.", "funding that came, of what was expected"),
    ("basis", "mark less index"),
    ("depeg", "how far a stablecoin stands from one dollar"),
    ("dead man", "the venue cancels our resting orders when we fall silent"),
    ("free", "head-room: what a limit still leaves of itself"),
    ("mid, collar", "halfway from bid to ask; how far from the mark an order's price may be"),
    ("peg", "a pair of two stablecoins: a bet on the one against the other"),
    ("blackout, cooldown", "no entry close before a settlement; none for a while after a close"),
    ("factor", "profit factor: gross profit over gross loss"),
    ("Sharpe, Sortino, Calmar", "return over its swings, over its falls, over the deepest drawdown"),
    ("SYNTHETIC", "the market is made up; generous: so that the defaults find trades in it"),
)
"""Short words of tables and bar that a trader may know and others do not."""


class HelpDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"?": "no", "q": "no"}

    def __init__(self, paint: Paint, clock: Callable[[], float], keys: Sequence[Key], screen: str) -> None:
        super().__init__(paint, clock)
        self._keys = [key for key in keys if not key.on]
        self._here = [key for key in keys if screen in key.on]
        """Keys of the screen that shows."""
        self._elsewhere = [key for key in keys if key.on and screen not in key.on]
        self._screen = BY_NAME[screen].title

    def body(self, width: int) -> Content:
        lines: list[Line] = [Line()]
        lines += _section(f"On this screen, {self._screen}", self._here, width)
        for group, title in _GROUPS.items():
            lines += _section(title, [key for key in self._keys if key.group == group], width)
        lines += _section("On other screens", self._elsewhere, width)
        lines.append(Line([Span("Commands, after :", "*strong")]))
        for spec in (spec for spec in SPECS if spec.line):
            lines += _entry(spec.usage, spec.help, 16, width, "accent")
        for line in OWN_HELP.values():
            usage, _, meaning = line.partition(": ")
            lines += _entry(usage, meaning, 16, width, "accent")
        lines += [Line(), Line([Span("Signs", "*strong")])]
        for sign, meaning in _LEGEND:
            lines += _entry(sign, meaning, 16, width, "text")
        lines += [Line(), Line([Span("Words", "*strong")])]
        for word, meaning in _WORDS:
            lines += _entry(word, meaning, 16, width, "text")
        content = Content(title="Help", rows=[Row([line]) for line in lines])
        content.foot = [
            sides(
                (Span("↑↓", "*accent"), Span(" scroll", "muted")),
                (Span("n", "*accent"), Span(" closes", "muted")),
                width,
            )
        ]
        return content


def _section(title: str, keys: Sequence[Key], width: int) -> list[Line]:
    if not keys:
        return []
    lines = [Line([Span(title, "*strong")])]
    for key in keys:
        place = f" ({', '.join(BY_NAME[name].title for name in key.on)})" if key.on else ""
        lines += _entry(key.shown, key.help + place, 16, width, key.ink)
    return [*lines, Line()]


def _entry(word: str, text: str, column: int, width: int, ink: str) -> list[Line]:
    """A word and its meaning beside it; a long word takes a line of its own."""
    if width < 3 * column:
        return [*wrap(f"{word}: {text}", width)]
    body = wrap(text, width - column - 2, "muted")
    head = [Line([Span(f"  {word}"[:width], ink)])]
    if len(word) + 4 <= column + 2:
        head[0].to(column + 2).extend(body[0].spans if body else ())
        body = body[1:]
    return head + [Line().to(column + 2).extend(part.spans) for part in body]
