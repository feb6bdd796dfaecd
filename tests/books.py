"""Our ledger against the exchange's own books: positions and balances, to the last digit."""

from __future__ import annotations

from decimal import Decimal

from services.domain.events import AccountReport
from services.portfolio.ledger import AccountBook

ZERO = Decimal(0)


def unlike(venue: str, ours: AccountBook, theirs: AccountReport) -> list[str]:
    """What differs, in words."""
    sizes = {name: held.size for name, held in ours.positions.items() if held.size}
    told = {row.instrument: row.size for row in theirs.positions if row.size}
    found = [] if sizes == told else [f"{venue}: our positions {sizes}, the exchange's {told}"]
    for row in theirs.balances:
        mine = ours.balances.get(row.coin, ZERO)
        if mine != row.total:
            found.append(f"{venue} {row.coin}: ours {mine}, the exchange's {row.total}")
    return found
