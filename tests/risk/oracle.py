"""The gate's account figures reckoned a second time, straight from SEMANTICS 2 and 3, for perps in any coin.

Nothing here is shared with `services.risk`: one pass per figure, no lines, claims or scenarios. Coins stand
off their dollar, so that a forgotten index shows. The liquidation distance is taken from the portfolio room,
on accounts that are put together here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.portfolio.distance import joint_distance
from services.portfolio.inputs import AccountInput, PositionInput
from services.settings.parameters import Gate

D = Decimal
COINS = ("USDT", "USDC", "BUSD")


@dataclass(frozen=True)
class Row:
    """Something that may fill."""

    spec: Instrument
    side: Side
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool = False
    trips: int = 1


@dataclass(frozen=True)
class Book:
    """One venue account in plain figures."""

    venue: str
    balances: dict[str, Decimal]
    weights: dict[str, Decimal]
    weights_initial: dict[str, Decimal]
    index: dict[str, Decimal]
    held: dict[str, tuple[Instrument, Decimal, Decimal]]
    """Instrument -> (facts, size, entry)."""
    marks: dict[str, Decimal]
    rows: tuple[Row, ...]

    # -- what may stand ----------------------------------------------------------------------------------

    def specs(self) -> dict[str, Instrument]:
        found = {name: spec for name, (spec, _, _) in self.held.items()}
        return found | {row.spec.id: row.spec for row in self.rows}

    def size(self, name: str) -> Decimal:
        return self.held[name][1] if name in self.held else D(0)

    def filled(self, name: str, side: Side, *, reduce_only: bool = False) -> Decimal:
        return sum(
            (
                row.quantity
                for row in self.rows
                if row.spec.id == name and row.side is side and row.reduce_only is reduce_only
            ),
            D(0),
        )

    def high(self, name: str) -> Decimal:
        """All buys filled; reduce-only ones never past flat."""
        size = self.size(name) + self.filled(name, Side.BUY)
        return size if size >= 0 else min(D(0), size + self.filled(name, Side.BUY, reduce_only=True))

    def low(self, name: str) -> Decimal:
        size = self.size(name) - self.filled(name, Side.SELL)
        return size if size <= 0 else max(D(0), size - self.filled(name, Side.SELL, reduce_only=True))

    def worst(self, name: str) -> Decimal:
        up = self.size(name) + self.filled(name, Side.BUY)
        down = self.size(name) - self.filled(name, Side.SELL)
        return up if abs(up) >= abs(down) else down

    # -- money -------------------------------------------------------------------------------------------

    def usd(self, coin: str) -> Decimal:
        return D(1) if coin == "USD" else self.index[coin]

    def costs(self, name: str) -> Decimal:
        """Quote coin: taker fee on the price, and what the price is worse than the mark."""
        total, mark = D(0), self.marks[name]
        for row in self.rows:
            if row.spec.id != name:
                continue
            price = row.price if row.price is not None else mark * (1 + row.side.sign * D("0.1"))
            worse = max(D(0), (price - mark) * row.side.sign)
            assert row.spec.taker_fee is not None
            total += row.quantity * (worse + price * row.spec.taker_fee) * row.trips
        return total

    def gain(self, name: str) -> Decimal:
        """Quote coin: today's profit at the mark."""
        if name not in self.held:
            return D(0)
        _, size, entry = self.held[name]
        return size * (self.marks[name] - entry)

    def paid(self) -> dict[str, Decimal]:
        """Balances less what filling everything costs."""
        found = dict(self.balances)
        for name, spec in self.specs().items():
            cost = self.costs(name) * self.usd(spec.quote) / self.usd(spec.settle)
            found[spec.settle] = found.get(spec.settle, D(0)) - cost
        return found

    def nets(self) -> dict[str, Decimal]:
        """Each coin: balance, profit at the mark, less what filling everything costs."""
        found = self.paid()
        for name, (spec, _, _) in self.held.items():
            gain = self.gain(name) * self.usd(spec.quote) / self.usd(spec.settle)
            found[spec.settle] = found.get(spec.settle, D(0)) + gain
        return found

    def collateral(self, weights: dict[str, Decimal] | None) -> Decimal:
        total = D(0)
        for coin, net in self.nets().items():
            weight = D(1) if weights is None or net <= 0 else weights.get(coin, D(0))
            total += net * self.usd(coin) * weight
        return total

    def notional(self, name: str) -> Decimal:
        return abs(self.worst(name)) * self.marks[name] * self.usd(self.specs()[name].quote)

    def requirement(self, kind: str) -> Decimal:
        total = D(0)
        for name, spec in self.specs().items():
            notional = self.notional(name)
            assert spec.tiers is not None
            tier = next(each for each in spec.tiers if each.cap is None or notional <= each.cap)
            if kind == "initial":
                total += notional * tier.initial
            else:
                total += notional * tier.maintenance - (tier.cum if notional else D(0))
        return total

    def exposure(self, coin: str) -> tuple[Decimal, Decimal] | None:
        """(lowest, highest) made by positions; None = nothing here touches the coin."""
        low, high, touched = D(0), D(0), False
        for name, spec in self.specs().items():
            unit = self.marks[name] * self.usd(spec.quote)
            ends = self.low(name) * unit, self.high(name) * unit
            if spec.quote == coin:
                low, high, touched = low - ends[1], high - ends[0], True
            if spec.underlying == coin:
                low, high, touched = low + ends[0], high + ends[1], True
            if spec.settle == coin:
                gain = D(0)
                if name in self.held:
                    gain = self.held[name][1] * (self.marks[name] - self.held[name][2])
                drift = sum(
                    (
                        row.quantity * abs((row.price or self._band(row)) - self.marks[name])
                        for row in self.rows
                        if row.spec.id == name
                    ),
                    D(0),
                )
                usd = self.usd(spec.quote)
                low, high, touched = low + (gain - drift) * usd, high + (gain + drift) * usd, True
        return (low, high) if touched else None

    def _band(self, row: Row) -> Decimal:
        return self.marks[row.spec.id] * (1 + row.side.sign * D("0.1"))

    def distance(self) -> Decimal | None:
        found = [
            joint_distance(self._account(sizes))
            for sizes in (
                {name: self.worst(name) for name in self.specs()},
                {name: self.high(name) for name in self.specs()},
                {name: self.low(name) for name in self.specs()},
            )
        ]
        return min((each for each in found if each is not None), default=None)

    def _account(self, sizes: dict[str, Decimal]) -> AccountInput:
        """Whatever the sizes, today's profit is kept: in the entry, or in the balance of what is flat."""
        balances, positions = self.paid(), []
        for name, spec in self.specs().items():
            mark, size = self.marks[name], sizes[name]
            usd = self.usd(spec.quote), self.usd(spec.settle)
            if size:
                positions.append(PositionInput(spec, size, mark - self.gain(name) / size, mark, *usd))
            else:
                settled = self.gain(name) * usd[0] / usd[1]
                balances[spec.settle] = balances.get(spec.settle, D(0)) + settled
        return AccountInput(
            venue=self.venue,
            balances=balances,
            weights_total=dict(self.weights),
            weights_initial=dict(self.weights_initial),
            indexes={"USD": D(1), **self.index},
            positions=tuple(positions),
        )


def figures(
    books: list[Book], touched: str, symbols: tuple[str, ...], gate: Gate
) -> dict[str, Decimal | None]:
    """`name subject` -> value, of every account-wide and desk-wide check; None = no such move."""
    found: dict[str, Decimal | None] = {}
    total = {"notional": D(0), "C": D(0), "initial": D(0), "Ci": D(0), "equity": D(0)}
    by_symbol: dict[str, Decimal] = {}
    exposures: dict[str, tuple[Decimal, Decimal]] = {}
    for book in books:
        total["notional"] += sum((book.notional(name) for name in book.specs()), D(0))
        total["C"] += book.collateral(book.weights)
        total["Ci"] += book.collateral(book.weights_initial)
        total["initial"] += book.requirement("initial")
        total["equity"] += book.collateral(None)
        for name, spec in book.specs().items():
            by_symbol[spec.symbol] = by_symbol.get(spec.symbol, D(0)) + book.notional(name)
        for coin in COINS:
            ends = book.exposure(coin)
            if ends is not None:
                before = exposures.get(coin, (D(0), D(0)))
                exposures[coin] = (before[0] + ends[0], before[1] + ends[1])
    for symbol in symbols:
        found[f"position notional {symbol}"] = by_symbol.get(symbol, D(0))
    for book in books:
        if book.venue != touched:
            continue
        collateral, venue = book.collateral(book.weights), book.venue
        notional = sum((book.notional(name) for name in book.specs()), D(0))
        found[f"portfolio leverage {venue}"] = notional / collateral
        found[f"initial usage {venue}"] = book.requirement("initial") / book.collateral(book.weights_initial)
        found[f"margin usage {venue}"] = book.requirement("maintenance") / collateral
        found[f"liquidation distance {venue}"] = book.distance()
        for name, spec in book.specs().items():
            if book.worst(name):
                key = f"symbol leverage {spec.symbol} {venue}"
                found[key] = (found.get(key) or D(0)) + book.notional(name) / collateral
        for coin in COINS:
            ends = book.exposure(coin)
            if ends is not None and any(ends):
                found[f"coin exposure {coin} {venue}"] = max(abs(end) for end in ends) / collateral
        found[f"minimum equity {venue}"] = book.collateral(None)
    found["portfolio leverage all"] = total["notional"] / total["C"]
    found["initial usage all"] = total["initial"] / total["Ci"]
    for symbol, notional in by_symbol.items():
        if notional:
            found[f"symbol leverage {symbol} all"] = notional / total["C"]
    for coin, ends in exposures.items():
        if any(ends):
            found[f"coin exposure {coin} all"] = max(abs(end) for end in ends) / total["C"]
    found["minimum equity all"] = total["equity"]
    for book in books:
        found[f"venue share {book.venue}"] = book.collateral(None) / total["equity"]
    return found


def limit_of(key: str, gate: Gate, no_new_risk: Decimal) -> tuple[Decimal, bool]:
    """(limit, a value at or above it is refused; False = below it is)."""
    name, _, subject = key.rpartition(" ")
    for start, limit, above in (
        ("portfolio leverage", gate.portfolio_leverage, True),
        ("initial usage", gate.max_initial_usage, True),
        ("margin usage", min(gate.max_margin_usage, no_new_risk), True),
        ("liquidation distance", gate.min_joint_distance, False),
        ("coin exposure", gate.max_coin_exposure, True),
        ("minimum equity", gate.min_equity, False),
        ("venue share", gate.max_venue_share, True),
    ):
        if key.startswith(start):
            return limit, above
    symbol = subject if name == "position notional" else name.removeprefix("symbol leverage ")
    row = gate.limits.get(symbol, gate.default_limit)
    return (row.max_position if name == "position notional" else row.max_leverage), True
