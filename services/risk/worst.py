"""The account after its worst fill: what every limit of the gate is measured on (SEMANTICS 3).

Everything that may still fill counts, at its limit price against the mark, taker fee paid, whichever subset of
it hurts most. Notional, usage and leverage are worst when each instrument stands at the larger of "all its
buys filled" and "all its sells filled", while every cost is paid; coin exposure is an interval, each end taken
separately; the liquidation distance is the least over {worst sizes, all buys, all sells}. Whatever really
fills, in whatever order, therefore stays inside. Gains (a limit better than the mark) are never counted.
Unknown marks, fees or prices make C unknown, which breaches every limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.domain.enums import InstrumentKind, Side
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.portfolio.inputs import UNKNOWN, USD, AccountInput, PositionInput
from services.portfolio.margin import Margin, account_margin, effective_weight
from services.risk.context import GateContext, MarketFacts, OpenOrder


@dataclass(slots=True, frozen=True)
class Claim:
    """An order, or part of one, that may still fill."""

    instrument: Instrument
    side: Side
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool = False
    round_trips: int = 1
    """How often fee and adverse price are counted: 2 for a leg that may have to be reversed."""


@dataclass(slots=True)
class Line:
    """One instrument of one account, with all that may still fill on it."""

    instrument: Instrument
    size: Decimal
    mark: Decimal | None
    quote_usd: Decimal | None
    settle_usd: Decimal | None
    entry: Decimal | None
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    buys_reduce: Decimal = ZERO
    """Reduce-only buys: never take the position past flat."""
    sells_reduce: Decimal = ZERO
    cost: Decimal | None = ZERO
    """Quote coin: fees and adverse price of everything that may fill; None = unknown."""
    drift: Decimal = ZERO
    """Quote coin: how far uPnL may stand from today's at unchanged marks, either way."""

    def high(self) -> Decimal:
        """The size with all buys filled."""
        return self.size + self.buys + min(self.buys_reduce, max(ZERO, -(self.size + self.buys)))

    def low(self) -> Decimal:
        """The size with all sells filled."""
        return self.size - self.sells - min(self.sells_reduce, max(ZERO, self.size - self.sells))

    def worst(self) -> Decimal:
        """The size of larger magnitude that can result; reduce-only orders left unfilled."""
        up, down = self.size + self.buys, self.size - self.sells
        return up if abs(up) >= abs(down) else down

    def usd_per_unit(self) -> Decimal | None:
        if self.mark is None or self.quote_usd is None:
            return None
        return self.mark * self.quote_usd


@dataclass(slots=True)
class AccountWorst:
    """One venue account with everything that may fill on it."""

    venue: str
    account: AccountInput
    """At its worst sizes, all costs paid."""
    margin: Margin
    lines: dict[str, Line]
    touched: bool
    """A claim of the question itself lies on it."""
    scenarios: tuple[AccountInput, ...]
    """Distinct position vectors for the liquidation distance: worst sizes, all buys, all sells."""
    exposures: dict[str, tuple[Decimal, Decimal] | None] = field(default_factory=dict)
    """Stablecoin -> (lowest, highest) position-made exposure, USD; None = unknown."""


@dataclass(slots=True)
class Worst:
    """All accounts after their worst fills."""

    accounts: dict[str, AccountWorst]
    collateral: Decimal | None
    equity: Decimal | None
    notional: Decimal | None
    initial: Decimal | None
    collateral_initial: Decimal | None
    anything_open: bool
    symbol_notional: dict[str, Decimal | None]
    """Over all venues, each at its worst; None = unknown."""
    exposures: dict[str, tuple[Decimal, Decimal] | None]


def positive(value: Decimal | None) -> Decimal | None:
    """A price, index or quantity that is a positive number, else None."""
    if value is None or not value.is_finite() or value <= ZERO:
        return None
    return value


def adverse_price(claim: Claim, mark: Decimal, band: Decimal) -> Decimal:
    """The worst price a claim may fill at: its limit, or the outermost band for a market order."""
    price = positive(claim.price)
    return price if price is not None else mark * (ONE + claim.side.sign * band)


def claims_of(
    working: Iterable[OpenOrder], instruments: Mapping[str, Instrument]
) -> tuple[list[Claim], list[str]]:
    """The claims of what is open, and the ids of rows whose instrument or quantity is not known."""
    claims: list[Claim] = []
    unknown: list[str] = []
    for row in working:
        instrument = instruments.get(row.instrument)
        leaves = positive(row.leaves)
        if instrument is None or leaves is None:
            unknown.append(row.instrument)
            continue
        claims.append(Claim(instrument, row.side, leaves, row.price, row.reduce_only))
    return claims, unknown


def worst_fill(ctx: GateContext, working: Sequence[OpenOrder], asked: Sequence[Claim]) -> Worst:
    """Every account with `working` and `asked` at their worst."""
    claims, unknown = claims_of(working, ctx.instruments)
    by_venue: dict[str, list[Claim]] = {venue: [] for venue in ctx.accounts}
    touched = {claim.instrument.venue: True for claim in asked}
    for claim in (*claims, *asked):
        by_venue.setdefault(claim.instrument.venue, []).append(claim)
    accounts: dict[str, AccountWorst] = {}
    blind = bool(unknown)
    for venue, rows in by_venue.items():
        account = ctx.accounts.get(venue)
        if account is None:
            blind = True
            continue
        accounts[venue] = _account_worst(ctx, account, rows, venue in touched)
    return _sum(accounts, blind)


def _account_worst(
    ctx: GateContext, account: AccountInput, claims: Sequence[Claim], touched: bool
) -> AccountWorst:
    band = ctx.settings.gate.protective_bands[-1]
    lines: dict[str, Line] = {}
    for position in account.positions:
        lines[position.instrument.id] = Line(
            position.instrument,
            position.size,
            positive(position.mark),
            positive(position.quote_usd),
            positive(position.settle_usd),
            position.entry,
        )
    balances = account.balances
    if claims:
        balances = dict(balances)
        for claim in claims:
            if claim.instrument.kind is InstrumentKind.SPOT:
                _spot(account, balances, claim, ctx.markets.get(claim.instrument.id), band)
            else:
                _book(_line(lines, claim, ctx.markets), claim, band)
        for line in lines.values():
            _pay(balances, line)
    sizes = {name: line.worst() for name, line in lines.items()}
    worst = _with_sizes(account, balances, lines, sizes)
    scenarios = [worst]
    for vector in (
        {name: line.high() for name, line in lines.items()},
        {name: line.low() for name, line in lines.items()},
    ):
        if vector != sizes and not any(vector == _sizes(other) for other in scenarios):
            scenarios.append(_with_sizes(account, balances, lines, vector))
    return AccountWorst(
        venue=account.venue,
        account=worst,
        margin=account_margin(worst),
        lines=lines,
        touched=touched,
        scenarios=tuple(scenarios),
        exposures=_exposures(lines),
    )


def _line(lines: dict[str, Line], claim: Claim, markets: Mapping[str, MarketFacts]) -> Line:
    instrument = claim.instrument
    line = lines.get(instrument.id)
    if line is None:
        facts = markets.get(instrument.id, MarketFacts())
        line = lines[instrument.id] = Line(
            instrument,
            ZERO,
            positive(facts.mark) if facts.mark_fresh else None,
            positive(facts.quote_usd),
            positive(facts.settle_usd),
            None,
        )
    return line


def _book(line: Line, claim: Claim, band: Decimal) -> None:
    """Count a claim on its line: quantity by side, and what filling it would cost."""
    quantity = claim.quantity
    if claim.side is Side.BUY:
        if claim.reduce_only:
            line.buys_reduce += quantity
        else:
            line.buys += quantity
    elif claim.reduce_only:
        line.sells_reduce += quantity
    else:
        line.sells += quantity
    fee, mark = line.instrument.taker_fee, line.mark
    if fee is None or not fee.is_finite() or mark is None or line.cost is None:
        line.cost = None
        return
    price = adverse_price(claim, mark, band)
    apart = price - mark
    adverse = max(ZERO, apart) if claim.side is Side.BUY else max(ZERO, -apart)
    line.cost += quantity * (adverse + price * max(ZERO, fee)) * claim.round_trips
    line.drift += quantity * abs(apart)


def _pay(balances: dict[str, Decimal], line: Line) -> None:
    """Take the line's costs off its settle coin."""
    if line.cost == ZERO:
        return
    coin = line.instrument.settle
    cost = line.cost
    if cost is not None and line.instrument.quote != coin:
        if line.quote_usd is None or line.settle_usd is None:
            cost = None
        else:
            cost = cost * line.quote_usd / line.settle_usd
    balances[coin] = UNKNOWN if cost is None else balances.get(coin, ZERO) - cost


def _spot(
    account: AccountInput,
    balances: dict[str, Decimal],
    claim: Claim,
    facts: MarketFacts | None,
    band: Decimal,
) -> None:
    """A spot order swaps coins: the swap is counted when it lowers collateral, its fee always."""
    instrument, quantity = claim.instrument, claim.quantity
    base, quote, fee = instrument.underlying, instrument.quote, instrument.taker_fee
    mark = positive(facts.mark) if facts is not None and facts.mark_fresh else None
    quote_usd = positive(facts.quote_usd) if facts is not None else None
    if fee is None or not fee.is_finite() or mark is None or quote_usd is None:
        balances[quote] = UNKNOWN
        return
    price = adverse_price(claim, mark, band)
    money = quantity * price
    balances[quote] = balances.get(quote, ZERO) - money * max(ZERO, fee) * claim.round_trips
    base_usd = ONE if base == USD else positive(account.indexes.get(base)) or mark * quote_usd
    worth_base, worth_quote = quantity * base_usd, money * quote_usd
    lowers = False
    for weights in (account.weights_total, account.weights_initial):
        base_counts = worth_base * effective_weight(weights.get(base))
        quote_counts = worth_quote * effective_weight(weights.get(quote))
        change = base_counts - quote_counts if claim.side is Side.BUY else quote_counts - base_counts
        lowers = lowers or change < ZERO
    goes, comes = (quote, base) if claim.side is Side.BUY else (base, quote)
    out, back = (money, quantity) if claim.side is Side.BUY else (quantity, money)
    if lowers or balances.get(goes, ZERO) < out:  # a balance below zero counts at weight 1
        balances[goes] = balances.get(goes, ZERO) - out
        balances[comes] = balances.get(comes, ZERO) + back


def _sizes(account: AccountInput) -> dict[str, Decimal]:
    return {position.instrument.id: position.size for position in account.positions}


def _with_sizes(
    account: AccountInput,
    balances: dict[str, Decimal],
    lines: Mapping[str, Line],
    sizes: Mapping[str, Decimal],
) -> AccountInput:
    """The account at other sizes, today's uPnL kept (what a fill costs is already off the balance)."""
    positions: list[PositionInput] = []
    held = {position.instrument.id: position for position in account.positions}
    settled: dict[str, Decimal] | None = None
    for name, line in lines.items():
        size = sizes[name]
        old = held.get(name)
        if old is not None and old.size == size:
            positions.append(old)
            continue
        if old is None or line.mark is None or line.entry is None:
            entry = line.mark if line.mark is not None else ZERO
        elif size == ZERO:
            gain = line.size * (line.mark - line.entry)
            coin = line.instrument.settle
            if line.instrument.quote != coin:
                if line.quote_usd is None or line.settle_usd is None:
                    gain = UNKNOWN
                else:
                    gain = gain * line.quote_usd / line.settle_usd
            settled = settled if settled is not None else dict(balances)
            settled[coin] = settled.get(coin, ZERO) + gain
            continue
        else:
            entry = line.mark - line.size * (line.mark - line.entry) / size
        positions.append(
            PositionInput(line.instrument, size, entry, line.mark, line.quote_usd, line.settle_usd)
        )
    return AccountInput(
        account.venue,
        balances if settled is None else settled,
        account.weights_total,
        account.weights_initial,
        account.indexes,
        tuple(positions),
        account.leverage_settings,
        account.marks,
        account.balances_known,
    )


def _exposures(lines: Mapping[str, Line]) -> dict[str, tuple[Decimal, Decimal] | None]:
    """Position-made exposure to each stablecoin as (lowest, highest): uPnL settled in it, less size x mark of
    perps quoted in it, plus size x mark of perps on it (SEMANTICS 2)."""
    found: dict[str, tuple[Decimal, Decimal] | None] = {}
    for line in lines.values():
        instrument = line.instrument
        ends = _line_ends(line)
        if instrument.quote != USD:
            _widen(found, instrument.quote, None if ends is None else (-ends[1], -ends[0]))
        if instrument.pegged:
            _widen(found, instrument.underlying, ends)
        if instrument.settle != USD:
            _widen(found, instrument.settle, _gain_ends(line))
    return found


def _line_ends(line: Line) -> tuple[Decimal, Decimal] | None:
    unit = line.usd_per_unit()
    return None if unit is None else (line.low() * unit, line.high() * unit)


def _gain_ends(line: Line) -> tuple[Decimal, Decimal] | None:
    if line.mark is None or line.quote_usd is None:
        return None
    gain = ZERO if line.entry is None else line.size * (line.mark - line.entry)
    return (gain - line.drift) * line.quote_usd, (gain + line.drift) * line.quote_usd


def _widen(
    found: dict[str, tuple[Decimal, Decimal] | None], coin: str, ends: tuple[Decimal, Decimal] | None
) -> None:
    before = found.get(coin, (ZERO, ZERO))
    found[coin] = None if before is None or ends is None else (before[0] + ends[0], before[1] + ends[1])


def _sum(accounts: dict[str, AccountWorst], blind: bool) -> Worst:
    margins = [account.margin for account in accounts.values()]
    symbols: dict[str, Decimal | None] = {}
    exposures: dict[str, tuple[Decimal, Decimal] | None] = {}
    for account in accounts.values():
        for line in account.lines.values():
            symbol, unit = line.instrument.symbol, line.usd_per_unit()
            before = symbols.get(symbol, ZERO)
            symbols[symbol] = None if before is None or unit is None else before + abs(line.worst()) * unit
        for coin, ends in account.exposures.items():
            _widen(exposures, coin, ends)
    return Worst(
        accounts=accounts,
        collateral=None if blind else add_up(margin.collateral for margin in margins),
        equity=None if blind else add_up(margin.equity for margin in margins),
        notional=None if blind else add_up(margin.notional for margin in margins),
        initial=None if blind else add_up(margin.initial for margin in margins),
        collateral_initial=None if blind else add_up(margin.collateral_initial for margin in margins),
        anything_open=blind or any(margin.anything_open for margin in margins),
        symbol_notional=symbols,
        exposures=exposures,
    )


def add_up(values: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; one unknown makes it unknown."""
    total = ZERO
    for value in values:
        if value is None:
            return None
        total += value
    return total
