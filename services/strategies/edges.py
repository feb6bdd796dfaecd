"""Opportunities of `cross_exchange`, for every summary: how many, what refused them, and the best refused.

An opportunity is a pair of instruments whose net edge reaches the threshold, once for as long as it does.
What could not be traded at any price is none: spot that is only shown, a coin that lies nowhere, a price so
far off that it is taken for a wrong one. Quotes that are old or out of step for a moment neither begin one
nor end it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from services.market.board import PAIR_OPEN
from services.market.crossing import IDLE, IMPLAUSIBLE, SKEWED, TOO_OLD, Discrepancy
from services.strategies.base import OpenPair

_NONE = (*IDLE, IMPLAUSIBLE)
_MOMENT = (TOO_OLD, SKEWED)


class Edge(Struct, frozen=True, kw_only=True):
    """The opportunity of one pair while it lasts: its best look, for it ends where its edge does, and the
    verdict of the latest."""

    short: str
    long: str
    net_edge: Decimal
    rule: str
    """The first refusal; empty = entered."""


class EdgeBook(Struct):
    """Values are immutable: `copied` copies only the containers."""

    seen: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """Rule -> opportunities it refused, of those that are over."""
    best_refused: Edge | None = None
    """The refused one with the highest net edge; one refused because its pair is open is none."""
    lasting: dict[str, Edge] = field(default_factory=dict)
    """Unordered pair -> its opportunity now."""

    def copied(self) -> EdgeBook:
        return EdgeBook(self.seen, dict(self.refused), self.best_refused, dict(self.lasting))


def count(
    book: EdgeBook, judged: Iterable[Discrepancy], entries: Iterable[OpenPair], threshold: Decimal
) -> None:
    """One look: what begins, what lasts with its verdict of now, what is over."""
    entered = {(entry.short, entry.long) for entry in entries}
    lasting: dict[str, Edge] = {}
    for row in judged:
        if row.net is None or row.net < threshold or any(text.startswith(_NONE) for text in row.refusals):
            continue
        before = book.lasting.get(row.key)
        if any(text.startswith(_MOMENT) for text in row.refusals):
            if before is not None:
                lasting[row.key] = before
            continue
        if before is None:
            book.seen += 1
        done = (row.sell, row.buy) in entered
        if before is not None and not before.rule and not done:
            lasting[row.key] = before  # entered: that its pair is open now refuses nothing
            continue
        rule = "" if done else row.refusals[0] if row.refusals else "not proposed"
        if before is not None and before.net_edge > row.net:
            lasting[row.key] = replace(before, rule=rule)
        else:
            lasting[row.key] = Edge(short=row.sell, long=row.buy, net_edge=row.net, rule=rule)
    for key, edge in book.lasting.items():
        if key not in lasting:
            _over(book, edge)
    book.lasting = lasting


def refused(book: EdgeBook, short: str, long: str, rule: str) -> EdgeBook:
    """What was proposed came to nothing: it was refused by the desk's rule, not entered."""
    book = book.copied()
    for key, edge in book.lasting.items():
        if (edge.short, edge.long) == (short, long) and not edge.rule:
            book.lasting[key] = replace(edge, rule=rule)
    return book


def told(book: EdgeBook) -> EdgeBook:
    """The counts, those that last still included."""
    total = book.copied()
    for edge in total.lasting.values():
        _over(total, edge)
    total.lasting.clear()
    return total


def _over(book: EdgeBook, edge: Edge) -> None:
    if not edge.rule:
        return
    book.refused[edge.rule] = book.refused.get(edge.rule, 0) + 1
    if edge.rule != PAIR_OPEN and (book.best_refused is None or edge.net_edge > book.best_refused.net_edge):
        book.best_refused = edge
