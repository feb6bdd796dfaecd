"""An account after a shock: factors on the USD prices of coins (SEMANTICS 2, the coin-shock rule).

A shock -x to coin q holds the USD price of every other underlying: instruments quoted in q are re-marked at
mark / (1 - x); q's index and the perps on q are multiplied by (1 - x). A move of an underlying is the same
rule with a factor of either direction.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.money import ONE
from services.portfolio.inputs import USD, AccountInput, PositionInput, known


class Shock(Struct, frozen=True):
    """What moves; everything else keeps its USD price."""

    underlyings: dict[str, Decimal] = {}
    """Factor on the USD price: 1.05 = 5 % up."""
    coins: dict[str, Decimal] = {}
    """Fall of a coin as a fraction: 0.1 = -10 %."""

    def factor(self, coin: str) -> Decimal:
        """Both parts together; the dollar never moves."""
        if coin == USD:
            return ONE
        factor = self.underlyings.get(coin, ONE)
        fall = self.coins.get(coin)
        return factor if fall is None else factor * (ONE - fall)


def shocked(account: AccountInput, shock: Shock) -> AccountInput:
    """The account re-marked. Raises ValueError on a shock that leaves a coin worthless or below."""
    for coin in (*shock.underlyings, *shock.coins):
        if not known(shock.factor(coin)):
            raise ValueError(f"shock of {coin}: the factor {shock.factor(coin)} is not a positive number")
    positions = tuple(
        PositionInput(
            position.instrument,
            position.size,
            position.entry,
            _re_marked(
                position.mark,
                shock.factor(position.instrument.underlying),
                shock.factor(position.instrument.quote),
            ),
            _times(position.quote_usd, shock.factor(position.instrument.quote)),
            _times(position.settle_usd, shock.factor(position.instrument.settle)),
        )
        for position in account.positions
    )
    return AccountInput(
        venue=account.venue,
        balances=account.balances,
        weights_total=account.weights_total,
        weights_initial=account.weights_initial,
        indexes={coin: _times(index, shock.factor(coin)) for coin, index in account.indexes.items()},
        positions=positions,
        leverage_settings=account.leverage_settings,
        marks={},
        balances_known=account.balances_known,
    )


def _times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if value is None else value * factor


def _re_marked(mark: Decimal | None, underlying: Decimal, quote: Decimal) -> Decimal | None:
    if mark is None or underlying == quote:
        return mark
    return mark * underlying / quote
