"""Net asset value per unit: the measure that deposits neither move nor mask (SEMANTICS 9).

A deposit or withdrawal T issues or redeems units x T / E, E = equity without it; any unexplained change of
equity counts as profit or loss. While a transfer cannot be priced the value is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field

from services.domain.money import ONE, ZERO

FIRST_VALUE = ONE
"""USD per unit at the first complete equity."""


class PendingTransfer(Struct):
    """A transfer already in the balances that has issued no units yet."""

    coin: str
    amount: Decimal
    usd: Decimal | None


class UnitState(Struct):
    units: Decimal | None = None
    """None = no complete equity seen yet."""
    last_value: Decimal = FIRST_VALUE
    """The last one above zero."""
    last_ts: int = 0
    pending: list[PendingTransfer] = field(default_factory=list)
    priced_late: Decimal = ZERO
    """USD of transfers that were priced only after they were told, and that nobody has counted yet."""


class UnitBook:
    """Units over all accounts."""

    def __init__(self, state: UnitState | None = None) -> None:
        self.state = state if state is not None else UnitState()

    def transfer(
        self, coin: str, amount: Decimal, coin_usd: Decimal | None, equity_before: Decimal | None
    ) -> bool:
        """A transfer from the venue's own rows, at its instant; True = units issued or redeemed at once.

        Without an index or an equity before it, it waits for the next complete equity (`value`).
        """
        state = self.state
        usd = None if coin_usd is None else amount * coin_usd
        if state.units is None:
            return True
        if usd is None or equity_before is None or state.pending:
            state.pending.append(PendingTransfer(coin, amount, usd))
            return False
        self._issue(usd, equity_before)
        return True

    def value(
        self, equity: Decimal | None, now: int, indexes: Mapping[str, Decimal | None] | None = None
    ) -> Decimal | None:
        """USD per unit at a complete equity; None = unknown. The first one makes a unit worth 1."""
        state = self.state
        if equity is None or not equity.is_finite():
            return None
        if state.units is None:
            if equity <= ZERO:
                return None
            state.units = equity / FIRST_VALUE
            state.pending.clear()
        elif state.pending and not self._settle(equity, indexes or {}):
            return None
        if state.units == ZERO:
            return None
        value = equity / state.units
        if value > ZERO:
            state.last_value = value
        state.last_ts = now
        return value

    def present(self, equity: Decimal | None) -> Decimal | None:
        """As `value` would say, for a look that changes nothing; None also while a transfer waits."""
        state = self.state
        if equity is None or not equity.is_finite() or state.pending or not state.units:
            return None
        return equity / state.units

    def late(self) -> Decimal:
        """USD of transfers priced since the last question though they were told before."""
        found, self.state.priced_late = self.state.priced_late, ZERO
        return found

    def _settle(self, equity: Decimal, indexes: Mapping[str, Decimal | None]) -> bool:
        total = ZERO
        for waiting in self.state.pending:
            if waiting.usd is None:
                index = indexes.get(waiting.coin)
                if index is None:
                    return False
                waiting.usd = waiting.amount * index
                self.state.priced_late += waiting.usd
            total += waiting.usd
        self.state.pending.clear()
        self._issue(total, equity - total)
        return True

    def _issue(self, usd: Decimal, before: Decimal) -> None:
        """units x T / E; where nothing or less was left before it, at the last value above zero."""
        state = self.state
        units = state.units if state.units is not None else ZERO
        if before > ZERO and units > ZERO:
            state.units = max(ZERO, units + units * usd / before)
        else:
            state.units = max(ZERO, units + usd / state.last_value)
