"""From our books and the market picture to the figures that margin is computed from."""

from __future__ import annotations

from collections.abc import Mapping

from services.domain.instrument import Instrument
from services.domain.money import STABLECOINS, ZERO
from services.market.picture import MarketPicture
from services.portfolio.inputs import AccountInput, PositionInput
from services.portfolio.ledger import Ledger


class Listing:
    """The perps of each venue, and the coins that they are quoted and settled in; the stablecoins that
    anything at all hangs on: worked out once. Of an instrument that its venue changes nothing of it does."""

    __slots__ = ("coins", "hung_on", "perps")

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.perps: dict[str, tuple[str, ...]] = {}
        self.coins: dict[str, tuple[str, ...]] = {}
        used = {coin for each in instruments.values() for coin in (each.quote, each.settle, each.underlying)}
        self.hung_on = tuple(coin for coin in STABLECOINS if coin in used)
        for each in instruments.values():
            if each.is_perp:
                self.perps[each.venue] = (*self.perps.get(each.venue, ()), each.id)
                known = self.coins.get(each.venue, ())
                self.coins[each.venue] = tuple(dict.fromkeys((*known, each.quote, each.settle)))


def account_input(
    ledger: Ledger,
    picture: MarketPicture,
    venue: str,
    instruments: Mapping[str, Instrument],
    now: int,
    *,
    stale_ok: bool = False,
    listing: Listing | None = None,
    marks_of_all: bool = True,
) -> AccountInput:
    """One venue account as it stands; whatever is stale or missing is None inside.

    `stale_ok` values everything at the last known figures: for the screen and for reducing orders, never to
    allow new risk. `listing`: of the same instruments, where it is known already. `marks_of_all`: also marks
    of what is not held, which only hypothetical fills ask for.
    """
    book = ledger.account(venue)
    listed = listing if listing is not None else Listing(instruments)
    coins = dict.fromkeys((*book.balances, *listed.coins.get(venue, ())))
    mark_of = picture.mark if stale_ok else lambda name: picture.fresh_mark(name, now)
    marks = {name: mark_of(name) for name in listed.perps.get(venue, ())} if marks_of_all else {}
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
                mark=mark_of(spec.id) if spec.venue == venue and spec.is_perp else None,
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
