"""The topics whose views the desk's own books can give. Each is built only while a console looks at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from services.desk.core import DeskCore
from services.desk.strategy import Strategies
from services.desk.views.cache import ViewCache
from services.desk.views.lately import Lately
from services.desk.views.markets import Depth, Levels, book_view, markets_view
from services.desk.views.meta import Meta
from services.desk.views.order_lists import orders_view
from services.desk.views.panes import desk_ready, desk_view
from services.desk.views.strategies import strategies_view
from services.desk.views.stress import lab_ready, stress_lab
from services.desk.views.strip import strip
from services.market.tape import Tape


def no_depth(_instrument: str, _count: int) -> tuple[Levels, Levels] | None:
    """A venue that shows no levels: the book is what its quote says."""
    return None


@dataclass(frozen=True, slots=True)
class Books:
    """All that a builder may read."""

    core: DeskCore
    strategies: Strategies
    meta: Meta
    cache: ViewCache
    tape: Tape = field(default_factory=Tape)
    lately: Lately = field(default_factory=Lately)
    depth: Depth = no_depth


Builder = Callable[[Books, str], Struct | None]
"""(books, the topic's argument or empty) -> the view; None = there is no such thing to show."""

BUILDERS: dict[str, Builder] = {
    "strip": lambda books, _: strip(books.core, books.meta, books.cache),
    "desk": lambda books, _: desk_view(books.core, books.strategies, books.meta, books.cache),
    "markets": lambda books, _: markets_view(books.core, books.cache),
    "book": lambda books, asked: book_view(books.core, asked, books.tape, books.depth),
    "strategies": lambda books, _: strategies_view(books.core, books.cache),
    "stress": lambda books, shocks: stress_lab(books.core, books.cache, shocks),
    "orders": lambda books, _: orders_view(books.core, books.lately),
}
"""By kind of topic."""

READY: dict[str, Callable[[Books], bool]] = {
    "desk": lambda books: desk_ready(books.core, books.strategies, books.cache),
    "stress": lambda books: lab_ready(books.core, books.cache),
}
"""By kind of topic: one step of what has to be there before its builder is asked; True = it is."""
