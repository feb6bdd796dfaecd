"""From our books and the market picture to the figures that margin is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.market.picture import MarketPicture
from services.portfolio.inputs import AccountInput, PositionInput
from services.portfolio.ledger import Ledger


def account_input(
    ledger: Ledger,
    picture: MarketPicture,
    venue: str,
    instruments: Mapping[str, Instrument],
    now: int,
    *,
    stale_ok: bool = False,
) -> AccountInput:
    """One venue account as it stands; whatever is stale or missing is None inside.

    `stale_ok` values everything at the last known figures: for the screen and for reducing orders, never to
    allow new risk.
    """
    book = ledger.account(venue)
    coins = dict.fromkeys(book.balances)
    marks: dict[str, Decimal | None] = {}
    for listed in instruments.values():
        if listed.venue == venue and listed.is_perp:
            marks[listed.id] = picture.mark(listed.id) if stale_ok else picture.fresh_mark(listed.id, now)
            coins[listed.quote] = coins[listed.settle] = None
    indexes = {
        coin: picture.index(venue, coin) if stale_ok else picture.fresh_index(venue, coin, now)
        for coin in coins
    }
    positions = []
    valued = True
    for held in book.positions.values():
        if held.size == ZERO:
            continue
        spec = instruments.get(held.instrument)
        if spec is None:  # a position in something we know no facts of: nothing of this account is sure
            valued = False
            continue
        positions.append(
            PositionInput(
                instrument=spec,
                size=held.size,
                entry=held.entry,
                mark=marks.get(spec.id),
                quote_usd=indexes.get(spec.quote),
                settle_usd=indexes.get(spec.settle),
            )
        )
    read = book.balance_ts
    return AccountInput(
        venue=venue,
        balances=dict(book.balances),
        weights_total=dict(book.weights_total),
        weights_initial=dict(book.weights_initial),
        indexes=indexes,
        positions=tuple(positions),
        leverage_settings=dict(book.leverage),
        marks=marks,
        balances_known=valued and read is not None and (stale_ok or now - read < picture.balance_limit_ns),
    )
