"""Screen 2, Markets: what is quoted where, and the selected instrument looked at closely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from screens import format as f
from screens.draw import markets
from screens.frame import Content, Row
from screens.ink import Line, Span, wrap
from screens.layout import Rect, SizeClass, beside, stacked
from screens.room import Host, Look, PaneSpec, Room
from services.views.markets import BookView, MarketsView

WIDTHS = (1, 5, 15, 60)
"""Minutes of a candle, as `i` walks them."""

_CLOSE: dict[str, Callable[[BookView, int, int], Content]] = {
    "book": markets.ladder,
    "candles": markets.candles,
    "basis": markets.basis,
    "rates": markets.funding,
    "spreads": markets.spreads,
}


class MarketsRoom(Room):
    name = "markets"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec(
            "instruments",
            "Markets",
            sorts=markets.SORTS,
            columns=markets.NAMES,
            table="markets.rows",
            keyed=lambda _, row: row.instrument,
        ),
        PaneSpec("book", "Book", table="book.asks book.bids", detail=False),
        PaneSpec("candles", "Candles", table="book.candles", detail=False),
        PaneSpec("basis", "Basis", table="book.candles", detail=False),
        PaneSpec("rates", "Funding", table="book.settled", detail=False),
        PaneSpec("spreads", "Spread", table="book.spreads", detail=False),
    )

    def __init__(self) -> None:
        self._instrument = ""
        self._last: BookView | None = None
        """It stands, under its own name, until the newly selected one is there: nothing flickers."""
        self._minutes = WIDTHS[0]

    def topics(self) -> tuple[str, ...]:
        if not self._instrument:
            return ("markets",)
        return ("markets", f"book:{self._instrument}@{self._minutes}")

    def chose(self, pane: str, key: str) -> None:
        if pane == "instruments":
            self._instrument = key

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        view = views.get("markets")
        rows = len(view.rows) if isinstance(view, MarketsView) else 0
        top = max(8, min(rows + 3, body.height * 2 // 5))
        parts = stacked(body, {"instruments": top, "rest": 0})
        sides = beside(
            parts.pop("rest"),
            {"book": 32, "right": 68} if size is SizeClass.WIDE else {"book": 40, "right": 60},
        )
        right = sides.pop("right")
        halves = stacked(right, {"candles": right.height * 55 // 100, "low": 0})
        return (
            parts
            | sides
            | {"candles": halves["candles"]}
            | beside(halves["low"], {"basis": 30, "rates": 40, "spreads": 30})
        )

    def shape(self, views: Mapping[str, object]) -> object:
        view = views.get("markets")
        return len(view.rows) if isinstance(view, MarketsView) else 0

    def draw(self, pane: str, look: Look) -> Content:
        view = look.view("markets", MarketsView)
        if pane == "instruments":
            return Content(title="") if view is None else markets.table(view, look.width, look.context)
        book = look.view("book", BookView) or self._last
        self._last = book
        if book is None:
            title = next(spec.title for spec in self.panes if spec.name == pane)
            text = f"Waiting for {self._instrument}." if self._instrument else "No instrument is selected."
            return Content(title=title, rows=[Row([line]) for line in wrap(text, look.width, "muted")])
        if not look.plan.tabs:
            return _CLOSE[pane](book, look.width, look.height)
        # The tabs leave the border no room for a name: it takes the first line.
        content = _CLOSE[pane](book, look.width, look.height - 1)
        symbol, _, venue = book.instrument.rpartition(".")
        name = Line([Span(f.clean(symbol), "*strong"), Span(f" {f.clean(venue)}   ", "muted")])
        if pane not in ("book", "candles") and content.summary:
            name.extend(content.summary[0])
        elif pane == "book":
            name.extend(markets.book_age(book))
        elif pane == "candles":
            name.add(f"mid, {self._minutes} m a candle", "muted")
        content.head = [name, *content.head]
        return content

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        view = look.view("markets", MarketsView)
        if view is None or pane != "instruments":
            return []
        return markets.drawer(view, key, look.width, look.context)

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        view = views.get("markets")
        if pane != "instruments" or not isinstance(view, MarketsView):
            return ("", "muted")
        return (str(len(view.rows)), "muted")

    def instrument(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        return self._instrument

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        if action == "candle_width":
            self._minutes = WIDTHS[(WIDTHS.index(self._minutes) + 1) % len(WIDTHS)]
            host.redraw()
            host.say(f"candles of {self._minutes} m" if self._minutes < 60 else "candles of 1 h")
