"""The topics whose views the desk's own books can give. Each is built only while a console looks at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from services.desk.core import DeskCore
from services.desk.strategy import Strategies
from services.desk.views.cache import ViewCache
from services.desk.views.meta import Meta
from services.desk.views.panes import desk_view
from services.desk.views.strip import strip


@dataclass(frozen=True, slots=True)
class Books:
    """All that a builder may read."""

    core: DeskCore
    strategies: Strategies
    meta: Meta
    cache: ViewCache


Builder = Callable[[Books, str], Struct | None]
"""(books, the topic's argument or empty) -> the view; None = there is no such thing to show."""

BUILDERS: dict[str, Builder] = {
    "strip": lambda books, _: strip(books.core, books.meta, books.cache),
    "desk": lambda books, _: desk_view(books.core, books.strategies, books.meta, books.cache),
}
"""By kind of topic."""
