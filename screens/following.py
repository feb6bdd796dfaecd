"""What came of an order or a pair by hand: the answer says that it is on its way, and this says the end.

What finds no takers ends within a second with nothing open, and the screen looks as it did before.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from screens import format as f
from screens.agreeing import Agreeing
from screens.link import Answer
from screens.outcome import became
from services.domain.enums import PairState
from services.views.orders import OrdersView
from themes import glyphs as g

SURE_S = 1.0
"""A view that is painted after so long is younger than the answer."""
FOLLOWS_S = 600.0
"""What is under way for longer (an entry that rests, a doubt) stands in Positions and calls by itself."""


class Sent(Struct, frozen=True):
    """An order by hand whose end is waited for."""

    rests: bool
    """It may stand in the book: then that is an end, too."""
    since: float


class Following(Agreeing, inherit_bindings=False):
    _opening = ""
    """The pair whose end is waited for."""
    _asked_at = 0.0
    _sent: Mapping[str, Sent] = {}
    """Orders by id."""

    def heard(self, name: str, args: Mapping[str, str], answer: Answer) -> None:
        super().heard(name, args, answer)
        result = answer.result if isinstance(answer.result, dict) else {}
        if name == "pair open" and answer.ok and isinstance(result.get("pair"), str):
            self._opening, self._asked_at = result["pair"], self.clock()
            self.need_desk(True)
        elif name in ("buy", "sell") and answer.ok and isinstance(result.get("order"), str):
            sent = Sent(rests=result.get("rests") is True, since=self.clock())
            self._sent = {**self._sent, result["order"]: sent}
            self.need("orders", True)

    def desk_came(self) -> None:
        super().desk_came()
        if self._opening and self.desk is not None:
            self._follow(next((each.state for each in self.desk.pairs if each.id == self._opening), None))

    def orders_came(self) -> None:
        super().orders_came()
        view = self.link.view("orders") if self._sent else None
        if not isinstance(view, OrdersView):
            return
        for row in (*view.recent, *view.working):
            sent = self._sent.get(row.id)
            if sent is None:
                continue
            # Before that it may be on its way through the book.
            said = became(row, sent.rests and self.clock() - sent.since >= SURE_S)
            if said is not None:
                text, ink = said
                tick = "ok" if self.terminal.ascii else g.TICK
                self.say(f"{tick if ink == 'muted' else g.UP} {text}", ink)
                self._forget(row.id)

    def _each_second(self) -> None:
        super()._each_second()
        if self._opening and self.clock() - self._asked_at >= FOLLOWS_S:
            self._ends()
        elif self._opening:
            self.need_desk(True)  # a dialog that has gone meanwhile needs it no more
        for order in [name for name, sent in self._sent.items() if self.clock() - sent.since >= FOLLOWS_S]:
            self._forget(order)

    def _follow(self, state: PairState | None) -> None:
        name = f.clean(self._opening)
        if state is PairState.HEDGED:
            tick = "ok" if self.terminal.ascii else g.TICK
            self.say(f"{tick} {name} is open and hedged", "muted")
        elif state is None and self.clock() - self._asked_at >= SURE_S:
            self.say(f"{g.UP} {name} has ended, nothing of it is open: 7 tells why", "*warn")
        else:
            return
        self._ends()

    def _ends(self) -> None:
        self._opening = ""
        self.need_desk(self.dialog is not None or self.field_mode == ":")

    def _forget(self, order: str) -> None:
        self._sent = {name: sent for name, sent in self._sent.items() if name != order}
        self.need("orders", bool(self._sent))
